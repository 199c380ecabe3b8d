"""The list of a result's rows: short on a phone, opened in place, filtered by chips and by the confusion matrix."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from gradus.submissions import services
from gradus.submissions.models import Run
from tests import factories
from tests.browser.driver.pages import publish_lessons
from tests.browser.driver.seen import first_quick, look_all_over
from tests.learn.result.test_fields import result_of

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def run(ada, course) -> Run:
    made = services.start_run(ada, factories.challenge("sea-or-sky").version, factories.PROMPT)
    factories.grade(made, result=factories.result_for(made, wrong=1))
    return made


def visible(page: Page):
    return page.locator("#samples > li:visible")


def test_rows_are_filtered_by_chips_and_by_the_matrix(ada, run, visit):
    page = visit(ada)
    page.goto(f"/runs/{run.uuid}/")
    page.get_by_role("button", name="Wrong 1").click()
    expect(visible(page)).to_have_count(1)
    expect(page.get_by_text("Showing 1 of 4.")).to_be_visible()
    page.get_by_role("button", name="Expected sky, got sky: 2").click()
    expect(visible(page)).to_have_count(2)
    expect(page.get_by_text("Showing 2 of 4, expected sky, got sky.")).to_be_visible()
    expect(page.get_by_role("button", name="Wrong 1")).to_have_attribute("aria-pressed", "false")
    page.get_by_role("button", name="All 4").click()
    expect(visible(page)).to_have_count(4)
    expect(page.get_by_role("button", name="Expected sky, got sky: 2")).to_have_attribute("aria-pressed", "false")


def test_a_row_opens_in_place_with_the_keyboard(ada, run, visit):
    page = visit(ada)
    page.goto(f"/runs/{run.uuid}/")
    first = visible(page).first
    expect(first.locator(".probabilities")).to_be_hidden()
    first.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(first.locator(".probabilities > li")).to_have_count(2)
    expect(first.locator(".probabilities")).to_be_visible()


def test_without_scripts_all_rows_are_there_and_open(ada, run, visit):
    page = visit(ada, java_script_enabled=False)
    page.goto(f"/runs/{run.uuid}/")
    expect(page.locator(".row-chips")).to_be_hidden()
    expect(visible(page)).to_have_count(4)
    visible(page).first.locator("summary").click()
    expect(visible(page).first.locator(".probabilities")).to_be_visible()


@first_quick("slug", "symptom-specialty", "email-to-ticket")
def test_fifty_rows_are_short_on_a_phone(ada, transactional_db, visit, slug):
    publish_lessons("fine-tuning-vs-prompting")
    version = factories.challenge(slug).version
    run = services.start_run(ada, version, {"kind": "prompt", "instructions": "Answer."})
    factories.grade(run, result=factories.result_for(run, wrong=30))
    page = visit(ada, viewport={"width": 360, "height": 740})
    page.goto(f"/runs/{run.uuid}/")
    count = visible(page).count()
    assert count >= 50
    assert page.locator("#samples").evaluate("list => list.offsetHeight") / count * 50 < 5000
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_history_follows_runs_and_names_them(ada, course, visit, work):
    page = visit(ada, viewport={"width": 1280, "height": 720})
    page.goto("/challenges/sea-or-sky/#history")
    history = page.locator("#history-list")
    expect(history).to_contain_text("Nothing yet.")
    page.locator(".cm-content").first.fill("Sea or sky?")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(history.locator(".history-entry")).to_have_count(1)
    expect(history).to_contain_text("Waiting")
    assert work("interactive")
    expect(history).to_contain_text("1.00 public")

    history.get_by_text("Name it").click()
    history.get_by_label("Name of this run").fill("one\u0007bell")
    page.keyboard.press("Enter")
    expect(history.locator(".field-error")).to_contain_text("a control character: remove it.")
    # Nobody types faster than htmx takes over the new form, but a test does.
    page.wait_for_function("() => !document.querySelector('.htmx-added, .htmx-settling, .htmx-swapping')")
    history.get_by_label("Name of this run").fill("First idea")
    page.keyboard.press("Enter")
    expect(history.get_by_role("link", name="First idea", exact=True)).to_be_focused()
    assert Run.objects.get().name == "First idea"


def test_a_name_that_is_being_typed_survives_the_end_of_a_run(ada, run, visit, work):
    page = visit(ada, viewport={"width": 1280, "height": 720})
    page.goto("/challenges/sea-or-sky/#history")
    history = page.locator("#history-list")
    page.locator(".cm-content").first.fill("Sea or sky?")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(history.locator(".history-entry")).to_have_count(2)
    history.get_by_text("Name it").last.click()
    history.get_by_label("Name of this run").last.fill("Half a na")
    assert work("interactive")
    expect(page.locator("#run #samples > li")).to_have_count(4)
    expect(history.get_by_label("Name of this run").last).to_have_value("Half a na")
    page.keyboard.press("Enter")
    expect(history.get_by_role("link", name="Half a na", exact=True)).to_be_visible()
    expect(history).to_contain_text("1.00 public")


def told(run: Run, *numbers: int) -> tuple[str, dict[str, object]]:
    """The event of public rows that are finished; the first sample is wrong."""
    samples = run.version.samples
    rows = [
        {
            "id": samples[n].id,
            "mark": "right" if n else "wrong",
            "score": float(n > 0),
            "output": samples[n].target if n else "sky",
            "confidence": 0.75,
        }
        for n in numbers
    ]
    return "rows", {"stage": "public", "rows": rows}


def test_rows_arrive_one_by_one_and_a_reload_doubles_none(ada, course, visit):
    run = services.start_run(ada, factories.challenge("sea-or-sky").version, factories.PROMPT)
    evaluation = factories.claimed(run)
    key = (evaluation.pk, evaluation.fence)
    page = visit(ada)
    page.goto(f"/runs/{run.uuid}/")
    rows, count = page.locator("[data-live-list] > li"), page.locator("[data-live-count]")
    services.append_events(*key, [told(run, 2)])
    expect(rows).to_have_count(1)
    services.append_events(*key, [told(run, 0, 2)])
    expect(count).to_have_text("2 of 4 · 1 right, 1 wrong")
    expect(rows).to_have_count(2)
    wrong = page.locator("[data-live-list] > li[data-wrong]")
    expect(wrong).to_contain_text(run.version.samples[0].input)
    expect(wrong.locator(".row-said")).to_contain_text(f"expected {run.version.samples[0].target}")
    expect(wrong.get_by_role("img", name="wrong")).to_be_visible()

    page.reload()
    expect(count).to_have_text("2 of 4 · 1 right, 1 wrong")
    # A worker that died is followed by one that begins again.
    services.append_events(*key, [("started", {}), told(run, 1)])
    expect(count).to_have_text("1 of 4 · 1 right")
    services.record(*key, services.Outcome(result=factories.result_for(run, wrong=1)))
    expect(page.locator("#samples > li")).to_have_count(4)
    expect(rows).to_have_count(0)


OPEN = "document.querySelectorAll('details').forEach((one) => { one.open = true; })"


def test_axe_finds_nothing(ada, run, visit, axe):
    other = services.start_run(ada, run.version, factories.PROMPT)
    factories.grade(other, result=factories.result_for(other, wrong=3))
    ticket = services.start_run(ada, factories.challenge("ticket").version, factories.PROMPT)
    factories.grade(ticket, result=result_of(ticket, {"priority": 1.0, "summary": 0.4}, *[None] * 5))
    waiting = services.start_run(ada, run.version, factories.PROMPT)
    evaluation = factories.claimed(waiting)
    services.append_events(evaluation.pk, evaluation.fence, [told(waiting, 0, 1)])
    page = visit(ada, reduced_motion="reduce")
    addresses = [f"/runs/{one.uuid}/" for one in (other, ticket, waiting)]
    addresses += [f"/challenges/sea-or-sky/compare/?pick={run.uuid}&pick={other.uuid}"]
    addresses += ["/challenges/sea-or-sky/?pick=two#history"]
    for address in addresses:
        page.goto(address)
        page.evaluate(OPEN)
        look_all_over(page, axe)
