"""`gradus class dates`, `extend`, `grant` and `why` against a live site, over HTTP."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from gradus.accounts.models import ApiToken, User
from gradus.accounts.roles import DECIDES
from gradus.classes import access
from gradus.classes.models import Class, DateRule, Grant
from gradus.courses.models import Course
from tests import factories
from tests.cli.conftest import Gradus

# Each command that can print JSON, with a key of what it prints.
JSON_CALLS: dict[str, tuple[list[str], str]] = {
    "class dates": (["{class}", "--due", "2030-12-01T12:00"], "rules"),
    "class extend": (["{class}", "dan@example.org", "--until", "2030-12-24T12:00", "--reason", "ill"], "moved"),
    "class grant": (["{class}", "dan@example.org", "--challenge", "sea-or-sky", "--reason", "ill"], "grants"),
    "class grants": (["{class}"], "grants"),
    "class why": (["{class}", "dan@example.org", "--challenge", "sea-or-sky"], "submits"),
}
NOON = datetime(2030, 12, 1, 11, tzinfo=UTC)
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("home")]


@pytest.fixture
def evening(ada: User, course: Course, monkeypatch: pytest.MonkeyPatch) -> Class:
    """A class that Ada teaches; Dan is in it."""
    factories.enrol(ada, course, DECIDES)
    monkeypatch.setenv("GRADUS_TOKEN", ApiToken.issue(ada, "tests", DECIDES)[1])
    made = factories.a_class(course, timezone="Europe/Vienna")
    factories.member(made, email="dan@example.org", first_name="Dan", labels=["Extra time"])
    return made


def test_dates_are_set_bit_by_bit_and_cleared(gradus: Gradus, evening: Class) -> None:
    words = ("class", "dates", str(evening.pk), "--challenge", "sea-or-sky")
    assert gradus(*words, "--due", "2030-12-01T12:00", "--late", "2030-12-03T12:00=50%").exit_code == 0
    shown = gradus(*words, "--after", "10", "--none", "closes")
    assert "50 % until 2030-12-03T11:00:00Z" in shown.output
    rule = access.rule_of(DateRule.objects.get())
    assert (rule.due_at, rule.after, rule.cleared) == (NOON, 0.1, {"close_at"})
    assert [one.credit for one in rule.late] == [0.5]
    gradus(*words, "--label", "extra TIME", "--none", "due")
    own = gradus(*words, "--member", "dan@example.org", "--opens", "2030-11-01T12:00", "--reason", "abroad")
    assert "abroad" in own.output and DateRule.objects.count() == 3
    gradus(*words, "--member", "dan@example.org", "--due", "2030-11-09T12:00")
    assert DateRule.objects.get(member__isnull=False).release_at is not None
    gradus(*words, "--member", "dan@example.org", "--clear")
    gradus(*words, "--clear")
    assert DateRule.objects.get().label is not None


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("--due", "2030-12-01T12:00", "--closes", "2030-11-01T12:00"), 1, "must not close before the due date"),
        (("--late", "soon"), 2, "Write soon as a time"),
        (("--none", "begin"), 2, "none of opens, due, closes"),
        (("--member", "zoe@example.org", "--after", "5"), 1, "no member"),
    ],
)
def test_what_is_wrong_is_said(gradus: Gradus, evening: Class, words: tuple[str, ...], status: int, said: str) -> None:
    done = gradus("class", "dates", str(evening.pk), *words)
    assert done.exit_code == status and said in " ".join(done.output.split())
    assert not DateRule.objects.exists()


def test_more_time_and_attempts_and_why(gradus: Gradus, evening: Class) -> None:
    gradus("class", "dates", str(evening.pk), "--due", "2030-12-01T12:00")
    more = ("class", "extend", str(evening.pk), "dan@example.org", "--until", "2030-12-24T12:00", "--reason", "ill")
    assert "More time for: Dan." in gradus(*more).output
    assert "As much time already: Dan." in gradus(*more).output
    granted = gradus("class", "grant", str(evening.pk), "dan@example.org", "--challenge", "sea-or-sky", "--attempts",
                     "2", "--reason", "ill")  # fmt: skip
    assert granted.exit_code == 0 and Grant.objects.get().attempts == 2
    why = ("class", "why", str(evening.pk), "dan@example.org", "--challenge", "sea-or-sky", "--at")
    can = gradus(*why, "2030-12-24T11:59").output
    assert "can submit, and an attempt counts 100 %" in can and "for this member, in the course" in can and "ill" in can
    assert "an attempt counts 0 %" in gradus(*why, "2030-12-24T12:00").output


def test_a_label_gets_more_time_and_attempts_and_these_are_withdrawn(gradus: Gradus, evening: Class) -> None:
    number = str(evening.pk)
    gradus("class", "dates", number, "--due", "2030-12-01T12:00")
    everybody = ("--label", "extra time", "--reason", "a strike")
    assert "More time for: Dan." in gradus("class", "extend", number, "--until", "2030-12-24T12:00", *everybody).output
    assert DateRule.objects.get(extended_to__isnull=False).label is not None
    assert gradus("class", "grant", number, "--challenge", "sea-or-sky", *everybody).exit_code == 0
    granted = Grant.objects.get()
    undo = ("class", "withdraw-grant", number, str(granted.pk), "--reason", "It was Ben")
    assert "Withdrawn: 1 attempt of Dan at sea-or-sky." in gradus(*undo).output
    assert gradus(*undo).exit_code == 1
    assert "It was Ben" in gradus("class", "grants", number).output
    nobody = gradus("class", "extend", number, "--until", "2030-12-24T12:00", "--reason", "ill")
    assert nobody.exit_code == 1 and "or a label" in nobody.output


def test_json_is_alone_on_standard_output(gradus: Gradus, evening: Class) -> None:
    for name, (words, key) in JSON_CALLS.items():
        given = [word.format(**{"class": evening.pk}) for word in words]
        assert key in json.loads(gradus(*name.split(), *given, "--json").stdout)
