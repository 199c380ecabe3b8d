"""The review desk in the browser: one question on one page, by key, by mouse, offline and without scripts."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from challenges.kinds.rubric import free_text
from challenges.reading import read_course
from gradus.courses.services import publish
from gradus.reviews import desk
from gradus.reviews.models import Review
from gradus.reviews.services import decide, keep_snippet, mark_question_blind, release
from tests import factories
from tests.browser.conftest import session_of
from tests.browser.driver.hands import Keyboard
from tests.browser.driver.pages import LIBRARY
from tests.browser.driver.seen import first_quick
from tests.reviews.cases import ALL_MET, MARKS, NONE_MET
from tests.reviews.desk.test_desk import with_text
from tests.waiting import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PAGE = "/reviews/question/explain/"


@pytest.fixture
def reviews(course) -> list[Review]:
    """Three answers that wait, in the order of the queue."""
    given = ({**NONE_MET, "cause": "partial"}, MARKS, ALL_MET)
    return [with_text(f"The weights keep old facts, {n} times.", marks) for n, marks in enumerate(given)]


def answer(page: Page, review: Review) -> Locator:
    return page.locator(f"#answer-{review.pk}")


def row(page: Page, review: Review, criterion: str) -> Locator:
    return answer(page, review).locator(f"[data-criterion={criterion}]")


def focused_row(page: Page) -> Locator:
    return page.locator("[data-criterion]:focus-within")


def told(page: Page, review: Review) -> Locator:
    return answer(page, review).locator(".desk-told")


def record(page: Page, review: Review, key: str = "Enter") -> None:
    """Records an answer by key with the machine's marks, which takes a second press."""
    page.keyboard.press(key)
    expect(told(page, review)).to_contain_text("still the machine\u2019s")
    page.keyboard.press(key)


def is_decided(review: Review) -> bool:
    review.refresh_from_db()
    return review.decided_at is not None


def test_answers_are_marked_by_key_one_after_the_other(grace, reviews, visit):
    first, second, third = reviews
    page = visit(grace)
    page.goto(PAGE)
    expect(row(page, first, "cause").locator(":focus")).to_have_count(1)
    expect(page.locator("[data-rubric=cause]")).to_have_attribute("aria-current", "")
    expect(answer(page, first).locator("mark")).to_have_class("is-on")
    for key, criterion in (("n", "remedy"), ("3", "no-myth")):
        page.keyboard.press(key)
        expect(row(page, first, criterion).locator(":focus")).to_have_count(1)
    page.keyboard.press("h")
    expect(page.get_by_text("This criterion has no half.")).to_be_visible()
    page.keyboard.press("m")
    expect(answer(page, first).get_by_role("button", name="Record these marks")).to_be_focused()
    page.keyboard.press("u")
    expect(row(page, first, "no-myth").get_by_role("radio", checked=True)).to_have_value("not_met")
    page.keyboard.press("m")
    page.keyboard.press("Enter")
    expect(row(page, second, "cause").locator(":focus")).to_have_count(1)
    expect(answer(page, first)).to_have_class("desk-done")
    expect(page.locator("#desk-progress")).to_contain_text("1 of 3 done")
    assert is_decided(first) and first.decided_by == grace
    assert first.marks == {"cause": "not_met", "remedy": "not_met", "no-myth": "met"}
    page.keyboard.press("x")
    expect(row(page, third, "cause").locator(":focus")).to_have_count(1)
    record(page, third, "Control+Shift+Enter")
    expect(row(page, second, "cause").locator(":focus")).to_have_count(1)
    expect(answer(page, third)).to_have_class("desk-done")
    record(page, second)
    expect(page.get_by_text("No answer to this question waits for you now.")).to_be_visible()
    assert is_decided(second) and second.marks == MARKS
    assert is_decided(third) and third.marks == ALL_MET


