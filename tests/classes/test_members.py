"""Members join, leave, come back, and become members by account, and the database keeps to the rules as well."""

from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from gradus.accounts.models import StaffAction, User
from gradus.classes import joining, members, membership, services
from gradus.classes.models import Class, Label, Member
from gradus.classes.signals import members_merged
from gradus.courses.models import Course
from tests import factories

pytestmark = pytest.mark.django_db


def coded(evening: Class, teacher: User) -> str:
    until = timezone.now() + timedelta(days=1)
    return services.rotate_code(evening, by=teacher, until=until).join_code


def confirm(user: User, email: str) -> None:
    EmailAddress.objects.create(user=user, email=email, verified=True)


def test_join_leave_and_come_back_keep_the_row(evening: Class, teacher: User) -> None:
    ann, code = factories.UserFactory(), coded(evening, teacher)
    member = joining.join(code.upper(), by=ann)
    member.labels.add(Label.objects.create(of_class=evening, name="Section 1"))
    assert member.is_active and member.joined_via == "code"
    joining.leave(evening, by=ann)
    assert not membership.active(ann).exists()
    back = joining.join(code, by=ann)
    assert back.pk == member.pk and back.is_active and back.left_at is None
    assert [str(one) for one in back.labels.all()] == ["Section 1"]
    acts = StaffAction.objects.filter(what="members_changed", details__member=member.pk).order_by("pk")
    assert [one.details["after"]["state"] for one in acts] == ["active", "left", "active"]


def test_a_member_by_address_gets_the_account_that_confirms_it(evening: Class, teacher: User) -> None:
    member = members.add_member(evening, by=teacher, email=" Ann@Example.org", labels=["Section 1"])
    assert (member.user, member.email) == (None, "ann@example.org")
    ann = factories.UserFactory(email="ann@example.org")
    EmailAddress.objects.create(user=ann, email="ANN@example.org", verified=False)
    member.refresh_from_db()
    assert member.user is None
    EmailAddress.objects.get(user=ann).set_verified()
    member.refresh_from_db()
    assert member.user == ann and membership.active(ann, evening.course).get() == member


def test_an_address_that_is_confirmed_already_is_its_account_at_once(evening: Class, teacher: User) -> None:
    ann = factories.UserFactory()
    confirm(ann, "ann@example.org")
    assert members.add_member(evening, by=teacher, email="ann@example.org").user == ann


def test_an_address_that_was_confirmed_at_the_same_moment_counts_at_the_next_login(
    evening: Class, client: Client
) -> None:
    ann = factories.UserFactory(email="ann@example.org")
    confirm(ann, "ann@example.org")
    member = factories.member(evening, email="ann@example.org")
    client.force_login(ann, "django.contrib.auth.backends.ModelBackend")
    member.refresh_from_db()
    assert member.user == ann


def test_two_rows_of_one_person_become_the_older_one(evening: Class, teacher: User) -> None:
    by_email = members.add_member(evening, by=teacher, email="ann@example.org", first_name="Ann", labels=["1"])
    ann = factories.UserFactory()
    by_code = joining.join(coded(evening, teacher), by=ann)
    by_code.labels.add(*members.labels_named(evening, ["Extra time"]))
    told = []
    merged = lambda sender, kept, gone, **more: told.append((kept.pk, gone.pk))  # noqa: E731
    members_merged.connect(merged)
    try:
        confirm(ann, "ann@example.org")
    finally:
        members_merged.disconnect(merged)
    kept = Member.objects.get(of_class=evening)
    assert told == [(by_email.pk, by_code.pk)]
    assert (kept.pk, kept.user, kept.first_name) == (by_email.pk, ann, "Ann")
    assert sorted(str(one) for one in kept.labels.all()) == ["1", "Extra time"]
    noted = StaffAction.objects.filter(what="members_changed").latest("pk")
    assert noted.details["before"]["merged"]["user"] == ann.pk


def refused_by_the_database(change: object) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        change()


def test_the_database_keeps_to_the_rules(evening: Class, course: Course) -> None:
    ann, guest = factories.UserFactory(), User.objects.create_guest()
    other = factories.a_class(course, title="Other")
    member = factories.member(evening, ann, labels=["One"])
    foreign = Label.objects.create(of_class=other, name="Two")
    make = Member.objects.create
    refused_by_the_database(lambda: make(of_class=evening, user=guest))
    refused_by_the_database(lambda: Member.objects.filter(pk=member.pk).update(user=guest))
    refused_by_the_database(lambda: Member.objects.filter(pk=member.pk).update(of_class=other))
    refused_by_the_database(lambda: make(of_class=evening, user=ann))
    refused_by_the_database(lambda: make(of_class=evening))
    refused_by_the_database(lambda: make(of_class=evening, email="Ann@example.org"))
    refused_by_the_database(lambda: Member.objects.filter(pk=member.pk).update(state="left"))
    refused_by_the_database(lambda: member.labels.add(foreign))
    refused_by_the_database(lambda: Label.objects.create(of_class=evening, name="one"))
    refused_by_the_database(lambda: Label.objects.filter(pk=foreign.pk).update(of_class=evening))
    refused_by_the_database(lambda: Class.objects.filter(pk=evening.pk).update(title=""))
    late, early = timezone.now(), timezone.now() - timedelta(days=1)
    refused_by_the_database(lambda: Class.objects.filter(pk=evening.pk).update(begins_at=late, ends_at=early))
    assert make(of_class=evening, email="x@example.org") and make(of_class=other, email="x@example.org")
