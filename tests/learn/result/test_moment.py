"""The result of an attempt: where its score stands, what was gained, where it still fails, and one celebration."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from gradus.accounts.models import User
from gradus.courses.models import Challenge, Course
from gradus.submissions.models import Submission
from tests import factories
from tests.learn import scene
from tests.markup import Markup

TICKETS = [{"input": "My anchor is lost", "output": '{"priority": "low", "summary": "lost anchor"}'}] * 2


def graded(user: User, score: float, slug: str = "sea-or-sky", payload: Any = None, **outcome: Any) -> Submission:
    submission = factories.submit(user, slug, payload)
    factories.grade(submission, score, **outcome)
    return submission


def mark(label: str, points: float, most: int) -> dict[str, Any]:
    said = "met" if points == most else "partial"
    return {"label": label, "mark": said, "points": points, "points_max": most, "evidence": [], "improve": ""}


def page(client: Client, submission: Submission) -> Markup:
    return Markup(client.get(reverse("learn:submission", args=[submission.uuid])).content.decode())


def listed(text: str) -> list[str]:
    """The score bar as a screen reader has it."""
    found = re.search(r'aria-label="Scores from 0 to 1, the highest first">(.*?)</ul>', text)
    assert found
    return re.findall("<li>(.*?)</li>", found[1])


def test_the_bar_has_both_marks_the_authors_best_and_ones_own(ada: User, ada_client: Client, sea_or_sky: Challenge):
    scene.with_baselines(sea_or_sky.version)
    graded(ada, 0.65)
    text = page(ada_client, graded(ada, 0.71))
    assert listed(text) == [
        "LoRA (the author's): 0.90",
        "Gold: 0.80",
        "This attempt: 0.70",
        "Few-shot (the author's): 0.70",
        "Previous best: 0.64",
        "Pass: 0.60",
        "Zero-shot (the author's): 0.40",
    ]
    assert "0.06</strong> more than your previous best" in text
    assert "not verified on this server" in text and "0.4187" not in text and "style=" not in text


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        ([], 0.7, "This is your first score here with a prompt."),
        ([0.7], 0.7, "The same score as your previous best."),
        (
            [0.7, 0.4],
            0.5,
            '0.20</strong> less than your previous best, <span class="num">0.70</span>. Your best stays.',
        ),
    ],
)
def test_what_was_gained(ada: User, ada_client: Client, course: Course, before: list[float], now: float, said: str):
    for score in before:
        graded(ada, score)
    assert said in page(ada_client, graded(ada, now))


def test_another_approach_and_another_learner_are_no_best_before(ada: User, bob: User, ada_client, course: Course):
    graded(ada, 0.9, payload=factories.LORA)
    graded(bob, 0.9)
    submission = graded(ada, 0.7)
    graded(ada, 0.78)
    text = page(ada_client, submission)
    assert "first score here with a prompt" in text and not any("best" in mark for mark in listed(text))


def test_a_first_pass_is_celebrated_once_and_gold_once_more(ada: User, ada_client: Client, course: Course):
    first, again, gold = (graded(ada, score) for score in (0.7, 0.72, 0.9))
    assert "data-celebrate" in page(ada_client, first)
    assert "data-celebrate" not in page(ada_client, first) and 'class="rise"' in page(ada_client, first)
    assert "data-celebrate" not in page(ada_client, again)
    assert "data-celebrate" in page(ada_client, gold)
    assert "data-celebrate" not in page(ada_client, gold)
    fragment = reverse("learn:submission_fragment", args=[graded(ada, 0.7, payload=factories.LORA).uuid])
    looks = ["data-celebrate" in ada_client.get(fragment).content.decode() for _ in range(2)]
    assert looks == [True, False]


def test_a_failed_attempt_is_not_celebrated(ada: User, ada_client: Client, course: Course):
    text = page(ada_client, graded(ada, 0.3))
    assert "data-celebrate" not in text and 'class="rise"' not in text and 'data-verdict="not_passed"' in text


def test_labels_name_the_most_frequent_mistake_and_what_is_no_label(ada: User, ada_client: Client, course: Course):
    submission = factories.submit(ada)
    factories.grade(submission, result=factories.result_for(submission, wrong=3))
    assert "“sea” is taken for “sky” in 2 of 2 public samples." in page(ada_client, submission)
    other = factories.submit(ada)
    result = factories.result_for(other, wrong=0)
    result["public"]["rows"][0].update(output="the moon", correct=False, score=0.0)
    factories.grade(other, result=result)
    assert "“sea” gets an answer that is none of the labels in 1 of 2 public samples." in page(ada_client, other)


def test_fields_are_named_the_worst_first(ada: User, ada_client: Client, course: Course):
    submission = factories.submit(ada, "ticket", {**factories.LORA, "rows": TICKETS})
    result = factories.result_for(submission, wrong=0)
    for number, row in enumerate(result["public"]["rows"]):
        row.update(
            correct=False, score=0.5, fields={"priority": float(number > 0), "summary": 0.4 + 0.6 * (number > 3)}
        )
    factories.grade(submission, 0.5, result=result)
    said = "these fields are not always right: “summary” (2 of 6 right), “priority” (5 of 6 right)."
    assert said in page(ada_client, submission)


def test_the_criterion_with_most_points_missing_is_named(ada: User, ada_client: Client, course: Course):
    marks = [mark("Cause", 50, 50), mark("Remedy", 12.5, 30)]
    submission = graded(ada, 0.8, "explain", factories.FREE_TEXT, result={"marks": marks})
    assert "Most points are missing at “Remedy”: 17.5 of 30." in page(ada_client, submission)


def test_where_everything_is_right_nothing_is_said(ada: User, ada_client: Client, course: Course):
    submission = factories.submit(ada)
    factories.grade(submission, 0.9, result=factories.result_for(submission, wrong=0))
    assert "Where it still fails" not in page(ada_client, submission)
    answer = graded(ada, 1.0, "explain", factories.FREE_TEXT, result={"marks": [mark("Cause", 50, 50)]})
    assert "Where it still fails" not in page(ada_client, answer)


def test_gold_is_the_mark_of_the_track(ada: User, ada_client: Client, sea_or_sky: Challenge):
    spec = {**sea_or_sky.version.spec, "track_gold": {"tune": 0.88}}
    type(sea_or_sky.version).objects.filter(pk=sea_or_sky.version_id).update(spec=spec, digest="0" * 64)
    text = page(ada_client, graded(ada, 0.85, payload=factories.LORA))
    assert "Gold: 0.88" in listed(text)
    assert 'Gold begins at <span class="num">0.88</span>, which is <span class="num">0.04</span> more' in text


def test_marks_stand_as_points_with_the_answer_and_its_evidence_beside(ada: User, ada_client: Client, course: Course):
    marks = [
        {**mark("Cause", 25, 50), "evidence": ["the weights keep old facts"], "improve": "Say why."},
        mark("Remedy", 30, 30),
    ]
    text = page(ada_client, graded(ada, 0.69, "explain", factories.FREE_TEXT, result={"marks": marks}))
    assert 'data-mark="partial"' in text and '<progress max="50" value="25" aria-hidden="true">' in text
    assert '<q lang="">the weights keep old facts</q>' in text
    assert 'What to improve:</strong> <span lang="en">Say why.</span>' in text
    assert "Because <mark>the weights keep old facts</mark>, whereas" in text
    assert "55 of 80 points" in text and "25 of 50" in text and "Computed by code" in text


def test_a_provisional_grade_says_so_beside_its_marks(ada: User, ada_client: Client, course: Course):
    result = {"marks": [mark("Cause", 25, 50)]}
    submission = graded(ada, 0.65, "explain", factories.FREE_TEXT, result=result, provisional=True)
    heading = page(ada_client, submission).split('id="marks-title">')[1].split("</h2>")[0]
    assert "Provisional" in heading
