"""A submission's page: what it shows when it is open, ended, wrong, and what can be done from it."""

import pytest
from asgiref.sync import async_to_sync
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.test import Client
from django.urls import reverse

from gradus.accounts.models import ApiToken
from gradus.learn.kinds.tune.loss import loss_curve
from gradus.learn.kinds.tune.page import preference_course
from gradus.learn.result import compare
from gradus.learn.result import rows as results
from gradus.reviews.models import Appeal, Review
from gradus.submissions import services
from gradus.submissions.budgets import limits
from gradus.submissions.models import Evaluation, Slot
from gradus.submissions.states import State
from tests import factories
from tests.learn.hidden.observer import DRAWN
from tests.submissions.test_unreadable_json import poison

MARK = {
    "id": "cause",
    "label": "Names the cause",
    "mark": "partial",
    "points": 25.0,
    "points_max": 50,
    "evidence": ["the weights keep old facts"],
    "improve": "Say why.",
}


def page(client, submission) -> str:
    return client.get(reverse("learn:submission", args=[submission.uuid])).content.decode()


def test_an_open_submission_shows_its_place_and_follows_its_events(ada, ada_client, bob, course):
    factories.submit(bob)
    submission = factories.submit(ada)
    text = page(ada_client, submission)
    assert "1 evaluation is ahead of yours." in text and "Waiting" in text and "Cancel" in text
    assert f'data-events="/submissions/{submission.uuid}/events"' in text
    assert f'data-refresh="/submissions/{submission.uuid}/fragment"' in text


def test_a_graded_submission_shows_score_rows_and_confusion(ada, ada_client, course):
    submission = factories.submit(ada)
    factories.grade(submission, 0.83)
    text = page(ada_client, submission)
    assert "0.82" in text and "Computed by code" in text and "Gold" in text and "data-events" not in text
    assert text.count("<li data-item data-wrong") == 1 and text.count("<li data-item data-right") == 3
    assert 'aria-label="Expected sea, got sky: 1"' in text and 'aria-label="Expected sky, got sky: 2"' in text


def test_the_fragment_is_what_the_page_shows(ada, ada_client, course):
    submission = factories.submit(ada)
    factories.grade(submission)
    page(ada_client, submission)  # The first look celebrates a pass, once.
    fragment = ada_client.get(reverse("learn:submission_fragment", args=[submission.uuid])).content.decode()
    assert fragment.strip().startswith('<div id="submission">') and fragment.strip() in page(ada_client, submission)


def test_outputs_that_are_no_label_have_a_column_of_their_own(ada, sea_or_sky):
    submission = factories.submit(ada)
    result = factories.result_for(submission, wrong=0)
    result["public"]["rows"][0]["output"] = "the moon"
    rows = results.sample_rows(sea_or_sky.version, result)
    found = results.confusion(sea_or_sky.spec, rows)
    assert found.columns == ("sea", "sky", "no label")
    assert [[cell.count for cell in cells] for _, cells in found.rows] == [[1, 0, 1], [0, 2, 0]]


@pytest.mark.parametrize(("code", "words"), [("diverged", "Lower the learning rate"), ("internal", "given back")])
def test_what_went_wrong_is_said_with_what_to_do(ada, ada_client, course, code, words):
    submission = factories.submit(ada)
    evaluation = factories.claimed(submission)
    services.reject(evaluation.pk, evaluation.fence, code)
    assert words in page(ada_client, submission)


def test_a_loss_curve_states_its_finding_and_forgets_an_attempt_that_died(ada, ada_client, course):
    submission = factories.submit(ada, payload=factories.LORA)
    evaluation = factories.claimed(submission)
    losses = [(1, 2.0, 2.1), (2, 1.0, 1.2), (3, 0.5, 1.4)]
    events = [("loss", {"step": s, "train_loss": t, "valid_loss": v}) for s, t, v in losses]
    key = (evaluation.pk, evaluation.fence)
    services.append_events(
        *key, [("loss", {"step": 9, "train_loss": 9.0, "valid_loss": 9.0}), ("started", {}), *events]
    )
    services.record(*key, services.Outcome(result=factories.result_for(submission), score=0.5))
    curve = loss_curve(submission.current)
    assert [point["step"] for point in curve["points"]] == [1, 2, 3]
    assert "The validation loss was lowest at step 2, then rose to 1.40" in page(ada_client, submission)


