"""`gradus class roster` against a live site, over HTTP."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gradus.accounts.models import ApiToken, User
from gradus.accounts.roles import DECIDES
from gradus.classes.models import Class, Member
from gradus.cli.client import Api
from gradus.courses.models import Course
from tests import factories
from tests.cli.conftest import Gradus

# Each command that can print JSON, with a key of what it prints.
JSON_CALLS: dict[str, tuple[list[str], str]] = {"class roster": (["{class}", "{file}"], "seen")}
ROSTER = "email,firstname,labels\nlena@example.org,Lena,Section A\nnobody,Sam,\n"
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("home")]


@pytest.fixture
def evening(ada: User, course: Course, monkeypatch: pytest.MonkeyPatch) -> Class:
    """A class that Ada teaches; Dan is in it."""
    factories.enrol(ada, course, DECIDES)
    monkeypatch.setenv("GRADUS_TOKEN", ApiToken.issue(ada, "tests", DECIDES)[1])
    made = factories.a_class(course)
    factories.member(made, email="dan@example.org", first_name="Dan")
    return made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "roster.csv"
    path.write_text(ROSTER)
    return path


def test_a_roster_is_shown_then_applied(gradus: Gradus, evening: Class, file: Path) -> None:
    words = ("class", "roster", str(evening.pk), str(file))
    shown = gradus(*words)
    assert shown.exit_code == 1 and "Nothing is changed yet" in shown.output and "Dan. --sync removes" in shown.output
    assert "labels: nothing -> Section A" in shown.output and "not an email address. Write it like" in shown.output
    assert Member.objects.count() == 1
    done = gradus(*words, "--apply")
    assert done.exit_code == 1 and "Add 1, wrong 1." in done.output and done.output.endswith("Applied.\n")
    assert Member.objects.get(email="lena@example.org").first_name == "Lena"
    refused = gradus(*words, "--apply", "--sync")
    assert refused.exit_code == 1 and "nothing was applied" in refused.output
    file.write_text(ROSTER.rpartition("nobody")[0])
    assert gradus(*words, "--apply", "--sync").exit_code == 0
    assert Member.objects.get(first_name="Dan").state == "left"
    assert "Unchanged 1." in gradus(*words, "--apply", "--sync").output


def test_only_what_was_shown_is_applied(
    gradus: Gradus, evening: Class, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text("email,firstname\ndan@example.org,Daniel\n")
    send = Api.post_octets

    def and_then_somebody_changes_dan(api: Api, *given: Any, **params: Any) -> Any:
        found = send(api, *given, **params)
        Member.objects.update(first_name="Danny")
        return found

    monkeypatch.setattr(Api, "post_octets", and_then_somebody_changes_dan)
    done = gradus("class", "roster", str(evening.pk), str(file), "--apply")
    assert done.exit_code == 1 and "firstname: Dan -> Daniel" in done.output.replace("first_name", "firstname")
    assert "Applied" not in done.output
    assert Member.objects.get().first_name == "Danny"


def test_the_people_are_printed_and_read_again(gradus: Gradus, evening: Class) -> None:
    printed = gradus("class", "roster", str(evening.pk))
    assert printed.output.splitlines()[1] == ",dan@example.org,,Dan,,,learner"
    read = gradus("class", "roster", str(evening.pk), "-", stdin=printed.output)
    assert read.exit_code == 0 and "Unchanged 1." in read.output


@pytest.mark.parametrize(("content", "said"), [(b"", "no text in it"), (b"PK\x03\x04", "a spreadsheet, not a CSV")])
def test_what_is_no_roster_is_refused(gradus: Gradus, evening: Class, file: Path, content: bytes, said: str) -> None:
    file.write_bytes(content)
    done = gradus("class", "roster", str(evening.pk), str(file))
    assert done.exit_code == 1 and said in done.output
    assert gradus("class", "roster", str(evening.pk), str(file.with_name("none.csv"))).exit_code == 2
    assert gradus("class", "roster", "999", str(file)).exit_code == 1


def test_json_is_alone_on_standard_output(gradus: Gradus, evening: Class, file: Path) -> None:
    for name, (words, key) in JSON_CALLS.items():
        given = [word.format(**{"class": evening.pk, "file": file}) for word in words]
        assert key in json.loads(gradus(*name.split(), *given, "--json").stdout)
