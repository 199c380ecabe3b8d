"""`gradus class release` against a live site, over HTTP."""

from __future__ import annotations

import json

import pytest

from gradus.accounts.models import ApiToken, User
from gradus.accounts.roles import DECIDES
from gradus.classes.models import Class, ReleaseRule
from gradus.courses.models import Course
from gradus.submissions.models import Submission
from tests import factories
from tests.cli.conftest import Gradus

# Each command that can print JSON, with a key of what it prints.
JSON_CALLS: dict[str, tuple[list[str], str]] = {"class release": (["{class}"], "of_class")}
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("home")]


@pytest.fixture
def evening(ada: User, bob: User, course: Course, monkeypatch: pytest.MonkeyPatch) -> Class:
    """A class that Ada teaches, and in which Bob learns."""
    factories.enrol(ada, course, DECIDES)
    monkeypatch.setenv("GRADUS_TOKEN", ApiToken.issue(ada, "tests", DECIDES)[1])
    made = factories.a_class(course, timezone="Europe/Vienna")
    factories.member(made, bob, email=bob.email)
    return made


def test_grades_are_withheld_then_released(gradus: Gradus, evening: Class, bob: User) -> None:
    words = ("class", "release", str(evening.pk))
    assert "at once" in gradus(*words).output
    done = gradus(*words, "--score", "2099-12-01T12:00", "--details", "hand")
    assert done.exit_code == 0 and "2099-12-01T11:00:00Z" in done.output, done.output
    factories.grade(factories.submit(bob), 0.5)
    assert Submission.objects.get().grade_withheld
    # What no option names keeps its setting.
    gradus(*words, "--challenge", "sea-or-sky", "--details", "now")
    rule = ReleaseRule.objects.get(challenge__slug="sea-or-sky")
    assert (rule.score, rule.score_at.isoformat(), rule.details) == ("date", "2099-12-01T11:00:00+00:00", "now")
    gradus(*words, "--challenge", "sea-or-sky", "--as-class")
    assert not ReleaseRule.objects.filter(challenge__isnull=False).exists()
    done = gradus(*words, "--now", "--part", "score")
    assert "Attempts that changed: 1." in done.output
    attempt = Submission.objects.get()
    assert (attempt.grade_withheld, attempt.details_withheld) == (False, True)
    assert gradus(*words, "--withhold-later").exit_code == 0
    assert ReleaseRule.objects.get().withholds_grade()


@pytest.mark.parametrize(
    "options", [("--now", "--score", "now"), ("--part", "score"), ("--as-class",), ("--now", "--withhold-later")]
)
def test_what_does_not_go_together_is_refused(gradus: Gradus, evening: Class, options: tuple[str, ...]) -> None:
    assert gradus("class", "release", str(evening.pk), *options).exit_code == 2
    assert not ReleaseRule.objects.exists()


def test_what_the_site_refuses_is_said(gradus: Gradus, evening: Class) -> None:
    refused = gradus("class", "release", str(evening.pk), "--challenge", "nothing", "--score", "hand")
    assert refused.exit_code == 1 and "no such challenge" in refused.output
    assert gradus("class", "release", str(evening.pk), "--score", "soon").exit_code == 1
    assert gradus("class", "release", "999").exit_code == 1


def test_json_is_alone_on_standard_output(gradus: Gradus, evening: Class) -> None:
    for name, (words, key) in JSON_CALLS.items():
        given = [word.format(**{"class": evening.pk}) for word in words]
        assert key in json.loads(gradus(*name.split(), *given, "--json").stdout)


def test_provisional_grades_are_shown_apart_and_released_by_their_own_option(
    gradus: Gradus, evening: Class, bob: User
) -> None:
    words = ("class", "release", str(evening.pk))
    gradus(*words, "--score", "hand", "--details", "hand")
    factories.grade(factories.submit(bob), 0.5, provisional=True)
    (sea, *_rest) = json.loads(gradus(*words, "--json").stdout)["challenges"]
    assert (sea["withheld"], sea["withheld_provisional"], sea["provisional"]) == (1, 1, False)
    gradus(*words, "--now")
    assert Submission.objects.get().grade_withheld
    assert "Attempts that changed: 1." in gradus(*words, "--now", "--provisional").output
    assert not Submission.objects.get().grade_withheld
    assert gradus(*words, "--provisional").exit_code == 2
