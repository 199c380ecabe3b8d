"""Broken and odd rosters through the API: each has its message, and nobody else in the class is changed."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from gradus.accounts.models import User
from gradus.classes.models import Class, Member
from gradus.courses.models import Course
from tests.conftest import logged_in
from tests.hostile.rosters import odd, table
from tests.hostile.rosters.cast import class_of, state_of


@pytest.fixture
def evening(course: Course) -> Class:
    return class_of(course)


@pytest.fixture
def tom(evening: Class) -> Client:
    return logged_in(User.objects.get(username="tom"))


def sent(client: Client, of_class: Class, data: bytes, query: str = ""):
    # A session's calls carry a CSRF token, which the test client does without.
    return client.post(f"/api/v1/classes/{of_class.pk}/roster?{query}", data, content_type="application/octet-stream")


def previewed_and_applied(client: Client, of_class: Class, data: bytes, query: str = ""):
    seen = sent(client, of_class, data, query).json()["seen"]
    return sent(client, of_class, data, f"{query}&dry_run=false&seen={seen}").json()


@pytest.mark.parametrize("case", table.sampled(table.FILES), ids=str)
def test_a_broken_file_is_refused(tom: Client, evening: Class, case: table.Broken) -> None:
    before = state_of(evening)
    for query in ("", f"dry_run=false&seen={'0' * 64}", f"dry_run=false&sync=true&seen={'0' * 64}"):
        answer = sent(tom, evening, case.data, query)
        assert answer.status_code == 422, answer.content
        assert answer.json()["code"] == "bad_roster"
        (problem,) = answer.json()["problems"]
        assert (problem["code"], problem["line"], problem["field"]) == (case.code, case.row, case.column)
        assert re.search(case.cause, problem["what"]) and re.search(case.cure, problem["fix"])
    assert state_of(evening) == before


@pytest.mark.parametrize("case", table.sampled(table.ROWS), ids=str)
def test_a_broken_row_changes_nothing_and_the_others_are_applied(
    tom: Client, evening: Class, case: table.Broken
) -> None:
    before = state_of(evening)
    shown = sent(tom, evening, case.data).json()
    assert state_of(evening) == before
    assert previewed_and_applied(tom, evening, case.data, "sync=true")["code"] == "roster_faults"
    assert state_of(evening) == before
    found = sent(tom, evening, case.data, f"dry_run=false&seen={shown['seen']}").json()
    assert found["rows"] == shown["rows"] and (shown["applied"], found["applied"]) == (False, True)
    wrong = [one for one in found["rows"] if one["fault"]]
    assert len(wrong) == case.faults and {one["outcome"] for one in wrong} <= {"wrong", "not_found"}
    fault = wrong[0]["fault"]
    assert (fault["code"], wrong[0]["row"], fault["column"]) == (case.code, case.row, case.column)
    assert re.search(case.cause, fault["cause"]) and re.search(case.cure, fault["cure"]), fault
    assert all("\0" not in text and text.isprintable() for text in (fault["cause"], fault["cure"]))
    after = state_of(evening)
    assert after[: len(before)] == before and len(after) == len(before) + 1
    assert Member.objects.get(of_class=evening, email="ida@example.org").login == "ida"


@pytest.mark.parametrize("case", odd.SAMPLED, ids=str)
def test_an_odd_roster_is_applied_once(tom: Client, evening: Class, case: odd.Odd) -> None:
    first = previewed_and_applied(tom, evening, case.data)
    assert [one["outcome"] for one in first["rows"] if one["outcome"] == "wrong"] == []
    known = [one for one in first["rows"] if one["outcome"] != "not_found"]
    assert len(first["rows"]) == len(case.people) and known
    after = state_of(evening)
    again = previewed_and_applied(tom, evening, case.data)
    assert {one["outcome"] for one in again["rows"]} <= {"unchanged", "not_found"}
    assert state_of(evening) == after
