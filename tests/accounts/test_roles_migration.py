"""The roles of 0.3.0 become levels, and the levels become roles again."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.migrations.executor import MigrationExecutor

from gradus.accounts.models import Enrolment, User
from gradus.accounts.token_rules import Content, LearnerData, Scope
from gradus.courses.models import Course
from tests import factories

BEFORE, AFTER = ("accounts", "0005_note_locks_and_settings"), ("accounts", "0008_one_role_on_two_axes")
ROLES = {"learner": ("none", "none"), "staff": ("viewer", "editor"), "author": ("editor", "editor")}


def migrated(to: tuple[str, str]) -> Any:
    executor = MigrationExecutor(connection)
    executor.migrate([to])
    return MigrationExecutor(connection).loader.project_state([to]).apps


def newest() -> None:
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


def triggers() -> set[str]:
    """The names of all triggers of the site. SQLite loses those of a table that it makes anew."""
    tables = {"sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'"}
    with connection.cursor() as cursor:
        cursor.execute(tables.get(connection.vendor, "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal"))
        return {name for (name,) in cursor.fetchall()}


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_roles_become_levels_and_levels_roles(course: Course) -> None:
    users = {role: factories.UserFactory.create() for role in (*ROLES, "owner", "reader")}
    factories.enrol(users["owner"], course, Scope(Content.OWNER, LearnerData.EDITOR))
    factories.enrol(users["reader"], course, Scope(Content.PREVIEWER, LearnerData.VIEWER))
    before = triggers()
    try:
        old = migrated(BEFORE)
        enrolments = old.get_model("accounts", "Enrolment").objects
        # What had no such role allows no more than before.
        assert dict(enrolments.values_list("user__username", "role")) == {
            users["owner"].username: "author",
            users["reader"].username: "learner",
        }
        for role in ROLES:
            enrolments.create(user_id=users[role].pk, course_id=course.pk, role=role)
        new = migrated(AFTER).get_model("accounts", "Enrolment").objects
        for role, levels in ROLES.items():
            assert new.filter(user_id=users[role].pk).values_list("content", "learner_data").get() == levels
        again = migrated(BEFORE).get_model("accounts", "Enrolment").objects
        for role in ROLES:
            assert again.get(user_id=users[role].pk).role == role
    finally:
        newest()
    assert triggers() == before


@pytest.mark.parametrize(
    ("values", "constraint"),
    [({"content": "admin"}, "role_content_is_a_level"), ({"learner_data": "owner"}, "role_learner_data_is_a_level")],
)
def test_the_database_refuses_what_is_no_level(
    ada: User, course: Course, values: dict[str, str], constraint: str
) -> None:
    factories.enrol(ada, course)
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Enrolment.objects.update(**values)


def test_a_guest_creates_no_courses(guest: User) -> None:
    with pytest.raises(IntegrityError, match="guest_creates_no_courses"), transaction.atomic():
        User.objects.filter(pk=guest.pk).update(may_create_courses=True)


def test_who_may_create_courses_may_have_a_token_for_that(ada: User) -> None:
    ada.may_create_courses = True
    ada.save()
    assert ada.widest_scope == Scope(Content.OWNER, LearnerData.EDITOR) and ada.has_role and not ada.is_reviewer
