"""The commands of `docs/teaching/your-class.md` do what the page says, against a live site."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from pytest_django.live_server_helper import LiveServer

from gradus.accounts.models import ApiToken, User
from gradus.classes.models import Class, DateRule, Grant
from gradus.courses.models import Course
from gradus.gradebook.models import Override
from gradus.submissions.models import Submission
from tests import factories
from tests.cli.conftest import Gradus, gradus, home
from tests.docs import class_guide
from tests.gradebook import imports

__all__ = ["gradus", "home"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("home")]


def test_every_command_of_the_page_does_what_it_says(
    gradus: Gradus,
    home: Path,
    live_server: LiveServer,
    course: Course,
    bob: User,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    teacher = factories.UserFactory.create(email="teacher@example.org")
    factories.enrol(teacher, course, factories.TEACHER)
    monkeypatch.chdir(home)
    (home / "roster.csv").write_text(class_guide.roster())
    number = ""

    def run(words: list[str]) -> str:
        named = {
            class_guide.COURSE: course.slug,
            class_guide.NUMBER: number,
            "https://learn.example.org": live_server.url,
        }
        typed = f"{teacher.email}\n{factories.PASSWORD}\n" if "login" in words else None
        done = gradus(*(named.get(word, word) for word in words[1:]), stdin=typed)
        assert done.exit_code == 0, (words, done.output)
        return done.output

    said = {}
    for name, section in class_guide.sections().items():
        for words in class_guide.commands(section):
            said[" ".join(words[1:3]), name] = run(words)
            number = number or str(getattr(Class.objects.first(), "pk", ""))
        if name == "2":
            made = Class.objects.get()
            assert made.title == "Spring 2027" and made.join_code
            assert {one.email for one in made.members.all()} == {"ada@example.org", "bob@example.org"}
            made.members.filter(email=bob.email).update(user=bob)
        if name == "3":
            factories.grade(factories.submit(bob), 0.9)
        assert Submission.objects.filter(grade_withheld=name in "3456").count() == (name not in "12")
    assert number in said["class list", "1"]
    assert "Aaronson" in said["class members", "2"] and "Section 2" in said["class members", "2"]
    due = DateRule.objects.get(member=None).due_at
    assert due is not None and due.astimezone(made.zone).isoformat()[:16] == class_guide.days_later(13, "23:59")
    assert (DateRule.objects.get(member__email=bob.email).reason, Grant.objects.get().attempts) == ("Was ill", 2)
    assert "can submit" in said["class why", "5"] and "100 %" in said["class why", "5"]
    assert "9" in said["class grades", "6"] and "Builder" in said["class grades", "6"]
    override = Override.objects.get()
    assert (override.value, override.reason, override.ended_by) == (Decimal("8.5"), "Read again together", teacher)
    for name, read in (("canvas", imports.canvas), ("moodle", imports.moodle)):
        found = read((home / f"{name}.csv").read_text(), class_guide.PEOPLE)
        assert found.grades["Bob"]["Sea or sky"] == 9
    assert all((home / f"{name}.csv").read_text().count("\n") > 2 for name in ("wide", "long"))
    assert ApiToken.objects.get().user == teacher
