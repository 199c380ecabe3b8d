"""Nothing of the rubric, the model answer, the gold answers or the judge's words reaches a learner.

Each of them holds a canary; every page, call and event about the answer is searched for all of them, in every state
that an answer can be in.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import storages
from django.test import Client
from pytest_django.fixtures import Settings

from challenges.reading import read_course
from graders.base import DENIALS, Judge, Judged
from gradus.accounts.models import ApiToken, User
from gradus.courses.services import publish
from gradus.reviews import services
from gradus.reviews.models import Review
from gradus.submissions.models import Submission
from tests import factories
from tests.api.test_stream import read
from tests.challenges.factory import MARKS, RUBRIC, gold_row, write_course, write_free_text_challenge, write_rows
from tests.learn.hidden import worlds
from tests.learn.hidden.observer import Observer
from tests.workers.test_work import TableRunner
from workers import status
from workers.work import Worker

# The streams read in other threads, with connections of their own.
pytestmark = pytest.mark.django_db(transaction=True)

ANSWER = "Because the weights keep old facts, whereas a look-up reads the newest ones every time."
QUOTE = "the weights keep old facts"
CANARIES = ("canarytext", "canaryaccept", "canaryreject", "canarymodel", "canarygold", "canaryjudge", "canarystaff")


class TalkativeJudge:
    """Honest marks, with words of its own wherever there is room for words."""

    def judge(self, item: Judge) -> Judged:
        if item.asks == DENIALS:
            rows = [
                {"id": id, "evidence": [], "reason": "canaryjudge says why", "denied": False} for id in item.criteria
            ]
            return Judged({"denials": rows}, "", "judge-1", None)
        rows = [
            {
                "id": id,
                "evidence": [QUOTE, "canaryjudge invents a quote"],
                "reason": "canaryjudge says why",
                "mark": "met",
                "confidence": 90,
            }
            for id in item.criteria
        ]
        pair = ["canaryjudge one", "canaryjudge two"]
        return Judged({"criteria": rows, "contradictions": [pair], "addresses_grader": False}, "", "judge-1", None)


@pytest.fixture
def submission(transactional_db: None, tmp_path: Path, ada: User) -> Submission:
    """Graded by the real grader in the real worker; the engine is a table, the judge talks."""
    root = write_course(tmp_path / "course")
    rubric = [{**one, "text": f"{one['text']} canarytext", "improve": "Say it."} for one in RUBRIC]
    rubric = [{**one, "accept": ["canaryaccept one"], "reject": ["canaryreject one"]} for one in rubric]
    folder = root / "first" / "explain"
    write_free_text_challenge(folder, rubric=rubric, model_answer="Facts go stale, says the canarymodel answer.")
    gold = [gold_row(n, role) for n, role in enumerate(["prompt"] * 5 + ["calibration"] * len(MARKS) * 4)]
    write_rows(folder / "gold.jsonl", [{**row, "answer": f"{row['answer']} canarygold"} for row in gold])
    publish(read_course(root))
    made = factories.submit(ada, "explain", {"kind": "free_text", "answer": ANSWER})
    grade()
    return made


def grade() -> None:
    assert Worker("judge", runner=TableRunner(), judge=TalkativeJudge()).step()


def everything(client: Client, user: User, submission: Submission) -> dict[str, str]:
    """All that the learner can read, by address."""
    own = f"/submissions/{submission.uuid}/"
    pages = ["/", "/path/", "/profile/", "/notices/", "/lessons/first/", "/leaderboards/", "/leaderboards/explain/"]
    pages += ["/challenges/explain/", f"/challenges/explain/?from={submission.uuid}", own, f"{own}fragment"]
    found = {path: client.get(path).content.decode() for path in pages}
    found["my-data"] = b"".join(client.get("/profile/my-data.json")).decode()
    headers = {"Authorization": f"Bearer {ApiToken.issue(user, 'canaries')[1]}"}
    calls = [
        "/challenges/explain",
        "/submissions",
        f"/submissions/{submission.uuid}",
        "/challenges/explain/leaderboard",
    ]
    for call in (f"/api/v1{one}" for one in calls):
        response = Client().get(call, headers=headers)
        assert response.status_code == 200
        found[call] = response.content.decode()
    events = f"/api/v1/submissions/{submission.uuid}/events"
    return {**found, events: json.dumps(read(user, events))}


def assert_clean(client: Client, user: User, submission: Submission) -> str:
    found = everything(client, user, submission)
    leaks = [(path, canary) for path, text in found.items() for canary in CANARIES if canary in text]
    assert leaks == []
    return found[f"/submissions/{submission.uuid}/"]


def kept(submission: Submission) -> str:
    """What staff and the worker keep of it."""
    evaluation = submission.current
    with storages["private"].open(evaluation.raw) as file:
        raw: dict[str, Any] = json.load(file)
    return json.dumps([raw, submission.version.spec])


def test_the_canaries_are_there_to_be_found(submission: Submission) -> None:
    """Otherwise the tests below would pass for want of canaries."""
    known = kept(submission)
    assert [canary for canary in CANARIES[:5] if canary not in known] == []


def test_in_every_state_the_learner_reads_only_labels_and_own_words(
    submission: Submission, ada: User, ada_client: Client, grace: User, settings: Settings
) -> None:
    first = assert_clean(ada_client, ada, submission)
    assert "Names the cause" in first and QUOTE in first
    services.appeal(submission, "I named the cause.")
    assert "Your appeal is with a person" in assert_clean(ada_client, ada, submission)
    marks = {"cause": "partial", "remedy": "not_met", "no-myth": "met"}
    services.decide(Review.objects.get(), by=grace, marks=marks, reason="canarystaff thinks so")
    last = assert_clean(ada_client, ada, submission)
    assert "Say it." in last and "Person-verified" in last


def test_a_run_without_grading_tells_nothing(
    submission: Submission, ada: User, ada_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status, "digests", lambda: {"smollm2-135m-instruct": "d" * 64})
    data = {"kind": "free_text", "answer": ANSWER}
    text = ada_client.post("/challenges/explain/run", data, follow=True).content.decode()
    assert Worker("interactive", runner=TableRunner(), judge=TalkativeJudge()).step()
    run = ada.runs.get()
    shown = ada_client.get(f"/runs/{run.uuid}/").content.decode() + text
    shown += json.dumps(read(ada, f"/api/v1/runs/{run.uuid}/events"))
    assert [canary for canary in CANARIES if canary in shown] == []


def test_of_every_kind_and_failing_path_nothing_hidden_is_told(
    ada: User, bob: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hidden rows, ids and labels, rubric, model answer, gold, the judge's words, an error's text: pages, API, events,
    adapters, boards, metrics, the admin of a colleague without rights, and the log down to DEBUG."""
    colleague = User.objects.create_user(username="colleague", email="c@example.org", pseudonym="c", is_staff=True)
    token = ApiToken.issue(ada, "canaries")[1]
    observer = Observer(tmp_path, monkeypatch, (ada, bob, colleague), token)
    observer.level = logging.DEBUG
    seen = observer.see(worlds.hidden((5, 2, 0, 3), "canaryhidden", 0.3))
    assert seen.states == ("scored", "scored", "scored", "review", "failed", "rejected")
    assert (
        "grading_failed" in seen.log and "canaryhidden" in (tmp_path / "world1/first/ticket/hidden.jsonl").read_text()
    )
    assert [where for where, text in seen.everything().items() if b"canaryhidden" in text] == []


def test_staff_do_read_them(submission: Submission, grace_client: Client) -> None:
    page = grace_client.get(f"/reviews/{Review.objects.get().pk}/").content.decode()
    assert "canarytext" in page and "canarymodel" in page and "canarygold" in page
