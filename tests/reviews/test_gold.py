"""Decided answers as gold rows: kept for the course, exported in the bundle's own form."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.test import Client

from challenges.rows import GoldAnswer
from gradus.accounts.models import User
from gradus.courses.models import Challenge
from gradus.reviews import services
from gradus.reviews.models import GoldRow, Review
from gradus.submissions.services import Refused
from tests import factories
from tests.reviews import cases
from tests.reviews.cases import ALL_MET


@pytest.fixture
def decided(ada: User, grace: User, explain: Challenge) -> Review:
    """An appeal that a person has decided."""
    submission = cases.final(ada)
    services.appeal(submission, "I named the cause.")
    services.decide(Review.objects.get(), by=grace, marks=ALL_MET, reason="")
    return Review.objects.get()


def test_a_decided_appeal_becomes_a_gold_row(decided: Review, grace: User, grace_client: Client) -> None:
    grace_client.post(f"/reviews/{decided.pk}/gold", {"role": "calibration"})
    row = GoldRow.objects.get()
    assert (row.challenge.slug, row.answer) == ("explain", factories.FREE_TEXT["answer"])
    assert (row.marks, row.role, row.created_by) == (ALL_MET, "calibration", grace)
    assert (
        "stored as a gold row for this use: Calibration."
        in grace_client.get(f"/reviews/{decided.pk}/").content.decode()
    )


def test_what_a_person_decided_is_one_row_of_a_known_role(decided: Review, bob: User, grace: User) -> None:
    with pytest.raises(Refused) as refused:
        services.make_gold(cases.waiting(bob), by=grace, role="test")
    assert refused.value.code == "undecided"
    with pytest.raises(Refused, match="prompt, calibration, test"):
        services.make_gold(decided, by=grace, role="gold")
    first = services.make_gold(decided, by=grace, role="test")
    assert services.make_gold(decided, by=grace, role="prompt") == first
    with pytest.raises(IntegrityError), transaction.atomic():
        GoldRow.objects.create(
            challenge=first.challenge, answer=first.answer, digest=first.digest, marks={}, created_by=grace
        )


def test_the_export_is_what_the_bundle_reads(decided: Review, grace: User, grace_client: Client) -> None:
    services.make_gold(decided, by=grace, role="calibration")
    out = StringIO()
    call_command("export_gold", "explain", stdout=out)
    rows = [GoldAnswer.model_validate(json.loads(line)) for line in out.getvalue().splitlines()]
    assert rows == [GoldAnswer(answer=factories.FREE_TEXT["answer"], marks=ALL_MET, role="calibration")]
    response = grace_client.get("/reviews/gold/explain.jsonl")
    assert response.content.decode() == out.getvalue()


def test_learners_cannot_take_gold_rows(decided: Review, ada_client: Client, bob_client: Client) -> None:
    for client in (ada_client, bob_client):
        assert client.get("/reviews/gold/explain.jsonl").status_code == 404
        assert client.post(f"/reviews/{decided.pk}/gold", {"role": "test"}).status_code == 404
    assert not GoldRow.objects.exists()


def test_the_course_keeps_the_row_when_the_learner_leaves(decided: Review, grace: User, ada: User) -> None:
    row = services.make_gold(decided, by=grace, role="calibration")
    ada.delete()
    row.refresh_from_db()
    assert (row.review, row.answer) == (None, factories.FREE_TEXT["answer"])
