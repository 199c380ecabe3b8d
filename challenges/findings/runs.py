"""Expands an arm into its runs: one payload for one challenge for each repetition."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from random import Random

from challenges.bundle import ChallengeBundle
from challenges.findings.controls import public_rows
from challenges.findings.spec import Arm, Control, ExampleSets, Experiment, Measure
from challenges.kinds import registry as kinds
from challenges.payloads import Example, Submitted
from challenges.rows import AnyRow, TrainRow
from challenges.spec import Challenge, Json, Label

Arms = Mapping[tuple[str, str], Submitted]


@dataclass(frozen=True)
class Repetition:
    """One run of an arm. Repetitions of two arms belong together where their `key` is the same: the same example set,
    training seed or file. `name` is for people, such as "set 3", "seed 18" or a file's name.

    A `control` takes the payload's training rows, and `seed` draws the folds of its cross-validation.
    """

    arm: str
    name: str
    key: str
    bundle: ChallengeBundle
    payload: Submitted
    control: Control | None = None
    seed: int = 0


def repetitions(arm: Arm, bundle: ChallengeBundle, arms: Arms) -> tuple[Repetition, ...]:
    """All runs of `arm`, whose files are in `arms`. Raises KeyError if a file is missing."""
    bundle = bundle.with_plain_metric()
    payloads = _payloads(arm, bundle, arms)
    first = next(iter(payloads.values()))
    if arm.example_sets is not None and (arm.control or kinds.find(first.kind).draws_examples):
        return tuple(
            _with_examples(arm, arm.example_sets, bundle, first, n) for n in range(1, arm.example_sets.count + 1)
        )
    if arm.seeds:
        return tuple(
            Repetition(arm.id, f"seed {s}", f"seed {s}", bundle.with_seed(s), first, arm.control, s) for s in arm.seeds
        )
    return tuple(
        Repetition(arm.id, _stem(file), file, bundle, payload, arm.control, bundle.seed)
        for file, payload in payloads.items()
    )


def _payloads(arm: Arm, bundle: ChallengeBundle, arms: Arms) -> dict[str, Submitted]:
    """The payloads of an arm by file; of a control without files, the challenge's own rows under its name."""
    if arm.files:
        return {file: arms[bundle.challenge.id, file] for file in arm.files}
    rows = public_rows(bundle)
    if rows is None:
        raise KeyError(f"{bundle.challenge.id} has no rows for {arm.id}")
    return {f"{arm.control}": rows}


def repetition(arm: Arm, bundle: ChallengeBundle, arms: Arms, number: int) -> Repetition:
    """Repetition `number` of `arm`, from 1. With example sets, numbers above the author's `count` draw further sets.

    Raises:
        IndexError: the arm has fewer files or seeds.
        KeyError: the arm's file is missing.
    """
    bundle = bundle.with_plain_metric()
    first = next(iter(_payloads(arm, bundle, arms).values()))
    if arm.example_sets is not None and (arm.control or kinds.find(first.kind).draws_examples):
        return _with_examples(arm, arm.example_sets, bundle, first, number)
    return repetitions(arm, bundle, arms)[number - 1]


def experiment_runs(experiment: Experiment, bundle: ChallengeBundle, arms: Arms) -> dict[str, tuple[Repetition, ...]]:
    """The runs of each arm of an experiment, by the arm's id."""
    return {arm.id: repetitions(arm, bundle, arms) for arm in experiment.arms}


def _stem(file: str) -> str:
    return PurePosixPath(file).stem


def _with_examples(arm: Arm, sets: ExampleSets, bundle: ChallengeBundle, payload: Submitted, number: int) -> Repetition:
    drawn = draw(bundle, sets, number)
    arranged = tuple(drawn[place] for place in arm.order) if len(arm.order) == len(drawn) else drawn
    key = f"set {number} of {sets.per_label} a label, seed {sets.seed}"
    if arm.control:
        rows = tuple(TrainRow(input=one.input, output=one.output) for one in arranged)
        payload = payload.model_copy(update={"rows": rows})
    else:
        payload = payload.model_copy(update={"examples": arranged})
    return Repetition(arm.id, f"set {number}", key, bundle, payload, arm.control, bundle.seed)


def draw(bundle: ChallengeBundle, sets: ExampleSets, number: int) -> tuple[Example, ...]:
    """Example set `number`, from 1: a plain random draw of `per_label` training rows of each label, then shuffled.

    It depends on the training rows, `per_label`, the seed and the number only. A label with fewer rows gives all.
    """
    chance = Random(f"{sets.seed}/{number}")  # noqa: S311 - a draw that everybody can repeat
    drawn = [row for rows in by_label(bundle).values() for row in _shuffled(rows, chance)[: sets.per_label]]
    return tuple(Example(input=row.input, output=row.output) for row in _shuffled(drawn, chance))


def _shuffled(rows: Sequence[AnyRow], chance: Random) -> list[AnyRow]:
    # Of the methods of Random only this one gives the same numbers in every version of Python.
    places = [chance.random() for _ in rows]
    return [row for _, row in sorted(zip(places, rows, strict=True), key=lambda pair: pair[0])]


def by_label(bundle: ChallengeBundle) -> dict[str, list[AnyRow]]:
    """Training rows by label, or for JSON answers by the value of the first field whose values are listed.

    Empty if the answers have neither.
    """
    answer, listed = bundle.challenge.answer, listed_fields(bundle.challenge)
    if isinstance(answer, Label):
        return {label: [row for row in bundle.train if row.output == label] for label in answer.labels}
    if not isinstance(answer, Json) or not listed:
        return {}
    rows_by_label: dict[str, list[AnyRow]] = {value: [] for value in answer.fields[listed[0]]}
    for row in bundle.train:
        rows_by_label.get(_value(row.output, listed[0]), []).append(row)
    return rows_by_label


def _value(output: str, field: str) -> str:
    """The value of the field in a training row's output, or "" if the output is not such an object."""
    try:
        read = json.loads(output)
    except (ValueError, RecursionError):
        return ""
    return str(read.get(field, "")) if isinstance(read, dict) else ""


def listed_fields(challenge: Challenge) -> tuple[str, ...]:
    """The fields of JSON answers whose values are listed, in the author's order; none for other answers."""
    answer = challenge.answer
    if not isinstance(answer, Json):
        return ()
    return tuple(name for name, allowed in answer.fields.items() if not isinstance(allowed, str))


def measures(challenge: Challenge) -> tuple[Measure, ...]:
    """The measures that apply to runs of this challenge."""
    if not isinstance(challenge.answer, Json):
        return ("score",)
    return ("score", "valid", "decisions") if listed_fields(challenge) else ("score", "valid")
