"""The page of an attempt that is being graded: its stages, counts that never fall, and a connection that is lost."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from gradus.submissions import services
from gradus.submissions.models import Evaluation, Submission, WorkerStatus
from tests import factories
from tests.browser.driver.seen import first_quick, look_at
from tests.browser.look.test_charts import CUT

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# A stream that ends at once, and is asked for again after some seconds.
ENDS = {"status": 200, "content_type": "text/event-stream", "body": "retry: 6000\n\n"}
# Writes down every text that the present stage ever has.
WATCH = """() => {
  window.seen = [];
  const list = document.querySelector(".stages");
  const look = () => window.seen.push(list.querySelector("[aria-current]")?.textContent);
  new MutationObserver(look).observe(list, { subtree: true, childList: true, characterData: true, attributes: true });
}"""


def tell(evaluation: Evaluation, *items: tuple[str, dict[str, object]]) -> None:
    assert services.append_events(evaluation.pk, evaluation.fence, items)


def public(done: int, total: int = 50) -> tuple[str, dict[str, object]]:
    return "progress", {"stage": "public", "done": done, "total": total}


def present(page: Page):
    return page.locator(".stages [aria-current=step]")


@pytest.fixture
def submission(ada, course) -> Submission:
    return factories.submit(ada)


@pytest.fixture
def page(submission, ada, visit) -> Page:
    page = visit(ada)
    page.goto(f"/submissions/{submission.uuid}/")
    expect(page.get_by_text("Updated")).to_be_visible()
    return page


def test_a_count_never_goes_backwards(submission, page):
    page.evaluate(WATCH)
    evaluation = factories.claimed(submission)
    expect(present(page)).to_have_text("Loading the model")
    # A second look at close calls counts from a lower number again.
    tell(evaluation, public(48), public(39))
    expect(present(page)).to_have_text("Public samples, row 48 of 50")
    tell(evaluation, public(50), public(39), public(44))
    expect(present(page)).to_have_text("Grading on hidden samples")
    seen = page.evaluate("window.seen")
    counts = [int(text.split("row ")[1].split()[0]) for text in seen if text and "row" in text]
    assert counts == sorted(counts) and 48 in counts
    assert "Public" not in seen[-1]


def test_a_reload_in_the_middle_starts_where_it_was(submission, page):
    evaluation = factories.claimed(submission)
    tell(evaluation, public(10), public(20))
    expect(present(page)).to_have_text("Public samples, row 20 of 50")
    page.add_init_script(f"addEventListener('DOMContentLoaded', {WATCH})")
    page.reload()
    expect(page.get_by_text("so far")).to_be_visible()
    tell(evaluation, public(30))
    expect(present(page)).to_have_text("Public samples, row 30 of 50")
    assert not [text for text in page.evaluate("window.seen") if "row 10" in text or "Loading" in text]


def test_what_goes_back_to_the_queue_waits_again(submission, page):
    evaluation = factories.claimed(submission)
    tell(evaluation, public(10))
    expect(present(page)).to_have_text("Public samples, row 10 of 50")
    services.postpone(evaluation.pk, evaluation.fence, 0, "engine_misconfigured")
    expect(present(page)).to_have_text("Waiting")
    expect(page.get_by_text("The server of the model did not answer when it was last asked.")).to_be_visible()
    expect(page.get_by_text("You are next.")).to_have_count(0)
    page.get_by_text("Log", exact=True).click()
    expect(page.get_by_text("Put back in the queue. It starts again by itself")).to_be_visible()
    tell(factories.claimed(submission), public(4))
    expect(present(page)).to_have_text("Public samples, row 4 of 50")


def test_a_page_says_when_no_worker_is_free_any_more_and_when_one_is(submission, page):
    expect(page.get_by_text("No worker has been free for this since")).to_be_visible()
    expect(page.get_by_text("You are next.")).to_be_visible()
    WorkerStatus.objects.create(name="w", lane=submission.current.lane)
    expect(page.get_by_text("No worker has been free for this since")).to_be_hidden()
    WorkerStatus.objects.update(last_seen="2026-01-02T03:04Z")
    expect(page.get_by_text(re.compile("free for this since 2 Jan 2026, \\d\\d:04"))).to_be_visible()
    expect(page.get_by_text("You are next.")).to_be_visible()


def test_a_lost_connection_is_named_and_recovers(submission, ada, visit, work):
    page = visit(ada)
    page.route("**/events*", lambda route: route.fulfill(**ENDS))
    page.goto(f"/submissions/{submission.uuid}/")
    expect(page.get_by_text("The connection is lost. Grading goes on")).to_be_visible()
    page.unroute("**/events*")
    expect(page.get_by_text("The connection is lost")).to_have_count(0)
    assert work("grade")
    expect(page.locator(".score-value").first).to_have_text("1.00")


@first_quick("width", 360, 1280)
def test_margin_and_accuracy_are_drawn_while_the_model_trains(ada, course, visit, axe, width):
    made = factories.submit(ada, payload=factories.LORA)
    page = visit(ada, viewport={"width": width, "height": 900})
    page.goto(f"/submissions/{made.uuid}/")
    expect(page.get_by_text("Updated")).to_be_visible()
    margin, accuracy = (page.locator(f"figure[data-chart={name}]") for name in ("margin", "accuracy"))
    expect(margin).to_be_hidden()
    evaluation = factories.claimed(made)
    for step in range(1, 5):
        held = {"valid_margin": 0.2 * step - 0.3, "valid_accuracy": 0.25 * step} if step % 2 == 0 else {}
        figures = {"margin": 0.4 * step - 0.5, "accuracy": 0.25 * step, **held}
        loss = {"step": step, "steps": 8, "train_loss": 0.7 - 0.05 * step, "valid_loss": None, "seconds": 2.0 * step}
        tell(evaluation, ("loss", {**loss, **figures}))
    expect(present(page)).to_have_text("Training, step 4 of 8")
    expect(page.locator("figure[data-chart=loss] svg")).to_be_visible()
    for figure, words in ((margin, ("Margin", "1.1")), (accuracy, ("Accuracy", "100 %"))):
        figure.scroll_into_view_if_needed()
        for text in ("Trained rows", "Held-out rows", words[0]):
            expect(figure.locator("svg text", has_text=text).first).to_be_visible()
        figure.locator("summary").click()
        expect(figure.locator("tbody tr")).to_have_count(4)
        expect(figure.locator("tbody tr").last).to_contain_text(words[1])
        assert page.evaluate(CUT) == []
    look_at(page, axe)
