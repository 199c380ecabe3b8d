"""Owners invite, change and remove people; people accept an invitation and leave."""

from __future__ import annotations

import re
import smtplib
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.core import mail
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from gradus import retention
from gradus.accounts import roles
from gradus.accounts.models import Enrolment, StaffAction, User, digest_of
from gradus.accounts.token_rules import LEARNER, Content, LearnerData, Scope
from gradus.courses.models import Course
from gradus.refusal import Refused
from gradus.teach import people
from gradus.teach.models import Invitation
from tests import factories
from tests.conftest import logged_in

OWNER = Scope(Content.OWNER, LearnerData.EDITOR)
VIEWER = Scope(Content.VIEWER)
SITE = "http://testserver/"
What = StaffAction.What


@pytest.fixture
def owner(course: Course) -> User:
    user = factories.UserFactory.create(username="olga", email="olga@example.org", pseudonym="keeper")
    factories.enrol(user, course, OWNER)
    return user


@pytest.fixture
def lena(db: None) -> User:
    """Has a confirmed address."""
    user = factories.UserFactory.create(username="lena", email="lena@example.org", pseudonym="reader")
    EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=True)
    return user


def invite(
    course: Course, owner: User, email: str = "lena@example.org", scope: Scope = VIEWER
) -> tuple[Invitation, str]:
    made = people.invite(course, by=owner, email=email, scope=scope, site=SITE)
    return made.invitation, made.link.removesuffix("/").rpartition("/")[2]


def role_of(user: User, course: Course) -> Scope | None:
    found = Enrolment.objects.filter(user=user, course=course).first()
    return found and found.scope


def refused(work: Any, *given: Any, **named: Any) -> tuple[int, str]:
    with pytest.raises(Refused) as caught:
        work(*given, **named)
    return caught.value.status, caught.value.code


def acts() -> list[str]:
    return list(StaffAction.objects.order_by("pk").values_list("what", flat=True))


def test_an_invitation_names_the_person_as_the_class_does(course: Course, owner: User, lena: User) -> None:
    factories.member(factories.a_class(course), owner, learner_data="editor", first_name="Olga", last_name="Doe")
    _invitation, secret = invite(course, owner)
    assert mail.outbox[0].body.startswith("Olga Doe invites you")
    page = logged_in(lena).get(f"/teach/invitations/{secret}/").content.decode()
    assert "Olga Doe invites you" in page and "keeper" not in page


def test_an_invitation_is_mailed_and_accepted(course: Course, owner: User, lena: User) -> None:
    invitation, secret = invite(course, owner, " Lena@Example.org ")
    (sent,) = mail.outbox
    assert sent.to == ["lena@example.org"] and course.title in sent.subject
    assert f"{SITE}teach/invitations/{secret}/" in sent.body and "keeper" in sent.body
    # Only a digest is stored, in no table the secret.
    assert invitation.digest == digest_of(secret) and secret not in str(Invitation.objects.values().get())
    assert secret not in str(list(StaffAction.objects.values()))
    role = people.accept(secret, by=lena)
    assert (role.user, role.scope) == (lena, VIEWER)
    accepted = Invitation.objects.get()
    assert accepted.accepted_by == lena and accepted.accepted_at is not None
    assert acts()[-3:] == [What.PERSON_INVITED, What.ROLE_CHANGED, What.INVITATION_ACCEPTED]
    invited, _, taken = StaffAction.objects.order_by("pk")[len(acts()) - 3 :]
    assert (invited.user_id, invited.details["content"]) == (owner.pk, "viewer")
    assert (taken.user_id, taken.details["learner_data"]) == (lena.pk, "none")


def test_accepting_twice_changes_nothing(course: Course, owner: User, lena: User) -> None:
    _, secret = invite(course, owner)
    first = people.accept(secret, by=lena)
    before = acts()
    assert people.accept(secret, by=lena) == first
    assert acts() == before and Enrolment.objects.filter(user=lena).count() == 1
    people.remove(first, by=owner)
    # A used link is no way back for somebody who was removed.
    assert refused(people.accept, secret, by=lena) == (409, "invitation_used")


