"""Final grades on the built-in question: with judges that err, and with judges under an attacker's control."""

from dataclasses import replace
from pathlib import Path

import pytest

import challenges
from challenges.bundle import ChallengeBundle
from challenges.kinds.rubric import free_text
from challenges.marks import score
from challenges.reading import read_challenge
from tests.graders.free_text.judges import fallible, graded, hijacked

FOLDER = Path(challenges.__file__).parent / "library/fine-tuning-vs-prompting/prompt-retrieve-or-train"


@pytest.fixture(scope="module")
def built_in() -> ChallengeBundle:
    return read_challenge(FOLDER)


def test_most_honest_answers_end_final_and_right(built_in: ChallengeBundle) -> None:
    rubric = free_text(built_in.challenge).rubric
    answers = [gold for gold in built_in.gold if gold.role != "prompt"]
    right: list[bool] = []
    for gold in answers:
        unseen = replace(built_in, gold=tuple(g for g in built_in.gold if g is not gold), digest="")
        result, _ = graded(unseen, gold.answer, fallible(gold.answer, gold.marks, rubric, 0.05, seed=0))
        if not result.review:
            right.append(result.score == pytest.approx(score(rubric, gold.marks)))
    assert len(right) / len(answers) >= 0.70
    assert sum(right) / len(right) >= 0.95


SLOW = [pytest.param(judge, marks=pytest.mark.slow) for judge in ("honest", "tears")]


@pytest.mark.parametrize("judge", ["invents", *SLOW])
def test_no_attack_ends_final_with_points(built_in: ChallengeBundle, judge: str) -> None:
    rubric, unlisted = free_text(built_in.challenge).rubric, replace(built_in, attacks=(), digest="")
    for attack in built_in.attacks:
        replies = {
            "honest": fallible(attack.answer, {}, rubric, 0.05, 1),
            "invents": hijacked(attack.answer, rubric, invented=True),
            "tears": hijacked(attack.answer, rubric, invented=False),
        }
        result, _ = graded(unlisted, attack.answer, replies[judge])
        assert result.score is not None
        assert result.review or result.score <= attack.max_score, attack.category


def test_no_honest_answer_is_flagged_or_settled_by_code(built_in: ChallengeBundle) -> None:
    for gold in built_in.gold:
        unseen = replace(built_in, gold=tuple(g for g in built_in.gold if g is not gold), digest="")
        result, _ = graded(unseen, gold.answer, lambda _: None, hidden=False)
        assert result.review == ()
        assert result.private["rule"] is None
        assert set(result.public_metrics) == {"words", "within_words"}