def test_steps_of_another_form_are_left_out_of_the_curves(ada, ada_client, course):
    submission = factories.submit(ada, payload=factories.LORA)
    key = (factories.claimed(submission).pk, 1)
    shares = {"margin": 0.5, "accuracy": 0.75, "valid_margin": 0.4, "valid_accuracy": None}
    first = {"step": 1, "train_loss": 2.0, "valid_loss": None, **shares}
    last = {**first, "step": 3, "train_loss": 1.0, "margin": 1.5}
    wrong = [
        {**first, name: value}
        for name, value in [("step", "2"), ("train_loss", "NaN"), ("train_loss", None), ("valid_loss", [])]
    ]
    unreadable = [("loss", first), ("checkpoint", {"step": 2})]
    events = [("checkpoint", {"step": 3}), ("checkpoint", {}), ("checkpoint", {"step": "3"})]
    losses = [first, *wrong, {**first, "margin": "NaN"}, {**first, "valid_accuracy": {}}, last]
    services.append_events(*key, [*unreadable, *events, *[("loss", loss) for loss in losses]])
    for event in submission.current.events.filter(seq__in=[2, 3]):
        poison(event, "data")
    services.record(*key, services.Outcome(result=factories.result_for(submission), score=0.5))

    curve = loss_curve(submission.current)
    assert [point["step"] for point in curve["points"]] == [1, 1, 1, 3] and curve["checkpoints"] == [3]
    preferences = preference_course(submission.current)
    assert [point["margin"] for point in preferences["points"]] == [0.5] * 4 + [1.5]
    text = page(ada_client, submission)
    assert "The training loss went from 2.00 to 1.00" in text and "The margin went from 0.50 to 1.50" in text


def test_cancel_ends_it_and_gives_the_attempt_back(ada, ada_client, course):
    submission = factories.submit(ada)
    response = ada_client.post(reverse("learn:submission_cancel", args=[submission.uuid]), follow=True)
    assert submission.current.state == State.CANCELLED and not Slot.objects.of(limits.ATTEMPTS).exists()
    assert "It was given back" in response.content.decode()


def test_cancelling_too_late_says_so(ada, ada_client, course):
    submission = factories.submit(ada)
    factories.grade(submission)
    response = ada_client.post(reverse("learn:submission_cancel", args=[submission.uuid]), follow=True)
    assert submission.current.state == State.SCORED and "already ended" in response.content.decode()


def test_an_adapter_is_downloaded_by_its_owner(ada, ada_client, bob_client, course):
    name = storages["artifacts"].save("1/1/adapter.zip", ContentFile(b"PK-zip"))
    submission = factories.submit(ada, payload=factories.LORA)
    factories.grade(submission, artifact=name)
    address = reverse("learn:artifact", args=[submission.uuid])
    assert ada_client.get(reverse("learn:artifact", args=[factories.submit(ada).uuid])).status_code == 404
    response = ada_client.get(address)
    assert b"".join(response.streaming_content) == b"PK-zip"
    assert response["Content-Disposition"] == 'attachment; filename="sea-or-sky-adapter.zip"'
    assert bob_client.get(address).status_code == 404


@pytest.fixture
def answer(ada, course):
    submission = factories.submit(ada, "explain", factories.FREE_TEXT)
    factories.grade(submission, 0.65, provisional=True, result={"marks": [MARK]})
    return submission


def test_marks_show_own_quotes_and_how_to_improve(ada_client, answer):
    text = page(ada_client, answer)
    for words in ("Names the cause", "25 of 50", "Partly met", "the weights keep old facts", "Say why."):
        assert words in text
    assert "Provisional" in text and "a person will look" in text


def test_an_appeal_goes_to_a_person_once(ada_client, answer):
    address = reverse("learn:submission_appeal", args=[answer.uuid])
    assert "Ask a person to look" in page(ada_client, answer)
    assert "Say in a sentence" in ada_client.post(address, {"text": " "}, follow=True).content.decode()
    assert not Appeal.objects.exists()
    ada_client.post(address, {"text": "You overlook my second sentence."})
    assert Appeal.objects.get().text == "You overlook my second sentence."
    assert Review.objects.get().reasons[0] == "appeal"
    again = ada_client.post(address, {"text": "Please."}, follow=True).content.decode()
    assert "already appealed against this grade" in again and Appeal.objects.count() == 1
    assert "Ask a person to look" not in again


