"""What lint asks of samples and training rows."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from statistics import fmean

from challenges.characters import UNSEEN, unwanted
from challenges.files.key_errors import A_KEY
from challenges.kinds import registry as kinds
from challenges.lint.label_texts import are_usable
from challenges.lint.subject import Rows, Subject
from challenges.models.catalogue import MODELS
from challenges.models.token_counts import CountTokens, input_tokens
from challenges.models.tokens import counter
from challenges.prompts import accepted_texts, problem_with, target_text
from challenges.rows import AnyRow, Required, Sample, Target
from challenges.spec import Answer, Challenge, Json, Label
from challenges.texts import folded, normal, several

BALANCE_MAX = 2.0
REQUIRED_CONTENT = "required_content"
# Hidden rows with more or fewer tokens than public ones would tell so by the time that they take. The schedule of
# `workers.grading.hidden_row_timing` counts on this bound.
LENGTH_SHARE = 0.25


def lint_rows(subject: Subject) -> None:
    """Ids, targets, duplicates, overlap between files, balance of labels, lengths, characters."""
    needed = kinds.find(subject.challenge.kind).needed_files
    for name, rows in subject.files:
        if not rows and name in needed and name not in subject.unread:
            subject.source.add(subject.at(name), None, "has no rows", "add some")
    _ids(subject)
    _repeats(subject)
    for name, rows in subject.files:
        if are_usable(subject.challenge.answer):
            _targets(subject, name, rows)
            _balance(subject, name, rows)
        _texts(subject, name, rows)
    _alike(subject)
    if problem_with(subject.challenge.prompt.example) is None:
        _lengths(subject)


def lint_shown_rows(subjects: Sequence[Subject]) -> None:
    """Hidden rows of one challenge that another challenge of the course shows, as public or training rows."""
    shown: dict[str, list[tuple[Subject, str, int]]] = {}
    for subject in subjects:
        for name, rows in subject.files:
            for index, row in enumerate(rows if name != "hidden.jsonl" else ()):
                shown.setdefault(normal(row.input), []).append((subject, name, index))
    for subject in subjects:
        for index, row in enumerate(subject.bundle.hidden):
            other = next((place for place in shown.get(normal(row.input), ()) if place[0] is not subject), None)
            if other is not None:
                what = f"hidden here, but shown in {other[0].at(other[1])}:{other[0].line(*other[1:])}"
                fix = "remove one of them: learners of one challenge must not read the hidden rows of another"
                subject.row("hidden.jsonl", index, what, fix)


def _ids(subject: Subject) -> None:
    seen: dict[str, str] = {}
    for name, samples in (("public.jsonl", subject.bundle.public), ("hidden.jsonl", subject.bundle.hidden)):
        for index, sample in enumerate(samples):
            place = f"{name}:{subject.line(name, index)}"
            if (character := unwanted(sample.id, unseen=True)) is not None:
                subject.row(name, index, f"the id holds the unseen character {character}", "remove it")
            first = seen.setdefault(sample.id, place)
            if first != place:
                subject.row(name, index, f"the id stands already at {first}", "give each row an id of its own")


def _repeats(subject: Subject) -> None:
    seen: dict[str, tuple[str, int]] = {}
    for name, rows in subject.files:
        for index, row in enumerate(rows):
            if not row.input.strip():
                subject.row(name, index, "the input is empty", "fill it in, or remove the row")
                continue
            place = (name, subject.line(name, index))
            first = seen.setdefault(normal(row.input), place)
            if first != place:
                what = "a duplicate of" if first[0] == name else "the same input as"
                fix = "remove one of them (case, spaces and punctuation do not count)"
                subject.row(name, index, f"{what} {first[0]}:{first[1]}", fix)


def _targets(subject: Subject, name: str, rows: Rows) -> None:
    for index, row in enumerate(rows):
        target = row.target if isinstance(row, Sample) else _output(subject, row)
        wrong = _other_form(subject, target) if isinstance(row, Sample) else None
        if (wrong := wrong or _misfit(subject, target, quotes=name != "hidden.jsonl")) is not None:
            subject.row(name, index, *wrong)
        if isinstance(row, Sample) and row.documents and not kinds.find(subject.challenge.kind).has_documents:
            subject.row(name, index, "names documents, but the challenge has none", "remove the key `documents`")


def _other_form(subject: Subject, target: Target) -> tuple[str, str] | None:
    if isinstance(target, Required) == (subject.challenge.metric.name == REQUIRED_CONTENT):
        return None
    what = f'targets {{"must": [...], "words_max": ...}} go with the metric {REQUIRED_CONTENT}, and with no other'
    return what, "write the other form of target, or name the other metric"


def _output(subject: Subject, row: AnyRow) -> str | dict[str, str]:
    """A training row's output as a target; for json answers the object that it spells."""
    if not isinstance(subject.challenge.answer, Json):
        return row.output
    try:
        value = json.loads(row.output)
    except (ValueError, RecursionError):
        return row.output
    return value if isinstance(value, dict) else row.output


