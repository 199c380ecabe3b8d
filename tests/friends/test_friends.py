"""Friends on leaderboards: who asks, who says yes, and that nobody learns more than that."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from django.db import DatabaseError, transaction
from django.test import Client
from django.utils import timezone

from gradus.accounts.models import User
from gradus.courses.models import Course
from gradus.friends import services
from gradus.friends.models import FriendCode, Friendship
from gradus.own_data import document
from gradus.refusal import Refused
from tests import factories
from tests.conftest import logged_in
from tests.deleted import delete
from tests.markup import Markup

PAGE, BOARD = "/profile/friends/", "/leaderboards/sea-or-sky/"
API = "/api/v1/challenges/sea-or-sky/leaderboard"


def code(user: User) -> str:
    services.renew_code(user)
    return services.code_of(user)


def refused_as(call: Callable[..., object], *given: object, **named: object) -> str:
    with pytest.raises(Refused) as refused:
        call(*given, **named)
    return refused.value.code


def test_two_learners_agree_and_find_each_other_on_the_board(ada: User, bob: User, course: Course) -> None:
    carol = factories.UserFactory.create(pseudonym="calm-crane")
    for user, score in ((carol, 0.9), (ada, 0.7), (bob, 0.5)):
        factories.grade(factories.submit(user), score)
    hers, his = logged_in(ada), logged_in(bob)
    assert "You have none" in Markup(hers.get(PAGE).content.decode())
    hers.post(PAGE, {"action": "renew"})
    asked = his.post(PAGE, {"action": "ask", "code": f" {services.code_of(ada)} "}, follow=True).content.decode()
    # Bob learns nothing of Ada before the yes, neither on the page nor on the board nor in his data.
    assert ada.pseudonym not in asked and ada.email not in asked
    assert ada.pseudonym not in json.dumps(list(document.friends(bob)), default=str)
    assert rows(his) == ["builder"] and rows(hers) == [ada.pseudonym]
    shown = hers.get(PAGE).content.decode()
    assert "builder" in shown and bob.email not in shown
    hers.post(PAGE, {"action": "agree", "friendship": Friendship.objects.get().pk})
    assert rows(his) == rows(hers) == [ada.pseudonym, "builder"]
    # Ranks are those among everybody.
    listed = his.get(API, {"people": "friends"}).json()
    assert [(row["rank"], row["pseudonym"]) for row in listed["rows"]] == [(2, ada.pseudonym), (3, "builder")]
    assert rows(logged_in(carol)) == ["calm-crane"]
    his.post(PAGE, {"action": "end", "friendship": Friendship.objects.get().pk})
    assert rows(his) == ["builder"] and not Friendship.objects.exists()


def rows(client: Client) -> list[str]:
    return [row.pseudonym for row in client.get(BOARD, {"people": "friends"}).context["board"].rows]


def test_a_no_stays_until_it_is_taken_back(ada: User, bob: User) -> None:
    made = services.ask(code(ada), by=bob)
    assert refused_as(services.ask, services.code_of(ada), by=bob) == "asked_already"
    assert refused_as(services.agree, made.pk, by=bob) == "no_request"
    services.refuse(made.pk, by=ada)
    assert refused_as(services.ask, code(ada), by=bob) == "request_refused"
    assert refused_as(services.agree, made.pk, by=ada) == "no_request"
    assert refused_as(services.end, made.pk, by=bob) == "no_request"
    assert [one.name for one in services.everybody(ada).refused] == ["builder"]
    services.end(made.pk, by=ada)
    services.ask(services.code_of(ada), by=bob)
    # Who asks the one that waits has said yes; who has said no can ask.
    assert services.ask(code(bob), by=ada).agreed_at
    assert refused_as(services.ask, services.code_of(bob), by=ada) == "friends_already"
    services.end(Friendship.objects.get().pk, by=ada)
    services.refuse(services.ask(services.code_of(ada), by=bob).pk, by=ada)
    assert services.ask(services.code_of(bob), by=ada).asker == ada


def test_wrong_codes_and_guests_are_refused_beside_the_field(ada: User, bob: User) -> None:
    old = code(ada)
    own = code(ada)
    client = logged_in(ada)
    for given, status, said in (
        (own, 409, "your own code"),
        (old, 404, "Nobody has this code"),
        ("x\x00y", 404, "Nobody has this code"),
        ("", 404, "Nobody has this code"),
    ):
        shown = client.post(PAGE, {"action": "ask", "code": given})
        assert shown.status_code == status and 'id="code_error"' in shown.content.decode()
        assert said in Markup(shown.content.decode())
    assert client.post(PAGE, {"action": "agree", "friendship": "9" * 30}).status_code == 302
    assert client.post(PAGE, {"action": "what"}).status_code == 404
    User.objects.filter(pk=ada.pk).update(is_active=False)
    assert refused_as(services.ask, own, by=bob) == "code_unknown"
    guest = User.objects.create_guest()
    assert refused_as(services.ask, code(bob), by=guest) == "account_needed"
    assert Client().get(PAGE).status_code == 302


def test_a_visitor_has_no_friends_to_list(client: Client, sea_or_sky: object) -> None:
    assert 'name="people"' not in client.get(BOARD, {"people": "friends"}).content.decode()
    answer = client.get(API, {"people": "friends"})
    assert answer.status_code == 403 and answer.json()["code"] == "account_needed"


def test_the_most_friends(ada: User, bob: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "MOST", 1)
    services.ask(code(ada), by=factories.UserFactory.create())
    assert refused_as(services.ask, services.code_of(ada), by=bob) == "too_many_friends"


def test_the_database_keeps_the_consent(ada: User, bob: User) -> None:
    guest, now = User.objects.create_guest(), timezone.now()
    made = Friendship.objects.create(asker=bob, asked=ada)
    for wrong in (
        {"asker": ada, "asked": ada},
        {"asker": ada, "asked": bob},
        {"asker": guest, "asked": ada},
        {"asker": factories.UserFactory.create(), "asked": ada, "agreed_at": now},
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            Friendship.objects.create(**wrong)
    services.refuse(made.pk, by=ada)
    for changed in ({"refused_at": None, "agreed_at": now}, {"agreed_at": now}, {"asker": guest}):
        with pytest.raises(DatabaseError), transaction.atomic():
            Friendship.objects.filter(pk=made.pk).update(**changed)


def test_deleted_and_merged_accounts(ada: User, bob: User) -> None:
    carol, other = factories.UserFactory.create(), factories.UserFactory.create()
    services.agree(services.ask(code(ada), by=bob).pk, by=ada)
    services.agree(services.ask(services.code_of(ada), by=carol).pk, by=ada)
    assert [row.get("name") for row in document.friends(bob)] == [ada.pseudonym]
    services.ask(code(bob), by=carol)
    with transaction.atomic():
        services.move(ada, other)
    assert services.circle(bob) == {bob.pk, other.pk} and services.circle(ada) == {ada.pk}
    with transaction.atomic():
        services.move(carol, bob)
    assert services.circle(other) == {other.pk, bob.pk} and Friendship.objects.count() == 1
    delete(bob)
    assert not Friendship.objects.exists() and not FriendCode.objects.exists()