def test_the_solution_opens_with_a_pass_that_is_not_provisional(ada, client, ada_client, answer):
    assert client.get("/challenges/explain/solution/").status_code == 403
    locked = ada_client.get("/challenges/explain/solution/")
    assert locked.status_code == 403 and "How to do it" not in locked.content.decode()
    factories.grade(factories.submit(ada), 0.7)
    assert "How to do it." in ada_client.get("/challenges/sea-or-sky/solution/").content.decode()


def test_compare_shows_only_what_differs(ada, ada_client, course):
    before = factories.submit(ada)
    factories.grade(before)
    after = factories.submit(ada, payload={**factories.PROMPT, "instructions": "Sea or open sky?"})
    factories.grade(after, result=factories.result_for(after, wrong=0))
    found = compare.compare(before, after)
    assert [change.name for change in found.changes] == ["Instructions"]
    assert [(piece.kind, piece.text) for piece in found.changes[0].pieces if piece.kind != "same"] == [("ins", "open ")]
    assert (found.improved, found.broken, len(found.flips)) == (1, 0, 1)
    address = reverse("learn:compare", args=["sea-or-sky"])
    text = ada_client.get(f"{address}?b={before.uuid}&a={after.uuid}").content.decode()
    assert "<ins>open </ins>" in text and "1 sample became right, 0 became wrong" in text


def test_compare_wants_two_attempts_at_this_challenge(ada, ada_client, answer):
    one = factories.submit(ada)
    address = reverse("learn:compare", args=["sea-or-sky"])
    assert ada_client.get(f"{address}?a={one.uuid}&b={answer.uuid}").status_code == 404
    assert ada_client.get(f"{address}?a=x&b=y").status_code == 404
    assert ada_client.get(f"{address}?a={one.uuid}").status_code == 302


@pytest.mark.django_db(transaction=True)
def test_events_end_after_finished_and_are_not_sent_twice(ada, ada_client, course):
    submission = factories.submit(ada)
    factories.grade(submission)
    address = reverse("learn:submission_events", args=[submission.uuid])
    response = ada_client.get(address)
    assert response["Content-Type"] == "text/event-stream"
    text = async_to_sync(collect)(response.streaming_content).decode()
    assert 'event: finished\ndata: {"status": "scored"}' in text
    assert ada_client.get(address, headers={"Last-Event-ID": "2"}).status_code == 204


async def collect(parts) -> bytes:
    return b"".join([part async for part in parts])


def test_a_learner_sees_nothing_of_hidden_rows_that_were_handed_in(ada, ada_client, sea_or_sky):
    """Else handing rows in would tell which of them are hidden (membership)."""
    made = factories.submit(ada)
    factories.grade(made, 0.7)
    token = ApiToken.issue(ada, "overlap")[1]

    def seen():
        own = [f"/submissions/{made.uuid}/", f"/submissions/{made.uuid}/fragment", "/path/"]
        own += [f"/challenges/{made.challenge.slug}/", f"/leaderboards/{made.challenge.slug}/"]
        api = [f"/api/v1/submissions/{made.uuid}", "/api/v1/submissions"]
        pages = [ada_client.get(path).content for path in own]
        pages += [Client().get(path, headers={"Authorization": f"Bearer {token}"}).content for path in api]
        return [DRAWN.sub(r"\1", page.decode()) for page in pages]

    page(ada_client, made)  # The first look celebrates a pass, once.
    before = seen()
    assert Evaluation.objects.filter(submission=made).update(overlap=3) == 1
    assert seen() == before


def test_a_comparison_calls_hyperparameters_by_their_titles_and_writes_them_without_an_exponent(
    ada, ada_client, course
):
    first, second = (
        factories.submit(
            ada, payload={**factories.LORA, "hyperparameters": {**factories.LORA["hyperparameters"], **chosen}}
        )
        for chosen in ({"learning_rate": 0.00001}, {"learning_rate": 0.002})
    )
    address = f"/challenges/sea-or-sky/compare/?a={first.uuid}&b={second.uuid}"
    text = ada_client.get(address).content.decode()
    assert "<h3>Learning rate</h3>" in text and "learning_rate" not in text and "1e-05" not in text
    assert "00001" in text and "002" in text
