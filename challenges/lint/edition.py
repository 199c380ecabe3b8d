"""Compares the hidden rows of an edition with those of the course that it was made from.

Whoever has the other course's files knows its rows. So none may be copied; and the new ones have to be of the same
kind, so that its pass marks, hints and lessons still hold: lengths, balance, number, and what the baselines reach.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from challenges.authoring.edition import FOLDER, RECORD, NoOrigin, Origin, origin_of, rows_file, scores_of
from challenges.lint.rows import LENGTH_SHARE, ninetieth
from challenges.lint.subject import Subject
from challenges.models.token_counts import CountTokens
from challenges.models.tokens import counter
from challenges.problems import Problem
from challenges.rows import Sample
from challenges.shingles import SHARED, character_runs
from challenges.spec import Json, Label
from challenges.texts import normal, several

HIDDEN = "hidden.jsonl"
# Shares of a label, or scores of a baseline, that differ by less than this are alike whatever the number of rows.
ALIKE = 0.05
# Beyond so many standard errors a difference is not by chance.
ERRORS = 2.0


def lint_edition(subject: Subject, measured: Mapping[str, Any]) -> None:
    """Adds what differs from the hidden rows of the course before, if the challenge belongs to an edition.

    `measured` is what the lesson's `measured.json` holds.
    """
    folder = Path(subject.source.root, subject.rel).absolute()
    lesson = folder.parent
    try:
        origin = origin_of(lesson.parent, f"{lesson.name}/{folder.name}")
    except NoOrigin as error:
        fix = f"bring `{FOLDER}` back as `gradus course fork` wrote it, or remove that folder to compare no longer"
        subject.source.add(RECORD, None, f"what this edition keeps of the course before cannot be read: {error}", fix)
        return
    rows = subject.bundle.hidden
    if origin is None or not origin.rows or not rows or HIDDEN in subject.unread:
        return
    _copies(subject, origin, rows_file(f"{lesson.name}/{folder.name}"))
    _lengths(subject, origin)
    _balance(subject, origin)
    if len(rows) < len(origin.rows):
        what = f"has {several(len(rows), 'row')}, and the course before had {len(origin.rows):,}"
        fix = "write more: a score of fewer rows is less sure, and its pass mark was set with more of them"
        subject.source.advice.append(Problem(subject.at(HIDDEN), None, what, fix))
    _scores(subject, origin, scores_of(measured, subject.challenge.id, subject.bundle.digest))


def _copies(subject: Subject, origin: Origin, file: str) -> None:
    """Rows that repeat one of the course before, by the characters that they share."""
    runs = [character_runs(normal(row.input)) for row in origin.rows]
    same = {normal(row.input): number for number, row in reversed(list(enumerate(origin.rows, 1)))}
    holders: dict[str, list[int]] = defaultdict(list)
    for index, found in enumerate(runs):
        for run in found:
            holders[run].append(index)
    for index, row in enumerate(subject.bundle.hidden):
        text = normal(row.input)
        fix = "write a row of your own: who has the files of the course before knows this one"
        if text in same:
            subject.row(HIDDEN, index, f"the same input as {file}:{same[text]}", fix)
            continue
        own = character_runs(text)
        common = Counter(holder for run in own for holder in holders[run])
        shares = {other: both / (len(own) + len(runs[other]) - both) for other, both in common.items()}
        near = max(shares, key=lambda other: (shares[other], -other), default=None)
        if near is not None and shares[near] > SHARED:
            what = f"nearly the same as {file}:{near + 1} ({shares[near]:.0%} of their characters in common)"
            subject.row(HIDDEN, index, what, fix)


def _lengths(subject: Subject, origin: Origin) -> None:
    """In the model's tokens, or in characters where there is no model or its tokenizer is not here."""
    tokens: CountTokens | None = counter(subject.challenge.model) if subject.challenge.model else None
    count, unit = (len, "characters") if tokens is None else (tokens, "tokens")
    before, now = (sorted(count(row.input) for row in rows) for rows in (origin.rows, subject.bundle.hidden))
    for name, statistic in (("average", fmean), ("90th percentile", ninetieth)):
        wanted, actual = statistic(before), statistic(now)
        low, high = (1 - LENGTH_SHARE) * wanted, (1 + LENGTH_SHARE) * wanted
        if not low <= actual <= high:
            longer = "shorter" if actual > high else "longer"
            what = f"the {name} of its inputs is {actual:.4g} {unit}, and {wanted:.4g} in the course before"
            fix = (
                f"write rows that are {longer}, until it lies between {math.ceil(10 * low) / 10:g} and "
                f"{math.floor(10 * high) / 10:g}: lengths change what a prompt costs and how hard a row is"
            )
            subject.source.add(subject.at(HIDDEN), None, what, fix)


def _balance(subject: Subject, origin: Origin) -> None:
    before, now = (_values(subject, rows) for rows in (origin.rows, subject.bundle.hidden))
    for key in sorted(before.keys() | now.keys()):
        counts = before.get(key, Counter()), now.get(key, Counter())
        totals = tuple(sum(one.values()) for one in counts)
        for value in sorted(counts[0].keys() | counts[1].keys()):
            was, is_now = (one[value] / total if total else 0.0 for one, total in zip(counts, totals, strict=True))
            if _differs(was, is_now, *totals):
                named = f"`{key}` is {value}" if key else f"the label is {value}"
                what = f"{named} in {is_now:.0%} of its rows, and in {was:.0%} in the course before"
                about = round(was * totals[1])
                fix = (
                    f"bring it to about {several(about, 'row')} of {totals[1]:,}: accuracy and F1 move with the balance"
                )
                subject.source.add(subject.at(HIDDEN), None, what, fix)


def _values(subject: Subject, rows: Sequence[Sample]) -> dict[str, Counter[str]]:
    """How often each label stands, under an empty name, or each value of each field that has a list of them."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for key, value in _named(subject, rows):
        found[key][value] += 1
    return found


def _named(subject: Subject, rows: Iterable[Sample]) -> Iterator[tuple[str, str]]:
    answer = subject.challenge.answer
    for row in rows:
        if isinstance(answer, Label) and isinstance(row.target, str):
            yield "", row.target
        elif isinstance(answer, Json) and isinstance(row.target, dict):
            listed = [key for key, allowed in answer.fields.items() if allowed != "string"]
            yield from ((key, str(row.target[key])) for key in listed if key in row.target)


def _scores(subject: Subject, origin: Origin, now: Mapping[str, float]) -> None:
    """Advice where a baseline reaches clearly more or less on the new rows than on those before."""
    sizes = len(origin.rows), len(subject.bundle.hidden)
    for file in sorted(origin.scores.keys() & now.keys()):
        was, is_now = origin.scores[file], now[file]
        if _differs(was, is_now, *sizes):
            they_are, others = ("harder", "easier") if is_now < was else ("easier", "harder")
            what = f"reaches {is_now:.3f} on your hidden rows, and {was:.3f} in the course before"
            fix = (
                f"your rows are {they_are}: exchange some for {others} ones, or set `pass`, `gold` and the bounds of "
                "the baselines anew"
            )
            subject.source.advice.append(Problem(subject.at(file), None, what, fix))


def _differs(was: float, is_now: float, before: int, now: int) -> bool:
    """Returns True if two shares differ by more than chance explains, and by enough to matter."""
    if not before or not now:
        return False
    joint = min(1.0, max(0.0, (was * before + is_now * now) / (before + now)))
    error = math.sqrt(joint * (1 - joint) * (1 / before + 1 / now))
    return abs(was - is_now) > max(ALIKE, ERRORS * error)
