"""Trial runs: how long they are kept, and the names that learners give them."""

from datetime import timedelta

import pytest
from django.db import DataError, IntegrityError, transaction
from django.utils import timezone

from gradus.submissions.models import RUN_NAME_CHARS, Run
from gradus.submissions.services import Refused, name_run, start_run
from tests import factories


@pytest.fixture
def run(ada, sea_or_sky):
    return start_run(ada, sea_or_sky.version, factories.PROMPT)


def test_trials_are_kept_for_ninety_days_and_other_runs_for_a_week(ada, sea_or_sky, run):
    demo = start_run(ada, sea_or_sky.version, factories.PROMPT, purpose="demo")
    kept = [round((one.expires_at - timezone.now()) / timedelta(days=1)) for one in (run, demo)]
    assert kept == [90, 7]


def test_a_name_stands_on_one_line_without_spaces_around_it(run):
    name_run(run, "  five\texamples,\n shuffled ")
    run.refresh_from_db()
    assert run.name == "five examples, shuffled"
    name_run(run, " ")
    run.refresh_from_db()
    assert run.name == ""


@pytest.mark.parametrize(
    ("name", "code"), [("a\x07bell", "control_character"), ("\x00", "control_character"), ("x" * 61, "too_long")]
)
def test_a_name_that_is_refused_changes_nothing(run, name, code):
    name_run(run, "kept")
    with pytest.raises(Refused) as refused:
        name_run(run, name)
    run.refresh_from_db()
    assert (refused.value.code, refused.value.status, run.name) == (code, 422, "kept")
    assert [problem["field"] for problem in refused.value.problems] == ["name"]


def test_the_database_refuses_a_longer_name(run):
    with pytest.raises((IntegrityError, DataError)), transaction.atomic():
        Run.objects.filter(pk=run.pk).update(name="x" * (RUN_NAME_CHARS + 1))
    assert Run.objects.filter(pk=run.pk).update(name="x" * RUN_NAME_CHARS) == 1
