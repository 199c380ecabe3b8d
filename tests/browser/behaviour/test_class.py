"""A teacher follows `docs/teaching/your-class.md` on the site, from a roster to released grades in other systems."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from allauth.account.models import EmailAddress
from playwright.sync_api import Locator, Page, expect

from gradus.accounts.models import User
from gradus.classes.models import Class, DateRule
from gradus.courses.models import Course
from gradus.submissions.models import Submission
from tests import factories
from tests.browser.behaviour.test_learner import write
from tests.browser.conftest import Visit, Work
from tests.docs import class_guide
from tests.docs.class_guide import PEOPLE, days_later
from tests.gradebook import imports

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


class Reader:
    """Does what a section of the page says. Each name in bold must be used there, and no other name is."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.allowed: set[str] = set()
        self.used: set[str] = set()

    @contextmanager
    def section(self, number: str) -> Iterator[None]:
        self.allowed, self.used = set(class_guide.names(class_guide.sections()[number])), set()
        yield
        assert self.used == self.allowed

    def named(self, name: str) -> str:
        assert name in self.allowed, f"the page does not name {name} here"
        self.used.add(name)
        return name

    def link(self, name: str, within: Locator | None = None) -> None:
        (within or self.page).get_by_role("link", name=self.named(name)).first.click()

    def tab(self, name: str) -> None:
        tabs = self.page.get_by_role("navigation", name="This class")
        tabs.get_by_role("link", name=self.named(name), exact=True).click()

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=self.named(name), exact=True).click()

    def field(self, name: str, within: Locator | None = None) -> Locator:
        """The field with this label, which may be marked as optional."""
        label = re.compile(rf"^\s*{re.escape(self.named(name))}(\s*\(optional\))?\s*$")
        return (within or self.page).get_by_label(label).first


@pytest.fixture
def teacher(course: Course) -> User:
    made = factories.UserFactory.create(email="teacher@example.org")
    factories.enrol(made, course, factories.TEACHER)
    return made


def test_a_teacher_goes_from_a_roster_to_released_grades(
    ada: User, course: Course, teacher: User, visit: Visit, work: Work, tmp_path: Path
) -> None:
    EmailAddress.objects.create(user=ada, email=ada.email, verified=True, primary=True)
    page = visit(teacher, viewport={"width": 1280, "height": 900})
    reader = Reader(page)
    page.goto("/")
    begin(reader)
    made = Class.objects.get()
    assert made.timezone == "Europe/Vienna"
    bring_people_in(reader, tmp_path)
    assert {one.email: one.user for one in made.members.all()} == {ada.email: ada, "bob@example.org": None}
    set_dates(reader)
    assert DateRule.objects.get().late[0]["credit"] == 0.5

    learner = visit(ada)
    attempt = hand_in(learner, work)
    nothing_is_seen(learner, attempt)

    tell_and_look(reader)
    learner.goto(f"/courses/{course.slug}/")
    expect(learner.get_by_role("main")).to_contain_text("The room has changed")
    give_more_time(reader)
    correct(reader)
    nothing_is_seen(learner, attempt)
    release(reader)
    learner.goto(attempt)
    expect(learner.locator(".score-value").first).to_have_text("1.00")
    learner.goto(f"/courses/{course.slug}/")
    learner.get_by_role("link", name="Your grades in this class").click()
    expect(learner.get_by_role("row", name="Sea or sky")).to_contain_text("10.00")

    files = take(reader)
    for found in (imports.canvas(files["canvas"], PEOPLE), imports.moodle(files["moodle"], PEOPLE)):
        assert found.grades["Ada"]["Sea or sky"] == 10
    assert imports.canvas(files["canvas"], PEOPLE).grades["Bob"]["Sea or sky"] == "EX"
    with reader.section("And"):
        for name in ("How is my class doing?", "Audit", "Members"):
            reader.tab(name)
        expect(page.get_by_role("heading", name=reader.named("Add people"))).to_be_visible()


def begin(reader: Reader) -> None:
    with reader.section("1"):
        reader.link("Teach")
        reader.link("All classes, and a new one")
        reader.link("New class")
        reader.field("Title").fill("Spring 2027")
        reader.field("Time zone").fill("Europe/Vienna")
        reader.press("Make the class")
        expect(reader.page.get_by_role("heading", name="Spring 2027")).to_be_visible()


def bring_people_in(reader: Reader, folder: Path) -> None:
    file = folder / "roster.csv"
    file.write_text(class_guide.roster())
    with reader.section("2"):
        reader.field("The code works until").fill(days_later(14, "18:00"))
        reader.press("Make a link")
        expect(reader.page.locator(".teach-link")).to_contain_text("/join/")
        reader.tab("Roster")
        reader.field("A file").set_input_files(file)
        reader.press("Preview")
        expect(reader.page.get_by_role("heading", name="What the roster would change")).to_be_visible()
        assert not Class.objects.get().members.exists()
        reader.press("Apply")
        expect(reader.page.get_by_role("heading", name="What the roster has changed")).to_be_visible()


