"""The form of a challenge after a refusal, and with the author's starter rows."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from gradus.submissions import services
from gradus.submissions.models import Run, Submission
from tests import factories
from tests.browser.behaviour.test_learner import write
from tests.browser.driver.seen import first_quick, look_at
from tests.learn.result.test_fields import result_of

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def run_once(page: Page, work) -> None:
    write(page, "Sea or sky?")
    page.get_by_role("button", name="Run").click()
    expect(page.locator("#run")).to_contain_text("You are next")
    assert work("interactive")
    expect(page.locator("#run #samples > li")).to_have_count(4)


def test_a_refused_run_leads_to_the_field_and_marks_the_old_result(ada, course, visit, work):
    page = visit(ada)
    page.goto("/challenges/sea-or-sky/")
    run_once(page, work)
    expect(page.locator("#run-note")).to_be_hidden()

    template = page.get_by_role("textbox", name="Row template")
    template.fill("no slots")
    page.get_by_role("button", name="Run").click()
    expect(page.locator("#template-problem")).to_contain_text("must contain {input} exactly once")
    expect(page.locator("#template-problem")).to_be_in_viewport()
    expect(template).to_be_focused()
    expect(page.locator("[name=instructions]")).to_have_value("Sea or sky?")
    expect(template).to_have_attribute("aria-invalid", "true")
    expect(template).to_have_attribute("aria-describedby", "template-help template-problem")
    expect(page.locator("#run-note")).to_contain_text("the result of an earlier run")
    expect(page.locator("#run #samples > li")).to_have_count(4)

    template.fill("{input} is {output}")
    page.get_by_role("button", name="Run").click()
    expect(page.locator("#run")).to_contain_text("You are next")
    expect(page.locator("#run-note")).to_be_hidden()
    expect(page.locator("#template-problem")).to_be_hidden()
    assert template.get_attribute("aria-invalid") is None
    assert Run.objects.count() == 2


def test_the_first_field_is_led_to_and_an_empty_example_is_not_counted(ada, course, visit):
    page = visit(ada)
    page.goto("/challenges/sea-or-sky/")
    for _ in range(2):
        page.get_by_role("button", name="Add an example").click()
    page.locator("[name=example_input]").nth(1).fill("a crab")
    page.locator("[name=example_input]").nth(2).fill("a gull")
    page.get_by_role("button", name="Run").click()
    expect(page.locator("[name=example_output]").nth(1)).to_be_focused()
    for place in (1, 2):
        row = page.locator(".example-row").nth(place)
        expect(row.locator("[data-part=eo] .field-error")).to_contain_text("This text is empty")
    expect(page.locator(".example-row").nth(0).locator("[aria-invalid]")).to_have_count(0)
    assert not Run.objects.exists()


# Nothing that stays in sight, such as a bar, lies over it.
IS_SEEN = """(one) => {
  const { left, right, top, bottom } = one.getBoundingClientRect();
  return [top + 1, bottom - 1].every((y) => one.contains(document.elementFromPoint((left + right) / 2, y)));
}"""


@first_quick("width", 360, 1280)
def test_the_check_of_rows_appears_beside_its_button_with_the_focus(ada, course, visit, axe, width):
    page = visit(ada, viewport={"width": width, "height": 740}, reduced_motion="reduce")
    page.goto("/challenges/sea-or-sky/?track=tune#work")
    rows = page.locator("#training .cm-content")
    button = page.get_by_role("button", name="Check the rows")
    found = page.locator("#dataset section")
    for row, said in (
        ('{"input": "a crab", "output": "sea"}', "These rows can be submitted"),
        ('{"input": "a crab", "output": "Baker"}', "These rows cannot be submitted yet"),
    ):
        rows.fill(row)
        button.click()
        expect(found.get_by_role("heading", level=2)).to_have_text(said)
        expect(found).to_be_focused()
        assert found.get_by_role("heading", level=2).evaluate(IS_SEEN)
        below = found.bounding_box()["y"] - button.bounding_box()["y"] - button.bounding_box()["height"]
        assert 0 <= below < 160
        look_at(page, axe)


def test_a_label_is_chosen_from_a_list(ada, course, visit):
    page = visit(ada)
    page.goto("/challenges/sea-or-sky/")
    output = page.locator("[name=example_output]").first
    assert output.locator("option").all_inner_texts() == ["Choose a label", "sea", "sky"]
    page.locator("[name=example_input]").first.fill("a crab")
    output.select_option("sea")
    page.get_by_role("button", name="Add an example").click()
    expect(page.locator("[name=example_output]").nth(1)).to_have_value("")
    page.get_by_role("button", name="Run").click()
    expect(page.locator("#run")).to_contain_text("You are next")
    assert Run.objects.get().payload["examples"] == [{"input": "a crab", "output": "sea"}]
    page.reload()
    expect(output).to_have_value("sea")


def test_a_training_row_is_added_with_a_label_of_the_list(ada, course, visit):
    page = visit(ada)
    page.goto("/challenges/sea-or-sky/?track=tune")
    page.locator("#training .cm-content").fill('{"input": "a gull", "output": "sky"}')
    adder = page.get_by_role("group", name="Add a row")
    adder.get_by_label("Input").fill('a "crab"')
    adder.get_by_role("button", name="Add the row").click()
    expect(adder.get_by_label("Output")).to_be_focused()
    adder.get_by_label("Output").select_option("sea")
    adder.get_by_role("button", name="Add the row").click()
    both = '{"input": "a gull", "output": "sky"}\n{"input":"a \\"crab\\"","output":"sea"}\n'
    expect(page.locator("[name=rows]")).to_have_value(both)
    expect(page.locator("#training .cm-content")).to_contain_text("crab")
    expect(adder.get_by_label("Input")).to_be_focused()
    expect(adder.get_by_label("Input")).to_have_value("")


def test_a_refused_attempt_opens_with_the_focus_in_the_field(ada, course, visit):
    page = visit(ada)
    page.goto("/challenges/sea-or-sky/")
    # Until then, the field of the form stands in its place.
    expect(page.locator(".cm-editor").first).to_be_visible()
    page.get_by_role("textbox", name="Row template").fill("no slots")
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_role("textbox", name="Row template")).to_be_focused()
    expect(page.locator("#template-problem")).to_be_in_viewport()
    assert not Submission.objects.exists()


OWN = '{"input": "mine", "output": "{}"}'


def test_starter_rows_ask_before_they_overwrite_and_are_taken_back(ada, course, visit):
    page = visit(ada)
    page.goto("/challenges/ticket/")
    # Until then, the field of the form stands in its place.
    expect(page.locator(".cm-editor").first).to_be_visible()
    page.get_by_role("textbox", name="Training rows").fill(OWN)
    page.locator("summary", has_text="Instructions").click()
    page.get_by_role("textbox", name="Instructions").fill("Be brief.")
    page.get_by_role("button", name="Use the starter rows").click()
    expect(page.get_by_text("Your 1 line would go")).to_be_in_viewport()
    expect(page.locator("[name=rows]")).to_have_value(OWN)

    page.get_by_role("button", name="Replace my rows").click()
    expect(page.locator("#starter-note")).to_contain_text("rows are in")
    expect(page.get_by_role("textbox", name="Training rows")).to_contain_text("broken")
    expect(page.locator("[name=instructions]")).to_have_value("Be brief.")

    page.get_by_role("button", name="Undo: put my rows back").click()
    expect(page.locator("#starter-note")).to_have_count(0)
    expect(page.locator("[name=rows]")).to_have_value(OWN)
    expect(page.get_by_role("textbox", name="Training rows")).to_contain_text("mine")


def test_a_guest_cancels_a_run_where_it_stands(page, course):
    page.goto("/challenges/sea-or-sky/")
    write(page, "Sea or sky?")
    page.get_by_role("button", name="Run").click()
    page.get_by_role("button", name="Cancel this run").click()
    expect(page.locator("#run")).to_contain_text("You cancelled this run. It cost no attempt.")
    expect(page.locator("[name=instructions]")).to_have_value("Sea or sky?")
    assert Run.objects.get().current.state == "cancelled"


def test_a_guest_cancels_an_attempt(page, course):
    page.goto("/challenges/sea-or-sky/")
    write(page, "Sea or sky?")
    page.get_by_role("button", name="Submit").click()
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Cancel", exact=True).click()
    expect(page.get_by_text("You cancelled this attempt. It was given back.").first).to_be_visible()
    assert Submission.objects.get().current.state == "cancelled"


def test_partly_right_rows_are_filtered_by_themselves(ada, course, visit):
    run = services.start_run(ada, factories.challenge("ticket").version, factories.PROMPT)
    partly, wrong = {"priority": 1.0, "summary": 0.4}, None
    factories.grade(run, result=result_of(run, partly, partly, partly, wrong, wrong, wrong))
    page = visit(ada)
    page.goto(f"/runs/{run.uuid}/")
    page.get_by_role("button", name="Partly right 3").click()
    expect(page.locator("#samples > li:visible")).to_have_count(3)
    expect(page.get_by_text("Showing 3 of 6.")).to_be_visible()
    page.get_by_role("button", name="All 6").click()
    expect(page.locator("#samples > li:visible")).to_have_count(6)
