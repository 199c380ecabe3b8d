"""Simulated judges, a small question, and embeddings of hashed words, which need no model."""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any

import numpy as np

from benchmarks.attacks.replay import denials
from challenges.bundle import ChallengeBundle
from challenges.kinds.free_text import FreeTextPayload
from challenges.kinds.rubric import Criterion
from challenges.rows import Attack, GoldAnswer
from challenges.spec import Challenge
from graders.base import DENIALS, Assignment, Embed, Embedded, Grade, Judge, Judged, JudgeId, WorkItem
from graders.free_text.grading import grade
from graders.free_text.judge.messages import version
from graders.free_text.text import content_words, sentences
from tests.graders.bundles import challenge, drive

QUESTION = "Why do leaves look green, and why do many of them turn yellow in autumn?"
MODEL_ANSWER = (
    "Chlorophyll absorbs red and blue light and reflects the rest. In autumn the tree takes its chlorophyll apart, so "
    "that the carotenoids, which were there all along, can be seen."
)
GOOD = (
    "Leaves hold chlorophyll, which soaks up red and blue light and sends back the middle of the spectrum. "
    "When days get short the tree breaks its pigment down and saves the nitrogen. "
    "Carotenoids that were hidden before then give the yellow colour. Nothing new has to be made for that."
)
RUBRIC: list[dict[str, Any]] = [
    {
        "id": "absorbs",
        "points": 4,
        "label": "Explains the green",
        "text": "Chlorophyll absorbs red and blue light.",
        "accept": ["chlorophyll soaks up red and blue light"],
        "reject": ["leaves absorb green light"],
        "partial": "half",
        "improve": "Which light stays in the leaf?",
    },
    {
        "id": "broken-down",
        "points": 4,
        "label": "Explains the yellow",
        "text": "In autumn chlorophyll is broken down and carotenoids become visible.",
        "accept": ["the tree breaks its chlorophyll down", "yellow pigments that were hidden"],
    },
    {
        "id": "no-new-paint",
        "points": 2,
        "label": "Claims nothing untrue",
        "text": "Met unless the answer says that the tree makes yellow pigment in autumn.",
        "kind": "must_not_claim",
    },
]
GOOD_MARKS = {"absorbs": "met", "broken-down": "met", "no-new-paint": "met"}

JUDGE = JudgeId("judge-7", version())

Reply = Callable[[Judge], dict[str, Any] | None]


def question(**changes: Any) -> Challenge:
    base = {"kind": "free_text", "question": QUESTION, "model_answer": MODEL_ANSWER, "rubric": RUBRIC}
    return challenge(**(base | changes))


def gold_rows(count: int = 24) -> list[GoldAnswer]:
    """Different answers that are good, half right and bad in turn."""
    made = []
    for n in range(count):
        first = f"In garden {n} chlorophyll soaks up the red and the blue light."
        second = f"On day {n} the tree breaks chlorophyll down and hidden carotenoids show."
        bad = f"My grandmother {n} painted leaves with a brush and had much fun."
        text, marks = [
            (f"{first} {second}", ("met", "met", "met")),
            (f"{first} I do not know the rest.", ("met", "not_met", "met")),
            (bad, ("not_met", "not_met", "not_met")),
        ][n % 3]
        role = "prompt" if n < 3 else "calibration"
        marked = dict(zip(GOOD_MARKS, marks, strict=True))
        made.append(GoldAnswer.model_validate({"answer": text, "marks": marked, "role": role}))
    return made


def bundle_of(spec: Challenge | None = None, gold: Sequence[GoldAnswer] | None = None, **more: Any) -> ChallengeBundle:
    rows = tuple(gold_rows() if gold is None else gold)
    return ChallengeBundle(spec or question(), "statement", "solution", gold=rows, **more)


def attack(text: str) -> Attack:
    return Attack(answer=text, category="test")


def embed(item: Embed) -> Embedded:
    """Unit vectors of hashed content words, which are similar for texts that share words."""
    return Embedded([_vector(text) for text in item.texts])