def test_marks_that_are_still_the_machines_are_told_before_enter_records_them(grace, reviews, visit):
    first = reviews[0]
    page = visit(grace)
    page.goto(PAGE)
    for key in ("m", "j", "m"):
        page.keyboard.press(key)
    button = answer(page, first).locator("[data-record]")
    expect(button).to_be_focused()
    expect(button).to_contain_text("Record, with 1 of the machine\u2019s marks")
    page.keyboard.press("Enter")
    expect(row(page, first, "remedy").locator(":focus")).to_have_count(1)
    expect(row(page, first, "remedy").get_by_role("alert")).to_have_text(
        "1 mark is still the machine\u2019s: press Enter again to accept it."
    )
    assert not is_decided(first)
    page.keyboard.press("u")
    expect(told(page, first)).to_have_count(0)
    page.keyboard.press("Enter")
    expect(told(page, first)).to_contain_text("2 marks are still the machine\u2019s: press Enter again to accept them.")
    page.reload()
    expect(button).to_contain_text("Record, with 2 of the machine\u2019s marks")
    record(page, first)
    expect(answer(page, first)).to_have_class("desk-done")
    assert is_decided(first) and first.marks == {"cause": "met", "remedy": "not_met", "no-myth": "not_met"}


def test_a_click_on_the_machines_mark_makes_it_ones_own(grace, reviews, visit):
    first = reviews[0]
    page = visit(grace)
    page.goto(PAGE)
    button = answer(page, first).locator("[data-record]")
    for left, criterion, mark in ((2, "cause", "Half"), (1, "remedy", "Not met"), (0, "no-myth", "Not met")):
        row(page, first, criterion).get_by_text(mark, exact=True).click()
        expect(button).to_contain_text(f"Record, with {left} of" if left else "Record these marks")
    page.reload()
    expect(button).to_contain_text("Record these marks")
    button.press("Enter")
    expect(answer(page, first)).to_have_class("desk-done")
    assert is_decided(first) and first.marks == {**NONE_MET, "cause": "partial"}


def test_a_screen_reader_hears_the_criterion_and_the_machines_mark(grace, reviews, visit):
    page = visit(grace)
    page.goto(PAGE)
    one = page.get_by_role("article", name=f"Answer {reviews[0].pk}")
    group = one.get_by_role("radiogroup", name=re.compile("Names the cause"))
    expect(group).to_have_accessible_description("Built-in checks: half")
    assert group.get_by_role("radio").evaluate_all("all => all.map((one) => one.labels[0].textContent.trim())") == [
        "Met",
        "Half",
        "Not met",
    ]


def test_what_another_reviewer_decided_is_said_beside_the_marks(grace, bob, reviews, visit):
    first, second, _third = reviews
    page = visit(grace)
    page.goto(PAGE)
    bob.is_staff = True
    bob.save()
    release(grace)
    decide(first, by=bob, marks=ALL_MET, reason="")
    for key in "nnn":
        page.keyboard.press(key)
    page.keyboard.press("Enter")
    expect(row(page, second, "cause").locator(":focus")).to_have_count(1)
    expect(answer(page, first).get_by_role("alert")).to_contain_text("Somebody else has just decided this review.")
    expect(row(page, first, "remedy").get_by_role("radio", checked=True)).to_have_value("not_met")
    assert is_decided(first) and (first.decided_by, first.marks) == (bob, ALL_MET)


