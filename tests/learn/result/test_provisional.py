"""A provisional grade above the pass mark opens what comes next, but no page, call or file says that it is passed."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from gradus.accounts.models import User
from gradus.own_data import document
from gradus.submissions.models import Submission
from gradus.submissions.results import exports
from tests import factories
from tests.api.conftest import ada_api

__all__ = ["ada_api"]

pytestmark = pytest.mark.django_db
CALLED_PASSED = re.compile(r'"passed"|\bPassed\b|\bhave passed\b|\b[1-9]\d* of \d+ passed\b|That passes')
NOT_SETTLED = re.compile(r"Passed</th>\s*<td[^>]*>\s*not settled yet")
PAGES = {
    "home": lambda made: "/",
    "path": lambda made: reverse("learn:path"),
    "course": lambda made: reverse("learn:course", args=[made.challenge.lesson.course.slug]),
    "lesson": lambda made: reverse("learn:lesson", args=[made.challenge.lesson.slug]),
    "challenge": lambda made: reverse("learn:challenge", args=[made.challenge.slug]),
    "attempt": lambda made: reverse("learn:submission", args=[made.uuid]),
    "receipt": lambda made: reverse("learn:receipt_page", args=[made.uuid]),
    "profile": lambda made: "/profile/",
    "board": lambda made: reverse("leaderboards:board", args=[made.challenge.slug]),
    "boards": lambda made: reverse("leaderboards:index"),
    "notices": lambda made: reverse("notices:list"),
}
CALLS = {
    "attempt": lambda made: f"/submissions/{made.uuid}",
    "attempts": lambda made: "/submissions",
    "path": lambda made: f"/courses/{made.challenge.lesson.course.slug}/path",
    "board": lambda made: f"/challenges/{made.challenge.slug}/leaderboard",
    "receipt": lambda made: f"/submissions/{made.uuid}/receipt",
}


@pytest.fixture
def provisional(ada: User, course: Any) -> Submission:
    made = factories.submit(ada, "explain", factories.FREE_TEXT)
    factories.grade(made, 0.9, provisional=True, result={"marks": []})
    return made


@pytest.mark.parametrize("name", PAGES)
def test_no_page_calls_it_passed(ada_client: Client, provisional: Submission, name: str) -> None:
    answer = ada_client.get(PAGES[name](provisional), follow=True)
    assert answer.status_code == 200
    assert not CALLED_PASSED.findall(NOT_SETTLED.sub("", answer.content.decode()))


def called_passed(value: Any) -> bool:
    """Whether a state, verdict or flag in an answer says that something is passed."""
    if isinstance(value, dict):
        flags = [value.get(name) for name in ("state", "verdict", "passed")]
        return any(flag in ("passed", True) or (isinstance(flag, int) and flag > 0) for flag in flags) or any(
            map(called_passed, value.values())
        )
    return isinstance(value, list) and any(map(called_passed, value))


@pytest.mark.parametrize("call", CALLS)
def test_no_call_calls_it_passed(ada_api: Any, provisional: Submission, call: str) -> None:
    answer = ada_api.get(CALLS[call](provisional))
    assert answer.status_code == 200
    assert not called_passed(answer.json()), json.dumps(answer.json())


def test_no_file_calls_it_passed(ada: User, provisional: Submission) -> None:
    assert [one["passed"] for one in document.best_results(ada)] == [None]
    for name in ("scores", "standings"):
        head, line = exports.as_csv(name).splitlines()
        assert dict(zip(head.split(","), line.split(","), strict=True))["passed"] == ""
