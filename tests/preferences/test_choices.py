"""Choices between two answers: stored at once, one of each pair, in an order that is the learner's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from challenges.kinds.tune_keys import candidates, tune
from challenges.payloads import parse
from challenges.reading import read_course
from gradus.accounts.models import User
from gradus.courses.models import Challenge, ChallengeVersion
from gradus.courses.services import publish
from gradus.preferences import services
from gradus.preferences.models import PairChoice, Side
from gradus.preferences.services import Pair, lot
from gradus.submissions.models import Submission
from gradus.submissions.services import Refused, submit
from tests import example_course, factories
from tests.workers.jobs import prepared

pytestmark = pytest.mark.django_db
PAGE = "/challenges/your-clicks/choices/"
API = "/api/v1/challenges/your-clicks/choices"
KNOBS = {"learning_rate": 3e-4, "num_train_epochs": 3, "per_device_train_batch_size": 2, "rpo_alpha": 0.5}


@pytest.fixture
def clicks(tmp_path: Path) -> Challenge:
    publish(read_course(example_course.write_course(tmp_path / "examples")))
    return factories.challenge("your-clicks")


def choose_all(user: User, challenge: Challenge, side: Side = Side.FIRST) -> list[dict[str, str]]:
    for pair in services.pairs_of(user, challenge).all:
        services.choose(user, challenge, pair, side)
    return services.rows_of(user, challenge)


def form(pair: Pair, chosen: object) -> dict[str, Any]:
    return {"pair": pair.id, "shown": pair.shown, "chosen": chosen}


def payload(rows: list[dict[str, str]]) -> dict[str, Any]:
    return {"kind": "tune", "method": "dpo", "rows": rows, "hyperparameters": KNOBS}


def test_the_order_of_the_answers_is_the_learners_own_and_stays(ada: User, bob: User, clicks: Challenge) -> None:
    orders = {user.pk: [pair.first for pair in services.pairs_of(user, clicks).all] for user in (ada, bob)}
    assert orders[ada.pk] == [pair.first for pair in services.pairs_of(ada, clicks).all]
    assert orders[ada.pk] != orders[bob.pk]
    authors = [candidate.answers[0] for candidate in candidates(clicks.spec)]
    assert 4 < sum(one == other for one, other in zip(orders[ada.pk], authors, strict=True)) < 20


def test_a_click_is_stored_at_once_and_the_same_pair_again_changes_it(
    ada: User, ada_client: Client, clicks: Challenge
) -> None:
    first, second, *_ = services.pairs_of(ada, clicks).all
    assert ada_client.post(PAGE, form(first, 1)).status_code == 302
    assert ada_client.post(PAGE, form(first, 2)).status_code == 302
    page = ada_client.post(PAGE, form(second, 0), headers={"HX-Request": "true"}).content.decode()
    assert "1 of 24" in page and "1 skipped" in page and "<html" not in page
    stored = PairChoice.objects.of(ada, clicks)
    assert [(one.pair, one.chosen) for one in stored] == [(first.id, Side.SECOND), (second.id, Side.NEITHER)]
    row = {"prompt": first.prompt, "chosen": first.second, "rejected": first.first}
    assert services.rows_of(ada, clicks) == [row]
    lines = ada_client.get("/challenges/your-clicks/choices.jsonl")
    assert json.loads(lines.content) == row and "your-clicks-choices.jsonl" in lines["Content-Disposition"]


def test_undo_skipped_and_forget(ada: User, ada_client: Client, clicks: Challenge) -> None:
    pairs = services.pairs_of(ada, clicks).all
    for pair, side in zip(pairs, (1, 0, 2), strict=False):
        ada_client.post(PAGE, form(pair, side))
    ada_client.post(f"{PAGE}undo")
    assert services.pairs_of(ada, clicks).next == pairs[2]
    ada_client.post(f"{PAGE}skipped")
    assert services.pairs_of(ada, clicks).next == pairs[1]
    ada_client.post(f"{PAGE}forget")
    assert not PairChoice.objects.exists()


def test_nobody_is_a_guest_until_the_first_click(client: Client, clicks: Challenge) -> None:
    assert client.get(PAGE).status_code == 200 and not User.objects.exists()
    client.post(PAGE, form(services.pairs_of(None, clicks).all[0], 1))
    guest = User.objects.get()
    assert guest.is_guest and services.pairs_of(guest, clicks).chosen == 1


@pytest.mark.parametrize("change", [{"pair": "no-such"}, {"shown": "0" * 16}, {"chosen": "3"}, {"chosen": ""}])
def test_what_does_not_fit_chooses_nothing_and_says_so(
    ada: User, ada_client: Client, clicks: Challenge, change: dict[str, str]
) -> None:
    sent = form(services.pairs_of(ada, clicks).all[0], 1) | change
    assert "has changed meanwhile" in ada_client.post(PAGE, sent, follow=True).content.decode()
    assert not PairChoice.objects.exists()


def test_a_challenge_without_candidates_has_no_page(ada_client: Client, clicks: Challenge) -> None:
    assert ada_client.get("/challenges/ask-the-library/choices/").status_code == 404
    assert ada_client.get("/api/v1/challenges/ask-the-library/choices").status_code == 404


def test_texts_that_the_author_changed_are_asked_again(ada: User, clicks: Challenge) -> None:
    choose_all(ada, clicks)
    spec = clicks.version.spec
    spec["candidates"][0]["answers"] = ["Something else.", "And another."]
    ChallengeVersion.objects.filter(pk=clicks.version_id).update(spec=spec, digest="1" * 64)
    changed = factories.challenge("your-clicks")
    pairs = services.pairs_of(ada, changed)
    assert (pairs.chosen, pairs.next.id) == (23, "meeting")
    services.choose(ada, changed, pairs.next, Side.SECOND)
    assert services.pairs_of(ada, changed).chosen == PairChoice.objects.count() == 24


def test_the_database_keeps_one_valid_choice_of_a_pair(ada: User, clicks: Challenge) -> None:
    kept = {"user": ada, "challenge": clicks, "prompt": "p", "first": "a", "second": "b"}
    PairChoice.objects.create(**kept, pair="x", chosen=1)
    for wrong in ({"pair": "x", "chosen": 2}, {"pair": "y", "chosen": 3}, {"pair": "y", "chosen": 1, "second": "a"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            PairChoice.objects.create(**{**kept, **wrong})


def test_the_api_lists_chooses_exports_and_deletes(ada: User, ada_client: Client, clicks: Challenge) -> None:
    listed = ada_client.get(API).json()
    assert (listed["wanted"], listed["chosen"], len(listed["pairs"])) == (24, 0, 24)
    pair = listed["pairs"][3]
    sent = {"id": pair["id"], "shown": pair["shown"], "chosen": 2}
    found = ada_client.put(API, sent, "application/json").json()
    assert found["chosen"] == 1 and found["pairs"][3]["chosen"] == 2
    row = json.loads(ada_client.get(f"{API}.jsonl").content)
    assert row == {"prompt": pair["prompt"], "chosen": pair["answers"][1], "rejected": pair["answers"][0]}
    old = ada_client.put(API, sent | {"shown": "0" * 16}, "application/json")
    assert (old.status_code, old.json()["code"]) == (409, "other_content")
    assert ada_client.put(API, sent | {"chosen": 3}, "application/json").status_code == 422
    assert ada_client.delete(API).json()["chosen"] == 0 and not PairChoice.objects.exists()


def test_a_submission_holds_the_learners_own_choices(ada: User, bob: User, clicks: Challenge) -> None:
    rows = choose_all(ada, clicks)
    with pytest.raises(Refused) as refused:
        submit(bob, clicks, payload(rows), idempotency_key="a")
    assert {problem["code"] for problem in refused.value.problems} == {"not_your_choice"}
    with pytest.raises(Refused) as refused:
        submit(ada, clicks, payload(rows[:5]), idempotency_key="b")
    assert refused.value.code == "too_few_choices" and not Submission.objects.exists()
    made, _ = submit(ada, clicks, payload(rows), idempotency_key="c")
    services.forget(ada, clicks)
    assert submit(ada, clicks, payload(rows), idempotency_key="c") == (made, False)


def test_the_worker_holds_out_by_the_learners_own_lot(ada: User, bob: User, clicks: Challenge) -> None:
    rows = choose_all(ada, clicks)
    made, _ = submit(ada, clicks, payload(rows), idempotency_key="a")
    with prepared(made.current) as assignment:
        assert assignment.draw == lot(ada.pk, clicks.pk) != lot(bob.pk, clicks.pk)
    own, given = tune(clicks.spec).own_choices, parse(payload(rows)).rows
    kept, held = own.split(given, assignment.draw)
    assert (len(kept), len(held)) == (12, 12) and {*kept, *held} == set(given)
    assert held != own.split(given, lot(bob.pk, clicks.pk))[1]


def test_the_form_takes_the_choices_over(ada: User, ada_client: Client, clicks: Challenge) -> None:
    assert "0 of 24 chosen" in ada_client.get("/challenges/your-clicks/").content.decode()
    rows = choose_all(ada, clicks)
    page = ada_client.get("/challenges/your-clicks/?track=tune&rows=choices").content.decode()
    assert "Your 24 choices are in." in page
    typed = {"kind": "tune", "method": "dpo", "rows": '{"prompt": "my own"}', "num_train_epochs": "3"}
    asked = ada_client.post(f"{PAGE}use", typed).content.decode()
    assert "your 24 choices would take its place" in asked and "my own" in asked
    replaced = ada_client.post(f"{PAGE}use", {**typed, "replace": "1"}).content.decode()
    assert all(json.dumps(row["chosen"])[1:8] in replaced for row in rows) and "Undo: put my rows back" in replaced


def test_the_page_says_how_choices_are_scored(ada_client: Client, clicks: Challenge) -> None:
    page = " ".join(ada_client.get("/challenges/your-clicks/").content.decode().split())
    assert "50 % of your choices are held out" in page and "Required content" in page
