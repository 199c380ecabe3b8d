"""What a kind brings for `gradus challenge new`, and the parts of a folder that several kinds share."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from challenges.authoring.unwritten import write
from challenges.models.catalogue import BUILT_IN

MODEL = next(iter(BUILT_IN))


@dataclass(frozen=True)
class Wanted:
    """The challenge that an author begins. `answer` and `method` are of one of the forms of `Scaffold`.

    `labels` are those of answers that are labels; empty where the author has yet to write them.
    """

    id: str
    answer: str = ""
    method: str = ""
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scaffold:
    """How a challenge of a kind begins. A kind names it as MODULE:ATTRIBUTE in `Kind.scaffold`.

    `files` returns the texts of a folder by their path in it. Only what `challenges.authoring.unwritten.write` marks
    may be wrong with that folder. `forms` are the answer types with the training methods that go together, the usual
    one first; either is empty where the kind has none.
    """

    files: Callable[[Wanted], dict[str, str]]
    forms: tuple[tuple[str, str], ...] = (("", ""),)


def quoted(text: str) -> str:
    """A text as it stands in YAML and in JSON, in double quotes."""
    return json.dumps(text, ensure_ascii=False)


def marked(what: str) -> str:
    """A mark as it stands in YAML, in double quotes."""
    return quoted(write(what))


def rows(listed: Iterable[Mapping[str, Any]]) -> str:
    """JSON Lines."""
    return "".join(json.dumps(dict(row), ensure_ascii=False) + "\n" for row in listed)


def head(wanted: Wanted, kind: str) -> str:
    """The first keys of `challenge.yaml`, which are the same for every kind."""
    return f"""\
# Texts that begin with [write wait for yours. `gradus challenge lint` lists them, with all else that is wrong.
schema: 1
id: {wanted.id}
version: 1.0.0  # Stands for one content: raise it when you change rows, marks or baselines after publishing.
kind: {kind}
title: {marked("the title that learners see in lists, such as: Send the patient to the right doctor")}
summary: {marked("one sentence that says what learners will do")}
minutes: 15  # How long a learner needs, roughly.
"""


BY_ROWS = """\
# Where the marks come from: run `gradus challenge test`, which scores your baselines on your hidden rows. Set pass
# above what the weak one reaches, and at least 0.03 below what the good one reaches, because scores vary by chance."""
# Stands in the comment above the bounds until an author has measured.
UNMEASURED = "replace the numbers by"
MEASURED = f"may reach on the hidden rows: {UNMEASURED} yours once you have measured."


def marks(baselines: str, source: str = BY_ROWS, bounds: str = MEASURED) -> str:
    """The marks, the limits, the hints and the baselines. `baselines` says in words what weak and good ones are,
    `source` where the marks come from, and `bounds` what `max` and `min` bound."""
    return f"""\
{source}
# gold is what a very good attempt reaches. Both are multiples of 0.02, to which shown scores are rounded down.
pass: 0.60
gold: 0.80
limits: {{attempts_per_day: 10}}
hints:  # Three, in order: each says a little more than the one before, and none gives the answer away.
  - {marked("a first hint, which says where to look")}
  - {marked("a second hint, which names what helps")}
  - {marked("a third hint, which shows how to begin")}
# Baselines are real submissions. {baselines}
# `max` and `min` are what they {bounds}
baselines:
  - {{file: baselines/weak.yaml, max: 0.58}}
  - {{file: baselines/good.yaml, min: 0.64}}
  - {{file: baselines/gold.yaml, min: 0.80}}
"""


def statement(scored: str, example: str) -> str:
    """`statement.md`. `scored` says what the score is; `example` says what an example of the task is."""
    return f"""\
{write("two or three sentences: who needs this, and what exactly has to be done; a newcomer must understand them")}

For example: {write(example)}

## How it is scored

{scored}

## What a good attempt looks like

{write("what separates a good attempt from a quick one, without giving the solution away")}
"""


def solution() -> str:
    """`solution.md`, which learners see after passing."""
    return f"""\
{write("how a good attempt goes about it, step by step")}

{write("why it works, with the scores of your baselines and what each change was worth")}
"""
