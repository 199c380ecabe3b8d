"""Every page, as a visitor and as a learner: that it answers, and what it never shows."""

import pytest
from django.test import Client
from django.urls import reverse

from gradus.accounts.models import User
from gradus.courses.bundles import load
from gradus.submissions.models import Submission
from gradus.submissions.services import start_run
from tests import factories
from tests.learn import scene


@pytest.fixture
def course(db, tmp_path):
    return scene.scene_course(tmp_path / "scene")


@pytest.fixture
def attempts(ada, course):
    """One graded attempt of each kind, and a second prompt."""
    made = [factories.submit(ada), factories.submit(ada, payload=factories.LORA)]
    for one in made:
        factories.grade(one, 0.7)
    second = factories.submit(ada, payload={**factories.PROMPT, "instructions": "Is it sea or is it sky?"})
    factories.grade(second, 0.9, result=factories.result_for(second, wrong=0))
    answer = factories.submit(ada, "explain", factories.FREE_TEXT)
    mark = {
        "id": "cause",
        "label": "Names the cause",
        "mark": "partial",
        "points": 25.0,
        "points_max": 50,
        "evidence": ["the weights keep old facts"],
        "improve": "Say why.",
    }
    factories.grade(answer, 0.65, provisional=True, result={"marks": [mark]})
    return [*made, second, answer]


def public_pages() -> list[str]:
    pages = [reverse("home"), reverse("learn:path"), reverse("learn:course", args=["tiny"])]
    pages += [reverse("learn:lesson", args=["first"]), reverse("learn:advisor", args=["first"])]
    for slug in ("sea-or-sky", "ticket", "explain"):
        pages.append(reverse("learn:challenge", args=[slug]))
    pages += [
        reverse("learn:challenge", args=["sea-or-sky"]) + "?track=tune&rows=starter",
        reverse("learn:challenge", args=["ticket"]) + "?track=prompt",
        reverse("learn:costs", args=["sea-or-sky"]),
        reverse("learn:starter", args=["sea-or-sky"]),
        reverse("learn:samples", args=["sea-or-sky"]),
    ]
    return pages


def own_pages(attempts: list[Submission]) -> list[str]:
    pages = [reverse("learn:submission", args=[one.uuid]) for one in attempts]
    pages += [reverse("learn:submission_fragment", args=[one.uuid]) for one in attempts]
    pages += [reverse("learn:compare", args=["sea-or-sky"]) + f"?a={attempts[0].uuid}&b={attempts[2].uuid}"]
    return pages


def test_pages_answer_a_visitor_and_make_no_guest(client, course):
    for page in public_pages():
        assert client.get(page).status_code == 200, page
    assert not User.objects.exists()


def test_pages_answer_a_learner_without_hidden_rows_rubric_and_model_answer(ada_client, attempts):
    secrets = []
    for slug in ("sea-or-sky", "ticket", "explain"):
        bundle = load(factories.challenge(slug).version)
        secrets += [sample.input for sample in bundle.hidden] + [row.answer for row in bundle.gold]
        keys = bundle.challenge.keys_of("free_text")
        secrets += [keys.model_answer, *(criterion.text for criterion in keys.rubric)] if keys else []
    assert len(secrets) > 10
    for page in [*public_pages(), *own_pages(attempts), reverse("profile")]:
        answer = ada_client.get(page)
        text = answer.content.decode()
        assert answer.status_code == 200 and not [secret for secret in secrets if secret in text], page


OWNED = ("submission", "submission_fragment", "submission_events", "artifact")


@pytest.mark.parametrize("name", OWNED)
def test_submissions_of_others_are_not_found(name, bob_client, client, attempts):
    address = reverse(f"learn:{name}", args=[attempts[1].uuid])
    assert bob_client.get(address).status_code == 404
    assert client.get(address).status_code == 404


@pytest.mark.parametrize("name", ["submission_cancel", "submission_appeal"])
def test_submissions_of_others_cannot_be_changed(name, ada, bob_client, client, course):
    submission = factories.submit(ada)
    address = reverse(f"learn:{name}", args=[submission.uuid])
    for other in (bob_client, client):
        assert other.post(address, {"text": "please"}).status_code == 404
    assert submission.current.is_open


@pytest.mark.parametrize("name", ["run", "run_fragment", "run_events"])
def test_runs_of_others_are_not_found(name, ada, bob_client, client, sea_or_sky):
    run = start_run(ada, sea_or_sky.version, factories.PROMPT)
    for other in (bob_client, client):
        assert other.get(reverse(f"learn:{name}", args=[run.uuid])).status_code == 404


def test_attempts_of_others_cannot_be_compared(ada, bob, bob_client, course):
    theirs, mine = factories.submit(ada), factories.submit(bob)
    address = reverse("learn:compare", args=["sea-or-sky"])
    assert bob_client.get(f"{address}?a={theirs.uuid}&b={mine.uuid}").status_code == 404


def test_what_is_not_published_is_not_found(client, course):
    course.is_published = False
    course.save()
    for page in public_pages()[2:]:
        assert client.get(page).status_code == 404, page


def test_guest_sees_own_attempt(guest, guest_client, course):
    submission = factories.submit(guest)
    assert guest_client.get(reverse("learn:submission", args=[submission.uuid])).status_code == 200
    assert Client().get(reverse("learn:submission", args=[submission.uuid])).status_code == 404


@pytest.mark.parametrize(
    ("address", "allowed", "above"),
    [
        ("/challenges/sea-or-sky/submit", "POST", "/challenges/sea-or-sky/"),
        ("/challenges/sea-or-sky/dataset-check", "POST", "/challenges/sea-or-sky/"),
        ("/profile/tokens/", "POST", "/profile/"),
        ("/contributions/1/withdraw", "POST", ""),
    ],
)
def test_an_address_that_only_takes_a_form_says_so_and_leads_back(ada_client, course, address, allowed, above):
    response = ada_client.get(address)
    text = response.content.decode()
    assert (response.status_code, response["Allow"]) == (405, allowed)
    assert "This address only takes a form" in text and 'href="/"' in text
    assert (f'href="{above}">To the page that it belongs to' in text) == bool(above)
    assert not above or ada_client.get(above).status_code == 200


def test_a_script_that_wants_no_page_gets_none_for_a_wrong_method(client, course):
    response = client.get("/challenges/sea-or-sky/submit", headers={"accept": "application/json"})
    assert response.status_code == 405 and response.content == b""
