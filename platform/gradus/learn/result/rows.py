"""The public samples of a graded attempt or run: their rows, a confusion matrix over them, and rows that changed.

Everything here comes from `Evaluation.result`, which holds nothing computed from a hidden row.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from challenges import output_faults
from challenges.kinds import registry as kinds
from challenges.rows import Sample
from challenges.shown_score import PARTLY, RIGHT, WRONG, mark_of
from challenges.spec import Challenge, Json, Label
from gradus.courses.models import ChallengeVersion

OTHER = gettext_lazy("no label")
BETTER, WORSE, OTHER_ANSWER = "better", "worse", "other"
# How many of a row's most probable labels are shown.
LIKELIEST = 5


@dataclass(frozen=True)
class FieldScore:
    """One field of a JSON answer. `score` is in [0, 1]; a field with listed values is right or wrong."""

    name: str
    expected: str
    score: float

    @property
    def mark(self) -> str:
        return mark_of(self.score)


@dataclass(frozen=True)
class SampleRow:
    """One public sample beside what came out; `got` is the label where answers are labels, `output` the text.

    Where no model reads what a retrieval found, both are the place of the right document, and `expected` names it.

    `fields` and `valid` are there where answers are JSON objects, and the row was graded since fields are kept.
    `probabilities` pairs the most probable labels with their probabilities, the highest first; it is empty where the
    model writes its answer. `is_own` says that the learner's payload holds this very input. `change` is `better`,
    `worse` or `other` where the run before answered differently.
    """

    id: str
    input: str
    expected: str
    got: str
    output: str
    correct: bool
    score: float
    confidence: float | None
    why: str
    fields: tuple[FieldScore, ...] = ()
    valid: bool | None = None
    probabilities: tuple[tuple[str, float], ...] = ()
    is_own: bool = False
    change: str = ""

    @property
    def mark(self) -> str:
        return mark_of(self.score, self.correct)


@dataclass(frozen=True)
class Chip:
    """A choice of rows: those with the attribute `data-NAME`, or all of them where `name` is empty."""

    name: str
    label: str
    count: int


@dataclass(frozen=True)
class FieldSummary:
    """One field over all rows: its mean score, and how many rows have it entirely right."""

    name: str
    mean: float
    right: int
    is_text: bool


@dataclass(frozen=True)
class Cell:
    expected: str
    got: str
    count: int


@dataclass(frozen=True)
class Confusion:
    """Counts of public rows; `rows` pairs an expected label with its cells, one per column."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]


@dataclass(frozen=True)
class Flip:
    """A public sample answered differently."""

    before: SampleRow
    after: SampleRow

    @property
    def after_marked(self) -> SampleRow:
        """The later row with its change, for the badge that says so."""
        return replace(self.after, change=self.change)

    @property
    def sides(self) -> tuple[tuple[str, SampleRow], ...]:
        return (_("Before"), self.before), (_("After"), self.after)

    @property
    def change(self) -> str:
        """`better`, `worse`, or `other` where another answer earns the same score."""
        if self.after.score == self.before.score:
            return OTHER_ANSWER
        return BETTER if self.after.score > self.before.score else WORSE


@dataclass(frozen=True)
class Flips:
    """The public samples that two attempts or runs answer differently."""

    flips: tuple[Flip, ...]

    @property
    def improved(self) -> int:
        """Rows of labels that became right, rows of fields that became better."""
        return sum(flip.change == BETTER for flip in self.flips)

    @property
    def broken(self) -> int:
        return sum(flip.change == WORSE for flip in self.flips)

    @property
    def other(self) -> int:
        return sum(flip.change == OTHER_ANSWER for flip in self.flips)

    @property
    def has_shares(self) -> bool:
        """Whether a row can be partly right, so that it becomes better or worse, and not only right or wrong."""
        return any(PARTLY in (flip.before.mark, flip.after.mark) for flip in self.flips)

    @property
    def said(self) -> list[str]:
        """How many samples changed in each way: a list within a sentence."""
        if self.has_shares:
            better = ngettext("%(n)s sample became better", "%(n)s samples became better", self.improved)
            worse = ngettext("%(n)s became worse", "%(n)s became worse", self.broken)
        else:
            better = ngettext("%(n)s sample became right", "%(n)s samples became right", self.improved)
            worse = ngettext("%(n)s became wrong", "%(n)s became wrong", self.broken)
        parts = [better % {"n": self.improved}, worse % {"n": self.broken}]
        if self.other:
            parts.append(_other_answers(self.other))
        return parts


