"""Some broken and odd rosters on the page. `test_calls.py` asks one of each kind, `test_parser.py` all."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from gradus.accounts.models import User
from gradus.classes.models import Class, Member
from gradus.courses.models import Course
from tests.conftest import logged_in
from tests.hostile.rosters import odd, table
from tests.hostile.rosters.cast import class_of, state_of


@pytest.fixture
def evening(course: Course) -> Class:
    return class_of(course)


@pytest.fixture
def tom(evening: Class) -> Client:
    return logged_in(User.objects.get(username="tom"))


def uploaded(client: Client, of_class: Class, data: bytes, **fields: str) -> Any:
    file = SimpleUploadedFile("roster.csv", data)
    return client.post(reverse("teach:roster", args=[of_class.pk]), {"file": file, **fields})


def applied(client: Client, of_class: Class, page: Any) -> Any:
    """Presses "Apply" on a preview."""
    text = page.content.decode()
    sent = re.search(r'<textarea name="text" hidden>\n(.*?)</textarea>', text, re.DOTALL)
    seen = re.search(r'name="seen" value="([0-9a-f]{64})"', text)
    assert sent and seen
    # A browser sends every line break as CRLF.
    given = re.sub(r"\r\n|\r|\n", "\r\n", html.unescape(sent[1]))
    return client.post(reverse("teach:roster", args=[of_class.pk]), {"text": given, "seen": seen[1]})


def says(page: Any, case: table.Broken) -> bool:
    text = " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page.content.decode())).split())
    return bool(re.search(f"{case.cause}.*{case.cure}", text))


@pytest.mark.parametrize("case", table.FILES[::7], ids=str)
def test_a_broken_file_is_refused(tom: Client, evening: Class, case: table.Broken) -> None:
    before = state_of(evening)
    page = uploaded(tom, evening, case.data)
    assert page.status_code == 422 and says(page, case)
    assert page.context["form"].errors.keys() == {"file"}
    assert state_of(evening) == before


@pytest.mark.parametrize("case", table.ROWS[::7], ids=str)
def test_a_broken_row_is_shown_and_the_others_are_applied(tom: Client, evening: Class, case: table.Broken) -> None:
    before = state_of(evening)
    page = uploaded(tom, evening, case.data)
    assert page.status_code == 200 and says(page, case)
    assert state_of(evening) == before
    done = applied(tom, evening, page)
    assert done.status_code == 200, done.content
    after = state_of(evening)
    assert after[: len(before)] == before and len(after) == len(before) + 1
    assert Member.objects.get(of_class=evening, email="ida@example.org").login == "ida"


@pytest.mark.parametrize("case", odd.SAMPLED[:2], ids=str)
def test_an_odd_roster_is_applied_as_it_was_previewed(tom: Client, evening: Class, case: odd.Odd) -> None:
    page = uploaded(tom, evening, case.data)
    done = applied(tom, evening, page)
    assert done.status_code == 200 and done.context["plan"] == page.context["plan"]
    assert not uploaded(tom, evening, case.data).context["plan"].writes
