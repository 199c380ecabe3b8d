"""Who comes in by a launch, as whom, and where to."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    generate_totp_secret,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from gradus.accounts.models import User
from gradus.classes.models import Class, Member
from gradus.lti import keys, messages, services
from gradus.lti.models import Context, Deployment, Launch, Link, Platform
from gradus.own_data import erasing, moving
from gradus.own_data.document import learning_platforms
from tests import factories
from tests.conftest import logged_in
from tests.lti.platform import ASSISTANT, LEARNER, SITE, TEACHER, Moodle, begin, launch, registered, take


def who(client: Client) -> User:
    return User.objects.get(pk=client.session["_auth_user_id"])


def test_a_learner_comes_to_a_challenge_of_the_class(moodle: Moodle, of_class: Class, visitor: Client) -> None:
    asked = begin(visitor, moodle, lti_message_hint="42")
    assert asked["redirect_uri"] == f"{SITE}/lti/launch"
    assert (asked["response_mode"], asked["prompt"], asked["lti_message_hint"]) == ("form_post", "none", "42")
    answer = take(visitor, asked["state"], moodle.token(asked["nonce"]))
    assert answer.status_code == 303 and "sessionid" not in answer.cookies
    answer = visitor.get(answer["Location"])
    assert (answer.status_code, answer["Location"]) == (302, "/challenges/sea-or-sky/")
    person = who(visitor)
    member = of_class.members.get()
    assert (member.user, member.first_name, member.last_name, member.learner_data) == (person, "Ada", "Byron", "none")
    assert (person.email, person.has_usable_password(), member.email) == ("", False, "")
    assert visitor.get(answer["Location"]).status_code == 200
    assert factories.submit(person).of_class == of_class
    # The platform's words about the person are not kept twice.
    assert Launch.objects.get().message is None and registered(moodle).launched_at is not None


def test_the_same_person_is_the_same_account_and_the_newest_role_holds(
    moodle: Moodle, of_class: Class, visitor: Client
) -> None:
    for roles, level in (
        ([TEACHER], "editor"),
        ([LEARNER], "none"),
        ([f"{messages.ROLE}#Administrator"], "editor"),
        ([ASSISTANT, TEACHER], "viewer"),
        ([], "none"),
    ):
        assert launch(visitor, moodle, roles=roles).status_code == 302
        assert of_class.members.get().learner_data == level
    assert Link.objects.count() == 1
    # An administrator of the institution has no role in the course.
    admin = "http://purl.imsglobal.org/vocab/lis/v2/institution/person#Instructor"
    launch(Client(), moodle, roles=[admin])
    assert of_class.members.get().learner_data == "none"


def test_who_was_taken_out_of_the_class_is_in_it_again(moodle: Moodle, of_class: Class, visitor: Client) -> None:
    launch(visitor, moodle)
    Member.objects.update(state="left", left_at=timezone.now(), learner_data="editor")
    launch(visitor, moodle, given_name="Augusta", family_name=None)
    member = of_class.members.get()
    assert (member.state, member.learner_data, member.first_name, member.last_name) == (
        *("active", "none", "Augusta", "Byron"),
    )


def test_nobody_is_found_by_an_address(moodle: Moodle, of_class: Class, visitor: Client) -> None:
    """The message names the address of an account that exists, and of a member who has none yet."""
    grace = factories.UserFactory.create(username="grace")
    grace.emailaddress_set.create(email=grace.email, verified=True, primary=True)
    factories.member(of_class, email="ada@example.org", learner_data="editor")
    launch(visitor, moodle, email="grace@example.org")
    assert who(visitor) != grace
    other = Client()
    launch(other, moodle, sub="another", email="ada@example.org")
    assert of_class.members.get(user=who(other)).learner_data == "none"
    assert of_class.members.get(email="ada@example.org").user is None


def test_two_platforms_have_two_people_of_one_sub(
    moodle: Moodle, of_class: Class, operator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    canvas = Moodle(issuer="https://canvas.example.org", kids=["second"])
    moodle.answers |= canvas.answers
    other = services.add(by=operator, **canvas.form)
    deployment = Deployment.objects.create(platform=other, deployment_id="1", approved_at=timezone.now())
    Context.objects.create(deployment=deployment, context_id="course-7", of_class=factories.a_class(of_class.course))
    here, there = Client(), Client()
    launch(here, moodle)
    launch(there, canvas, signed_by="second")
    assert who(here) != who(there)


def test_what_a_visitor_did_before_is_the_account_s(moodle: Moodle, of_class: Class, guest_client: Client) -> None:
    guest = User.objects.get(is_guest=True)
    launch(guest_client, moodle)
    guest.refresh_from_db()
    assert who(guest_client) == guest and not guest.is_guest


def test_a_visitor_of_a_known_person_stays_a_visitor(
    moodle: Moodle, of_class: Class, visitor: Client, guest_client: Client
) -> None:
    launch(visitor, moodle)
    launch(guest_client, moodle)
    assert who(guest_client) == who(visitor) and User.objects.get(is_guest=True)


def test_somebody_else_s_session_ends(moodle: Moodle, of_class: Class, ada: User) -> None:
    client = logged_in(ada)
    before = client.session.session_key
    answer = launch(client, moodle)
    assert who(client) != ada and client.session.session_key != before
    assert ada.pseudonym in client.get(answer["Location"]).content.decode()


@pytest.mark.parametrize(
    ("target", "leads"),
    [
        (SITE, "/courses/tiny/"),
        (f"{SITE}/lti/login", "/courses/tiny/"),
        (f"{SITE}/courses/tiny/", "/courses/tiny/"),
        (f"{SITE}/lessons/first/", "/lessons/first/"),
        (f"{SITE}/challenges/explain/?track=tune", "/challenges/explain/"),
    ],
)
def test_where_it_leads(moodle: Moodle, of_class: Class, visitor: Client, target: str, leads: str) -> None:
    assert launch(visitor, moodle, target_link_uri=target)["Location"] == leads
    path = {"gradus_path": leads}
    assert launch(visitor, moodle, target_link_uri=SITE, custom=path)["Location"] == leads


def test_a_new_deployment_and_a_new_course_wait_for_an_operator(
    moodle: Moodle, of_class: Class, visitor: Client, operator: User
) -> None:
    page = launch(visitor, moodle, deployment_id="2")
    assert page.status_code == 403 and "deployment 2 of Moodle is not approved" in page.content.decode()
    assert "under Teach, Learning platforms" in page.content.decode()
    services.approve(Deployment.objects.get(deployment_id="2"), by=operator)
    page = launch(visitor, moodle, deployment_id="2")
    assert page.status_code == 409 and "Models of language" in page.content.decode()
    second = factories.a_class(of_class.course, title="Second")
    services.connect(Context.objects.get(of_class=None), second, by=operator)
    assert launch(visitor, moodle, deployment_id="2").status_code == 302
    assert second.members.get().user == who(visitor)
    assert not of_class.members.exists()


def test_a_frame_offers_a_new_window(moodle: Moodle, of_class: Class, visitor: Client) -> None:
    given = {"iss": moodle.issuer, "login_hint": "7", "target_link_uri": SITE, "unknown": "x"}
    page = visitor.post("/lti/login", given, headers={"Sec-Fetch-Dest": "iframe"})
    text = page.content.decode()
    assert page.status_code == 200 and 'target="_blank"' in text and "login_hint=7" in text and "unknown" not in text
    assert "frame-ancestors *" in page["Content-Security-Policy"] and "X-Frame-Options" not in page
    assert not page.cookies
    page = visitor.get("/lti/login")
    assert page["X-Frame-Options"] == "DENY" and page.status_code == 404


def test_the_platform_s_new_key_is_asked_for_once_a_minute(
    moodle: Moodle, of_class: Class, visitor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    moodle.kids = ["second"]
    assert launch(visitor, moodle, signed_by="second").status_code == 503
    Platform.objects.update(asked_at=timezone.now() - keys.AT_MOST_EVERY - timedelta(seconds=1))
    assert launch(visitor, moodle, signed_by="second").status_code == 302
    asked = len(moodle.asked)
    # The key that the platform withdrew is gone, and not asked for at each launch.
    assert launch(visitor, moodle, signed_by="first").status_code == 503
    assert len(moodle.asked) == asked


def test_a_platform_that_is_away_keeps_nobody_out_whose_key_is_known(
    moodle: Moodle, of_class: Class, visitor: Client
) -> None:
    moodle.answers.clear()
    long_ago = timezone.now() - timedelta(days=30)
    Platform.objects.update(keys_at=long_ago, asked_at=long_ago)
    assert launch(visitor, moodle).status_code == 302
    assert registered(moodle).keys_fault == "It is away."
    Platform.objects.update(asked_at=long_ago)
    page = launch(visitor, moodle, signed_by="second")
    assert page.status_code == 503 and "It is away." in page.content.decode() and page["Retry-After"] == "60"


@pytest.mark.parametrize("change", [{"is_staff": True}, {"is_superuser": True}])
def test_a_platform_alone_signs_nobody_in_who_is_staff(
    moodle: Moodle, of_class: Class, visitor: Client, change: dict[str, Any]
) -> None:
    launch(visitor, moodle)
    User.objects.filter(pk=who(visitor).pk).update(**change)
    fresh = Client()
    page = launch(fresh, moodle)
    assert page.status_code == 403 and "switch on two-factor authentication" in page.content.decode()
    assert "_auth_user_id" not in fresh.session


@pytest.mark.parametrize("is_staff", [False, True])
@pytest.mark.parametrize("somebody_before", [False, True])
def test_who_has_a_second_factor_gives_it_after_the_launch(
    moodle: Moodle, of_class: Class, visitor: Client, ada: User, is_staff: bool, somebody_before: bool
) -> None:
    launch(visitor, moodle, roles=[TEACHER])
    person = who(visitor)
    User.objects.filter(pk=person.pk).update(is_staff=is_staff)
    secret = generate_totp_secret()
    TOTP.activate(person, secret)
    client = logged_in(ada) if somebody_before else Client()
    answer = launch(client, moodle, roles=[TEACHER])
    assert (answer.status_code, answer["Location"]) == (302, "/accounts/2fa/authenticate/")
    assert "_auth_user_id" not in client.session
    wrong = client.post(answer["Location"], {"code": "000000"})
    assert wrong.status_code == 200 and "_auth_user_id" not in client.session
    code = format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time()))))
    entered = client.post(answer["Location"], {"code": code})
    assert (entered.status_code, entered["Location"]) == (302, "/challenges/sea-or-sky/")
    assert who(client) == person
    assert launch(client, moodle, roles=[TEACHER])["Location"] == "/challenges/sea-or-sky/"


def test_a_teacher_by_the_platform_s_word_alone_needs_no_second_factor(
    moodle: Moodle, of_class: Class, visitor: Client, settings: Settings
) -> None:
    """The platform can make anybody a teacher of its class, but gives no role in a course."""
    settings.SECOND_FACTOR = True
    launch(visitor, moodle, roles=[TEACHER])
    person = who(visitor)
    User.objects.filter(pk=person.pk).update(second_factor_due_at=timezone.now())
    page = f"/teach/classes/{of_class.pk}/"
    assert visitor.get(page).status_code == 200
    assert logged_in(person).get(page).status_code == 403
    factories.enrol(person, of_class.course, factories.TEACHER)
    assert visitor.get(page).status_code == 403
    assert launch(Client(), moodle, roles=[TEACHER])["Location"] == "/challenges/sea-or-sky/"


def test_a_closed_account_keeps_a_platform_out(moodle: Moodle, of_class: Class, visitor: Client) -> None:
    launch(visitor, moodle)
    User.objects.filter(pk=who(visitor).pk).update(is_active=False)
    page = launch(Client(), moodle)
    assert page.status_code == 403 and "closed" in page.content.decode()


def test_what_is_kept_of_a_person_is_told_moved_and_deleted(
    moodle: Moodle, of_class: Class, visitor: Client, ada: User
) -> None:
    launch(visitor, moodle)
    person = who(visitor)
    assert [one["sub"] for one in learning_platforms(person)] == ["ada-at-moodle"]
    moving.move(person, ada, {})
    assert Link.objects.get().user == ada
    User.objects.filter(pk=ada.pk).update(deletion_due_at=timezone.now())
    assert erasing.erase(ada.pk) and not Link.objects.exists()
    fresh = Client()
    launch(fresh, moodle)
    assert who(fresh) not in (person, ada)


def test_the_database_refuses_what_services_never_do(moodle: Moodle, of_class: Class, visitor: Client) -> None:
    launch(visitor, moodle)
    wrong = [
        lambda: Launch.objects.update(entered_at=timezone.now()),
        lambda: Launch.objects.update(message={"sub": "x"}),
        lambda: Link.objects.update(sub="somebody else"),
        lambda: Platform.objects.update(issuer="https://evil.example.org"),
        lambda: Link.objects.create(platform=registered(moodle), sub="ada-at-moodle", user=who(visitor)),
        lambda: Context.objects.create(deployment=Deployment.objects.get(), context_id="2", of_class=of_class),
    ]
    for change in wrong:
        with pytest.raises(IntegrityError), transaction.atomic():
            change()
    User.objects.filter(pk=who(visitor).pk).update(deletion_due_at=timezone.now(), deleted_at=timezone.now())
    with pytest.raises(IntegrityError), transaction.atomic():
        Link.objects.create(platform=registered(moodle), sub="another", user=who(visitor))
