"""One file with everything that the site keeps about a person, and with nothing of anybody else and nothing hidden."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.db import models
from django.test import AsyncRequestFactory, Client

from gradus import downloads
from gradus.accounts.models import User
from gradus.friends import services as friends
from gradus.learn.demo.demo import DEMO
from gradus.own_data import document, views
from gradus.reviews import services as reviews
from tests import factories
from tests.busy import be_busy
from tests.learn import scene
from tests.reviews import cases

ADDRESS = "/profile/my-data.json"


@pytest.fixture
def busy(course: object, ada: User, grace: User) -> User:
    """Has done something of each kind."""
    be_busy(ada, grace)
    return ada


def read(client: Client) -> dict[str, list[dict[str, Any]]]:
    answer = client.get(ADDRESS)
    assert answer.status_code == 200 and answer["Content-Type"] == "application/json"
    assert answer["Content-Disposition"].startswith('attachment; filename="gradus-')
    found: dict[str, list[dict[str, Any]]] = json.loads(answer.getvalue())
    return found


def test_everything_is_in_it(busy: User, grace: User, ada_client: Client) -> None:
    data = read(ada_client)
    assert data["account"][0]["email"] == busy.email and data["account"][0]["name_on_leaderboards"] == "enchantress"
    assert [one["kind"] for one in data["submissions"]] == ["prompt", "tune", "free_text"]
    first, _, answer = data["submissions"]
    assert first["payload"] == factories.PROMPT | first["payload"] and first["score"] == 0.7
    assert first["feedback"]["public"]["rows"] and first["submitted_version"] == "1.0.0"
    assert [appeal["text"] for appeal in answer["appeals"]] == ["I named the cause."]
    assert [run["payload"]["instructions"] for run in data["runs"]] == ["my own trial"]
    assert [(one["text"], one["trained"]["text"]) for one in data["chats"]] == [("a heron of mine", "sky, of course")]
    assert data["hints"] == [{"challenge__slug": "sea-or-sky", "count": 1}]
    assert [(one["pair"], one["second"], one["chosen"]) for one in data["choices"]] == [("soup", "Enjoy your meal!", 2)]
    assert [(one["question"], one["option"]) for one in data["question_answers"]] == [("water", 2)]
    assert [one["step"] for one in data["read_steps"]] == ["a-first-idea"]
    drawn = busy.contributions.get().number
    assert [(one["set"], one["prediction"]["probability"]) for one in data["contributions"]] == [(drawn, 0.8)]
    assert [(one["text"], one["answer"]) for one in data["reports"]] == [
        ("The third sample is wrong.", "It is mended.")
    ]
    assert [one["kind"] for one in data["notices"]] == ["graded", "answered"]
    assert {one["track"]: one["score"] for one in data["best_results"]} == {
        "prompt": 0.7,
        "tune": 0.6,
        "free_text": pytest.approx(0.7, abs=0.1),
    }
    assert [one["name"] for one in data["api_tokens"]] == ["laptop"]
    assert data["account"][0]["code_for_friends"] == friends.code_of(busy) != ""
    assert [(one["kind"], one["name"]) for one in data["friends"]] == [("friends", grace.pseudonym)]


def test_no_secret_and_no_hidden_number_is_in_it(busy: User, ada_client: Client) -> None:
    text = json.dumps(read(ada_client))
    token = busy.api_tokens.get()
    assert token.digest not in text and busy.password not in text
    assert "0.7123" not in text and "private" not in text


def test_nothing_of_another_person_is_in_it(busy: User, bob_client: Client) -> None:
    data = read(bob_client)
    assert [name for name, rows in data.items() if rows] == ["account"]
    assert data["account"][0]["email"] == "bob@example.org"


def test_the_authors_adapter_and_prompts_of_a_demo_are_not_in_it(ada: User, ada_client: Client, tmp_path: Path) -> None:
    course = scene.scene_course(tmp_path / "scene")
    DEMO.start(course.lessons.get(), ada, "Are my eyes red?")
    runs = read(ada_client)["runs"]
    assert len(runs) == 3 and all(run["inputs"] == ["Are my eyes red?"] for run in runs)
    assert not any("payload" in run or "adapter" in run for run in runs)


def test_a_visitor_and_a_guest_are_asked_to_sign_in(client: Client, guest_client: Client) -> None:
    for one in (client, guest_client):
        assert one.get(ADDRESS).url.startswith("/accounts/login/")


def test_it_may_be_asked_for_ten_times_an_hour(ada_client: Client, bob_client: Client) -> None:
    for _ in range(10):
        ada_client.get(ADDRESS).getvalue()
    refused = ada_client.get(ADDRESS)
    assert refused.status_code == 429 and int(refused["Retry-After"]) > 0
    assert read(bob_client)["account"]


def test_it_says_when_the_course_kept_a_copy_of_an_answer(
    course: object, ada: User, ada_client: Client, grace: User
) -> None:
    reviews.allow_gold(factories.challenge("explain"), by=grace)
    reviews.decide(cases.waiting(ada), by=grace, marks=cases.ALL_MET, reason="")
    factories.submit(ada)
    found = {one["challenge"]: one["copied_at"] for one in read(ada_client)["submissions"]}
    assert found["explain"] is not None and found["sea-or-sky"] is None


def test_a_large_document_is_written_to_a_file_and_read_whole(
    busy: User, ada_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(document, "IN_MEMORY", 100)
    assert len(read(ada_client)["submissions"]) == 3


def test_a_server_sends_it_in_pieces(busy: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "PIECE", 1000)
    request = AsyncRequestFactory().get(ADDRESS)
    request.user = busy
    answer = views.my_data(request)

    async def pieces() -> list[bytes]:
        return [piece async for piece in answer]

    found = asyncio.run(pieces())
    assert len(found) > 2 and len(json.loads(b"".join(found))["submissions"]) == 3
    assert int(answer["Content-Length"]) == sum(map(len, found))


# Tables with something about a person that the document leaves out, and why.
LEFT_OUT = {
    "accounts.User": "which account an account was merged into: the merge itself is listed",
    "account.EmailAddress": "a part of `account`",
    "socialaccount.SocialAccount": "a part of `account`",
    "accounts.Enrolment": "a part of `account`",
    "lti.Platform": "what staff have done",
    "lti.Deployment": "what staff have done",
    "lti.RegistrationLink": "what staff have done",
    "friends.FriendCode": "a part of `account`",
    "notices.MailWish": "a part of `account`",
    "admin.LogEntry": "acts of staff, in the admin",
    "mfa.Authenticator": "secrets of the second factor",
    "accounts.ExemptNetwork": "what staff have done",
    "fleet.WorkerToken": "what staff have done",
    "studio.Edit": "a file of a course that authors are changing together, until it is in a draft",
    "teach.Invitation": "what owners of courses have done; the role is a part of `account`",
    "reviews.Review": "a reviewer's work; the learner reads the result with the attempt",
    "reviews.GoldRow": "what staff have kept; `submissions` says when a copy of an answer was made",
    "reviews.GoldConsent": "what staff have done",
    "reviews.Regrade": "what staff have done",
    "submissions.Score": "a part of `submissions`, where it is shown",
    "submissions.Slot": "places in a limit",
    "submissions.Annulment": "a part of `submissions`",
    "submissions.Season": "what staff have done",
    "submissions.Rerun": "what staff have done; its results are for staff only",
    "courses.CourseVersion": "what an author has done for a course",
    "classes.Announcement": "what people who teach have done",
    "classes.Class": "what people who teach have done",
    "classes.DateRule": "what people who teach have done",
    "classes.Grant": "what people who teach have done",
    "classes.ReleaseRule": "what people who teach have done",
    "gradebook.Override": "what people who teach have done",
    "courses.Upload": "an archive on its way to the site, for a day",
}
KEPT = {
    "accounts.Merge",
    "preferences.PairChoice",
    "questions.Answer",
    "questions.ReadStep",
    "accounts.ApiToken",
    "classes.Member",
    "submissions.Submission",
    "submissions.Run",
    "submissions.Standing",
    "submissions.Mark",
    "submissions.HintsTaken",
    "friends.Friendship",
    "chats.ChatMessage",
    "laboratory.Contribution",
    "lti.Link",
    "reports.ProblemReport",
    "notices.Notice",
    "reviews.Snippet",
}


def test_every_table_about_a_person_is_known() -> None:
    """A new table with a person in it gets a section in `own_data/collect.py`, or a reason here."""
    found = {
        model._meta.label
        for model in apps.get_models()
        if any(
            isinstance(field, models.ForeignKey) and field.related_model is User
            for field in model._meta.concrete_fields
        )
    }
    assert found == KEPT | set(LEFT_OUT)
