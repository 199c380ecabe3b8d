"""Two hidden sets with one shown score look the same to every learner, to the byte (Goguen & Meseguer 1982)."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.urls import resolve

from gradus.accounts.models import ApiToken, User
from gradus.api import api, submissions
from gradus.leaderboards import boards
from gradus.learn import urls
from tests.learn.hidden import worlds
from tests.learn.hidden.observer import Observer, Seen, differences, log_difference
from workers.grading.events import EventWriter

# 7 of 10 and 10 of 14 are both shown as 0.70; told to be worse, the engine gets 2 of 10 and 9 of 14.
ONE = worlds.hidden((5, 2, 0, 3), "heron", 0.31)
OTHER = worlds.hidden((3, 7, 2, 2), "oysters", 0.74)
ROUNDED = {"feedback": {"mode": "rounded", "step": 0.02}}
LADDER = {"feedback": {"mode": "ladder", "step": 0.02}}
# Forms that are sent, and what runs public samples or no model at all.
NO_GRADE = {"advisor", "demo", "demo_panel", "demo_result", "hint", "dataset_check", "run_start", "run", "run_fragment"}
NO_GRADE |= {"method", "run_events", "run_cancel", "starter_use", "submit", "submission_cancel", "submission_appeal"}
NO_GRADE |= {"costs_measure", "token_create", "token_revoke", "tokens", "run_name", "report"}
# The author's record, and a learner's runs of public rows.
NO_GRADE |= {"finding", "finding_run", "contribution_withdraw"}
# What models answer to a learner's own text.
NO_GRADE |= {"chat", "run_chat"}
# The author's documents, which everybody may read.
NO_GRADE |= {"documents", "documents_file", "updates_file"}
# A learner's own choices between the author's answers, which everybody may read.
NO_GRADE |= {"choices", "choice_undo", "choices_skipped", "choices_forget", "choices_use", "choices_file"}
# Questions of a lesson, and a search in documents that everybody may read.
NO_GRADE |= {"test_set", "lesson_step_read", "question_answer", "retriever", "retriever_panel", "retriever_result"}
# Joining and leaving a class.
NO_GRADE |= {"join_begin", "join", "class_leave"}
STREAMS = {"submission_events"}


@pytest.fixture
def observer(ada: User, bob: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Observer:
    colleague = User.objects.create_user(username="colleague", email="c@example.org", pseudonym="c", is_staff=True)
    return Observer(tmp_path, monkeypatch, (ada, bob, colleague), ApiToken.issue(ada, "worlds")[1])


def test_equal_shown_scores_look_the_same(observer: Observer) -> None:
    one, other = (observer.see(world, **ROUNDED) for world in (ONE, OTHER))
    assert one.states == other.states == ("scored", "scored", "scored", "review", "failed", "rejected")
    assert one.values[0] != other.values[0]
    assert b"0.70" in one.pages["0 /leaderboards/sea-or-sky/"]
    told = [text for where, text in one.pages.items() if where.startswith("events") and b"event: rows" in text]
    assert len(told) == 3 and b"p0-sea" in told[0]
    assert b"28 ms" in one.pages["0 /challenges/sea-or-sky/costs/"]
    assert one.log.count("recorded") == 5 and "grading_failed" in one.log
    assert differences(one, other) == [], log_difference(one, other)
    every_address_of_a_learner_is_looked_at(one)


def test_a_ladder_that_does_not_move_looks_the_same(observer: Observer) -> None:
    attempts = (worlds.ATTEMPTS[0], worlds.WORSE)
    one, other = (observer.see(world, attempts, **LADDER) for world in (ONE, OTHER))
    assert one.values == (0.7, 0.2) and other.values[1] == pytest.approx(9 / 14)
    assert differences(one, other) == [], log_difference(one, other)


def test_public_metrics_are_floored_as_the_score_is(observer: Observer) -> None:
    attempts, declared = worlds.ATTEMPTS[:1], {"public_metrics": ["exact_match"]}
    one, other = (observer.see(world, attempts, **declared) for world in (ONE, OTHER))
    assert b'"metrics": {"exact_match": 0.7}' in next(
        v for k, v in one.pages.items() if k.startswith("0 /api/v1/submissions/")
    )
    assert differences(one, other) == [], log_difference(one, other)


def test_what_is_found_for_hidden_rows_tells_nothing(observer: Observer) -> None:
    """As many rows are right in both worlds: in one those that are not found, in the other two of those that are."""
    observer.publish = worlds.publish_library
    one, other = (observer.see(world, [worlds.RETRIEVAL]) for world in (worlds.HALF_FOUND, worlds.ALL_FOUND))
    assert one.states == other.states == ("scored",) and one.values == other.values == (0.5,)
    page = next(text for where, text in one.pages.items() if where.startswith("0 /submissions/"))
    assert b"What was found" in page and b"heron" not in page
    assert differences(one, other) == [], log_difference(one, other)


OTHER_LEAKS = ("a count of rows", "a fraction of a second", "another shown score")


@pytest.mark.parametrize("leak", ["a raw score", *(pytest.param(leak, marks=pytest.mark.slow) for leak in OTHER_LEAKS)])
def test_a_view_that_leaks_is_caught(observer: Observer, monkeypatch: pytest.MonkeyPatch, leak: str) -> None:
    """Else the tests above might compare nothing."""
    other = OTHER
    match leak:
        case "a count of rows":
            shown = lambda self, event: (event["type"], {k: v for k, v in event.items() if k != "type"})  # noqa: E731
            monkeypatch.setattr(EventWriter, "shown", shown)
        case "a raw score":
            observer.looks_at = lambda path: "/submissions" in path
            scored = submissions._scored
            raw = lambda e: {**scored(e), "score": e.score.value}  # noqa: E731
            monkeypatch.setattr(submissions, "_scored", raw)
        case "a fraction of a second":
            monkeypatch.setattr(boards, "whole_second", lambda moment: moment)
        case "another shown score":
            other = worlds.hidden((3, 8, 2, 1), "oysters", 0.74)
    one, two = (observer.see(world, worlds.ATTEMPTS[:1]) for world in (ONE, other))
    assert [path for path in differences(one, two) if path.startswith(("0 /api/v1/submissions", "events", "0 /"))]


def every_address_of_a_learner_is_looked_at(seen: Seen) -> None:
    """A new page or call belongs into `observer.addresses`, or here with a reason."""
    matches = [resolve(path.split(" ", 1)[1].split("?")[0]) for path in seen.pages if path.startswith("0 ")]
    names = {pattern.name for pattern in urls.urlpatterns}
    assert names - NO_GRADE - STREAMS <= {match.url_name for match in matches}
    gets = {path.split("{")[0] for path, item in api.get_openapi_schema()["paths"].items() if "get" in item}
    looked = {path.split(" ", 1)[1] for path in seen.pages if path.startswith("0 /api")}
    unseen = {get for get in gets if not any(path.startswith(get.rstrip("/")) for path in looked)}
    # Archives of a course are for those who may edit one, and no part of a grade goes into what is said about them.
    # Classes are for those who teach them.
    assert unseen <= {
        "/api/v1/uploads/",
        "/api/v1/classes/",
        "/api/v1/runs/",
        "/api/v1/reviews",
        "/api/v1/reviews/",
        "/api/v1/regrades",
        "/api/v1/regrades/",
        "/api/v1/reviews/accuracy",
    }