def test_an_invitation_never_lowers_a_role(course: Course, owner: User, lena: User) -> None:
    factories.enrol(lena, course, Scope(Content.PREVIEWER, LearnerData.EDITOR))
    EmailAddress.objects.update(verified=False)
    _, secret = invite(course, owner, scope=Scope(Content.EDITOR, LearnerData.VIEWER))
    EmailAddress.objects.update(verified=True)
    assert people.accept(secret, by=lena).scope == Scope(Content.EDITOR, LearnerData.EDITOR)


@pytest.mark.parametrize("known", ["another address", "an unconfirmed one"])
def test_only_the_invited_and_confirmed_address_accepts(course: Course, owner: User, lena: User, known: str) -> None:
    if known == "another address":
        EmailAddress.objects.update(email="lena@elsewhere.example")
    else:
        EmailAddress.objects.update(verified=False)
    _, secret = invite(course, owner)
    assert refused(people.accept, secret, by=lena) == (403, "other_address")
    assert role_of(lena, course) is None and Invitation.objects.get().accepted_at is None


def test_an_address_is_compared_without_its_case(course: Course, owner: User, lena: User) -> None:
    EmailAddress.objects.update(email="LENA@example.ORG")
    assert people.accept(invite(course, owner)[1], by=lena).scope == VIEWER


def test_an_address_is_valid_before_its_case_is_changed(course: Course, owner: User) -> None:
    """`casefold` would make another person's address of it."""
    for email in ("gro\u00df@example.org", "\ufb01ne@example.org", "\u212aim@example.org"):
        assert refused(invite, course, owner, email) == (422, "bad_email")
    assert invite(course, owner, "lena@stra\u00dfe.example")[0].email == "lena@stra\u00dfe.example"


@pytest.mark.parametrize("gone", ["removed", "lowered", "inactive", "deleted"])
def test_the_invitations_of_an_owner_who_is_none_any_more_bring_nobody_in(
    course: Course, owner: User, lena: User, grace: User, gone: str
) -> None:
    other = factories.enrol(factories.UserFactory.create(), course, roles.OWNS)
    _, secret = invite(course, other.user)
    match gone:
        case "removed":
            people.remove(other, by=owner)
        case "lowered":
            people.change(other, VIEWER, by=owner)
        case "inactive":
            User.objects.filter(pk=other.user_id).update(is_active=False)
        case "deleted":
            other.user.delete()
    assert refused(people.accept, secret, by=lena) == (404, "invitation_over")
    assert role_of(lena, course) is None


@pytest.mark.parametrize("others", [0, 1])
def test_an_owner_who_removes_herself_is_led_home(course: Course, owner: User, others: int) -> None:
    mine = Enrolment.objects.get(user=owner, course=course)
    for _ in range(others):
        factories.enrol(factories.UserFactory.create(), course, roles.OWNS)
    answer = logged_in(owner).post(f"/teach/courses/{course.slug}/people/{mine.pk}", {"action": "remove"})
    assert (answer.status_code, answer.get("Location")) == ((302, "/") if others else (409, None))


def test_a_withdrawn_invitation_and_an_old_one_no_longer_work(course: Course, owner: User, lena: User) -> None:
    invitation, secret = invite(course, owner)
    people.withdraw(invitation, by=owner)
    assert acts()[-1] == What.INVITATION_WITHDRAWN
    assert refused(people.accept, secret, by=lena) == (404, "invitation_over")
    assert refused(people.withdraw, invitation, by=owner) == (409, "invitation_used")
    assert refused(people.accept, "never-given", by=lena) == (404, "invitation_over")
    now = timezone.now()
    with time_machine.travel(now, tick=False) as clock:
        _, secret = invite(course, owner)
        clock.shift(timedelta(days=14, seconds=-1))
        assert people.invitation_with(secret) is not None
        clock.shift(timedelta(seconds=1))
        assert people.invitation_with(secret) is None and not people.invitations_to(course)
        assert refused(people.accept, secret, by=lena) == (404, "invitation_over")
        # It is no obstacle to a new one.
        assert people.accept(invite(course, owner)[1], by=lena).scope == VIEWER
        clock.shift(timedelta(days=14, seconds=1))
        retention.carry_out()
        assert not Invitation.objects.exists() and role_of(lena, course) == VIEWER


