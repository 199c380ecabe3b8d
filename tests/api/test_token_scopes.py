"""A token ends, and does only what it was made for; every call says what that is."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
import time_machine
from django.db import IntegrityError, transaction

from gradus.accounts import tokens
from gradus.accounts.models import ApiToken, User
from gradus.accounts.token_rules import TOKENS_MAX, Content, LearnerData, Scope
from gradus.api import api
from gradus.courses.models import Course
from tests import factories
from tests.api.conftest import Caller, problem
from tests.factories import PASSWORD
from tests.security.routes import EITHER, SCOPES
from tests.threads import at_once

NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
EVERY = [Scope(*levels) for levels in product(Content, LearnerData)]
NAMES = {"uuid": "00000000-0000-4000-8000-000000000000", "id": 1}


def calls() -> dict[str, tuple[str, str, list[str]]]:
    """Method, address and needed scopes of each call, by operation."""
    return {
        call["operationId"]: (method, path_of(address), call.get("x-scopes", []))
        for address, methods in api.get_openapi_schema()["paths"].items()
        for method, call in methods.items()
    }


def path_of(address: str) -> str:
    named = {"/challenges/{": "explain", "/courses/{": "tiny", "/lessons/{": "first"}
    id = next((slug for part, slug in named.items() if part in address), NAMES["id"])
    address = address.replace("{challenge}", "sea-or-sky")
    filled = address.replace("{id}", str(id)).replace("{uuid}", str(NAMES["uuid"]))
    return re.sub("{\\w+}", "1", filled)


def send(secret: str, method: str, address: str) -> Any:
    caller = Caller(secret)
    return getattr(caller.client, method)(address, {}, content_type="application/json", headers=caller.headers)


def test_every_call_says_what_it_needs() -> None:
    found = {name: scopes for name, (_, _, scopes) in calls().items()}
    assert found == {name: [scope for scope, named in SCOPES.items() if name in named] for name in found}
    assert set().union(*SCOPES.values()) <= found.keys()


def around(needed: list[str]) -> list[Scope]:
    """The narrowest scope; and for each that is needed the least and what is just below, beside all of the other."""
    found = [Scope()]
    for part, _, level in (one.partition(":") for one in needed):
        levels = list(Content if part == "content" else LearnerData)
        place = [str(one.value) for one in levels].index(level)
        widest = {"content": Content.OWNER, "learner_data": LearnerData.EDITOR}
        found += [Scope(**{**widest, part: one}) for one in levels[place - 1 : place + 1]]
    return found


@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_call_answers_a_token_only_with_its_scope(grace: User, course: Course, every: bool) -> None:
    secrets = {scope: ApiToken.issue(grace, "tests", scope)[1] for scope in EVERY}
    for name, (method, address, needed) in calls().items():
        for scope in EVERY if every else around(needed):
            secret = secrets[scope]
            ranks = {"none": 0, "previewer": 1, "viewer": 2, "editor": 3, "owner": 4}
            missing = [one for one in needed if ranks[vars(scope)[one.split(":")[0]]] < ranks[one.split(":")[1]]]
            answer = send(secret, method, address)
            if missing:
                found = problem(answer, 403, "missing_scope")
                assert [one["message"] for one in found["problems"]] == missing
                assert all(one in found["detail"] for one in missing), name
            else:
                assert answer.status_code not in (401, 500), name
                assert name in EITHER or b"missing_scope" not in answer.getvalue(), name


def test_a_token_never_does_more_than_its_user(ada: User, grace: User, course: Course) -> None:
    """Whatever its row says: the scope was given by mistake, or to somebody who taught and does no more."""
    widest = Scope(Content.OWNER, LearnerData.EDITOR)
    teacher = factories.UserFactory.create()
    role = factories.enrol(teacher, course, factories.TEACHER)
    secrets = {user: ApiToken.issue(user, "tests", widest)[1] for user in (ada, teacher, grace)}
    for method, address, needed in calls().values():
        if needed:
            problem(send(secrets[ada], method, address), 404, "not_found")
    assert Caller(secrets[teacher]).get("/reviews").status_code == 200
    role.delete()
    problem(Caller(secrets[teacher]).get("/reviews"), 404, "not_found")


def test_nobody_makes_a_token_for_more_than_they_may(ada: User, grace: User, open_api: Caller) -> None:
    wide = {"password": PASSWORD, "content": "owner", "learner_data": "viewer"}
    found = problem(open_api.post("/tokens", {**wide, "email": ada.email}), 403, "scope_not_yours")
    assert "content:owner and learner_data:viewer" in found["detail"] and not ApiToken.objects.exists()
    made = open_api.post("/tokens", {**wide, "email": grace.email})
    assert (made.status_code, ApiToken.objects.get().scope) == (201, Scope(Content.OWNER, LearnerData.VIEWER))
    assert (made.json()["content"], made.json()["learner_data"]) == ("owner", "viewer")


@pytest.mark.parametrize(
    ("role", "content"),
    [(Scope(), "none"), (factories.TEACHER, "viewer"), (factories.AUTHOR, "editor")],
)
def test_a_role_in_a_course_gives_its_scope(ada: User, course: Course, role: Scope, content: str) -> None:
    factories.enrol(ada, course, role)
    assert ada.widest_scope == Scope(Content(content), LearnerData("none" if content == "none" else "editor"))


@pytest.mark.parametrize("days", [None, 1, 365])
def test_a_token_ends(ada: User, open_api: Caller, days: int | None) -> None:
    given = {"email": ada.email, "password": PASSWORD, **({"days": days} if days else {})}
    with time_machine.travel(NOW, tick=False) as clock:
        made = open_api.post("/tokens", given).json()
        end = NOW + timedelta(days=days or 90)
        assert ApiToken.objects.get().expires_at == end == datetime.fromisoformat(made["expires_at"])
        clock.move_to(end - timedelta(seconds=1))
        assert Caller(made["token"]).get("/submissions").status_code == 200
        clock.move_to(end)
        used = ApiToken.objects.get().last_used_at
        for answer in (Caller(made["token"]).get("/submissions"), Caller(made["token"]).get("/courses")):
            found = problem(answer, 401, "token_expired")
            assert answer["WWW-Authenticate"] == "Bearer"
            assert f"expired on {end.day} {end:%B %Y}" in found["detail"]
            assert "Make a new one on your profile" in found["detail"]
        assert ApiToken.objects.get().last_used_at == used


@pytest.mark.parametrize(
    "wrong",
    [{"days": 0}, {"days": 366}, {"days": -1}, {"days": 1e30}, {"days": "soon"}, {"content": "all"},
     {"content": ""}, {"learner_data": "owner"}, {"learner_data": None}, {"content": "owner\0"}],
)  # fmt: skip
def test_an_end_or_a_scope_that_is_none_is_refused(ada: User, open_api: Caller, wrong: dict[str, Any]) -> None:
    answer = open_api.post("/tokens", {"email": ada.email, "password": PASSWORD, **wrong})
    code = "control_character" if "\0" in str(next(iter(wrong.values()))) else "bad_payload"
    assert problem(answer, 422, code)["problems"][0]["field"] == next(iter(wrong))
    assert not ApiToken.objects.exists()


def test_the_service_refuses_an_end_beyond_a_year(ada: User) -> None:
    for days in (0, 366):
        with pytest.raises(ValueError, match="1 to 365 days"):
            tokens.issue(ada, "tests", days=days)


@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        ({"content": "admin"}, "token_content_is_a_level"),
        ({"learner_data": "owner"}, "token_learner_data_is_a_level"),
        ({"expires_at": NOW - timedelta(days=9999)}, "token_ends_after_it_was_made"),
    ],
)
def test_the_database_refuses_what_is_no_scope_and_no_end(ada: User, values: dict[str, Any], constraint: str) -> None:
    ApiToken.issue(ada, "tests")
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        ada.api_tokens.update(**values)


def test_an_ended_token_leaves_its_place_to_a_new_one(ada: User) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        for number in range(TOKENS_MAX):
            tokens.issue(ada, str(number), days=7)
        with pytest.raises(tokens.NotIssued, match=f"You have {TOKENS_MAX} tokens"):
            tokens.issue(ada, "one more")
        clock.shift(timedelta(days=7))
        assert tokens.issue(ada, "one more")[0].user == ada


@pytest.mark.django_db(transaction=True)
def test_no_account_gets_more_tokens_when_many_are_asked_for_at_once(transactional_db: None, ada: User) -> None:
    for number in range(TOKENS_MAX - 2):
        tokens.issue(ada, str(number))

    def one_more(number: int) -> str:
        try:
            return tokens.issue(ada, "at once")[1]
        except tokens.NotIssued as refusal:
            return refusal.code

    assert sum(answer != "token_limit" for answer in at_once(one_more, 8)) == 2
    assert ada.api_tokens.live().count() == TOKENS_MAX
