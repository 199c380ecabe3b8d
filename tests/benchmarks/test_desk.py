"""The class's answers: as many as promised, with a mark for each criterion, and of all qualities."""

from __future__ import annotations

from collections import defaultdict

from benchmarks.attacks.rows import BUILT_IN, Attack, Honest, attacks, bundle, honest, honest_unseen, unseen
from benchmarks.desk.rows import answers, marks
from challenges.kinds.rubric import free_text
from challenges.marks import score
from tests.benchmarks.test_attacks import shingles


def test_answers_are_of_all_qualities_and_can_be_handed_in() -> None:
    known, scores = marks(), defaultdict(list)
    for row in answers():
        spec = free_text(bundle(row.question).challenge)
        scores[row.question].append(score(spec.rubric, known[row.id]))
        assert spec.words[0] <= len(row.answer.split()) <= spec.words[1], row.id
    for question, got in scores.items():
        low, middle, high = (sum(a <= s < b for s in got) for a, b in ((0, 0.4), (0.4, 0.75), (0.75, 1.01)))
        assert min(low, middle, high) >= 4, (question, low, middle, high)


def test_no_answer_is_taken_from_elsewhere() -> None:
    rows: list[Attack | Honest] = [*unseen(), *honest_unseen(), *attacks(), *attacks(sealed=True)]
    rows += [*honest(), *honest(sealed=True)]
    others = [row.answer for row in rows]
    others += [row.answer for question in BUILT_IN for row in bundle(question).gold]
    grams = [shingles(text) for text in others]
    for handed_in in answers():
        own = shingles(handed_in.answer)
        assert all(len(own & theirs) <= 0.25 * min(len(own), len(theirs)) for theirs in grams), handed_in.id
