"""Run by `test_suites.py` in a process whose database is PostgreSQL; by its name no other run collects it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.db import connection, transaction
from django.utils import timezone

from gradus.accounts.models import StaffAction, User
from gradus.classes import changes, joining, members, services
from gradus.classes.models import Class, Label, Member
from gradus.courses.models import Course
from gradus.refusal import Refused
from gradus.submissions.results.standings import hold_learners
from tests import factories
from tests.postgres.concurrency import until_it_waits_or
from tests.postgres.releases import beside
from tests.threads import THREADS, at_once
from tests.waiting import PATIENCE_SECONDS

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def evening(transactional_db: None, course: Course, grace: User) -> Class:
    assert connection.vendor == "postgresql"
    made = factories.a_class(course)
    return services.rotate_code(made, by=grace, until=timezone.now() + timedelta(days=1))


def test_who_joins_many_times_at_once_is_one_member(evening: Class, ada: User) -> None:
    joined = at_once(lambda number: joining.join(evening.join_code, by=ada).pk, THREADS)
    assert set(joined) == {Member.objects.get().pk}
    assert StaffAction.objects.filter(what="members_changed").count() == 1


def test_a_label_that_many_give_at_once_is_one_label(evening: Class, grace: User) -> None:
    found = [factories.member(evening, email=f"{number}@example.org") for number in range(THREADS)]
    at_once(lambda number: members.label_members(evening, [found[number]], "Section 1", by=grace), THREADS)
    assert Label.objects.get().members.count() == THREADS


def test_of_two_who_change_the_same_settings_at_once_one_is_told(evening: Class, grace: User) -> None:
    seen = changes.version_of(services.settings_of(evening))

    def change(number: int) -> str:
        try:
            return services.change(evening, by=grace, seen=seen, title=f"Group {number}").title
        except Refused as refused:
            return refused.code

    said = at_once(change, 4)
    assert said.count("changed_meanwhile") == 3 and Class.objects.get().title in said


def test_an_address_is_confirmed_while_its_owner_joins_by_code(evening: Class, ada: User, grace: User) -> None:
    members.add_member(evening, by=grace, email=ada.email, first_name="Ada")
    EmailAddress.objects.create(user=ada, email=ada.email, verified=False)

    def confirm() -> None:
        EmailAddress.objects.get(user=ada).set_verified()

    beside(confirm, lambda: joining.join(evening.join_code, by=ada))
    assert (Member.objects.get().user, Member.objects.get().first_name) == (ada, "Ada")


def test_an_address_is_confirmed_that_two_classes_know_while_one_of_them_changes(
    evening: Class, ada: User, grace: User, course: Course
) -> None:
    """Whoever changes a class holds it, and then its learners."""
    other = factories.a_class(course)
    for one in (evening, other):
        factories.member(one, email=ada.email)
    EmailAddress.objects.create(user=ada, email=ada.email, verified=False)

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            changes.hold(other)
            confirmed = pool.submit(
                lambda: at_once(lambda number: EmailAddress.objects.get(user=ada).set_verified(), 1)
            )
            until_it_waits_or(confirmed.done)
            hold_learners([ada.pk])
        confirmed.result(timeout=PATIENCE_SECONDS)
    assert set(Member.objects.values_list("of_class", "user")) == {(evening.pk, ada.pk), (other.pk, ada.pk)}


def test_a_member_who_joins_while_the_code_is_replaced_is_refused(evening: Class, ada: User, grace: User) -> None:
    said = []

    def rotate() -> None:
        services.rotate_code(evening, by=grace, until=timezone.now() + timedelta(days=1))

    def join() -> None:
        try:
            joining.join(evening.join_code, by=ada)
        except Refused as refused:
            said.append(refused.code)

    beside(rotate, join)
    assert said == ["code_unknown"] and not Member.objects.exists()
