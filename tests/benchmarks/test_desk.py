"""The class's answers: as many as promised, with a mark for each criterion, and of all qualities."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

import pytest

from benchmarks.attacks.rows import BUILT_IN, Attack, Honest, attacks, bundle, honest, honest_unseen, unseen
from benchmarks.desk.rows import answers, marks
from benchmarks.desk.score import lines, opened
from benchmarks.desk.site import PAGES
from challenges.kinds.rubric import free_text
from challenges.marks import score
from challenges.texts import normal
from tests.benchmarks.test_attacks import shingles


def test_thirty_answers_to_each_question_by_a_class_of_25() -> None:
    rows = answers()
    assert Counter(row.question for row in rows) == dict.fromkeys(BUILT_IN, 30)
    assert {row.learner for row in rows} == set(range(1, 26))
    assert len({(row.question, row.learner, row.attempt) for row in rows}) == len({row.id for row in rows}) == 120


@pytest.mark.parametrize("question", BUILT_IN)
def test_three_groups_hand_in_equal_texts_and_five_learners_submit_twice(question: str) -> None:
    first, second = ([row for row in answers() if (row.question, row.attempt) == (question, n)] for n in (1, 2))
    counts = Counter(normal(row.answer).casefold() for row in first)
    assert sorted(count for count in counts.values() if count > 1) == [2, 3, 4]
    assert len({row.answer for row in first}) == len(first)
    assert len(second) == 5
    alone = {row.learner for row in first if counts[normal(row.answer).casefold()] == 1}
    assert {row.learner for row in second} <= alone


def test_each_answer_has_a_mark_for_each_criterion() -> None:
    known = marks()
    assert known.keys() == {row.id for row in answers()}
    equal: dict[tuple[str, str], list[dict[str, str]]] = defaultdict(list)
    for row in answers():
        rubric = {criterion.id: criterion for criterion in free_text(bundle(row.question).challenge).rubric}
        assert known[row.id].keys() == rubric.keys(), row.id
        assert all(rubric[name].partial == "half" for name, mark in known[row.id].items() if mark == "partial"), row.id
        equal[row.question, normal(row.answer).casefold()].append(known[row.id])
    assert all(one == found[0] for found in equal.values() for one in found)


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


def test_pages_that_a_reviewer_opened_are_counted(tmp_path: Path) -> None:
    assert opened(tmp_path) == {"GET": 0, "POST": 0}
    log = [
        "1.0 GET 200 /reviews/",
        "2.0 GET 304 /static/js/review.js",
        "3.0 POST 302 /reviews/7",
        "4.0 GET 404 /teach/",
    ]
    (tmp_path / PAGES).write_text("\n".join(log) + "\n")
    assert opened(tmp_path) == {"GET": 1, "POST": 1}


def test_the_report_names_what_was_marked_wrongly() -> None:
    found = {
        "answers": 120, "decided": 2, "waiting": 98, "withdrawn": 20, "wrong_marks": 1, "marks": 12,
        "wrong_by_criterion": {"read-the-curve: change-tested": [1, 2], "read-the-curve: no-wrong-claim": [0, 2]},
        "wrong_verdicts": 0, "mean_distance": 0.05, "minutes": 1.0, "decisions_per_minute": 2.0, "pages_opened": 3,
        "forms_sent": 2,
    }  # fmt: skip
    text = "\n".join(lines(found))
    assert "wrong marks: 1 of 12" in text
    assert "change-tested: 1 of 2" in text
    assert "no-wrong-claim" not in text
