"""The figures of a version against what the rows say, and when they are computed again."""

from __future__ import annotations

import json

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.management import call_command
from django.utils import timezone

from gradus.challenge_health import figures, row_scores
from gradus.challenge_health.models import Figures, RowScores
from gradus.courses import bundles
from gradus.own_data import erasing
from gradus.reconciling import reconciler
from gradus.submissions import services
from gradus.submissions.models import Evaluation
from gradus.submissions.results import board_decisions
from tests import factories


def rows_for(slug: str, wrong: int) -> dict[str, tuple[float, str]]:
    """Rows of which the first `wrong` have a wrong answer."""
    hidden = bundles.load(factories.challenge(slug).version).hidden
    return {one.id: (0.0, "somewhere else") if number < wrong else (1.0, "") for number, one in enumerate(hidden)}


def attempt(user, score=0.7, wrong=1, slug="sea-or-sky", **outcome):
    made = factories.submit(user, slug)
    return factories.grade(made, score, rows=rows_for(slug, wrong), **outcome)


def found(slug="sea-or-sky", track="prompt"):
    return figures.of_version(factories.challenge(slug).version, track)[0]


def test_learners_attempts_and_passes_are_counted(ada, bob, grace, course):
    assert vars(found()) == vars(figures.Computed())
    for score in (0.1, 0.2, 0.9, 0.95):
        attempt(ada, score)
    attempt(bob, 0.3)
    attempt(grace, 1.0)
    one = found()
    assert (one.learners, one.attempts, one.passed, one.until_pass) == (2, 5, 1, {"3": 1})
    assert (one.attempts_to_pass, one.pass_rate) == (3.0, 0.5)
    assert sum(one.histogram) == 2 and one.mean == pytest.approx(
        sum(max(score for score in scores) for scores in ((0.95,), (0.3,))) / 2, abs=0.02
    )
    assert len(one.items) == len(rows_for("sea-or-sky", 0))


def test_items_are_those_of_the_best_attempts(ada, bob, course):
    attempt(ada, 0.1, wrong=3)
    attempt(ada, 0.9, wrong=1)
    attempt(bob, 0.5, wrong=2)
    shares = [item.share for item in found().shown_items.values()]
    assert shares[:4] == [0.0, 0.5, 1.0, 1.0]
    first = next(iter(found().shown_items.values()))
    assert first.wrong == (("somewhere else", 2),) and first.discrimination is None


def test_discrimination_needs_twenty_learners(course):
    for number, one in enumerate(factories.UserFactory.create_batch(20)):
        attempt(one, number / 20, wrong=1 + number % 2)
    items = list(found().shown_items.values())
    assert items[0].discrimination is None, "all of them have it wrong"
    assert items[1].learners == 20


def test_an_annulled_attempt_stops_counting(ada, grace, course):
    attempt(ada, 0.9)
    assert found().learners == 1
    made = Evaluation.objects.get(submission__user=ada).submission
    board_decisions.annul(made, by=grace, reason="The rows were copied.")
    assert found().learners == 0


def test_what_learners_cancel_is_no_failure(ada, bob, course):
    for _number in range(3):
        services.cancel(factories.submit(ada))
    services.cancel_run(services.start_run(ada, factories.challenge("sea-or-sky").version, factories.PROMPT))
    one = found()
    assert (one.failed, one.failed_runs, one.runs) == ({}, {}, 0)
    Evaluation.objects.filter(submission=factories.submit(bob)).update(state="failed", error_code="internal")
    Figures.objects.update(is_stale=True)
    assert found().failed == {"internal": 1}


def test_figures_are_kept_until_a_score_changes(ada, bob, course, django_assert_max_num_queries):
    attempt(ada)
    found()
    with django_assert_max_num_queries(4):
        found()
    attempt(bob)
    assert Figures.objects.get().is_stale
    assert found().learners == 2 and not Figures.objects.get().is_stale


def test_slow_figures_wait_for_the_reconciler(ada, bob, course):
    attempt(ada)
    found()
    attempt(bob)
    Figures.objects.update(seconds=2 * figures.QUICK_SECONDS)
    assert found().learners == 1
    assert reconciler.sweep()["measured"] == 0, "they are younger than sixty times what they took"
    Figures.objects.update(computed_at="2020-01-01T00:00Z")
    assert reconciler.sweep()["measured"] == 1
    assert found().learners == 2
    assert reconciler.sweep()["measured"] == 0


def test_stored_outputs_give_the_same_rows(ada, course):
    evaluation = attempt(ada, wrong=2)
    kept = RowScores.objects.get()
    before = bytes(kept.scores), kept.answers
    hidden = [
        {"id": name, "score": score, "correct": not answer, "output": answer or "right"}
        for name, (score, answer) in rows_for("sea-or-sky", 2).items()
    ]
    name = storages["private"].save("raw/1/1.json", ContentFile(json.dumps({"hidden": hidden}).encode()))
    Evaluation.objects.filter(pk=evaluation.pk).update(raw=name)
    RowScores.objects.all().delete()
    call_command("rebuild_health", verbosity=0)
    kept = RowScores.objects.get()
    assert (bytes(kept.scores), kept.answers) == before
    assert row_scores.rebuild() == 0, "what is kept is not read again"
    Evaluation.objects.filter(pk=evaluation.pk).update(raw="raw/2/2.json")
    RowScores.objects.all().delete()
    assert row_scores.rebuild() == 0, "outputs that are gone are passed over"


def test_marks_of_criteria_are_analysed(ada, course):
    made = factories.submit(ada, "explain", factories.FREE_TEXT)
    rubric = factories.challenge("explain").version.parsed.keys_of("free_text").rubric
    marks = [
        {"id": one.id, "mark": "met", "points": one.points * (number % 2), "points_max": one.points}
        for number, one in enumerate(rubric)
    ]
    factories.grade(made, 0.6, result={**factories.result_for(made), "marks": marks})
    shares = [item.share for item in found("explain", "free_text").shown_items.values()]
    assert shares == [float(number % 2) for number in range(len(rubric))]


def test_a_deleted_account_leaves_no_answers(ada, course):
    attempt(ada, wrong=2)
    type(ada).objects.filter(pk=ada.pk).update(deletion_due_at=timezone.now())
    assert erasing.erase(ada.pk)
    kept = RowScores.objects.get()
    assert kept.answers == {} and len(kept.scores) > 0
