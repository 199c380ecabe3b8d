"""What the migrations make of a site whose versions and boards broke the rules that they bring."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

BEFORE = [("courses", "0002_calibrations_of_judges"), ("submissions", "0007_overlap_and_private_scores")]
AFTER = [("courses", "0003_versions_name_one_content"), ("submissions", "0011_boards_hold_one_version")]


def migrate(to: list[tuple[str, str]]) -> Any:
    executor = MigrationExecutor(connection)
    executor.migrate(to)
    return executor.loader.project_state(to).apps


@pytest.fixture
def before(transactional_db: None) -> Iterator[Any]:
    """The models as they were; all migrations are applied again afterwards."""
    yield migrate(BEFORE)
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


def challenge(apps: Any) -> Any:
    course = apps.get_model("courses", "Course").objects.create(slug="c", title="C", version="1.0.0", digest="d")
    lesson = apps.get_model("courses", "Lesson").objects.create(
        course=course, slug="l", position=0, title="L", minutes=1, spec={}, digest="d"
    )
    return apps.get_model("courses", "Challenge").objects.create(lesson=lesson, slug="x", position=0)


def version(apps: Any, of: Any, name: str, digest: str, **values: Any) -> Any:
    versions = apps.get_model("courses", "ChallengeVersion").objects
    return versions.create(challenge=of, version=name, digest=digest, spec={}, statement="", **values)


def score(apps: Any, user: Any, of: Any, by: Any, shown: float) -> Any:
    submission = apps.get_model("submissions", "Submission").objects.create(
        user=user, challenge=of, version=by, kind="prompt", payload={}, payload_sha256="", idempotency_key=f"{shown}"
    )
    evaluation = apps.get_model("submissions", "Evaluation").objects.create(
        submission=submission, state="scored", lane="grade"
    )
    values = {"value": shown, "shown": shown, "passed": True, "verified_by": "ai"}
    apps.get_model("submissions", "Score").objects.create(evaluation=evaluation, **values)
    return submission


def test_numbers_that_were_used_twice_and_mixed_boards_are_put_in_order(before: Any) -> None:
    found = challenge(before)
    row = [{"file": "baselines/good.yaml", "score": 0.7, "ok": True}]
    first = version(before, found, "1.0.0", "a")
    second = version(before, found, "1.0.0", "b", baselines=row, verified_at=timezone.now())
    third = version(before, found, "1.0.0", "c")
    newer = version(before, found, "1.1.0", "d")
    found.version = second
    found.save()
    ada = before.get_model("accounts", "User").objects.create(username="ada", pseudonym="ada")
    best = score(before, ada, found, first, 0.9)
    other = score(before, ada, found, newer, 0.7)
    before.get_model("submissions", "Standing").objects.create(
        user=ada, challenge=found, track="prompt", submission=best, shown=0.9, passed=True, ranked=True,
        reached_at=timezone.now(),
    )  # fmt: skip
    after = migrate(AFTER)
    versions = after.get_model("courses", "ChallengeVersion").objects
    assert dict(versions.values_list("pk", "version")) == {
        first.pk: "1.0.0+1", second.pk: "1.0.0", third.pk: "1.0.0+2", newer.pk: "1.1.0",
    }  # fmt: skip
    live = versions.get(pk=second.pk)
    assert (live.author_baselines, live.baselines, live.verified_at) == (row, [], None)
    assert not versions.filter(published_at=None).exists()
    standings = after.get_model("submissions", "Standing").objects
    kept = set(standings.values_list("version", "shown", "submission", "ranked"))
    assert kept == {(first.pk, 0.9, best.pk, True), (newer.pk, 0.7, other.pk, True)}
    back = migrate(BEFORE)
    assert set(back.get_model("courses", "ChallengeVersion").objects.values_list("version", flat=True)) == {
        "1.0.0",
        "1.1.0",
    }
    assert list(back.get_model("submissions", "Standing").objects.values_list("shown", flat=True)) == [0.9]
