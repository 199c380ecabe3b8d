"""Members join, leave, come back, and become members by account, and the database keeps to the rules as well."""

import json
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.core.mail import EmailMessage
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from gradus.accounts import roles
from gradus.accounts.models import StaffAction, User
from gradus.classes import dates, invitations, joining, members, membership, services
from gradus.classes.date_rules import Target
from gradus.classes.models import Class, Label, Member, ReleaseRule
from gradus.classes.policy import Values
from gradus.classes.signals import members_merged
from gradus.courses.models import Challenge, Course
from gradus.gradebook import services as grades
from gradus.own_data.document import document
from gradus.refusal import Refused
from tests import factories
from tests.conftest import logged_in
from tests.deleted import delete

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


def test_who_taught_a_class_comes_back_by_its_link_as_a_learner(evening: Class, teacher: User) -> None:
    ann, code = factories.UserFactory(), coded(evening, teacher)
    member = members.add_member(evening, by=teacher, user=ann, learner_data="editor")
    members.remove_member(member, by=teacher)
    assert joining.join(code, by=ann).learner_data == "none"
    assert not membership.may_in_class(ann, evening, roles.SEES_ANSWERS)


def test_nobody_leaves_a_class_to_see_a_withheld_grade(evening: Class, teacher: User) -> None:
    ann = factories.UserFactory()
    member = members.add_member(evening, by=teacher, user=ann)
    rule = ReleaseRule.objects.create(of_class=evening, score="hand", details="hand")
    with pytest.raises(Refused) as refused:
        joining.leave(evening, by=ann)
    assert (refused.value.code, refused.value.status) == ("grades_withheld", 409)
    page = logged_in(ann).get(f"/courses/{evening.course.slug}/").content.decode()
    assert "leave after that" in page and f"/classes/{evening.pk}/leave" not in page
    said = logged_in(ann).post(f"/classes/{evening.pk}/leave", follow=True).content.decode()
    assert "Ask a teacher to take you out" in said and membership.active(ann).exists()
    members.remove_member(member, by=teacher)
    members.restore_member(member, by=teacher)
    rule.delete()
    assert not joining.leave(evening, by=ann).is_active


def test_nobody_is_flooded_with_invitations(evening: Class, teacher: User, mailoutbox: list[object]) -> None:
    for _ in range(3):
        made = invitations.invite(evening, ["lena@example.org"], by=teacher, site="https://example.org/")
        assert [one.email for one in made.members] == ["lena@example.org"]
    invitations.invite_again(evening, made.members, by=teacher, site="https://example.org/")
    assert len(mailoutbox) == 1
    Member.objects.update(invited_at=timezone.now() - timedelta(hours=2))
    invitations.invite_again(evening, made.members, by=teacher, site="https://example.org/")
    assert len(mailoutbox) == 2


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

    def merged(sender: object, kept: Member, gone: Member, **more: object) -> None:
        told.append((kept.pk, gone.pk))

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


@pytest.mark.parametrize("by_code_is_newer", [True, False])
def test_of_two_extensions_of_one_person_the_newer_one_stays_and_the_other_is_noted(
    evening: Class, teacher: User, by_code_is_newer: bool
) -> None:
    by_email = members.add_member(evening, by=teacher, email="ann@example.org")
    ann = factories.UserFactory()
    by_code = joining.join(coded(evening, teacher), by=ann)
    older, newer = (by_email, by_code) if by_code_is_newer else (by_code, by_email)
    due = {days: timezone.now() + timedelta(days=days) for days in (2, 9)}
    for member, days in ((older, 2), (newer, 9)):
        dates.set_dates(Target(evening, member=member), Values(due_at=due[days]), by=teacher, reason=f"{days} days")
    confirm(ann, "ann@example.org")
    kept = Member.objects.get(of_class=evening)
    assert list(kept.date_rules.values_list("due_at", "reason")) == [(due[9], "9 days")]
    noted = StaffAction.objects.filter(what="members_changed").latest("pk")
    (dropped,) = noted.details["before"]["merged"]["date_rules"]
    assert (dropped["place"], dropped["due_at"], dropped["reason"]) == (None, due[2].isoformat(), "2 days")


@pytest.mark.parametrize("first_days", [2, 9])
def test_of_two_extensions_of_one_person_the_longer_one_holds(evening: Class, teacher: User, first_days: int) -> None:
    by_email = members.add_member(evening, by=teacher, email="ann@example.org")
    ann, now = factories.UserFactory(), timezone.now()
    by_code = joining.join(coded(evening, teacher), by=ann)
    dates.set_dates(Target(evening), Values(due_at=now + timedelta(days=1)), by=teacher)
    for member, days in ((by_email, first_days), (by_code, 11 - first_days)):
        dates.extend(evening, [member], by=teacher, until=now + timedelta(days=days), reason=f"{days} days")
    confirm(ann, "ann@example.org")
    [rule] = Member.objects.get(of_class=evening).date_rules.all()
    assert (rule.extended_to, rule.reason) == (now + timedelta(days=9), f"{11 - first_days} days")


