"""The page of a question that asks for rows of a run, the marks, and the reviewer's pages."""

from __future__ import annotations

import json

import pytest
from django.test import Client

from challenges.kinds.free_text import FreeTextPayload
from challenges.rows import GoldAnswer
from gradus.accounts.models import User
from gradus.courses.models import Course
from gradus.reviews import services
from gradus.reviews.models import Review
from gradus.submissions.models import Run, Submission
from tests import factories
from tests.own_run.course import ROWS, hand_in, quoting, ran
from tests.reviews import cases

pytestmark = pytest.mark.django_db
PAGE, SUBMIT = "/challenges/explain/", "/challenges/explain/submit"


def form(*picked: str) -> dict[str, object]:
    return {"kind": "free_text", "key": "k1", "answer": factories.FREE_TEXT["answer"], "own_run": list(picked)}


def picked(run: Run, *ids: str) -> list[str]:
    return [f"{run.uuid} {id}" for id in ids]


def shown(client: Client, path: str = PAGE) -> str:
    return client.get(path).content.decode()


def test_who_has_no_run_reads_what_to_do_first(ada_client: Client, client: Client, asking: Course) -> None:
    for one in (client, ada_client):
        page = shown(one)
        assert "Do a run at" in page and 'href="/challenges/sea-or-sky/"' in page
        assert 'name="own_run"' not in page


def test_the_page_offers_only_own_rows(ada_client: Client, bob_client: Client, run: Run) -> None:
    page = shown(ada_client)
    assert f'value="{run.uuid} p0-sea"' in page and "I saw a wave today" in page
    assert str(run.uuid) not in shown(bob_client)


def test_other_questions_offer_none(ada: User, ada_client: Client, course: Course) -> None:
    ran(ada)
    assert 'id="own_run"' not in shown(ada_client)


def test_chosen_rows_are_handed_in_and_come_back(ada_client: Client, run: Run) -> None:
    response = ada_client.post(SUBMIT, form(*picked(run, "p0-sea", "p1-sky")))
    assert response.status_code == 302
    made = Submission.objects.get()
    assert made.payload == quoting(run, ("p0-sea", "p1-sky"))
    page = shown(ada_client)
    assert f'value="{run.uuid} p1-sky" checked' in page and f'value="{run.uuid} p1-sea" checked' not in page
    assert "Rows of your own run" in shown(ada_client, response["Location"])


def test_a_wrong_choice_stays_with_a_message_beside_it(ada: User, ada_client: Client, run: Run) -> None:
    other = ran(ada)
    for chosen, said in (
        (picked(run, "p0-sea"), "2 different rows of one run"),
        ([*picked(run, "p0-sea"), *picked(other, "p0-sky")], "Choose all rows from one run"),
    ):
        response = ada_client.post(SUBMIT, form(*chosen))
        page = response.content.decode()
        assert response.status_code == 422 and said in page
        assert 'id="own_run-problem"' in page
        assert all(f'value="{one}" checked' in page for one in chosen)
    assert not Submission.objects.exists()


def test_somebody_elses_rows_are_not_taken_from_a_form(bob: User, bob_client: Client, run: Run) -> None:
    response = bob_client.post(SUBMIT, form(*picked(run, "p0-sea", "p0-sky")))
    assert response.status_code == 422 and "I saw a wave today" not in response.content.decode()


def waiting(made: Submission) -> Review:
    factories.grade(made, 0.5, provisional=True, review=("provisional",), result=cases.result())
    return Review.objects.get(submission=made)


def test_marks_and_reviews_show_the_rows(ada: User, ada_client: Client, grace_client: Client, run: Run) -> None:
    made = hand_in(ada, quoting(run))
    review = waiting(made)
    assert "I saw a wave today" in shown(ada_client, f"/submissions/{made.uuid}/")
    for path in (f"/reviews/{review.pk}/", "/reviews/question/explain/"):
        page = shown(grace_client, path)
        assert "I saw a wave today" in page and "has checked that the run is" in page


def test_a_gold_row_keeps_the_rows(ada: User, grace: User, run: Run) -> None:
    review = waiting(hand_in(ada, quoting(run)))
    services.decide(review, by=grace, marks=cases.ALL_MET, reason="", comment="")
    review.refresh_from_db()
    services.make_gold(review, by=grace, role="calibration")
    (row,) = map(json.loads, services.as_json_lines(review.submission.challenge).splitlines())
    assert row["quoted"] == ROWS
    assert GoldAnswer.model_validate(row).quoted == FreeTextPayload.model_validate(review.submission.payload).quoted
