"""Rosters that are applied while others act in the class. `tests/postgres/test_suites.py` runs it there as well."""

from __future__ import annotations

import uuid

import pytest
from allauth.account.models import EmailAddress

from gradus.accounts.models import User
from gradus.classes.models import Class, Member
from gradus.classes.roster import services
from gradus.classes.roster.people import parse
from gradus.courses.models import Challenge, Course
from gradus.refusal import Refused
from gradus.submissions.models import Submission
from gradus.submissions.services import submit
from tests import factories
from tests.hostile.rosters.cast import account, class_of, state_of
from tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)
HEAD = "email,firstname,labels\n"
EVERYBODY = HEAD + "ann@example.org,Ann,Section B\ndan@example.org,Dan,Section A\n"
WITHOUT_ANN = HEAD + "dan@example.org,Dan,Section A\n"


@pytest.fixture
def evening(transactional_db: None, course: Course) -> Class:
    made = class_of(course)
    Member.objects.filter(first_name="Fay").delete()
    return made


def applied(of_class: Class, text: str, **how: bool | str) -> str:
    try:
        services.apply(of_class, parse(text.encode()), by=User.objects.get(username="tom"), **how)
    except Refused as refused:
        return refused.code
    return "applied"


@pytest.mark.parametrize(("text", "sync"), [(EVERYBODY, False), (EVERYBODY, True), (WITHOUT_ANN, True)])
def test_a_learner_submits_while_a_roster_is_applied(
    evening: Class, sea_or_sky: Challenge, text: str, sync: bool
) -> None:
    """An attempt is taken whatever the roster does, and belongs to the class while the learner was in it."""
    ann = User.objects.get(username="ann")

    def act(number: int) -> str:
        if number % 2:
            return applied(evening, text, sync=sync)
        submit(ann, sea_or_sky, factories.PROMPT, idempotency_key=uuid.uuid4().hex)
        return "taken"

    said = at_once(act, 4)
    assert said.count("applied") == 2 and said.count("taken") == 2
    attempts = Submission.objects.filter(user=ann)
    assert attempts.count() == 2
    stays = text is EVERYBODY
    assert {one.of_class_id for one in attempts} <= ({evening.pk} if stays else {evening.pk, None})
    member = Member.objects.get(user=ann)
    assert member.is_active == stays
    labels = {str(one) for one in member.labels.all()}
    assert labels == ({"Section B"} if sync and stays else {"Section A"} | ({"Section B"} if stays else set()))


def test_a_roster_that_is_applied_several_times_at_once_is_applied_once(evening: Class) -> None:
    text = HEAD + "".join(f"p{n}@example.org,P{n},Section {n % 3}\n" for n in range(20))
    assert at_once(lambda number: applied(evening, text), 4) == ["applied"] * 4
    assert Member.objects.filter(of_class=evening, joined_via="roster").count() == 20
    after = state_of(evening)
    applied(evening, text)
    assert state_of(evening) == after


def test_of_two_people_with_one_preview_one_applies_it(evening: Class) -> None:
    tom = User.objects.get(username="tom")
    seen = services.preview(evening, parse(EVERYBODY.encode()), by=tom).digest
    said = at_once(lambda number: applied(evening, EVERYBODY, seen=seen), 2)
    assert sorted(said) == ["applied", "changed_meanwhile"]


def test_an_address_is_confirmed_while_its_row_is_applied(evening: Class) -> None:
    """Whichever comes first, the account is the one member."""
    users = [account(f"u{n}", f"other{n}@example.org") for n in range(4)]

    def act(number: int) -> str:
        if number % 2:
            return applied(evening, HEAD + "".join(f"new{n}@example.org,N{n},\n" for n in range(4)))
        for n in (number, number + 1):
            EmailAddress.objects.create(user=users[n], email=f"new{n}@example.org", verified=True)
        return "confirmed"

    assert {*at_once(act, 4)} <= {"confirmed", "applied", "changed_meanwhile"}
    applied(evening, HEAD + "".join(f"new{n}@example.org,N{n},\n" for n in range(4)))
    members = Member.objects.filter(first_name__startswith="N", of_class=evening)
    assert {one.user_id for one in members} == {user.pk for user in users} and len(members) == 4
