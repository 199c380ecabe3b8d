"""Each set of answers that the built-in lesson's advisor can be given."""

import itertools
import re
from pathlib import Path

import pytest
import yaml

from challenges.lesson.spec import Advisor, Lesson
from gradus.learn.lesson.advisor import Advice, advise

LIBRARY = Path(__file__).resolve().parents[3] / "challenges" / "library"
LESSON = Lesson.model_validate(yaml.safe_load((LIBRARY / "fine-tuning-vs-prompting" / "lesson.yaml").read_text()))
SPEC = LESSON.advisor
assert isinstance(SPEC, Advisor)
ORDER = [approach.id for approach in SPEC.approaches]
CHOICES = [(question, choice) for question in SPEC.questions for choice in question.choices]
# As a noun that is counted: "a training" is no English.
STIFF = re.compile(r"\b(a|each|every|full|one|two) training\b(?! (run|row|set|job))|\btrainings\b", re.IGNORECASE)


@pytest.fixture(scope="module")
def advices() -> list[tuple[set[str], Advice]]:
    """With what is excluded, for every combination of answers."""
    found = []
    for picked in itertools.product(*[question.choices for question in SPEC.questions]):
        answers = {question.id: choice.id for question, choice in zip(SPEC.questions, picked, strict=True)}
        found.append(({name for choice in picked for name in choice.excludes}, advise(SPEC, answers)))
    return found


def ids(approaches):
    return [approach.id for approach in approaches]


def test_there_is_always_a_recommendation_with_reasons_for_it(advices):
    assert len(advices) > 10_000
    for _, advice in advices:
        assert advice.recommended and advice.reasons and advice.first_step, advice.answers
        assert advice.scores[0].score > 0, advice.answers


def test_what_is_ruled_out_is_nowhere_advised(advices):
    assert any(excluded for excluded, _ in advices)
    for excluded, advice in advices:
        advised = {*ids(advice.recommended), *ids(advice.cheaper)}
        assert not excluded & advised, advice.answers
        assert {ORDER[title_at(reason.approach)] for reason in advice.ruled_out} == excluded, advice.answers


def title_at(title):
    return [approach.title for approach in SPEC.approaches].index(title)


def test_what_is_to_be_tried_first_is_cheaper_and_fits(advices):
    assert any(advice.cheaper for _, advice in advices)
    for _, advice in advices:
        scores = {score.approach.id: score.score for score in advice.scores}
        dearest = max(ORDER.index(name) for name in ids(advice.recommended))
        for name in ids(advice.cheaper):
            assert ORDER.index(name) < dearest and scores[name] > 0, advice.answers
        assert ids(advice.cheaper) == sorted(ids(advice.cheaper), key=ORDER.index)


def test_nothing_speaks_both_for_and_against(advices):
    for _, advice in advices:
        reasons = {reason.text for reason in advice.reasons}
        against = {reason.text for reason in advice.against}
        assert not reasons & against, advice.answers


def test_what_is_combined_goes_together(advices):
    for _, advice in advices:
        for one, other in itertools.combinations(advice.recommended, 2):
            assert other.id in one.combines_with or one.id in other.combines_with, advice.answers


def test_another_answer_changes_the_advice_as_it_says(advices):
    for _, advice in advices[::97]:
        labels = {(question.text, choice.label): (question.id, choice.id) for question, choice in CHOICES}
        for flip in advice.flips:
            name, choice = labels[flip.question, flip.choice]
            other = advise(SPEC, {**advice.answers, name: choice})
            assert other.recommended == flip.leads_to and other.recommended[0] != advice.recommended[0]


@pytest.mark.parametrize(("question", "choice"), CHOICES, ids=lambda item: item.id)
def test_each_weight_has_its_reason_and_each_reason_its_weight(question, choice):
    assert set(choice.because) == {name for name, weight in choice.weights.items() if weight} | set(choice.excludes)
    assert not set(choice.weights) & set(choice.excludes)
    by_text: dict[str, set[bool]] = {}
    for name, text in choice.because.items():
        by_text.setdefault(text, set()).add(choice.weights.get(name, -1.0) > 0)
    assert all(len(signs) == 1 for signs in by_text.values())


@pytest.mark.parametrize("approach", SPEC.approaches, ids=lambda approach: approach.id)
def test_an_approach_names_only_earlier_ones_as_cheaper(approach):
    assert all(ORDER.index(name) < ORDER.index(approach.id) for name in approach.cheaper)


def test_training_is_not_counted():
    texts = [text for _, choice in CHOICES for text in (choice.label, *choice.because.values())]
    texts += [text for approach in SPEC.approaches for text in (approach.summary, approach.first_step)]
    texts += [SPEC.intro, LESSON.demo.explanation, LESSON.demo.notice]
    assert [text for text in texts if STIFF.search(text)] == []
