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
from gradus.gradebook.models import Override
from tests import factories
from tests.cli.conftest import Gradus

# Each command that can print JSON, with a key of what it prints.
JSON_CALLS: dict[str, tuple[list[str], str]] = {
    "class grades": (["{class}"], "learners"),
    "class grade": (["{class}", "ticket", "lena@example.org", "--excuse", "--reason", "ill"], "learners"),
}
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


def test_a_grade_is_set_excused_and_cleared(gradus: Gradus, evening: Class, bob: User) -> None:
    words = ("class", "grade", str(evening.pk), "sea-or-sky", bob.email)
    done = gradus(*words, "--points", "8.5", "--reason", "read again")
    assert done.exit_code == 0 and "8.50 (set by a person)" in done.output and "read again" in done.output
    both = gradus(*words, "lena@example.org", "--excuse", "--reason", "ill")
    assert both.exit_code == 0 and both.output.count("excused") == 2
    cleared = gradus(*words, "--clear")
    assert cleared.exit_code == 0 and "5.00" in cleared.output
    again = gradus(*words, "--clear")
    assert again.exit_code == 1 and "Nothing is set here" in again.output


@pytest.mark.parametrize(
    ("learner", "options", "status", "said"),
    [
        ("bob@example.org", ("--points", "3"), 1, "why"),
        ("bob@example.org", ("--points", "3000", "--reason", "a prize"), 1, "from 0 to 20"),
        ("nobody", ("--excuse", "--reason", "ill"), 1, "no member “nobody”"),
        ("bob@example.org", ("--excuse", "--points", "3"), 2, "Choose one"),
        ("bob@example.org", (), 2, "Choose one"),
    ],
)
def test_a_grade_that_is_wrong_is_refused(
    gradus: Gradus, evening: Class, learner: str, options: tuple[str, ...], status: int, said: str
) -> None:
    done = gradus("class", "grade", str(evening.pk), "sea-or-sky", learner, *options)
    assert done.exit_code == status and said in done.output, done.output
    assert Override.objects.count() == 1


def test_json_is_alone_on_standard_output(gradus: Gradus, evening: Class) -> None:
    for name, (words, key) in JSON_CALLS.items():
        given = [word.format(**{"class": evening.pk}) for word in words]
        assert key in json.loads(gradus(*name.split(), *given, "--json").stdout)
