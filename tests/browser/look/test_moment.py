"""The page of a graded attempt in a browser: the score bar on a small screen, and its one celebration."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests import factories
from tests.browser.driver.seen import first_quick
from tests.learn import scene

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

BOXES = """() => [...document.querySelectorAll(".score-bar text[data-mark]")].map((text) => {
  const { left, right, top, bottom } = text.getBoundingClientRect();
  return { left, right, top: top + 2, bottom: bottom - 2, name: text.textContent };
})"""
# On a busy machine an animation may be over before anybody looks.
COUNT = """window.risen = 0;
addEventListener("animationstart", ({ animationName }) => { window.risen += animationName === "rise" ? 1 : 0; });"""


def overlap(one, other) -> bool:
    across = one["left"] < other["right"] and other["left"] < one["right"]
    return across and one["top"] < other["bottom"] and other["top"] < one["bottom"]


@first_quick("score", 0.72, 0.0, 0.61, 1.0)
def test_labels_of_the_score_bar_are_whole_and_apart_at_360_px(ada, course, visit, score):
    scene.with_baselines(factories.challenge("sea-or-sky").version)
    factories.grade(factories.submit(ada), 0.7)
    submission = factories.submit(ada, payload={**factories.PROMPT, "instructions": "Which?"})
    factories.grade(submission, score)
    page = visit(ada, viewport={"width": 360, "height": 740})
    page.goto(f"/submissions/{submission.uuid}/")
    boxes = page.evaluate(BOXES)
    assert len(boxes) == 7
    assert all(box["left"] >= 0 and box["right"] <= 360 for box in boxes), boxes
    assert not [(a, b) for n, a in enumerate(boxes) for b in boxes[n + 1 :] if overlap(a, b)]
    bar = page.locator(".score-bar").bounding_box()
    assert bar is not None and bar["y"] + bar["height"] <= 740


def test_the_steps_rise_once_and_only_where_motion_is_wanted(ada, course, visit):
    submission = factories.submit(ada)
    factories.grade(submission, 0.7)
    still = visit(ada, reduced_motion="reduce")
    moving = visit(ada, reduced_motion="no-preference")
    moving.add_init_script(COUNT)
    for page in (still, moving):
        page.goto(f"/submissions/{submission.uuid}/")
        expect(page.locator(".rise[data-celebrate]")).to_have_count(1)
    assert still.evaluate("document.querySelector('.rise').getAnimations({ subtree: true }).length") == 0
    moving.wait_for_function("() => window.risen === 3")
    moving.reload()
    expect(moving.locator(".rise")).to_have_count(1)
    expect(moving.locator(".rise[data-celebrate]")).to_have_count(0)
