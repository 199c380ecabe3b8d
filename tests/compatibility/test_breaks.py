"""The recording would catch a break: each test makes one, and sees that the checks of `test_releases.py` report it."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from pydantic import Field

from challenges import payloads
from challenges.kinds import registry as kinds
from challenges.kinds.prompt import PromptPayload
from challenges.kinds.rubric import FreeText
from challenges.kinds.tune_keys import Tune, TuneKeys
from gradus.accounts.models import ApiToken, User
from gradus.courses.models import Course
from gradus.submissions.models import Submission
from tests import factories
from tests.compatibility import answers, stored_rows
from tests.compatibility import release as recorded
from tests.compatibility.release import Release

RELEASE = Release.of("0.2.0")


class ToneIsDumped(PromptPayload):
    tone: str = ""


class ToneIsLeftOut(PromptPayload):
    tone: str = Field("", exclude_if=lambda tone: not tone)


class NoExamples(payloads.Submitted):
    kind: Literal["prompt"] = "prompt"
    instructions: str = ""


class RemarkIsDumped(FreeText):
    remark: str = ""


class RemarkIsLeftOut(FreeText):
    remark: str = Field("", exclude_if=lambda remark: not remark)


class FewerSteps(Tune):
    steps_max: int = Field(400, ge=1, le=500)


class FewerStepsKeys(TuneKeys):
    tune: FewerSteps


def with_payload(monkeypatch: pytest.MonkeyPatch, kind: str, payload: type[payloads.Submitted]) -> None:
    monkeypatch.setattr(type(kinds.find(kind)), "payload", payload)
    monkeypatch.setattr(payloads, "_adapters", {})


def test_a_new_key_of_a_payload_that_is_always_dumped(monkeypatch: pytest.MonkeyPatch) -> None:
    with_payload(monkeypatch, "prompt", ToneIsDumped)
    assert len(recorded.changed_payloads(RELEASE)) == 2
    # Baselines are payloads as well.
    assert recorded.changed_bundles(RELEASE) and recorded.changed_folders(RELEASE)


def test_a_new_key_of_a_payload_is_right_where_it_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    with_payload(monkeypatch, "prompt", ToneIsLeftOut)
    assert recorded.changed_payloads(RELEASE) == recorded.changed_bundles(RELEASE) == []
    assert recorded.changed_folders(RELEASE) == []


def test_a_key_that_a_payload_no_longer_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    with_payload(monkeypatch, "prompt", NoExamples)
    assert len(recorded.changed_payloads(RELEASE)) == 2


def test_a_new_key_of_a_challenge(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = type(kinds.find("free_text"))
    monkeypatch.setattr(kind, "keys", RemarkIsDumped)
    assert {line.partition(":")[0] for line in recorded.changed_bundles(RELEASE)} == {"explain"}
    assert recorded.changed_folders(RELEASE) == ["plain", "full"]
    monkeypatch.setattr(kind, "keys", RemarkIsLeftOut)
    assert recorded.changed_bundles(RELEASE) == recorded.changed_folders(RELEASE) == []


def test_another_default_of_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stored bundle holds the old value; the author's folder, which leaves the key out, gets another digest."""
    monkeypatch.setattr(type(kinds.find("tune")), "keys", FewerStepsKeys)
    assert "plain" in recorded.changed_folders(RELEASE)


ANSWER = {"code": "words", "detail": "Too short.", "score": 0.5, "rows": [{"id": "a", "right": True}]}


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({}, []),
        ({"added": 1}, []),
        ({"detail": "The answer is too short."}, []),
        ({"detail": None}, [".detail: None, was 'Too short.'"]),
        ({"code": "length"}, [".code: 'length', was 'words'"]),
        ({"score": 0.6}, [".score: 0.6, was 0.5"]),
        ({"score": 0.5000000000000001}, []),
        ({"rows": [{"id": "a"}]}, [".rows[0]: there is no `right`"]),
        ({"rows": []}, [".rows: 0 entries, were 1"]),
    ],
)
def test_what_an_answer_to_a_get_may_not_lose(change: dict[str, Any], found: list[str]) -> None:
    assert list(answers.differences(ANSWER, {**ANSWER, **change}, exact=True)) == found


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"score": 1, "rows": [{"id": "b", "right": False}, {"id": "c", "right": True}]}, []),
        ({"score": "half"}, [".score: 'half', was 0.5"]),
        ({"code": "length"}, [".code: 'length', was 'words'"]),
        ({"rows": [{"id": "b"}]}, [".rows[0]: there is no `right`"]),
    ],
)
def test_what_an_answer_to_a_post_may_not_lose(change: dict[str, Any], found: list[str]) -> None:
    assert list(answers.differences(ANSWER, {**ANSWER, **change}, exact=False)) == found


def test_a_call_that_is_answered_otherwise(course: Course, ada: User) -> None:
    tokens = {"learner": ApiToken.issue(ada, "test")[1]}
    sent = {"who": "learner", "method": "GET", "path": "/api/v1/challenges/sea-or-sky"}
    made = {**sent, **answers.call(sent, tokens)}
    assert made["status"] == 200 and answers.changed_call(made, tokens) == []
    richer = {**made, "answer": {**made["answer"], "colour": "blue"}}
    assert answers.changed_call(richer, tokens) == [f"learner GET {made['path']}: there is no `colour`"]
    assert "status 200, was 404" in answers.changed_call({**made, "status": 404}, tokens)[0]


def test_a_call_is_undone(course: Course, ada: User) -> None:
    tokens = {"learner": ApiToken.issue(ada, "test")[1]}
    sent = {"who": "learner", "method": "POST", "path": "/api/v1/challenges/sea-or-sky/submissions"}
    assert answers.call({**sent, "body": factories.PROMPT}, tokens)["status"] == 201
    assert not Submission.objects.exists()


def test_a_page_that_lost_a_text(course: Course, ada: User) -> None:
    shown = {"who": "ada", "path": "/challenges/sea-or-sky/", "status": 200, "texts": ["What to do.", "Colours"]}
    assert answers.changed_page(shown, {"ada": ada.pk}) == ["ada /challenges/sea-or-sky/: 'Colours' is not there"]


def test_a_row_that_is_no_longer_valid(course: Course, ada: User) -> None:
    made = factories.submit(ada)
    assert stored_rows.faults() == []
    Submission.objects.filter(pk=made.pk).update(kind="riddle", payload={**made.payload, "tone": ""})
    found = stored_rows.faults()
    assert len(found) == 2 and "riddle" in found[0] and "tone" in found[1]
    Submission.objects.filter(pk=made.pk).update(kind="prompt", payload=made.payload, payload_sha256="0" * 64)
    assert stored_rows.faults() == [f"submissions.Submission {made.pk}: the payload has another digest"]
