from __future__ import annotations

from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages

from gradus.accounts.models import User
from gradus.courses.models import Challenge
from gradus.reviews.models import Appeal, Review
from gradus.submissions import services
from gradus.submissions.budgets import limits
from gradus.submissions.models import Evaluation, Slot, Submission
from tests import factories
from tests.api.conftest import Caller, problem

SUBMIT = "/challenges/sea-or-sky/submissions"


def key(value: str) -> dict[str, Any]:
    return {"Idempotency-Key": value}


def test_a_submission_is_made(ada_api: Caller, ada: User, sea_or_sky: Challenge) -> None:
    response = ada_api.post(SUBMIT, factories.PROMPT)
    assert response.status_code == 201
    made = Submission.objects.get()
    assert made.user == ada
    assert response["Location"] == f"/api/v1/submissions/{made.uuid}"
    body = response.json()
    assert (body["uuid"], body["status"], body["queue_position"]) == (str(made.uuid), "queued", 1)
    assert (body["score"], body["verdict"], body["verified_by"], body["error"]) == (None, None, None, None)
    assert body["attempts_left"] == 9


@pytest.mark.parametrize("answer", ["Too short.", "word " * 61])
def test_an_answer_outside_the_authors_words_costs_no_attempt(ada_api: Caller, explain: Challenge, answer: str) -> None:
    response = ada_api.post("/challenges/explain/submissions", {"kind": "free_text", "answer": answer})
    body = problem(response, 422, "words")
    assert [(found["field"], found["code"]) for found in body["problems"]] == [("answer", "words")]
    assert not Submission.objects.exists() and not Slot.objects.of(limits.ATTEMPTS).exists()


def test_the_same_key_gives_the_same_submission_and_none_a_new_one(ada_api: Caller, sea_or_sky: Challenge) -> None:
    first = ada_api.post(SUBMIT, factories.PROMPT, **key("k1"))
    again = ada_api.post(SUBMIT, factories.PROMPT, **key("k1"))
    assert first.json()["uuid"] == again.json()["uuid"]
    problem(ada_api.post(SUBMIT, {"kind": "prompt", "instructions": "other"}, **key("k1")), 409, "key_reused")
    problem(ada_api.post(SUBMIT, factories.PROMPT, **key("k" * 81)), 422, "bad_payload")
    assert Submission.objects.count() == Slot.objects.of(limits.ATTEMPTS).count() == 1
    factories.grade(Submission.objects.get())
    for count in (2, 3):
        ada_api.post(SUBMIT, factories.PROMPT)
        assert Submission.objects.count() == count


def test_over_quota_says_when_to_come_back(ada_api: Caller, sea_or_sky: Challenge, ada: User) -> None:
    for _ in range(sea_or_sky.spec.limits.attempts_per_day):
        factories.grade(factories.submit(ada))
    response = ada_api.post(SUBMIT, factories.PROMPT)
    problem(response, 429, "over_quota")
    assert 0 < int(response["Retry-After"]) <= 86_400


def test_a_graded_submission(ada_api: Caller, ada: User, sea_or_sky: Challenge) -> None:
    made = factories.submit(ada)
    factories.grade(made, 0.7777)
    body = ada_api.get(f"/submissions/{made.uuid}").json()
    assert (body["status"], body["score"], body["verdict"], body["verified_by"]) == ("scored", 0.76, "passed", "code")
    assert [row["id"] for row in body["feedback"]["public"]["rows"]] == [s.id for s in made.version.samples]
    assert body["feedback"]["public"]["rows"][0]["correct"] is False
    assert body["queue_position"] is None
    # A time with its microseconds can hold these digits.
    assert "0.777" not in str({**body, "created_at": ""})


def test_equal_floored_scores_give_equal_answers(
    ada: User, bob: User, ada_api: Caller, bob_api: Caller, sea_or_sky: Challenge
) -> None:
    bodies = []
    for user, api, value in ((ada, ada_api, 0.7001), (bob, bob_api, 0.7199)):
        made = factories.submit(user)
        factories.grade(made, value)
        body = api.get(f"/submissions/{made.uuid}").json()
        bodies.append({k: v for k, v in body.items() if k not in ("uuid", "created_at", "finished_at")})
    assert bodies[0] == bodies[1]


def test_a_provisional_grade_is_verified_by_nobody(ada_api: Caller, ada: User, explain: Challenge) -> None:
    made = factories.submit(ada, "explain", factories.FREE_TEXT)
    factories.grade(made, 0.9, provisional=True)
    body = ada_api.get(f"/submissions/{made.uuid}").json()
    assert (body["status"], body["verified_by"], body["gold"]) == ("review", None, False)
    assert body["verdict"] is None


def test_an_error_has_a_code_and_a_message(ada_api: Caller, ada: User, sea_or_sky: Challenge) -> None:
    made = factories.submit(ada)
    evaluation = factories.claimed(made)
    services.reject(evaluation.pk, evaluation.fence, "prompt_too_long")
    body = ada_api.get(f"/submissions/{made.uuid}").json()
    assert body["status"] == "rejected"
    assert body["error"]["code"] == "prompt_too_long"
    assert "Shorten" in body["error"]["message"]