@pytest.mark.parametrize(
    ("is_offline", "reason"),
    [(True, "There is no connection"), (False, "sign in in another tab, then reload this page")],
)
def test_without_a_connection_or_a_session_the_marks_are_kept_over_a_reload_and_recorded_then(
    grace, reviews, visit, expected_complaints, is_offline, reason
):
    expected_complaints += ["ERR_INTERNET_DISCONNECTED", "htmx:", "status of 401", "Response Status"]
    first = reviews[0]
    page = visit(grace)
    page.goto(PAGE)
    cookies = page.context.cookies()
    if is_offline:
        page.context.set_offline(True)
    else:
        page.context.clear_cookies(name="sessionid")
    for key in ("n", "m", "m", "Enter"):
        page.keyboard.press(key)
    expect(answer(page, first).get_by_role("alert")).to_contain_text(reason)
    expect(row(page, first, "remedy").get_by_role("radio", checked=True)).to_have_value("met")
    page.context.set_offline(False)
    page.context.add_cookies([cookie for cookie in cookies if cookie["name"] == "sessionid"])
    page.reload()
    expect(row(page, first, "remedy").get_by_role("radio", checked=True)).to_have_value("met")
    page.keyboard.press("Control+Shift+Enter")
    expect(answer(page, first)).to_have_class("desk-done")
    assert is_decided(first) and first.marks == {"cause": "not_met", "remedy": "met", "no-myth": "met"}


@first_quick("status", 403, 404, 500)
def test_marks_are_kept_over_a_reload_if_the_site_did_not_record_them(
    grace, reviews, visit, expected_complaints, status
):
    expected_complaints += [f"status of {status}", "Response Status", "htmx:"]
    first, second, _third = reviews
    page = visit(grace)
    page.goto(PAGE)
    page.route(f"**{PAGE}{first.pk}", lambda route: route.fulfill(status=status, body="No."))
    for key in ("n", "m", "m", "Enter"):
        page.keyboard.press(key)
    expect(answer(page, first).get_by_role("alert")).to_contain_text("Your marks are kept")
    page.keyboard.press("c")
    page.keyboard.type("Name the cause.")
    answer(page, second).get_by_role("button", name="Keep as a snippet").click()
    expect(answer(page, second).get_by_text("Kept as a snippet")).to_be_visible()
    expect(answer(page, second).get_by_role("button", name="Keep as a snippet")).to_be_focused()
    page.reload()
    expect(row(page, first, "remedy").get_by_role("radio", checked=True)).to_have_value("met")


def test_enter_that_is_held_records_one_answer(grace, reviews, visit):
    page = visit(grace)
    page.goto(PAGE)
    for key in "nmm":
        page.keyboard.press(key)
    with page.expect_response(f"**{PAGE}{reviews[0].pk}"):
        page.keyboard.down("Enter")
    for _ in range(4):
        page.keyboard.down("Enter")
    page.keyboard.up("Enter")
    expect(answer(page, reviews[0])).to_have_class("desk-done")
    page.keyboard.press("x")
    for key in ("m", "m", "m", "Enter"):
        page.keyboard.press(key)
    expect(answer(page, reviews[2])).to_have_class("desk-done")
    assert [is_decided(review) for review in reviews] == [True, False, True]


def test_only_marks_of_ones_own_come_back_and_none_on_a_blind_form(grace, bob, reviews, visit):
    first = reviews[0]
    page = visit(grace)
    page.goto(PAGE)
    page.keyboard.press("n")
    page.keyboard.press("c")
    page.keyboard.type("Name the cause.")
    page.reload()
    expect(row(page, first, "cause")).not_to_have_class(re.compile("is-preset"))
    expect(row(page, first, "remedy")).to_have_class(re.compile("is-preset"))
    page.goto("/reviews/")
    release(grace)
    mark_question_blind(factories.challenge("explain"), by=grace, blind=True)
    page.goto(PAGE)
    expect(answer(page, first).get_by_label("Comment for the learner")).to_have_value("Name the cause.")
    expect(answer(page, first).get_by_role("radio", checked=True)).to_have_count(0)
    page.goto("/reviews/")
    release(grace)
    bob.is_staff = True
    bob.save()
    page.context.clear_cookies()
    page.context.add_cookies([{"name": "sessionid", "value": session_of(bob), "domain": "127.0.0.1", "path": "/"}])
    page.goto(PAGE)
    expect(answer(page, first).get_by_label("Comment for the learner")).to_have_value("")


