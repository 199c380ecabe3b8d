"""Rows that an older release wrote stay valid when its successor migrates."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from gradus.accounts.models import User
from gradus.courses.models import Challenge
from gradus.submissions import services
from gradus.submissions.models import GuestSlot, InFlight
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)
BEFORE = [("submissions", "0007_overlap_and_private_scores")]


def migrate(targets: list[tuple[str, str]]) -> Any:
    executor = MigrationExecutor(connection)
    executor.migrate(targets)
    return MigrationExecutor(connection).loader.project_state(targets).apps


@pytest.fixture
def newest() -> Iterator[list[tuple[str, str]]]:
    """Whatever a test does, the database ends as the others expect it."""
    targets = list(MigrationExecutor(connection).loader.graph.leaf_nodes())
    yield targets
    migrate(targets)


def test_slots_of_before_keep_the_limit_that_they_were_held_to(
    ada: User, guest: User, sea_or_sky: Challenge, newest: list[tuple[str, str]]
) -> None:
    refunded, kept, other = (factories.submit(user) for user in (guest, guest, ada))
    GuestSlot.objects.all().delete()
    InFlight.objects.all().delete()
    old = migrate(BEFORE)
    for slot, submission in ((2, refunded), (3, kept)):
        old.get_model("submissions", "GuestSlot").objects.create(
            user_id=guest.pk, slot=slot, submission_id=submission.pk
        )
    old.get_model("submissions", "InFlight").objects.create(user_id=ada.pk, slot=2, submission_id=other.pk)
    old.get_model("submissions", "Refund").objects.create(submission_id=refunded.pk, reason="internal")

    migrate(newest)
    assert list(InFlight.objects.values_list("submission", "slot", "allowed")) == [(other.pk, 2, 2)]
    # The attempt that was refunded had left its slot taken; the guest has it back.
    assert list(GuestSlot.objects.values_list("submission", "slot", "allowed")) == [(kept.pk, 3, 3)]


def test_runs_of_findings_are_trials_for_the_release_before(
    ada: User, sea_or_sky: Challenge, newest: list[tuple[str, str]]
) -> None:
    assert sea_or_sky.version is not None
    repeats = services.Repetition("few-shot", "few", 2)
    run = services.start_run(ada, sea_or_sky.version, factories.PROMPT, purpose="finding", repeats=repeats)
    old = migrate([("submissions", "0011_boards_hold_one_version")])
    assert old.get_model("submissions", "Run").objects.get().purpose == "trial"
    migrate(newest)
    run.refresh_from_db()
    assert (run.purpose, run.finding, run.arm, run.repetition) == ("trial", "", "", None)
