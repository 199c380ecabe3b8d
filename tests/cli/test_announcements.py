"""`gradus class announce`, `announcements` and `withdraw` against a live site, over HTTP."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gradus.accounts.models import ApiToken, User
from gradus.accounts.roles import DECIDES
from gradus.classes.models import Announcement, Class
from gradus.courses.models import Course
from gradus.notices.models import Notice
from tests import factories
from tests.cli.conftest import Gradus

# Each command that can print JSON, with a key of what it prints.
JSON_CALLS: dict[str, tuple[list[str], str]] = {
    "class announce": (["{class}", "Room", "--text", "Room 4."], "state"),
    "class announcements": (["{class}"], "announcements"),
}
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("home")]


@pytest.fixture
def evening(ada: User, bob: User, course: Course, monkeypatch: pytest.MonkeyPatch) -> Class:
    """A class that Ada teaches; Bob is in it, with a label."""
    factories.enrol(ada, course, DECIDES)
    monkeypatch.setenv("GRADUS_TOKEN", ApiToken.issue(ada, "tests", DECIDES)[1])
    made = factories.a_class(course, timezone="Europe/Vienna")
    factories.member(made, bob, labels=["Extra time"])
    return made


def test_one_is_written_listed_and_withdrawn(gradus: Gradus, evening: Class, bob: User, tmp_path: Path) -> None:
    number, file = str(evening.pk), tmp_path / "text.md"
    file.write_text("Room **4**.")
    done = gradus("class", "announce", number, "Room", "--file", str(file), "--label", "extra time", "--no-mail")
    assert done.exit_code == 0, done.output
    made = Announcement.objects.get()
    assert (made.text, made.label.name, made.by_mail) == ("Room **4**.", "Extra time", False)
    assert Notice.objects.get().user == bob
    assert "published" in gradus("class", "announcements", number).output
    assert gradus("class", "withdraw", number, str(made.pk)).exit_code == 0
    assert gradus("class", "withdraw", number, str(made.pk)).exit_code == 1
    assert "withdrawn" in gradus("class", "announcements", number).output


def test_a_later_one_waits_for_its_time_in_the_zone_of_the_class(gradus: Gradus, evening: Class) -> None:
    done = gradus("class", "announce", str(evening.pk), "Room", "--text", "4", "--at", "2199-01-01T12:00")
    assert "will be published" in done.output
    made = Announcement.objects.get()
    assert (made.publish_at.isoformat(), made.sent_at) == ("2199-01-01T11:00:00+00:00", None)


@pytest.mark.parametrize(("name", "call"), JSON_CALLS.items())
def test_json_alone_is_printed(gradus: Gradus, evening: Class, name: str, call: tuple[list[str], str]) -> None:
    words, key = call
    done = gradus(*name.split(), *(one.replace("{class}", str(evening.pk)) for one in words), "--json")
    assert key in json.loads(done.stdout)


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        ((), 2, "--text"),
        (("--text", "4", "--label", "Nobody"), 1, "no label of this name"),
        (("--text", " "), 1, "blank"),
    ],
)
def test_what_is_missing_is_said(
    gradus: Gradus, evening: Class, words: tuple[str, ...], status: int, said: str
) -> None:
    done = gradus("class", "announce", str(evening.pk), "Room", *words)
    assert done.exit_code == status
    assert said in done.output
    assert not Announcement.objects.exists()
