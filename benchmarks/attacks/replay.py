"""Simulated judges, which replay what is known about a text. `JUDGES` is the table of them.

They answer both calls: the one about marks, and the one about what an answer denies (stages that begin with `denial`).
A judge finds the text in the call's last message.
"""

from __future__ import annotations

import json
import random
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import product
from typing import Any, Literal

from challenges.kinds.rubric import Criterion
from challenges.marks import allowed, score
from graders.base import Judge, Judged
from graders.free_text.text import content_words, sentences

MODEL = "replayed"
RATE = 0.05
SHARED_WORDS = 2
# A person would say that an attack of these families denies, or takes back, the criteria for which it gets no points.
DENYING = frozenset(
    {"advice-against", "retraction", "negated", "both-ways", "both-sides", "dialogue", "code", "mixture"}
)


@dataclass(frozen=True)
class Known:
    """A text with a strict person's marks, the quotes for each mark, and the criteria that it denies."""

    answer: str
    marks: Mapping[str, str]
    quotes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    denied: frozenset[str] = frozenset()


class Texts:
    """The known texts about one rubric, found again by their letters and digits, which cleaning leaves as they are."""

    def __init__(self, rubric: Sequence[Criterion], known: Iterable[Known]) -> None:
        self.rubric = tuple(rubric)
        self._known = {_letters(one.answer): one for one in known}

    def of(self, item: Judge) -> Known:
        """Returns what is known about the text of a call. Raises KeyError for an unknown text."""
        letters = _letters(said(item))
        if letters not in self._known:
            # An answer that was too long reaches the judge without its end.
            letters = next((key for key in self._known if letters and key.startswith(letters)), letters)
        return self._known[letters]

    def quotes(self, known: Known, criterion: Criterion) -> list[str]:
        """The quotes for a criterion: a person's, or else the sentence that shares most words with it."""
        return list(known.quotes.get(criterion.id) or [nearest_sentence(known.answer, criterion)[0]])


@dataclass(frozen=True)
class Person:
    """Gives a person's marks and quotes; each mark and each denial of each call is wrong with probability `rate`.

    A wrong mark is one of the others that the criterion allows, and quotes some sentence of the answer where no person
    has quoted one. With `repeats`, all calls about one text have the same errors, in marks and in denials, as with
    temperature 0.
    """

    texts: Texts
    rate: float = 0.0
    seed: int = 0
    repeats: bool = False

    def judge(self, item: Judge) -> Judged:
        known = self.texts.of(item)
        if is_denial(item):
            return Judged(denials({c.id: self._denies(c, known, item) for c in self._asked(item)}), model=MODEL)
        return Judged(marks({c.id: self._mark(c, known, item) for c in self._asked(item)}), model=MODEL)

    def _asked(self, item: Judge) -> list[Criterion]:
        return [c for c in self.texts.rubric if c.id in item.criteria]

    def _chance(self, criterion: Criterion, known: Known, item: Judge) -> random.Random:
        call = item.stage if not self.repeats else item.stage.partition("-")[0]
        return random.Random(f"{self.seed}|{_letters(known.answer)}|{call}|{criterion.id}")

    def _mark(self, criterion: Criterion, known: Known, item: Judge) -> tuple[str, list[str]]:
        chance = self._chance(criterion, known, item)
        mark, is_wrong = known.marks.get(criterion.id, "not_met"), chance.random() < self.rate
        if is_wrong:
            mark = chance.choice([other for other in allowed(criterion) if other != mark])
        if mark == "not_met" or criterion.kind == "must_not_claim":
            return mark, []
        if is_wrong and not known.quotes.get(criterion.id):
            return mark, [chance.choice(sentences(known.answer))]
        return mark, self.texts.quotes(known, criterion)

    def _denies(self, criterion: Criterion, known: Known, item: Judge) -> list[str]:
        chance = self._chance(criterion, known, item)
        is_wrong = chance.random() < self.rate
        if (criterion.id in known.denied) == is_wrong:
            return []
        return [chance.choice(sentences(known.answer))] if is_wrong else self.texts.quotes(known, criterion)


@dataclass(frozen=True)
class Kind:
    """Marks everything as met, and quotes what fits best.

    Asked about denials, it finds `nothing` denied, or `everything` because it agrees to every question, or says the
    `truth`, as a judge does that reads closely only when it looks for faults.
    """

    texts: Texts
    denies: Literal["nothing", "everything", "truth"] = "nothing"

    def judge(self, item: Judge) -> Judged:
        known = self.texts.of(item)
        if is_denial(item):
            denied = {"nothing": frozenset(), "everything": {*item.criteria}, "truth": known.denied}[self.denies]
            asked = [c for c in self.texts.rubric if c.id in item.criteria]
            quotes = {c.id: self.texts.quotes(known, c) if c.id in denied else [] for c in asked}
            return Judged(denials(quotes), model=MODEL)
        given = {c.id: ("met", self.texts.quotes(known, c)) for c in self.texts.rubric}
        return Judged(marks(given), model=MODEL)