def sample_rows(version: ChallengeVersion, result: dict[str, Any] | None, own: Collection[str] = ()) -> list[SampleRow]:
    """In the order of the public samples; a sample without a row is left out. `own` are inputs of the payload."""
    graded = {row["id"]: row for row in _public(result).get("rows", [])}
    spec = version.parsed
    return [_row(spec, sample, graded[sample.id], own) for sample in version.samples if sample.id in graded]


def chips(rows: Sequence[SampleRow]) -> list[Chip]:
    """All rows, then those of each mark; `partly right` is left out if no row is, and `changed` likewise."""
    marks = Counter(row.mark for row in rows)
    changed = sum(bool(row.change) for row in rows)
    offered = [
        Chip("", _("All"), len(rows)),
        Chip(RIGHT, _("Right"), marks[RIGHT]),
        Chip(PARTLY, _("Partly right"), marks[PARTLY]),
        Chip(WRONG, _("Wrong"), marks[WRONG]),
        Chip("changed", _("Changed"), changed),
    ]
    return [chip for chip in offered if chip.count or chip.name not in (PARTLY, "changed")]


def _public(result: dict[str, Any] | None) -> dict[str, Any]:
    return (result or {}).get("public") or {}


def _row(spec: Challenge, sample: Sample, row: dict[str, Any], own: Collection[str]) -> SampleRow:
    kind = kinds.find(spec.kind)
    output = kind.came_to(spec, sample, row)
    return SampleRow(
        id=sample.id,
        input=sample.input,
        expected=" / ".join(kind.expected(spec, sample)),
        got=_label(spec, output),
        output=output,
        correct=row["correct"],
        score=row["score"],
        confidence=row.get("confidence"),
        why=output_faults.shown(row.get("why", "")),
        fields=_fields(sample, row.get("fields", {})),
        valid=row.get("valid"),
        probabilities=_likeliest(row.get("probabilities", {})),
        is_own=sample.input in own,
    )


def _likeliest(probabilities: dict[str, float]) -> tuple[tuple[str, float], ...]:
    return tuple(sorted(probabilities.items(), key=lambda pair: -pair[1])[:LIKELIEST])


def _fields(sample: Sample, scores: dict[str, float]) -> tuple[FieldScore, ...]:
    target = sample.target if isinstance(sample.target, dict) else {}
    return tuple(FieldScore(name, target.get(name, ""), score) for name, score in scores.items())


def field_summaries(spec: Challenge, rows: list[SampleRow]) -> list[FieldSummary]:
    """In the author's order; empty where answers are not JSON objects, or a row has no field scores."""
    if not isinstance(spec.answer, Json) or not rows or not all(row.fields for row in rows):
        return []
    scores = {name: [f.score for row in rows for f in row.fields if f.name == name] for name in spec.answer.fields}
    return [
        FieldSummary(
            name,
            sum(of_rows) / len(rows),
            sum(mark_of(s) == RIGHT for s in of_rows),
            spec.answer.fields[name] == "string",
        )
        for name, of_rows in scores.items()
    ]


def _label(spec: Challenge, output: str) -> str:
    if not isinstance(spec.answer, Label):
        return output
    by_length = sorted(spec.answer.labels, key=len, reverse=True)
    return next((label for label in by_length if output.casefold().startswith(label.casefold())), str(OTHER))


def confusion(spec: Challenge, rows: list[SampleRow]) -> Confusion | None:
    """None where answers are not labels, or nothing was run."""
    if not isinstance(spec.answer, Label) or not rows:
        return None
    counts = Counter((row.expected, row.got) for row in rows)
    labels = spec.answer.labels
    other = str(OTHER)
    columns = (*labels, other) if any(got == other for _expected, got in counts) else labels
    lines = tuple((e, tuple(Cell(e, g, counts[e, g]) for g in columns)) for e in labels)
    return Confusion(columns, lines)


def flips(before: Sequence[SampleRow], after: Sequence[SampleRow]) -> Flips:
    """The samples that both have and that were answered differently, in the order of the public samples."""
    new = {row.id: row for row in after}
    shared = [(row, new[row.id]) for row in before if row.id in new]
    return Flips(tuple(Flip(a, b) for a, b in shared if a.correct != b.correct or a.got != b.got))


def _other_answers(count: int) -> str:
    text = ngettext(
        "%(n)s got another answer with the same score",
        "%(n)s got another answer with the same score",
        count,
    )
    return text % {"n": count}