def test_the_rubric_stays_beside_the_answers_and_folds_on_a_small_screen(grace, reviews, visit):
    page = visit(grace, viewport={"width": 1280, "height": 800})
    page.goto(PAGE)
    rubric = page.locator("[data-rubric=cause]")
    for _ in range(6):
        page.keyboard.press("j")
        expect(page.locator("[data-rubric][aria-current]")).to_be_in_viewport()
    expect(focused_row(page)).to_be_in_viewport()
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(PAGE)
    expect(rubric).to_be_hidden()
    what = row(page, reviews[0], "cause").get_by_text("What it asks for")
    what.click()
    expect(what.locator("xpath=../p")).to_be_visible()


def edges(part: Locator) -> tuple[float, float]:
    box = part.bounding_box()
    assert box is not None
    return box["y"], box["y"] + box["height"]


def seen_whole(page: Page, part: Locator) -> bool:
    """True if the part lies between the header that stays in view and the end of the window."""
    assert page.viewport_size is not None
    top, bottom = edges(part)
    return edges(page.locator(".desk-head"))[1] <= top and bottom <= page.viewport_size["height"]


def test_the_list_of_keys_opens_by_its_key_and_marking_goes_on_where_it_was(grace, reviews, visit):
    page = visit(grace, viewport={"width": 1280, "height": 700})
    page.goto(PAGE)
    page.keyboard.press("x")
    page.keyboard.press("j")
    keys = page.get_by_role("dialog", name="Keyboard shortcuts")
    openers = [
        lambda: page.keyboard.press("?"),
        page.get_by_role("button", name="Keys ?").click,
        page.get_by_role("contentinfo").get_by_role("button", name="Keyboard shortcuts").click,
    ]
    for opens in openers:
        opens()
        expect(keys).to_be_visible()
        page.keyboard.press("Escape")
        expect(keys).to_be_hidden()
        expect(row(page, reviews[1], "remedy").locator(":focus")).to_have_count(1)
        assert seen_whole(page, answer(page, reviews[1]))


@first_quick("height", 420, 700, 900)
def test_what_has_the_focus_and_what_it_asks_for_are_never_covered_or_cut(grace, reviews, visit, height):
    page = visit(grace, viewport={"width": 1280, "height": height})
    page.goto(PAGE)
    column, item = page.locator("[data-desk-asked]"), page.locator("[data-rubric][aria-current]")

    def is_whole() -> bool:
        (top, bottom), (begins, ends) = edges(column), edges(item)
        return seen_whole(page, item) and top <= begins and ends <= bottom

    for key in [*"jjjjjjjj", *"kkkkkkkk"]:
        page.keyboard.press(key)
        wait_until(is_whole)
        assert seen_whole(page, focused_row(page))
    for end in ("document.documentElement.scrollHeight", "0"):
        page.evaluate(f"scrollTo(0, {end})")
        wait_until(is_whole)


def test_equal_texts_are_chosen_once_for_the_page(grace, course, visit):
    same = [with_text("Old facts stay in it.") for _ in range(3)]
    more = [with_text("A look-up reads the new ones.") for _ in range(2)]
    page = visit(grace)
    page.goto(PAGE)
    box = answer(page, same[0]).get_by_role("checkbox", name="Apply to 2 equal texts")
    expect(box).not_to_be_checked()
    page.keyboard.press("e")
    expect(box).to_be_checked()
    record(page, same[0])
    expect(answer(page, same[0])).to_contain_text("2 equal texts have the same marks now.")
    expect(answer(page, more[0]).get_by_role("checkbox")).to_be_checked()
    record(page, more[0])
    expect(page.get_by_text("No answer to this question waits for you now.")).to_be_visible()
    assert not Review.objects.waiting().exists()


