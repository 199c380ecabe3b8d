"""The history of a challenge: attempts and runs in one list, named, restored, and compared."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from gradus.learn.path.history import history_of
from gradus.submissions.models import Run
from gradus.submissions.services import name_run, start_run
from tests import factories
from tests.conftest import logged_in
from tests.markup import Markup

HTMX = {"HX-Request": "true"}


@pytest.fixture
def run(ada, sea_or_sky):
    made = start_run(ada, sea_or_sky.version, {**factories.PROMPT, "instructions": "Which one is it?"})
    factories.grade(made, result=factories.result_for(made, wrong=1))
    return made


def history(client) -> str:
    return Markup(client.get(reverse("learn:history", args=["sea-or-sky"])).content.decode())


def name(client, run, text, **headers):
    return client.post(reverse("learn:run_name", args=[run.uuid]), {"name": text}, headers=headers)


def test_attempts_and_runs_stand_in_one_list_the_newest_first(ada, bob, sea_or_sky, run):
    attempt = factories.submit(ada)
    factories.grade(attempt, 0.7)
    waiting = start_run(ada, sea_or_sky.version, factories.LORA)
    start_run(bob, sea_or_sky.version, factories.PROMPT)
    start_run(ada, sea_or_sky.version, factories.PROMPT, purpose="demo")
    found = history_of(ada, sea_or_sky)
    assert [entry.work for entry in found] == [waiting, attempt, run]
    assert [entry.score for entry in found] == [None, 0.7, 0.75]


def test_the_page_shows_the_history_and_the_fragment_is_the_same(ada_client, run):
    text = history(ada_client)
    assert '<span class="num">0.75</span> <span class="muted small">public</span>' in text
    assert f"?track=prompt&amp;from={run.uuid}#attempt" in text
    page = Markup(ada_client.get("/challenges/sea-or-sky/").content.decode())
    assert f'id="history-{run.uuid}"' in page and 'hx-trigger="gradus:history from:body"' in page


def test_a_visitor_and_a_newcomer_have_an_empty_history(client, ada_client, course):
    assert "Nothing yet." in history(client) and "Nothing yet." in history(ada_client)


def test_more_entries_need_no_more_queries(ada, ada_client, sea_or_sky, run):
    with CaptureQueriesContext(connection) as few:
        history(ada_client)
    for _ in range(3):
        factories.grade(start_run(ada, sea_or_sky.version, factories.PROMPT))
        factories.grade(factories.submit(ada), 0.7)
    with CaptureQueriesContext(connection) as many:
        history(ada_client)
    # With the first attempt come its evaluations, and their versions.
    assert len(many) <= len(few) + 1


def test_a_run_is_named_in_place(ada_client, run):
    response = name(ada_client, run, "five <b>examples</b>", **HTMX)
    assert response.status_code == 200 and "five &lt;b&gt;examples&lt;/b&gt;</a>" in Markup(response.content.decode())
    run.refresh_from_db()
    assert run.name == "five <b>examples</b>"
    assert "five &lt;b&gt;" in history(ada_client)


def test_without_scripts_the_runs_page_shows_the_name(ada_client, run):
    response = name(ada_client, run, "mine")
    assert response.status_code == 302 and response["Location"] == f"/runs/{run.uuid}/"
    assert '<h1 lang="">mine</h1>' in Markup(ada_client.get(response["Location"]).content.decode())


@pytest.mark.parametrize("headers", [{}, HTMX])
@pytest.mark.parametrize(("text", "words"), [("x" * 61, "60 are allowed"), ("a\x07b", "control character: remove it")])
def test_a_name_that_is_refused_stays_in_its_field(ada_client, run, headers, text, words):
    name_run(run, "before")
    response = name(ada_client, run, text, **headers)
    shown = Markup(response.content.decode())
    assert response.status_code == 422 and words in shown and f'value="{text}"' in shown
    assert f'id="name-{run.uuid}-problem"' in shown and 'aria-invalid="true"' in shown
    run.refresh_from_db()
    assert run.name == "before"


def test_only_ones_own_trials_are_named(ada, ada_client, bob_client, sea_or_sky, run):
    demo = start_run(ada, sea_or_sky.version, factories.PROMPT, purpose="demo")
    assert name(bob_client, run, "theirs").status_code == name(ada_client, demo, "demo").status_code == 404
    assert set(Run.objects.values_list("name", flat=True)) == {""}


def test_a_run_is_restored_into_the_form(ada_client, bob, run):
    factories.submit(run.user, payload={**factories.PROMPT, "instructions": "The last attempt"})
    address = f"/challenges/sea-or-sky/?track=prompt&from={run.uuid}"
    assert "Which one is it?" in Markup(ada_client.get(address).content.decode())
    assert "Which one is it?" not in Markup(logged_in(bob).get(address).content.decode())
    assert "The last attempt" in Markup(ada_client.get("/challenges/sea-or-sky/?from=nonsense").content.decode())


def test_a_run_that_begins_or_ends_tells_the_page(ada, ada_client, course):
    response = ada_client.post("/challenges/sea-or-sky/run", {"kind": "prompt", "instructions": "?"}, headers=HTMX)
    assert response["HX-Trigger"] == "gradus:history"
    run = Run.objects.get(user=ada)
    assert ada_client.get(reverse("learn:run_fragment", args=[run.uuid]))["HX-Trigger"] == "gradus:history"
    cancelled = ada_client.post(reverse("learn:run_cancel", args=[run.uuid]), headers=HTMX)
    assert cancelled["HX-Trigger"] == "gradus:history"


def test_only_elsewhere_does_a_run_link_to_its_page(ada_client, run):
    address, fragment = (reverse(f"learn:{name}", args=[run.uuid]) for name in ("run", "run_fragment"))
    on_its_page = {**HTMX, "HX-Current-URL": f"http://testserver{address}#samples"}
    on_the_workbench = {**HTMX, "HX-Current-URL": "http://testserver/challenges/sea-or-sky/"}
    assert "Link to this run" not in Markup(ada_client.get(address).content.decode())
    assert "Link to this run" not in Markup(ada_client.get(fragment, headers=on_its_page).content.decode())
    assert "Link to this run" in Markup(ada_client.get(fragment, headers=on_the_workbench).content.decode())