def test_one_address_is_invited_once_to_a_course(course: Course, owner: User, grace: User) -> None:
    invite(course, owner)
    assert refused(invite, course, owner, "LENA@example.org") == (409, "invited_already")
    other = Course.objects.create(slug="other", title="Other", digest="x")
    assert invite(other, grace)[0].course == other
    with pytest.raises(IntegrityError, match="one_standing_invitation"), transaction.atomic():
        row = Invitation.objects.filter(course=course).values().get()
        Invitation.objects.create(**{**row, "id": None, "digest": "d" * 64, "email": "Lena@example.org"})


def test_who_has_a_role_is_not_invited(course: Course, owner: User, lena: User) -> None:
    factories.enrol(lena, course, VIEWER)
    assert refused(invite, course, owner) == (409, "has_role")


@pytest.mark.parametrize("email", ["", "lena", "lena@", "lena@example.org\0", "ä" * 250 + "@example.org", "a@b@c.org"])
def test_what_is_no_address_is_refused(course: Course, owner: User, email: str) -> None:
    status, code = refused(invite, course, owner, email)
    assert status == 422 and code in ("bad_email", "control_character") and not Invitation.objects.exists()


def test_an_invitation_to_nothing_is_refused(course: Course, owner: User) -> None:
    assert refused(invite, course, owner, scope=LEARNER) == (422, "no_level")


def test_a_mail_server_that_refuses_leaves_no_invitation(
    course: Course, owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(message: object, **given: object) -> None:
        raise smtplib.SMTPRecipientsRefused({})

    monkeypatch.setattr("django.core.mail.EmailMessage.send", refuse)
    assert refused(invite, course, owner) == (503, "mail_not_sent")
    assert not people.invitations_to(course) and acts()[-1] == What.INVITATION_WITHDRAWN


def test_a_site_without_a_mail_server_shows_the_link(course: Course, owner: User, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    made = people.invite(course, by=owner, email="lena@example.org", scope=VIEWER, site=SITE)
    assert not made.mailed and made.link.startswith(f"{SITE}teach/invitations/")
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"


def test_one_person_sends_so_many_mails_a_day(course: Course, owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people, "INVITATIONS_A_DAY", 2)
    for number in range(2):
        people.withdraw(invite(course, owner, f"{number}@example.org")[0], by=owner)
    assert refused(invite, course, owner) == (429, "too_many_invitations")
    with time_machine.travel(timezone.now() + timedelta(days=1, minutes=1)):
        invite(course, owner)


def test_an_owner_changes_a_role(course: Course, owner: User, lena: User) -> None:
    role = factories.enrol(lena, course, VIEWER)
    people.change(role, OWNER, by=owner)
    assert role_of(lena, course) == OWNER
    entry = StaffAction.objects.latest("pk")
    assert (entry.what, entry.user_id, entry.details["before"]) == (
        What.ROLE_CHANGED,
        owner.pk,
        {"content": "viewer", "learner_data": "none"},
    )
    assert refused(people.change, role, LEARNER, by=owner) == (422, "no_level")


def test_the_last_owner_stays(course: Course, owner: User, lena: User, grace: User) -> None:
    role = Enrolment.objects.get(user=owner)
    for by in (owner, grace):
        assert refused(people.change, role, VIEWER, by=by) == (409, "last_owner")
        assert refused(people.remove, role, by=by) == (409, "last_owner")
    # A level on the other axis may still change.
    people.change(role, Scope(Content.OWNER), by=owner)
    second = factories.enrol(lena, course, OWNER)
    User.objects.filter(pk=lena.pk).update(is_active=False)
    assert refused(people.remove, role, by=owner) == (409, "last_owner")
    User.objects.filter(pk=lena.pk).update(is_active=True)
    people.change(second, VIEWER, by=lena)
    assert role_of(lena, course) == VIEWER and role_of(owner, course) == Scope(Content.OWNER)
    assert refused(people.change, second, OWNER, by=lena) == (403, "missing_role")


def test_somebody_leaves(course: Course, owner: User, lena: User) -> None:
    role = factories.enrol(lena, course, Scope(Content.PREVIEWER))
    people.remove(role, by=lena)
    assert role_of(lena, course) is None
    assert acts()[-1] == What.REMOVED
    assert refused(people.remove, role, by=owner) == (409, "no_role")


@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        ({"content": "admin"}, "invited_to_a_content_level"),
        ({"learner_data": "owner"}, "invited_to_a_data_level"),
        ({"content": "none"}, "invited_to_some_level"),
        ({"accepted_at": timezone.now(), "withdrawn_at": timezone.now()}, "accepted_or_withdrawn"),
        ({"expires_at": timezone.now() - timedelta(days=99)}, "invitation_ends_after_it_was_made"),
    ],
)
def test_the_database_refuses_what_is_no_invitation(
    course: Course, owner: User, values: dict[str, Any], constraint: str
) -> None:
    invite(course, owner)
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Invitation.objects.update(**values)


