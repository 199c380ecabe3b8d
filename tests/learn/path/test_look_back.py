"""The last seven days of a learner, and what is worth repeating."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from gradus.learn.path.home import look_back
from gradus.learn.path.steps import paths
from gradus.submissions import services
from gradus.submissions.models import Standing, Submission
from tests import factories
from tests.markup import Markup

ROWS = [{"input": "m", "output": '{"priority": "low", "summary": "s"}'}]


@pytest.fixture
def week(course):
    return lambda user: look_back(user, paths(user))


def aged(submission, days):
    at = timezone.now() - timedelta(days=days)
    Submission.objects.filter(pk=submission.pk).update(created_at=at)
    Standing.objects.filter(submission=submission).update(reached_at=at)


def test_a_week_without_own_work_is_quiet(ada, bob, ada_client, week):
    factories.grade(factories.submit(bob), 0.7)
    found = week(ada)
    assert found.is_quiet and found.repeat == ()
    assert "Nothing yet." in Markup(ada_client.get(reverse("learn:path")).content.decode())


def test_attempts_runs_and_best_scores_of_the_week_are_counted(ada, ada_client, week):
    factories.grade(factories.submit(ada), 0.7)
    services.start_run(ada, factories.challenge("ticket").version, factories.PROMPT)
    found = week(ada)
    assert (found.attempts, found.runs, [step.challenge.slug for step in found.bests]) == (1, 1, ["sea-or-sky"])
    assert found.repeat == ()
    text = Markup(ada_client.get(reverse("learn:path")).content.decode())
    assert "<dt>Attempt submitted</dt><dd>1</dd>" in text and "<dt>Run on public samples</dt><dd>1</dd>" in text


def test_older_work_is_not_of_this_week(ada, week):
    submission = factories.submit(ada)
    factories.grade(submission, 0.7)
    aged(submission, 8)
    found = week(ada)
    assert (found.attempts, found.bests) == (0, ()) and found.is_quiet
    assert [step.challenge.slug for step in found.repeat] == ["sea-or-sky"]


def test_what_is_passed_without_gold_is_worth_repeating_the_longest_ago_first(ada, ada_client, week):
    for slug, payload, score, days in (
        ("sea-or-sky", factories.PROMPT, 0.7, 8),
        ("ticket", {**factories.LORA, "rows": ROWS}, 0.7, 30),
        ("explain", factories.FREE_TEXT, 0.9, 60),
    ):
        submission = factories.submit(ada, slug, payload)
        factories.grade(submission, score, **({"result": {"marks": []}} if slug == "explain" else {}))
        aged(submission, days)
    assert [step.challenge.slug for step in week(ada).repeat] == ["ticket", "sea-or-sky"]
    assert "gold needs<span" in Markup(ada_client.get(reverse("learn:path")).content.decode())


def test_a_visitor_sees_no_week(client, course):
    assert "Your last seven days" not in Markup(client.get(reverse("learn:path")).content.decode())