def test_what_is_somebody_elses_is_not_there(ada: User, bob_api: Caller, sea_or_sky: Challenge) -> None:
    made = factories.submit(ada)
    for call in ("", "/events", "/artifact"):
        problem(bob_api.get(f"/submissions/{made.uuid}{call}"), 404, "not_found")
    problem(bob_api.post(f"/submissions/{made.uuid}/cancel"), 404, "not_found")
    problem(bob_api.post(f"/submissions/{made.uuid}/appeal", {"text": "please"}), 404, "not_found")
    assert made.current.state == "queued"


def test_cancelling_gives_a_queued_attempt_back(ada: User, ada_api: Caller, sea_or_sky: Challenge) -> None:
    made = factories.submit(ada)
    body = ada_api.post(f"/submissions/{made.uuid}/cancel").json()
    assert (body["status"], body["attempts_left"]) == ("cancelled", 10)
    assert not Slot.objects.of(limits.ATTEMPTS).exists()
    problem(ada_api.post(f"/submissions/{made.uuid}/cancel"), 409, "not_open")


def test_an_earlier_answer_is_withdrawn_only_by_agreement(ada: User, ada_api: Caller, explain: Challenge) -> None:
    earlier = factories.submit(ada, "explain", factories.FREE_TEXT)
    factories.grade(earlier, 0.9, provisional=True)
    path = "/challenges/explain/submissions"
    other = {"kind": "free_text", "answer": f"{factories.FREE_TEXT['answer']} And a look-up costs a search."}
    refused = problem(ada_api.post(path, other), 409, "earlier_waits")
    assert refused["problems"][0]["field"] == "withdraw_earlier" and "withdraw_earlier=true" in refused["detail"]
    problem(ada_api.post(f"{path}?withdraw_earlier=false", other), 409, "earlier_waits")

    made = ada_api.post(f"{path}?withdraw_earlier=true", other)
    assert (made.status_code, made.json()["attempts_left"]) == (201, 8)
    later = Submission.objects.get(uuid=made.json()["uuid"])
    factories.grade(later, 0.1, provisional=True)
    body = ada_api.get(f"/submissions/{earlier.uuid}").json()
    assert (body["status"], body["error"]["code"], body["score"]) == ("cancelled", "withdrawn", None)
    assert (body["can_appeal"], body["attempts_left"]) == (False, 9)
    listed = ada_api.get("/submissions").json()
    assert [(one["status"], one["error"] and one["error"]["code"]) for one in listed] == [
        ("review", None),
        ("cancelled", "withdrawn"),
    ]


def test_an_appeal_opens_a_review(ada: User, ada_api: Caller, explain: Challenge) -> None:
    made = factories.submit(ada, "explain", factories.FREE_TEXT)
    factories.grade(made, 0.2)
    body = ada_api.post(f"/submissions/{made.uuid}/appeal", {"text": "I did name the cause."}).json()
    assert body["appealed"] is True
    assert Appeal.objects.get().text == "I did name the cause."
    assert Review.objects.get().reasons == ["appeal"]
    problem(ada_api.post(f"/submissions/{made.uuid}/appeal", {"text": "Again."}), 409, "appealed")


def test_my_submissions_newest_first(ada: User, bob: User, ada_api: Caller, sea_or_sky: Challenge) -> None:
    first, second = factories.submit(ada), factories.submit(ada, "ticket", factories.LORA)
    factories.submit(bob)
    assert [item["uuid"] for item in ada_api.get("/submissions").json()] == [str(second.uuid), str(first.uuid)]
    assert [item["uuid"] for item in ada_api.get("/submissions?challenge=ticket").json()] == [str(second.uuid)]
    assert [item["uuid"] for item in ada_api.get("/submissions?limit=1").json()] == [str(second.uuid)]
    assert [i["uuid"] for i in ada_api.get(f"/submissions?before={second.uuid}").json()] == [str(first.uuid)]
    problem(ada_api.get("/submissions?limit=0"), 422, "bad_payload")


def test_the_adapter_of_my_own(ada: User, ada_api: Caller, ticket: Challenge) -> None:
    made = factories.submit(ada, "ticket", factories.LORA)
    problem(ada_api.get(f"/submissions/{made.uuid}/artifact"), 404, "not_found")
    name = storages["artifacts"].save("1/1/adapter.zip", ContentFile(b"zip"))
    factories.grade(made, 0.7, artifact=name)
    response = ada_api.get(f"/submissions/{made.uuid}/artifact")
    assert (response.status_code, response.content) == (200, b"zip")
    assert "ticket-adapter.zip" in response["Content-Disposition"]
    assert ada_api.get(f"/submissions/{made.uuid}").json()["has_artifact"] is True


def test_the_queue_position_counts_who_is_ahead(ada: User, bob: User, bob_api: Caller, sea_or_sky: Challenge) -> None:
    factories.submit(ada)
    made = factories.submit(bob)
    assert bob_api.get(f"/submissions/{made.uuid}").json()["queue_position"] == 2
    Evaluation.objects.filter(submission__user=ada).update(lane="train")
    assert bob_api.get(f"/submissions/{made.uuid}").json()["queue_position"] == 1
