"""`manage.py doctor` says for each platform whether it works, and whom to ask for what if not."""

from __future__ import annotations

import re
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
from django.test import Client
from django.utils import timezone

from gradus import outgoing
from gradus.accounts.models import User
from gradus.classes.models import Class, Member
from gradus.lti import advice, launches, sending
from gradus.lti.messages import ROSTER
from gradus.lti.models import Context, Deployment, Platform
from gradus.operations.doctor.platforms import platforms
from gradus.refusal import Refused
from tests.conftest import logged_in
from tests.lti.gradebook import Gradebook, answer, grade, lost, worked
from tests.lti.platform import Moodle, launch
from tests.lti.test_attacks import MESSAGES


def found() -> list[tuple[str, str, str]]:
    return [(one.level, one.text, one.hint) for one in platforms()]


def at(moodle: Moodle, seconds: float) -> Any:
    """What `outgoing.send` is while the platform's clock differs."""

    def send(method: str, address: str, **given: Any) -> outgoing.Answer:
        said = moodle.send(method, address, **given)
        date = format_datetime(timezone.now() + timedelta(seconds=seconds), usegmt=True)
        return outgoing.Answer(said.status, httpx.Headers({"Date": date}), said.body)

    return send


def test_a_platform_that_works(moodle: Moodle, of_class: Class, visitor: Client) -> None:
    assert found() == [("ok", "its keys are here, its clock is not known, no launch yet", "")]
    launch(visitor, moodle)
    ((level, text, _hint),) = found()
    assert level == "ok" and f"last launch {timezone.now():%Y}" in text
    Platform.objects.update(is_open=False)
    assert found() == []


def test_what_an_operator_has_to_do(moodle: Moodle, of_class: Class, operator: User) -> None:
    deployment = Deployment.objects.get()
    Deployment.objects.create(platform=deployment.platform, deployment_id="2")
    Context.objects.create(deployment=deployment, context_id="course-8")
    levels, texts, hints = zip(*found(), strict=True)
    assert levels == ("warn", "warn", "ok")
    assert texts[:2] == ("1 deployment not approved", "1 course without a class")
    assert "Approve the deployment" in hints[0] and "Choose the class" in hints[1]


def test_a_platform_that_is_away_and_one_whose_clock_differs(
    moodle: Moodle, platform: Platform, operator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = f"/teach/platforms/{platform.pk}/"
    monkeypatch.setattr(outgoing, "send", at(moodle, -45))
    (skewed, _works) = found()
    assert re.fullmatch("its clock and this server's are 4[567] seconds apart", skewed[1])
    assert (skewed[0], skewed[2]) == ("warn", str(advice.CLOCKS))
    said = logged_in(operator).post(page, {"action": "check"}, follow=True).content.decode()
    assert re.search("4[567] seconds apart", said)
    moodle.answers.clear()
    (away,) = found()
    assert away[:2] == ("fail", "its keys cannot be fetched: It is away.")
    assert "Ask the people who run the platform whether its public keyset URL answers" in away[2]
    said = logged_in(operator).post(page, {"action": "check"}, follow=True).content.decode()
    assert "It is away. Ask the people who run the platform" in said


def test_a_refused_launch_until_somebody_comes(
    moodle: Moodle, of_class: Class, visitor: Client, operator: User
) -> None:
    launch(visitor, moodle, aud="gradus-2")
    (refused, _works) = found()
    assert refused[0] == "warn" and "The message is for another client. Compare the client id here" in refused[1]
    page = logged_in(operator).get(f"/teach/platforms/{Platform.objects.get().pk}/").content.decode()
    assert "Compare the client id here with the one at the platform" in page
    launch(visitor, moodle)
    assert [level for level, _text, _hint in found()] == ["ok"]


def test_what_is_refused_of_a_launch_that_came_in(moodle: Moodle, of_class: Class, visitor: Client) -> None:
    roster = {"context_memberships_url": "https://evil.example.org/roster", "service_versions": ["2.0"]}
    assert launch(visitor, moodle, **{ROSTER: roster}).status_code == 302
    (refused, works) = found()
    assert re.match(r"at \d{4}-\S+ \S+ UTC this was refused: The roster is at evil\.example\.org", refused[1])
    assert refused[0] == "warn" and "last launch" in works[1]


def test_grades_that_wait_and_a_platform_that_gives_no_access(
    moodle: Moodle, book: Gradebook, ada_there: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert found()[0][1] == "it gives access for grades, 0 grades waiting, none has arrived yet"
    grade(ada_there, 0.7)
    book.after = lost
    worked()
    (waits, _works) = found()
    assert waits[0] == "warn" and waits[1].startswith("1 grade waiting: The platform's answer took too long.")
    assert "whether this server can reach it" in waits[1]
    book.after = lambda: None
    worked(later=timedelta(minutes=5))
    assert "0 grades waiting, the last one arrived 2" in found()[0][1]
    monkeypatch.setattr(book, "_token", lambda form: answer({"error": "invalid_client"}))
    sending.tokens.clear()
    (denied, _works) = found()
    assert denied[0] == "fail" and "gives this site no access" in denied[1] and "/lti/keys.json" in denied[2]


def test_a_grade_that_is_not_taken(moodle: Moodle, book: Gradebook, ada_there: Member) -> None:
    def gone() -> None:
        raise outgoing.Unreachable("The platform answered with the status 404.", status=404, is_certain=True)

    grade(ada_there, 0.7)
    book.before = gone
    worked()
    assert ("warn", "it does not take 1 grade") in [one[:2] for one in found()]
    assert "Ask the teacher of the course there" in ada_there.of_class.context.line_items.get().deliveries.get().fault


def test_each_refusal_says_whom_to_ask_for_what(
    moodle: Moodle, of_class: Class, visitor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Refused] = []
    monkeypatch.setattr(launches, "note_refusal", lambda platform, refused: told.append(refused))
    for make, *_outcome in MESSAGES.values():
        launch(visitor, moodle, make=lambda nonce, make=make: make(moodle, nonce))
    assert len(told) == len(MESSAGES) and all(advice.of_launch(one) for one in told)
    assert all(advice.of_sending(status) for status in (0, 302, *range(400, 430), *range(500, 505)))