def posted(client: Client, path: str, **data: str) -> Any:
    return client.post(f"/teach/courses/tiny/{path}", data)


def test_the_page_of_people(course: Course, owner: User, lena: User) -> None:
    client = logged_in(owner)
    wrong = posted(client, "people/", email="lena", content="viewer", learner_data="none")
    assert wrong.status_code == 422 and "Enter a valid email address." in wrong.content.decode()
    nothing = posted(client, "people/", email=lena.email, content="none", learner_data="none")
    assert nothing.status_code == 422 and "Choose a level" in nothing.content.decode()
    invited = posted(client, "people/", email=lena.email, content="viewer", learner_data="none").content.decode()
    (link,) = re.findall(r"http://testserver(/teach/invitations/\S+/)<", invited)
    assert link in mail.outbox[0].body
    again = client.get("/teach/courses/tiny/people/").content.decode()
    assert lena.email in again and link not in again
    hers = logged_in(lena)
    assert "Accept the invitation" in hers.get(link).content.decode()
    assert role_of(lena, course) is None
    assert hers.post(link).headers["Location"] == "/teach/courses/tiny/"
    assert "You have accepted this invitation" in hers.get(link).content.decode()
    role = Enrolment.objects.get(user=lena)
    posted(client, f"people/{role.pk}", content="owner", learner_data="viewer")
    assert role_of(lena, course) == Scope(Content.OWNER, LearnerData.VIEWER)
    mine = Enrolment.objects.get(user=owner)
    posted(hers, f"people/{mine.pk}", action="remove")
    assert role_of(owner, course) is None
    last = posted(hers, f"people/{role.pk}", content="viewer", learner_data="viewer")
    assert last.status_code == 409 and "only owner" in last.content.decode()
    assert posted(hers, "people/leave").headers["Location"] == "/teach/courses/tiny/"
    assert role_of(lena, course) == Scope(Content.OWNER, LearnerData.VIEWER)


def test_an_invitation_is_withdrawn_on_the_page(course: Course, owner: User) -> None:
    invitation, secret = invite(course, owner)
    client = logged_in(owner)
    assert posted(client, f"invitations/{invitation.pk}/withdraw").status_code == 302
    gone = client.get(f"/teach/invitations/{secret}/")
    assert gone.status_code == 404 and "no longer works" in gone.content.decode()


def test_a_visitor_signs_in_or_up_first(course: Course, owner: User, client: Client, guest_client: Client) -> None:
    _, secret = invite(course, owner)
    for visitor in (client, guest_client):
        answer = visitor.get(f"/teach/invitations/{secret}/")
        assert answer.headers["Location"] == f"/accounts/login/?next=/teach/invitations/{secret}/"
        assert (
            f"/accounts/signup/?next=%2Fteach%2Finvitations%2F{secret}%2F"
            in visitor.get(answer.headers["Location"]).content.decode()
        )


def test_another_account_reads_what_to_do(course: Course, owner: User, ada_client: Client, ada: User) -> None:
    _, secret = invite(course, owner)
    shown = ada_client.get(f"/teach/invitations/{secret}/").content.decode()
    assert "is not a confirmed one of this account" in shown and "lena@example.org" not in shown
    assert ada_client.post(f"/teach/invitations/{secret}/", follow=True).status_code == 200
    assert role_of(ada, course) is None
