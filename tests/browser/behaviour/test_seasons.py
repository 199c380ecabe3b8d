"""Seasons, runs that verify a score, and the shake-up, in the browser: by mouse, by keyboard, and how they look."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import expect

from gradus.accounts.models import User
from gradus.courses import catalogue
from gradus.courses.models import Challenge, Course
from gradus.submissions import services
from gradus.submissions.models import Rerun, Season, Submission
from gradus.submissions.results.board_decisions import begin_season
from gradus.submissions.services.reruns import run_again
from tests import factories
from tests.browser.conftest import Visit
from tests.browser.driver.hands import Hand, Keyboard, Mouse
from tests.browser.driver.seen import first_quick, look_all_over

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def shore(course: Course) -> Challenge:
    return factories.challenge("sea-or-sky")


@pytest.fixture
def attempt(shore: Challenge, ada: User, bob: User) -> Submission:
    factories.grade(factories.submit(bob), 0.7, private_score=0.8)
    made = factories.submit(ada)
    factories.grade(made, 0.9, private_score=0.7)
    return made


def verified(attempt: Submission, by: User, score: float) -> Rerun:
    (rerun,) = run_again(attempt, by=by)
    claimed = services.claim("grade", worker="worker-2", profile="cpu/float32/2")
    assert claimed is not None
    services.record(claimed.pk, claimed.fence, services.Outcome(result={}, score=score))
    return rerun


@first_quick("hand_of", Keyboard, Mouse)
def test_a_season_begins_and_an_attempt_is_run_again(
    attempt: Submission, ada: User, grace: User, visit: Visit, hand_of: type[Mouse | Keyboard]
) -> None:
    page = visit(grace)
    staff: Hand = hand_of(page)
    page.goto(f"/teach/boards/sea-or-sky/{ada.pk}/")
    # Its name goes on with the moment of the attempt.
    again = page.get_by_role("button", name="Verify by running again")
    again.click() if hand_of is Mouse else again.press("Enter")
    expect(page.get_by_text("The attempt will run again, behind learners' work.")).to_be_visible()
    assert Rerun.objects.get().submission == attempt
    page.goto("/teach/boards/sea-or-sky/")
    staff.unfold(page.locator("summary", has_text="Begin another season"))
    staff.press("button", "Begin the season")
    expect(page.get_by_text("Write a title.")).to_be_visible()
    staff.write("Title of the new season", "Spring 2027")
    staff.press("button", "Begin the season")
    expect(page.get_by_text("The season “Spring 2027” has begun.")).to_be_visible()
    assert Season.objects.get().number == 1
    staff.press("link", "First season")
    expect(page.get_by_text("Every entry of a season that has ended")).to_be_visible()
    expect(page.get_by_role("link", name="enchantress")).to_be_visible()
    staff.press("link", "The leaderboard as learners see it")
    expect(page.get_by_text("They are final.")).to_be_visible()
    expect(page.get_by_role("cell", name="enchantress")).to_be_visible()


def test_nothing_is_wrong_with_the_pages(attempt: Submission, ada: User, grace: User, visit: Visit, axe: Axe) -> None:
    verified(attempt, grace, 0.3)
    run_again(attempt, by=grace)
    begin_season(attempt.challenge, "A season with quite a long title, as people like to write them", by=grace)
    staff, learner = visit(grace, reduced_motion="reduce"), visit(ada, reduced_motion="reduce")
    for path in ("", f"{ada.pk}/"):
        staff.goto(f"/teach/boards/sea-or-sky/{path}")
        look_all_over(staff, axe)
    for path in ("", "?season=0"):
        learner.goto(f"/leaderboards/sea-or-sky/{path}")
        look_all_over(learner, axe)


def test_nothing_is_wrong_with_the_page_of_the_shake_up(attempt: Submission, ada: User, visit: Visit, axe: Axe) -> None:
    Course.objects.update(frozen_at=timezone.now())
    catalogue.forget()
    page = visit(ada, reduced_motion="reduce")
    for path in ("shake-up/", ""):
        page.goto(f"/leaderboards/sea-or-sky/{path}")
        look_all_over(page, axe)
