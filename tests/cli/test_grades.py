"""`gradus class grades` against a live site, over HTTP."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gradus.accounts.models import ApiToken, User
from gradus.accounts.roles import DECIDES
from gradus.classes.models import Class, Member
from gradus.courses.models import Course
from gradus.gradebook import services
from tests import factories
from tests.cli.conftest import Gradus

# Each command that can print JSON, with a key of what it prints.
JSON_CALLS: dict[str, tuple[list[str], str]] = {"class grades": (["{class}"], "learners")}
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("home")]


@pytest.fixture
def evening(ada: User, bob: User, course: Course, monkeypatch: pytest.MonkeyPatch) -> Class:
    """A class that Ada teaches, in which Bob has a grade, and Lena an oral exam."""
    factories.enrol(ada, course, DECIDES)
    monkeypatch.setenv("GRADUS_TOKEN", ApiToken.issue(ada, "tests", DECIDES)[1])
    made = factories.a_class(course)
    factories.member(made, bob, email=bob.email, first_name="Bob", last_name="Builder", labels=["Section A"])
    lena = factories.member(made, email="lena@example.org", first_name="Lena")
    factories.grade(factories.submit(bob), 0.5)
    services.override([lena], factories.challenge("ticket"), by=ada, value=7, reason="an oral exam")
    return made


def test_the_grades_are_printed(gradus: Gradus, evening: Class) -> None:
    shown = gradus("class", "grades", str(evening.pk))
    assert shown.exit_code == 0
    assert "Bob Builder" in shown.output and "5.00" in shown.output and "7.00 (set by a person)" in shown.output
    assert "Lena" not in gradus("class", "grades", str(evening.pk), "--label", "section a").output
    assert gradus("class", "grades", str(evening.pk), "--label", "nothing").exit_code == 1
    assert gradus("class", "grades", "999").exit_code == 1


def test_a_file_is_written_and_what_it_leaves_out_is_said(gradus: Gradus, evening: Class, tmp_path: Path) -> None:
    Member.objects.filter(first_name="Lena").update(email="+lena@example.org")
    out = tmp_path / "grades.csv"
    done = gradus("class", "grades", str(evening.pk), "--format", "moodle", "--out", str(out))
    assert done.exit_code == 0 and "1 learner is left out" in done.stderr
    assert [line.split(",")[0] for line in out.read_text().splitlines()] == ["Email address", "bob@example.org"]
    printed = gradus("class", "grades", str(evening.pk), "--format", "wide")
    assert printed.exit_code == 0 and printed.stdout.startswith("UID,Name,UIN,Role,Enrollment,Labels,")


def test_json_is_alone_on_standard_output(gradus: Gradus, evening: Class) -> None:
    for name, (words, key) in JSON_CALLS.items():
        given = [word.format(**{"class": evening.pk}) for word in words]
        assert key in json.loads(gradus(*name.split(), *given, "--json").stdout)
