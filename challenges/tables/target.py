"""The challenge for which a table is read: what its rows look like, and which labels it still lacks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from challenges.authoring.unwritten import is_unwritten
from challenges.files.source import Source
from challenges.files.yaml_lines import Located
from challenges.kinds import registry as kinds
from challenges.kinds.base import Kind
from challenges.lint.rows import REQUIRED_CONTENT
from challenges.models.catalogue import MODELS
from challenges.problems import Problem
from challenges.reading import gather_challenge
from challenges.spec import Challenge, kinds_named_in
from challenges.tables.entries import Columns, Entry, Form, listed_values
from challenges.tables.folder import FILES, GOLD, SPEC, TRAIN, Standing, standing, with_value, yaml_value
from challenges.tables.formats import TableErrors


@dataclass
class Target:
    """The challenge's folder as it is."""

    folder: Path
    located: Located
    kinds: tuple[Kind, ...]
    challenge: Challenge | None
    """None while challenge.yaml has problems."""
    before: dict[str, Standing]

    @property
    def answer(self) -> Mapping[str, Any]:
        answer = self.located.data.get("answer")
        return answer if isinstance(answer, dict) else {}

    @property
    def is_template(self) -> bool:
        """Whether the answer's labels or fields still are those of a template."""
        return is_unwritten(repr(self.answer))


def read_target(folder: Path) -> Target:
    """Reads what a challenge's folder holds. Raises `TableErrors` where there is no challenge.yaml to be read."""
    source = Source(folder)
    if not source.has(SPEC):
        fix = "make the challenge first, with `gradus challenge new`, and name its folder with --to"
        raise TableErrors([Problem(str(folder), None, f"there is no {SPEC} in it", fix)])
    located = source.yaml(SPEC)
    if located is None:
        raise TableErrors([replace(one, file=str(folder / one.file)) for one in source.problems])
    named = tuple(kinds.find(name) for name in kinds_named_in(located.data))
    if not named:
        what = "`kind` names no kind of challenge"
        raise TableErrors([Problem(str(folder / SPEC), located.line("kind"), what, "correct it")])
    bundle = gather_challenge(Source(folder), "")
    before = {name: standing(folder, name) for name in (*FILES, GOLD)}
    return Target(folder, located, named, bundle.challenge if bundle else None, before)


def form_of(target: Target, columns: Columns, words_max: int, file: str) -> tuple[Form, Columns]:
    """What rows of this challenge look like. Raises `TableErrors` where the columns do not give it."""
    answer = target.answer
    kind = "text" if target.kinds[0].has_documents else answer.get("type")
    kind = kind or ("json" if len(columns.labels) > 1 else "label" if columns.labels else "text")
    if not columns.labels and not columns.chosen:
        raise TableErrors([Problem(file, None, "no column holds the answers", "name it with --label COLUMN")])
    metric = target.located.data.get("metric")
    form = Form(
        kind,
        has_documents=target.kinds[0].has_documents,
        is_required_content=isinstance(metric, dict) and metric.get("name") == REQUIRED_CONTENT,
        words_max=words_max,
        special=tuple(MODELS[name].special_tokens) if (name := target.located.data.get("model")) in MODELS else (),
    )
    if kind == "json":
        return _with_fields(target, form, columns, file)
    if len(columns.labels) > 1:
        what = f"several columns are given with --label, but the answer's type is {kind}"
        raise TableErrors(
            [spec_problem(target, ("answer", "type"), what, "name one column, or set answer.type to json")]
        )
    if kind == "label" and not columns.labels:
        raise TableErrors(
            [spec_problem(target, ("answer", "type"), "answers are labels", "name their column with --label")]
        )
    return form, columns