def set_dates(reader: Reader) -> None:
    with reader.section("3"):
        reader.tab("Dates")
        reader.link("Set", reader.page.get_by_role("row", name="Sea or sky"))
        reader.field("Due").fill(days_later(13, "23:59"))
        late = reader.page.get_by_role("group", name=reader.named("Late credit"))
        reader.field("An attempt counts, in percent", late).fill("50")
        reader.field("until", late).fill(days_later(20, "23:59"))
        reader.field("Closes").fill(days_later(21, "00:00"))
        reader.press("Save")
        expect(reader.page.get_by_role("row", name="Sea or sky")).to_contain_text("50 %")
        reader.tab("Release")
        everything = reader.page.get_by_role("region", name="All challenges")
        for name in ("Score", "Details"):
            reader.field(name, everything).select_option("When I release them")
        everything.get_by_role("button", name="Save").click()
        expect(reader.page.locator(".messages")).to_contain_text("Saved")


def hand_in(learner: Page, work: Work) -> str:
    learner.goto("/challenges/sea-or-sky/")
    write(learner, "Sea or sky?")
    learner.get_by_role("button", name="Submit").click()
    expect(learner).to_have_url(re.compile("/submissions/"))
    assert work("grade")
    learner.goto(learner.url)
    return learner.url


def nothing_is_seen(learner: Page, attempt: str) -> None:
    """The grade is stored, and the learner finds it on no page and in no reply."""
    found = Submission.objects.get()
    assert found.evaluations.get().score.shown == 1
    learner.goto(attempt)
    expect(learner.get_by_role("main")).to_contain_text("Your teacher has not released the grades yet")
    for path in (attempt, "/path/", "/challenges/sea-or-sky/", "/leaderboards/sea-or-sky/", "/notices/"):
        learner.goto(path)
        expect(learner.locator(".score-value")).to_have_count(0)
        expect(learner.get_by_role("main")).not_to_contain_text("1.00")
    reply = learner.request.get(f"/api/v1/submissions/{found.uuid}").json()
    assert (reply["status"], reply["score"], reply["verdict"]) == ("withheld", None, None)


def tell_and_look(reader: Reader) -> None:
    page = reader.page
    with reader.section("4"):
        reader.tab("Announcements")
        reader.field("Title").fill("The room has changed")
        reader.field("Text").fill("We meet in *room 12*.")
        expect(reader.field("For")).to_have_value("")
        reader.field("For").select_option("all")
        expect(reader.field("From when on")).to_have_value("")
        reader.press("Announce")
        expect(page.get_by_role("article", name="The room has changed")).to_be_visible()
        reader.tab("View as a learner")
        reader.field("As whom").select_option("Section 1")
        reader.field("At what time").fill(days_later(22, "12:00"))
        reader.press("Look")
        page.goto("/challenges/sea-or-sky/")
        expect(page.get_by_role("main")).to_contain_text("Closed since")
        reader.press("Stop")
        expect(page.locator(".preview-bar")).to_have_count(0)


def give_more_time(reader: Reader) -> None:
    with reader.section("5"):
        reader.tab("Dates")
        reader.link("Give learners more time or attempts")
        form = reader.page.locator("form", has=reader.page.get_by_role("button", name="Give more time"))
        reader.field("For what", form).select_option(f"challenge-{factories.challenge('sea-or-sky').pk}")
        reader.field("New due date", form).fill(days_later(19, "23:59"))
        form.get_by_role("group", name=reader.named("For whom")).get_by_label("Bob Builder").check()
        reader.field("Reason", form).fill("Was ill")
        reader.press("Give more time")
        expect(reader.page.get_by_role("row", name="Bob Builder")).to_contain_text("Was ill")
        expect(reader.page.get_by_role("heading", name=reader.named("More time, and more attempts"))).to_be_visible()
        reader.page.get_by_role("row", name="Bob Builder").get_by_role("link", name="Bob Builder").first.click()
        expect(reader.page.get_by_role("heading", name="Why can Bob Builder submit?")).to_be_visible()


def correct(reader: Reader) -> None:
    page = reader.page
    with reader.section("6"):
        reader.tab("Grades")
        row = page.get_by_role("row", name="Ada Aaronson")
        expect(row).to_contain_text("Not released")
        row.get_by_role("link", name="10.00").click()
        reader.field("Points").fill("8.5")
        reader.field("Reason").fill("Read again together")
        reader.press("Set these points")
        expect(page.locator(".facts")).to_contain_text("8.50")
        reader.press("Clear, and use the computed grade")
        expect(page.locator(".facts")).not_to_contain_text("8.50")
        reader.tab("Grades")
        page.get_by_role("row", name="Bob Builder").locator("[href$='/sea-or-sky/']").click()
        reader.field("Reason").fill("Joined later")
        reader.press("Excuse the learner")
        expect(page.locator(".facts")).to_contain_text("Excused")


def release(reader: Reader) -> None:
    with reader.section("7"):
        reader.tab("Release")
        reader.page.once("dialog", lambda asked: asked.accept())
        reader.press("Release all grades now")
        expect(reader.page.get_by_role("button", name="Release all grades now")).to_have_count(0)


def take(reader: Reader) -> dict[str, str]:
    """Downloads each file of the gradebook. Returns their texts by the name of the format."""
    files = {}
    with reader.section("8"):
        reader.tab("Grades")
        kinds = ("File for Canvas", "File for Moodle", "Table with a line for each learner")
        for format, name in zip(
            ("canvas", "moodle", "wide", "long"), (*kinds, "Table with a line for each grade"), strict=True
        ):
            with reader.page.expect_download() as download:
                reader.link(name)
            files[format] = Path(download.value.path()).read_text()
    return files