def _misfit(subject: Subject, target: Target, *, quotes: bool) -> tuple[str, str] | None:
    """What is wrong with a target and how to fix it. Of the target only keys are repeated, and only if it `quotes`,
    because the row may be hidden.
    """
    answer = subject.challenge.answer
    if isinstance(target, Required):
        return None
    if isinstance(answer, Label):
        return None if target in answer.labels else _no_label(answer, target)
    if not isinstance(answer, Json):
        return ("the target is not a text", 'write it in quotes: "target": "..."') if isinstance(target, dict) else None
    fields = ", ".join(answer.fields)
    if not isinstance(target, dict):
        return "the target is not a JSON object", f"write an object with the keys {fields}"
    if target.keys() != answer.fields.keys():
        return f"the target's keys are not {fields}{_other_keys(answer, target, quotes)}", (
            "write exactly these, or correct `answer.schema`"
        )
    wrong = [key for key, allowed in answer.fields.items() if allowed != "string" and target[key] not in allowed]
    wrong += [key for key in answer.fields if not isinstance(target[key], str) and key not in wrong]
    if not wrong:
        return None
    return f"the value of {', '.join(wrong)} is not allowed", "write one of the values that `answer.schema` lists"


def _other_keys(answer: Json, target: dict[str, str], quotes: bool) -> str:
    lacking = [f"`{key}` is missing" for key in answer.fields if key not in target]
    others = [key for key in target if key not in answer.fields]
    if not quotes or not all(A_KEY.fullmatch(key) for key in others):
        added = [several(len(others), "key") + " too many"] if others else []
    else:
        added = [f"`{key}` is none of them" for key in others]
    return f" ({', '.join([*lacking, *added])})"


def _no_label(answer: Label, target: Target) -> tuple[str, str]:
    what = "the target is not one of the labels"
    if isinstance(target, str) and _looks(target) in map(_looks, answer.labels):
        what += ", but differs from one only in capitals, spaces or characters that cannot be seen"
    return what, f"copy one of {', '.join(answer.labels)}, or add it to `answer.labels`"


def _looks(label: str) -> str:
    return folded(UNSEEN.sub("", label))


def _balance(subject: Subject, name: str, rows: Rows) -> None:
    answer = subject.challenge.answer
    if not rows or name in subject.unread or not isinstance(answer, Label):
        return
    targets = Counter(target_text(row.target) if isinstance(row, Sample) else row.output for row in rows)
    counts = {label: targets[label] for label in answer.labels}
    low, high = min(counts, key=lambda k: counts[k]), max(counts, key=lambda k: counts[k])
    if counts[high] > BALANCE_MAX * counts[low]:
        what = f"{counts[high]} rows are {high} but {counts[low]} are {low}"
        subject.source.add(subject.at(name), None, what, f"keep the labels within a factor of {BALANCE_MAX:g}")


def _texts(subject: Subject, name: str, rows: Rows) -> None:
    model = MODELS.get(subject.challenge.model or "")
    for index, row in enumerate(rows):
        outputs = accepted_texts(row.target) if isinstance(row, Sample) else (row.output,)
        text = "\n".join((row.input, *outputs))
        if (character := unwanted(text, unseen=True)) is not None:
            subject.row(name, index, f"holds the unseen character {character}", "remove it")
        if model and any(token in text for token in model.special_tokens):
            subject.row(name, index, "holds a control token of the model", "remove it")


def _alike(subject: Subject) -> None:
    """Hidden inputs are about as long as public ones, on average and among the longest tenth, in the model's tokens.

    Where the challenge names no model, characters count.
    """
    bundle, model = subject.bundle, subject.challenge.model
    if not bundle.public or not bundle.hidden or subject.unread & {"public.jsonl", "hidden.jsonl"}:
        return
    count, unit = (len, "characters") if model is None else (counter(model), "tokens")
    if count is None:
        if model in MODELS:
            subject.source.not_checked.append(f"lengths of hidden rows (the tokenizer of {model} is not here)")
        return
    public, hidden = (sorted(count(row.input) for row in rows) for rows in (bundle.public, bundle.hidden))
    for name, statistic in (("average", fmean), ("90th percentile", ninetieth)):
        wanted, actual = statistic(public), statistic(hidden)
        low, high = (1 - LENGTH_SHARE) * wanted, (1 + LENGTH_SHARE) * wanted
        if not low <= actual <= high:
            what = f"the {name} of its inputs is {actual:.4g} {unit}, but {wanted:.4g} in public.jsonl"
            fix = (
                f"bring it to between {math.ceil(10 * low) / 10:g} and {math.floor(10 * high) / 10:g}, so that times "
                "tell nothing of hidden rows: exchange rows between the two files, or write some that are longer or "
                "shorter"
            )
            subject.source.add(subject.at("hidden.jsonl"), None, what, fix)


def ninetieth(lengths: Sequence[int]) -> float:
    """Of sorted lengths: the one below which nine tenths lie, by the nearest rank."""
    return lengths[math.ceil(0.9 * len(lengths)) - 1]


def _lengths(subject: Subject) -> None:
    for name, rows in subject.files:
        for index, what in too_long(subject.challenge, [row.input for row in rows]):
            subject.row(name, index, what, "shorten it")


def too_long(challenge: Challenge, inputs: Sequence[str]) -> Iterator[tuple[int, str]]:
    """The indices of the inputs for which the model's context has no room, each with the reason.

    Nothing is found where the model's tokenizer is not here.
    """
    count, model = counter(challenge.model), MODELS.get(challenge.model or "")
    if count is None or model is None or challenge.answer is None:
        return
    room = model.context - challenge.limits.prompt_tokens_max - _answer_tokens(challenge.answer, count)
    for index, used in enumerate(input_tokens(challenge, count, inputs)):
        if used > room:
            yield index, f"has {used} tokens; the context leaves {room}"


def _answer_tokens(answer: Answer, count: CountTokens) -> int:
    """The most tokens that an answer takes."""
    if isinstance(answer, Label) and answer.decode == "score":
        return max(count(" " + label) for label in answer.labels)
    return answer.max_new_tokens