def test_an_attempt_counts_for_the_only_class_that_runs_or_for_the_chosen_one(
    evening: Class, course: Course, ada: User
) -> None:
    challenge, now = factories.challenge("sea-or-sky"), timezone.now()
    assert membership.class_for(ada, challenge) is None
    factories.member(evening, ada)
    assert membership.class_for(ada, challenge) == evening
    taught = factories.a_class(course, title="Taught")
    factories.member(taught, ada, learner_data="viewer")
    assert membership.class_for(ada, challenge) == evening
    second = factories.a_class(course, title="Second", begins_at=now)
    factories.member(second, ada)
    assert membership.class_for(ada, challenge, at=now - timedelta(seconds=1)) == evening
    with pytest.raises(Refused) as refused:
        membership.class_for(ada, challenge)
    assert refused.value.code == "class_needed"
    assert [one["id"] for one in refused.value.problems] == [evening.pk, second.pk]
    assert membership.class_for(ada, challenge, second.pk) == second
    with pytest.raises(Refused):
        membership.class_for(ada, challenge, taught.pk)
    Class.objects.filter(pk=evening.pk).update(ends_at=now)
    # From its end on, it is over, and in the moment before it is not.
    assert membership.class_for(ada, challenge, at=now) == second
    assert membership.class_for(ada, challenge, evening.pk, at=now - timedelta(seconds=1)) == evening
    joining.leave(second, by=ada)
    assert membership.class_for(ada, challenge) is None


def test_a_guest_joins_no_class(evening: Class, teacher: User, guest: User) -> None:
    with pytest.raises(Refused) as refused:
        joining.join(coded(evening, teacher), by=guest)
    assert refused.value.code == "account_needed" and not Member.objects.exists()


def test_a_membership_loses_its_name_with_the_account_and_the_class_stays(
    evening: Class, ada: User, teacher: User
) -> None:
    Class.objects.update(created_by=teacher)
    factories.member(evening, ada, labels=["One"], last_name="Lovelace", registration_number="007", email=ada.email)
    factories.member(evening, teacher, learner_data="editor")
    assert delete(ada) and delete(teacher)
    kept = Class.objects.get()
    assert kept.created_by == teacher and kept.labels.count() == 1
    learner, taught = kept.members.order_by("pk")
    assert learner.is_active and learner.name.startswith("learner-") and not learner.registration_number
    # Who taught the class is gone from it; a learner's place keeps the ranks and means of the others.
    assert not taught.is_active


def test_own_data_have_what_a_class_has_written_of_a_person(evening: Class, ada: User, bob: User) -> None:
    factories.member(evening, ada, labels=["Extra time"], last_name="Lovelace", registration_number="007")
    factories.member(evening, bob)
    own = json.loads("".join(document(ada)))["classes"]
    assert len(own) == 1 and own[0]["class"] == evening.title
    assert (own[0]["labels"], own[0]["registration_number"]) == (["Extra time"], "007")


def test_own_data_have_reasons_of_dates_and_grants_and_of_no_grade(
    evening: Class, ada: User, teacher: User, sea_or_sky: Challenge
) -> None:
    member, label = factories.member(evening, ada, labels=["One"]), Label.objects.get()
    due = Values(due_at=timezone.now() + timedelta(days=1))
    dates.set_dates(Target(evening, member=member), due, by=teacher, reason="Was ill.")
    dates.set_dates(Target(evening, label=label), due, by=teacher, reason="For the whole section.")
    dates.grant(evening, [member], by=teacher, challenge=sea_or_sky, attempts=1, reason="The network was down.")
    grades.override([member], sea_or_sky, by=teacher, value=9, reason="Read the essay again.")
    own = "".join(document(ada))
    assert "Was ill." in own and "The network was down." in own
    assert "For the whole section." not in own and "Read the essay again." not in own


def test_a_member_who_teaches_has_no_more_rights_elsewhere(evening: Class, course: Course, ada: User) -> None:
    other = factories.a_class(course, title="Other")
    factories.member(evening, ada, learner_data="editor")
    assert membership.may_in_class(ada, evening, roles.DECIDES)
    assert not membership.may_in_class(ada, other, roles.SEES_ANSWERS)
    assert not roles.may(ada, course, roles.SEES_ANSWERS)
    assert not membership.may_in_class(ada, evening, roles.PREVIEWS)
    assert list(membership.taught_by(ada)) == [evening] and not membership.may_create(ada, course)


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


def test_people_of_a_class_read_the_name_of_their_teacher(
    evening: Class, teacher: User, sea_or_sky: Challenge, mailoutbox: list[EmailMessage]
) -> None:
    ann = factories.member(evening, factories.UserFactory())
    dates.grant(evening, [ann], by=teacher, challenge=sea_or_sky, attempts=1, reason="ill")
    page = logged_in(teacher).get(f"/teach/classes/{evening.pk}/dates/").content.decode()
    assert '<span lang="">Tess Doe</span>' not in page
    factories.member(evening, teacher, learner_data="editor", first_name="Tess", last_name="Doe")
    page = logged_in(teacher).get(f"/teach/classes/{evening.pk}/dates/").content.decode()
    assert '<span lang="">Tess Doe</span>' in page
    evening = Class.objects.get()
    invitations.invite(evening, ["lena@example.org"], by=teacher, site="https://example.org/")
    assert mailoutbox[0].body.startswith("Tess Doe has added you to the class")
