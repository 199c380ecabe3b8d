"""The way back to 0.3.0 and forward again, with drafts and with checks on workers."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from gradus.accounts.models import User
from gradus.courses import publishing
from gradus.courses.models import ChallengeVersion
from gradus.submissions.models import Evaluation, Run
from tests import factories
from tests.courses.publishing.conftest import Push
from tests.courses.test_versions import edit

pytestmark = pytest.mark.django_db(transaction=True)
ALL = ["sea-or-sky", "ticket", "explain"]
# The newest migrations of 0.3.0 whose apps have changed since.
BEFORE = [("submissions", "0015_agree_to_withdraw"), ("courses", "0007_let_all_attempts_wait")]


def migrated(to: list[tuple[str, str]]) -> Any:
    executor = MigrationExecutor(connection)
    executor.migrate(to)
    return MigrationExecutor(connection).loader.project_state(to).apps


def newest() -> None:
    migrated(MigrationExecutor(connection).loader.graph.leaf_nodes())


def triggers() -> set[str]:
    of_sqlite = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    of_postgresql = "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal"
    with connection.cursor() as cursor:
        cursor.execute(of_sqlite if connection.vendor == "sqlite" else of_postgresql)
        return {name for (name,) in cursor.fetchall() if name.startswith("courses_")}


# Goes back over most migrations, which rewrites each table many times.
@pytest.mark.slow
def test_a_draft_and_its_checks_end_and_what_is_live_stays(push: Push, folder: Any, grace: User, ada: User) -> None:
    publishing.publish(push().version, by=grace, unverified=ALL)
    live = list(ChallengeVersion.objects.order_by("pk").values_list("pk", flat=True))
    submitted = factories.submit(ada)
    of = {"version_id": live[0], "kind": "prompt", "payload": {}, "expires_at": timezone.now()}
    proof = Run.objects.create(purpose="proof", finding="few", arm="one", repetition=1, **of)
    Evaluation.objects.create(run=proof, lane="grade")
    trial = Run.objects.create(purpose="trial", **of)
    edit(folder, "1.1.0")
    push()
    staged = ChallengeVersion.objects.get(version="1.1.0")
    assert staged.runs.count() > 1
    before = triggers()
    try:
        old = migrated(BEFORE)
        assert (
            list(old.get_model("courses", "ChallengeVersion").objects.order_by("pk").values_list("pk", flat=True))
            == live
        )
        runs = old.get_model("submissions", "Run").objects
        assert runs.filter(pk=trial.pk).exists() and not runs.filter(purpose__in=("lint", "proof")).exists()
        assert old.get_model("submissions", "Submission").objects.get().pk == submitted.pk
        assert {"courses_lesson_stays", "courses_challenge_stays"} <= triggers() < before
    finally:
        newest()
    assert triggers() == before
    assert push().is_new and ChallengeVersion.objects.filter(version="1.1.0", goes_live=False).exists()


def test_a_course_for_classes_is_hidden_on_the_way_back_and_all_are_listed_on_the_way_forward(course: Any) -> None:
    """An earlier release can keep nobody out."""
    courses = type(course).objects
    other = courses.create(slug="other", title="Other", summary="", listing="unlisted")
    courses.filter(pk=course.pk).update(listing="classes")
    before = triggers()
    try:
        old = migrated([("courses", "0012_reveal_private_ranks")]).get_model("courses", "Course").objects
        assert dict(old.values_list("slug", "is_published")) == {"tiny": False, "other": True}
        assert triggers() == before
    finally:
        newest()
    assert triggers() == before
    assert {one.listing for one in courses.filter(pk__in=(course.pk, other.pk))} == {"listed"}
