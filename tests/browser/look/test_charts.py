"""Charts in a browser: no text is cut off, and the axes of a growing curve stand still."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.browser.driver.pages import publish_lessons
from tests.browser.driver.seen import first_quick

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# The texts of drawn charts that reach out of their drawing, with the number of pixels.
CUT = """() => [...document.querySelectorAll("[data-chart-canvas] svg")].flatMap((svg) => {
  const frame = svg.getBoundingClientRect();
  return [...svg.querySelectorAll("text")].map((text) => {
    const box = text.getBoundingClientRect();
    const sides = [frame.left - box.left, box.right - frame.right, frame.top - box.top, box.bottom - frame.bottom];
    return [text.textContent, Math.max(...sides)];
  });
}).filter(([, out]) => out > 1)"""
ADD_FIGURE = """([kind, data]) => {
  const figure = document.createElement("figure");
  figure.className = "chart";
  figure.dataset.chart = kind;
  const canvas = '<div class="chart-canvas" data-chart-canvas></div>';
  figure.innerHTML = `<figcaption class="chart-title">Loss</figcaption>${canvas}`;
  const json = Object.assign(document.createElement("script"), { type: "application/json" });
  json.textContent = JSON.stringify(data);
  figure.append(json);
  document.querySelector("main").prepend(figure);
  document.dispatchEvent(new CustomEvent("htmx:load", { bubbles: true }));
}"""
ADD_POINT = """(point) => document.querySelector("[data-chart=loss]").dispatchEvent(
  new CustomEvent("gradus:point", { bubbles: true, detail: point }))"""
TICKS = """() => [...document.querySelectorAll("[data-chart=loss] svg text")].map((text) => text.textContent)"""


def lesson(page: Page) -> None:
    page.goto("/lessons/fine-tuning-vs-prompting/one-page/")
    for chart in page.locator("figure[data-chart]").all():
        chart.scroll_into_view_if_needed()
        chart.locator("svg text").first.wait_for()


@first_quick("width", 360, 1280)
def test_no_text_of_a_chart_is_cut_off(visit, width):
    publish_lessons("fine-tuning-vs-prompting")
    page = visit(viewport={"width": width, "height": 800})
    lesson(page)
    assert page.locator("[data-chart-canvas] svg text").count() > 20
    assert page.evaluate(CUT) == []


def test_a_chart_has_the_names_of_its_table(visit):
    publish_lessons("fine-tuning-vs-prompting")
    page = visit(viewport={"width": 1280, "height": 800})
    lesson(page)
    figure = page.locator("figure[data-chart=tradeoff]").first
    drawn = set(figure.locator("svg text").all_text_contents())
    assert {"Zero-shot", "Few-shot", "LoRA", "Score", "Tokens per request"} <= drawn


def test_the_axes_stand_still_while_a_curve_grows(course, visit):
    page = visit(viewport={"width": 360, "height": 740})
    page.goto("/")
    page.evaluate(ADD_FIGURE, ["loss", {"points": []}])
    page.locator("[data-chart=loss] svg").wait_for()
    page.evaluate(ADD_POINT, {"step": 1, "steps": 50, "train_loss": 3.4, "valid_loss": 3.3})
    page.locator("[data-chart=loss] svg text", has_text="Training loss").wait_for()
    first = page.evaluate(TICKS)
    page.evaluate(ADD_POINT, {"step": 25, "steps": 50, "train_loss": 1.2, "valid_loss": 1.4})
    page.evaluate(ADD_POINT, {"step": 50, "steps": 50, "train_loss": 0.6, "valid_loss": 0.9})
    page.locator("[data-chart=loss] td", has_text="0.6").first.wait_for(state="attached")
    assert "50" in first and page.evaluate(TICKS) == first


def test_long_names_at_both_ends_of_a_chart_stay_inside(course, visit):
    points = [
        {"name": f"your longest name of an attempt {at}", "kind": kind, "accuracy": 0.6, "tokens": at, "own": True}
        for at, kind in ((5, "zero-shot"), (300, "few-shot"))
    ]
    page = visit(viewport={"width": 360, "height": 740})
    page.goto("/")
    page.evaluate(ADD_FIGURE, ["tradeoff", {"points": points}])
    page.locator("[data-chart] svg text", has_text="your longest name of an attempt").first.wait_for()
    assert page.evaluate(CUT) == []
