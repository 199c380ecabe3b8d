"""How often a push asks the database: hardly more for a course of many challenges than for one of few."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from gradus.accounts.models import User
from gradus.courses import publishing
from gradus.courses.models import ChallengeVersion, CourseVersion
from tests.courses.large import change, write_large_course
from tests.courses.publishing.conftest import Push

pytestmark = pytest.mark.django_db
FEW, MANY, VERY_MANY = 3, 13, 33
# A statement that writes many rows becomes several on SQLite, which bounds the values of one.
FURTHER = 0.5
# What judges were asked of a check goes with the check, each by a statement of its own.
FURTHER_REMOVED = 5


def counts(folder: Path, push: Push, by: User) -> dict[str, int]:
    """Pushes a large course, also after changes of one or all of its challenges. Returns the queries of each push."""
    held = sorted(path.parent for path in folder.rglob("challenge.yaml"))
    found: dict[str, int] = {}

    def pushed(name: str) -> CourseVersion:
        with CaptureQueriesContext(connection) as asked:
            version = push(path=folder).version
        found[name] = len(asked)
        return version

    pushed("a new course")
    pushed("the same again")
    change(held[0], 1)
    pushed("one of a draft")
    for one in held:
        change(one, 2)
    publishing.publish(pushed("all of a draft"), by=by, unverified=[one.name for one in held])
    change(held[0], 3)
    pushed("one of what is live")
    for one in held:
        change(one, 4)
    version = pushed("all of what is live")
    assert ChallengeVersion.objects.filter(digest__in=version.digests.values()).count() == len(held)
    assert set(ChallengeVersion.objects.values_list("version", flat=True)) == {"1.0.2", "1.0.4"}
    return found


@pytest.mark.parametrize("most", [MANY, pytest.param(VERY_MANY, marks=pytest.mark.slow)])
def test_a_push_asks_hardly_more_for_each_further_challenge(tmp_path: Path, push: Push, grace: User, most: int) -> None:
    found = []
    for number in (FEW, most):
        with transaction.atomic():
            found.append(counts(write_large_course(tmp_path / str(number) / "tiny", number), push, grace))
            transaction.set_rollback(True)
    few, many = found
    further = {name: (many[name] - few[name]) / (most - FEW) for name in few}
    removes = further.pop("all of a draft")
    assert max(further.values()) <= FURTHER and removes <= FURTHER_REMOVED, (few, many)