@dataclass(frozen=True)
class Lazy:
    """Marks a criterion as met where one sentence shares words with it, which it quotes; it reads no negation."""

    texts: Texts

    def judge(self, item: Judge) -> Judged:
        if is_denial(item):
            return Judged(denials(dict.fromkeys(item.criteria, ())), model=MODEL)
        answer = said(item)
        return Judged(marks({c.id: self._mark(c, answer) for c in self.texts.rubric}), model=MODEL)

    def _mark(self, criterion: Criterion, answer: str) -> tuple[str, list[str]]:
        if criterion.kind == "must_not_claim":
            return "met", []
        sentence, shared = nearest_sentence(answer, criterion)
        return ("met", [sentence]) if shared >= SHARED_WORDS else ("not_met", [])


@dataclass(frozen=True)
class Garbage:
    """Sends replies that cannot be used, of several shapes."""

    texts: Texts

    def judge(self, item: Judge) -> Judged:
        shapes: list[Judged] = [
            Judged(None, "unusable (not one JSON object)", MODEL),
            Judged({}, model=MODEL),
            Judged(marks({f"{id}-x": ("met", []) for id in item.criteria}), model=MODEL),
            Judged({"verdict": "The answer is great."}, model=MODEL),
            Judged(marks({id: ("excellent", []) for id in item.criteria}), model=MODEL),
            Judged({"criteria": [], "denials": []}, model=MODEL),
        ]
        return random.Random(f"{said(item)}|{item.stage}").choice(shapes)


Simulated = Person | Kind | Lazy | Garbage
JUDGES: Mapping[str, Callable[[Texts, int], Simulated]] = {
    "honest": lambda texts, _seed: Person(texts),
    "erring": lambda texts, seed: Person(texts, RATE, seed),
    "repeating": lambda texts, seed: Person(texts, RATE, seed, repeats=True),
    "kind": lambda texts, _seed: Kind(texts),
    "agreeable": lambda texts, _seed: Kind(texts, "everything"),
    "lenient": lambda texts, _seed: Kind(texts, "truth"),
    "lazy": lambda texts, _seed: Lazy(texts),
    "garbage": lambda texts, _seed: Garbage(texts),
}
"""How to make each judge for the texts of one question; only those of `SEEDED` depend on the seed."""
SEEDED = frozenset({"erring", "repeating"})


def is_denial(item: Judge) -> bool:
    """Returns whether a call asks what the answer denies."""
    return item.stage.startswith("denial")


def said(item: Judge) -> str:
    """Returns the answer that a call is about: the JSON string in the second line of the last message."""
    answer: str = json.loads(item.messages[-1]["content"].splitlines()[1])
    return answer


def nearest_sentence(answer: str, criterion: Criterion) -> tuple[str, int]:
    """Returns the sentence that shares most content words with a criterion, and how many they share."""
    wanted = set(content_words(" ".join((criterion.text, *criterion.accept))))
    shared = {sentence: len(wanted & set(content_words(sentence))) for sentence in sentences(answer)}
    return max(shared.items(), key=lambda pair: pair[1])


def attacking(
    answer: str, family: str, most: float, rubric: tuple[Criterion, ...], quotes: Mapping[str, Sequence[str]]
) -> Known:
    """Returns what is known about an attack that a strict person would give the share `most` of the points."""
    given = strict_marks(rubric, most)
    denied = [c.id for c in rubric if c.kind != "must_not_claim" and given[c.id] == "not_met"]
    return Known(answer, given, quotes, frozenset(denied if family in DENYING else ()))


@cache
def strict_marks(rubric: tuple[Criterion, ...], most: float) -> Mapping[str, str]:
    """Returns the marks with the most points that are worth at most the share `most`, by criterion.

    Of equal ones, those with the fewest marks other than *not met*.
    """
    ids = [c.id for c in rubric]
    every = (dict(zip(ids, row, strict=True)) for row in product(*(allowed(c) for c in rubric)))
    fit = [marks for marks in every if score(rubric, marks) <= most + 1e-9]
    return max(fit, key=lambda marks: (round(score(rubric, marks), 9), list(marks.values()).count("not_met")))


def marks(given: Mapping[str, tuple[str, Sequence[str]]]) -> dict[str, Any]:
    """Returns a reply about marks, from a mark and quotes by criterion."""
    rows = [
        {"id": id, "evidence": list(quotes), "reason": "replayed", "mark": mark, "confidence": 90}
        for id, (mark, quotes) in given.items()
    ]
    return {"criteria": rows, "contradictions": [], "addresses_grader": False}


def denials(quotes: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Returns a reply about denials, from the quotes by criterion; a criterion without quotes is not denied."""
    rows = [
        {"id": id, "denied": bool(found), "evidence": list(found), "reason": "replayed"} for id, found in quotes.items()
    ]
    return {"denials": rows}


def _letters(text: str) -> str:
    return "".join(ch for ch in unicodedata.normalize("NFKC", text).casefold() if ch.isalnum())
