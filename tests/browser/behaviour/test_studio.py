"""The studio in the browser, by keyboard at the width of a phone: from a table of rows to a challenge that a learner
passes, then a corrected hidden row in a new version, and the way back.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Dialog, Page, Route, expect

from gradus.accounts.models import User
from gradus.courses import publishing
from gradus.courses.models import Challenge, Course
from gradus.studio import workspace
from gradus.submissions import services
from gradus.submissions.models import Run
from tests.browser.conftest import Visit, Work
from tests.browser.driver.hands import Keyboard, see_editors
from tests.browser.driver.seen import look_at
from tests.courses.publishing.conftest import Push, folder, push
from tests.workers.embedding_runner import Embedding
from workers.transport import linting
from workers.work import Worker

__all__ = ["folder", "push"]
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SHORE = "first/sea-or-sky"
SEA = (
    "Our ship has left the harbour", "Two anchors lie on the ground", "A whale came up beside us",
    "The tide is high at seven", "Red coral grows at that depth", "Fish jump between the boats",
    "A wave went over the wall", "Seals sleep on warm rocks",
)  # fmt: skip
SKY = (
    "An eagle turns above the hill", "The balloon rose without a sound", "Thunder woke the whole house",
    "One star is brighter than others", "Look, a rainbow after the rain", "That comet returns next year",
    "Every cloud has gone by now", "The sun went down behind trees",
)  # fmt: skip
SCORES = {"baselines/weak.yaml": 0.4, "baselines/good.yaml": 0.7, "baselines/lora.yaml": 0.8}


@pytest.fixture
def tiny(transactional_db: None, folder: Path, push: Push, grace: User, monkeypatch: pytest.MonkeyPatch) -> Course:
    """A course with one challenge, which is live; its server verifies what is pushed."""
    for name in ("ticket", "explain"):
        shutil.rmtree(folder / "first" / name)
    lesson = folder / "first/lesson.yaml"
    lesson.write_text(yaml.safe_dump(yaml.safe_load(lesson.read_text()) | {"challenges": ["sea-or-sky"]}))
    monkeypatch.setattr(linting, "find_spec", lambda name: object())
    publishing.publish(push().version, by=grace, unverified=["sea-or-sky"])
    return Course.objects.get(slug="tiny")


def verify() -> None:
    """Workers carry out what waits: lint of the rows, and the baselines, whose scores are given here."""
    linter = Worker("judge", runner=Embedding())
    while linter.step():
        pass
    for run in Run.objects.filter(purpose="baseline").order_by("pk"):
        if run.current.state == "queued":
            claimed = services.claim(run.current.lane, worker="worker-1", profile="cpu/float32/1")
            assert claimed is not None and claimed.run is not None
            result = {"cost": {"prompt_tokens": 7.0}, "training": {}, "metrics": {}}
            outcome = services.Outcome(score=SCORES[claimed.run.label], result=result)
            services.record(claimed.pk, claimed.fence, outcome)


def live() -> str:
    version = Challenge.objects.get(slug="sea-or-sky").version
    return version.version if version else ""


def hidden(course: Course) -> list[str]:
    """The texts of the hidden rows of what is live."""
    version = course.versions.published().first()
    assert version is not None
    return [row.input for row in publishing.bundle_of(version).challenges[0].hidden]


def publish(page: Page, hand: Keyboard, version: str) -> None:
    expect(page.get_by_text(f"Version {version} is a draft. Learners do not see it.")).to_be_visible()
    verify()
    hand.press("button", "Publish the draft")
    expect(page.get_by_text("Published.")).to_be_visible()
    assert live() == version


def test_from_a_table_to_a_passed_challenge_a_corrected_row_and_back(
    tiny: Course, ada: User, grace: User, visit: Visit, work: Work, axe: Axe, tmp_path: Path
) -> None:
    table = tmp_path / "rows.csv"
    rows = [
        f'"{text}",{label}'
        for pair in zip(SEA, SKY, strict=True)
        for text, label in zip(pair, ("sea", "sky"), strict=True)
    ]
    table.write_text("\n".join(["text,place", *rows, ""]))
    # Else colours are still on their way when they are compared.
    page = visit(grace, viewport={"width": 360, "height": 800}, reduced_motion="reduce")
    hand = Keyboard(page)
    page.goto("/teach/courses/tiny/studio/")
    page.get_by_label("Table", exact=True).set_input_files(table)
    page.get_by_label("For the challenge").select_option(SHORE)
    hand.write("Column with the texts", "text")
    hand.write("Column with the answers", "place")
    hand.write("Shares of public, hidden and training rows (optional)", "0.25/0.5/0.25")
    hand.press("button", "Import the rows")
    expect(page.get_by_text("files were written.")).to_be_visible()
    expect(page.get_by_text("No problem was found.")).to_be_visible()
    hand.press("button", "Make a draft")
    publish(page, hand, "1.0.1")

    learner = visit(ada)
    learner.goto("/challenges/sea-or-sky/")
    learner.locator(".cm-content").first.click()
    learner.keyboard.insert_text("Sea or sky?")
    learner.get_by_role("button", name="Submit").click()
    expect(learner.get_by_text("You are next")).to_be_visible()
    assert work("grade")
    expect(learner.locator(".score-value").first).to_have_text("1.00")

    page.goto(f"/teach/courses/tiny/studio/rows/?path={SHORE}/hidden.jsonl&row=1")
    # The field that an editor is about to replace has the same name and the same text.
    see_editors(page)
    before = page.get_by_role("textbox", name="Row, as JSON").inner_text()
    hand.write("Row, as JSON", json.dumps(json.loads(before) | {"input": "A ship without a flag"}))
    hand.press("button", "Save the row")
    expect(page.get_by_role("table")).to_contain_text("A ship without a flag")
    look_at(page, axe)
    page.goto("/teach/courses/tiny/studio/")
    hand.press("button", "Make a draft")
    publish(page, hand, "1.0.2")
    assert "A ship without a flag" in hidden(tiny)

    hand.press("button", "Make a draft of it : 1.0.1")
    publish(page, hand, "1.0.3")
    assert "A ship without a flag" not in hidden(tiny)


@pytest.mark.parametrize("is_late", [False, True], ids=["", "the script comes after the editor"])
def test_a_problem_stands_beside_its_line_and_unsaved_text_is_not_left_without_a_question(
    tiny: Course, grace: User, visit: Visit, axe: Axe, is_late: bool
) -> None:
    path = f"{SHORE}/challenge.yaml"
    file = workspace.read(tiny, path)
    assert file.text is not None
    lines = [*file.text.splitlines(), "pass_at: 0.4"]
    workspace.save(tiny, path, "\n".join([*lines, ""]), by=grace, seen=file.seen)
    page = visit(grace, viewport={"width": 1280, "height": 800})
    here = f"/teach/courses/tiny/studio/file/?path={path}&line={len(lines)}"
    if is_late:
        held: list[Route] = []
        page.route("**/js/studio*.js", lambda route: held.append(route))
        page.goto(here, wait_until="commit")
        expect(page.locator(".cm-editor")).to_be_visible()
        held[0].continue_()
    else:
        page.goto(here)
    text = page.get_by_role("textbox", name="Text")
    beside = page.locator(".cm-problem", has_text="pass_at: 0.4").locator(".cm-problem-said")
    expect(beside).to_contain_text("pass_at")
    look_at(page, axe)
    expect(text).to_be_focused()
    page.keyboard.insert_text("# ")
    page.locator("h1").click()
    page.locator(".studio-problems a", has_text=f":{len(lines)}").first.click()
    expect(text).to_be_focused()
    page.keyboard.insert_text("# ")
    expect(text).to_contain_text("# # pass_at: 0.4")
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    page.get_by_role("link", name="Gradus").first.click()
    assert asked == ["beforeunload"]
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    assert asked == ["beforeunload"] and workspace.read(tiny, path).text == "\n".join(
        [*lines[:-1], "# # pass_at: 0.4", ""]
    )