@cache
def _vector(text: str) -> list[float]:
    vector = np.full(256, 1e-3)
    for word in content_words(text):
        vector[zlib.crc32(word.encode()) % 256] += 1
    return list(vector / np.linalg.norm(vector))


def nothing_denied(item: Judge) -> dict[str, Any]:
    """A reply that finds nothing denied."""
    return denials(dict.fromkeys(item.criteria, ()))


def graded(
    bundle: ChallengeBundle,
    answer: str,
    reply: Reply,
    *,
    hidden: bool = True,
    problem: str = "",
    calibrated: frozenset[JudgeId] | None = frozenset({JUDGE}),
    sources: Mapping[str, str] = MappingProxyType({}),
    denies: Reply = nothing_denied,
) -> tuple[Grade, list[Judge]]:
    """Grades with a judge that answers `reply(item)`; None means no reply, with the reason `problem`.

    Calls about denials get `denies(item)`. The judge has passed the gate unless `calibrated` says otherwise. Returns
    the grade and the judge's items.
    """
    calls: list[Judge] = []

    def respond(item: WorkItem) -> Judged | Embedded:
        if isinstance(item, Embed):
            return embed(item)
        assert isinstance(item, Judge)
        calls.append(item)
        said = denies(item) if item.asks == DENIALS else reply(item)
        return Judged(said, problem if said is None else "", JUDGE.model, len(calls))

    assignment = Assignment(bundle, FreeTextPayload(answer=answer), hidden, calibrated=calibrated, sources=sources)
    result, _ = drive(grade(assignment), respond)
    return result, calls


def says(
    marks: Mapping[str, str], evidence: Mapping[str, Sequence[str]], *, confidence: int = 90, **more: Any
) -> dict[str, Any]:
    """A well-formed reply about marks."""
    rows = [
        {"id": id, "evidence": list(evidence.get(id, ())), "reason": "r", "mark": mark, "confidence": confidence}
        for id, mark in marks.items()
    ]
    return {"criteria": rows, "contradictions": [], "addresses_grader": False} | more


def quoting(answer: str, rubric: Sequence[Criterion]) -> dict[str, list[str]]:
    """For each criterion, the sentence of the answer that shares most words with it."""
    quotes: dict[str, list[str]] = {}
    for c in rubric:
        wanted = set(content_words(" ".join((c.text, *c.accept))))
        quotes[c.id] = [max(sentences(answer), key=lambda s: len(wanted & set(content_words(s))))]
    return quotes


def fallible(answer: str, truth: Mapping[str, str], rubric: Sequence[Criterion], rate: float, seed: int) -> Reply:
    """An honest judge that is wrong on a random share `rate` of its marks; a wrong `met` quotes a random sentence."""

    def reply(item: Judge) -> dict[str, Any]:
        chance = random.Random(f"{seed}|{answer}|{item.stage}")
        marks, evidence = {}, quoting(answer, rubric)
        for c in rubric:
            right = truth.get(c.id, "not_met")
            options = ["met", "not_met", *(["partial"] if c.partial == "half" else [])]
            wrong = chance.random() < rate
            marks[c.id] = chance.choice([m for m in options if m != right]) if wrong else right
            if wrong:
                evidence[c.id] = [chance.choice(sentences(answer))]
            if c.kind == "must_not_claim" or marks[c.id] == "not_met":
                evidence[c.id] = []
        return says(marks, evidence)

    return reply


def hijacked(answer: str, rubric: Sequence[Criterion], *, invented: bool) -> Reply:
    """A judge under an attacker's control, which marks everything as met, with invented quotes or random fragments."""
    longest = max(sentences(answer), key=len)

    def reply(item: Judge) -> dict[str, Any]:
        quote = "the learner explains this point fully and well" if invented else longest
        return says({c.id: "met" for c in rubric}, {c.id: [quote] for c in rubric}, confidence=100)

    return reply