def test_answers_stay_with_the_reviewer_while_the_page_is_used_and_go_back_when_it_is_left(grace, bob, reviews, visit):
    page = visit(grace)
    page.clock.install()
    page.goto(PAGE)
    Review.objects.filter(pk=reviews[0].pk).update(locked_by=bob)
    with page.expect_response(f"**{PAGE}locks"):
        page.clock.fast_forward(6_000)
    expect(answer(page, reviews[0]).get_by_role("alert")).to_contain_text("You no longer hold this answer")
    assert Review.objects.held_by(grace).count() == 2
    page.goto("/reviews/")
    wait_until(lambda: not Review.objects.held_by(grace).exists())
    page.reload()
    expect(page.get_by_text("is with another reviewer.")).to_be_visible()


def test_enter_goes_on_to_the_next_question_with_the_choice_about_equal_texts(grace, course, visit):
    publish(read_course(LIBRARY))
    text = {"kind": "free_text", "answer": "The model learns its rows by heart. " * 5}
    for learner in factories.UserFactory.create_batch(2):
        other = factories.submit(learner, "read-the-curve", text)
        marks = [{"id": one.id, "mark": "not_met"} for one in free_text(other.version.parsed).rubric]
        factories.grade(other, 0.0, provisional=True, review=("provisional",), result={"marks": marks})
    with_text("Old facts stay in it.")
    with_text("Old facts stay in it.")
    page = visit(grace)
    page.goto(PAGE)
    for key in ("e", "m", "m", "m", "Enter"):
        page.keyboard.press(key)
    expect(page.get_by_role("link", name="Next question: Read the curve (2 wait)")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/reviews/question/read-the-curve/"))
    expect(page.get_by_role("checkbox", name="Apply to 1 equal text")).to_be_checked()
    expect(focused_row(page)).to_have_count(1)


def test_a_comment_is_made_of_a_snippet_by_key(grace, reviews, visit):
    first = reviews[0]
    page = visit(grace)
    page.goto(PAGE)
    page.keyboard.press("c")
    comment = answer(page, first).get_by_label("Comment for the learner")
    expect(comment).to_be_focused()
    page.keyboard.type("Name the cause.")
    answer(page, first).get_by_role("button", name="Keep as a snippet").click()
    expect(answer(page, first).get_by_text("Kept as a snippet")).to_be_visible()
    comment.focus()
    page.keyboard.press("Escape")
    expect(answer(page, first).get_by_role("button", name="Record, with 3 of the machine\u2019s marks")).to_be_focused()
    page.keyboard.press("s")
    expect(page.get_by_role("dialog", name="Insert a snippet")).to_be_visible()
    page.keyboard.press("1")
    expect(comment).to_be_focused()
    expect(comment).to_have_value("Name the cause.\nName the cause.")
    record(page, first, "Control+Shift+Enter")
    expect(answer(page, first)).to_have_class("desk-done")
    assert is_decided(first) and first.comment == "Name the cause.\nName the cause."


def test_on_the_page_of_one_answer_it_stays_in_sight_and_a_snippet_goes_into_the_comment(grace, reviews, visit):
    keep_snippet(grace, text="Name the cause.")
    page = visit(grace, viewport={"width": 1280, "height": 700})
    page.goto(f"/reviews/{reviews[0].pk}/")
    for _ in range(2):
        page.keyboard.press("j")
    page.get_by_role("button", name="Record these marks").scroll_into_view_if_needed()
    expect(page.locator("blockquote")).to_be_in_viewport()
    page.get_by_role("button", name="Insert a snippet").click()
    page.get_by_role("button", name="Name the cause.").click()
    expect(page.get_by_label("Comment for the learner")).to_have_value("Name the cause.")
    page.get_by_role("button", name="Record these marks").click()
    expect(page.get_by_text("Your marks are recorded.")).to_be_visible()
    assert is_decided(reviews[0]) and reviews[0].comment == "Name the cause."


def test_answers_come_by_themselves_until_none_is_left(grace, course, visit, monkeypatch):
    monkeypatch.setattr(desk, "SHOWN", 2)
    made = [with_text(f"The weights keep old facts, {n} times.") for n in range(5)]
    page = visit(grace)
    page.goto(PAGE)
    for number, review in enumerate(made):
        expect(row(page, review, "cause").locator(":focus")).to_have_count(1)
        expect(answer(page, review)).to_be_in_viewport()
        for key in ("m", "m", "m", "Enter"):
            page.keyboard.press(key)
        expect(page.locator("#desk-progress")).to_contain_text(f"{number + 1} of 5 done")
    expect(page.locator("#desk-end")).to_be_focused()
    assert [is_decided(review) and review.marks for review in made] == [ALL_MET] * 5


def test_two_reviewers_at_once_never_lose_each_others_marks(grace, bob, reviews, visit):
    bob.is_staff = True
    bob.save()
    first, second, third = reviews
    one = visit(grace)
    one.goto(PAGE)
    one.keyboard.press("n")
    release(grace, [third.pk])
    other = visit(bob)
    other.goto(PAGE)
    expect(other.locator("[data-answer]")).to_have_count(1)
    other.keyboard.press("n")
    one.keyboard.press("x")
    record(one, second, "Control+Shift+Enter")
    expect(answer(one, second)).to_have_class("desk-done")
    other.keyboard.press("m")
    other.keyboard.press("m")
    other.keyboard.press("Enter")
    expect(answer(other, third)).to_have_class("desk-done")
    expect(row(one, first, "cause").get_by_role("radio", checked=True)).to_have_value("not_met")
    assert is_decided(second) and (second.decided_by, second.marks) == (grace, MARKS)
    assert is_decided(third) and (third.decided_by, third.marks["cause"]) == (bob, "not_met")


def test_every_control_is_reached_by_tab_and_its_focus_is_seen(grace, reviews, visit):
    first, second, _third = reviews
    keep_snippet(grace, text="Name the cause.")
    page = visit(grace)
    page.goto(PAGE)
    hand = Keyboard(page)
    answer(page, first).get_by_text("Comment for the learner, reason for staff").press("Enter")
    page.keyboard.press("Tab")
    expect(answer(page, first).get_by_label("Comment for the learner")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    hand.press("button", "Name the cause. Name the cause.")
    expect(answer(page, first).get_by_label("Comment for the learner")).to_have_value("Name the cause.")
    hand.press("button", f"Record, with 3 of the machine\u2019s marks of answer {first.pk}")
    expect(told(page, first)).to_be_visible()
    page.keyboard.press("Enter")
    expect(answer(page, first)).to_have_class("desk-done")
    hand.press("button", f"Record, with 3 of the machine\u2019s marks of answer {second.pk}")
    expect(told(page, second)).to_be_visible()
    page.keyboard.press("Enter")
    expect(answer(page, second)).to_have_class("desk-done")
    assert is_decided(first) and first.comment == "Name the cause." and is_decided(second)


def test_on_a_telephone_the_answers_are_marked_by_touch(grace, reviews, visit):
    first = reviews[0]
    page = visit(grace, viewport={"width": 360, "height": 740}, has_touch=True)
    page.goto(PAGE)
    expect(page.get_by_role("heading", level=1)).to_be_in_viewport()
    page.get_by_text("Question, model answer and rubric").tap()
    expect(page.locator("[data-rubric=cause]")).to_be_visible()
    row(page, first, "remedy").get_by_text("Met", exact=True).tap()
    expect(page.locator("[data-rubric=remedy]")).to_have_attribute("aria-current", "")
    answer(page, first).get_by_role("button", name="Record, with 2 of the machine\u2019s marks").tap()
    expect(answer(page, first)).to_have_class("desk-done")
    expect(answer(page, reviews[1])).to_be_in_viewport()
    assert is_decided(first) and first.marks == {**NONE_MET, "cause": "partial", "remedy": "met"}