def _with_fields(target: Target, form: Form, columns: Columns, file: str) -> tuple[Form, Columns]:
    pairs = [field_and_column(name) for name in columns.labels]
    fields = tuple(pair[0] for pair in pairs)
    schema = target.answer.get("schema")
    if isinstance(schema, dict) and not target.is_template and set(fields) != set(schema):
        what = f"the fields of the answer are {', '.join(map(str, schema))}, but --label gives {', '.join(fields)}"
        if unknown := [name for name in fields if name not in schema]:
            what += (
                f" ({', '.join(f'`{name}`' for name in unknown)} {'is' if len(unknown) == 1 else 'are'} not among them)"
            )
        fix = "name a column for each field, as --label FIELD=COLUMN where they are called otherwise"
        raise TableErrors([spec_problem(target, ("answer", "schema"), what, fix)])
    if isinstance(schema, dict) and not target.is_template:
        pairs.sort(key=lambda pair: list(schema).index(pair[0]))
        fields = tuple(pair[0] for pair in pairs)
    return replace(form, fields=fields), replace(columns, labels=tuple(pair[1] for pair in pairs))


def field_and_column(named: str) -> tuple[str, str]:
    """What `--label` names: a column, or `FIELD=COLUMN` where the field has another name than the column."""
    field, _, column = named.partition("=")
    return field, column or field


def spec_problem(target: Target, path: Sequence[str], what: str, fix: str) -> Problem:
    """A problem with a key of challenge.yaml."""
    return Problem(str(target.folder / SPEC), target.located.line(*path), what, fix)


def shares_of(target: Target, split: Sequence[float], columns: Columns) -> dict[str, float]:
    """The share of each file. Training rows are split off by themselves only where somebody uses them."""
    trains = any(kind.is_trained for kind in target.kinds) or target.before[TRAIN].exists
    split = split or ((0.2, 0.6, 0.2) if trains or columns.rejected else (0.25, 0.75))
    return {name: share for name, share in zip(FILES, split, strict=False) if share > 0}


Changed = tuple[str | None, list[Problem]]


def answer_changes(target: Target, form: Form, rows: Sequence[Entry]) -> Changed:
    """The new text of challenge.yaml where the template's labels or fields still stand there, else None; and problems.

    A problem says which labels the table has and challenge.yaml lacks, or the other way round.
    """
    if form.answer == "label":
        labels = sorted({row.target for row in rows})
        return _labels(target, labels)
    if form.fields and target.is_template:
        listed = listed_values([row.target for row in rows], form.fields)
        return _filled(target, "schema", {field: values or "string" for field, values in listed.items()}), []
    if form.fields:
        return None, list(_other_values(target, rows))
    return None, []


def _labels(target: Target, labels: Sequence[str]) -> Changed:
    listed = target.answer.get("labels")
    known = [str(one) for one in listed] if isinstance(listed, list) else []
    if set(known) == set(labels):
        return None, []
    if target.is_template and (text := _filled(target, "labels", labels)) is not None:
        return text, []
    problems = []
    if new := [label for label in labels if label not in known]:
        what = f"the labels of the table that are not listed: {', '.join(new)}"
        problems.append(spec_problem(target, ("answer", "labels"), what, f"write labels: {yaml_value([*known, *new])}"))
    if unused := [label for label in known if label not in labels]:
        what = f"no row has the label {', '.join(unused)}"
        problems.append(spec_problem(target, ("answer", "labels"), what, "remove it, or add rows that have it"))
    return None, problems


def _other_values(target: Target, rows: Sequence[Entry]) -> Iterator[Problem]:
    """Fields of a JSON answer whose listed values do not hold all of the table's."""
    schema = target.answer.get("schema")
    for field, allowed in schema.items() if isinstance(schema, dict) else ():
        if not isinstance(allowed, list):
            continue
        new = sorted({row.target[field] for row in rows} - set(map(str, allowed)))
        if new:
            what = f"values of the table that are not listed: {', '.join(new[:20])}"
            fix = f"write {field}: {yaml_value([*map(str, allowed), *new[:20]])}"
            yield spec_problem(target, ("answer", "schema", field), what, fix)


def _filled(target: Target, key: str, value: Sequence[str] | Mapping[str, Any]) -> str | None:
    """The text of challenge.yaml with another value of `answer.key`; None where it has none."""
    text = Source(target.folder).text(SPEC) or ""
    filled = with_value(text, target.located, ("answer", key), value)
    return None if filled == text else filled
