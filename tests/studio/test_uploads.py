"""A zip of the course's folder becomes the draft, by the rules of a push. What is refused changes nothing."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from challenges.authoring.archive import pack
from gradus.courses import publishing
from gradus.courses.models import Course
from gradus.studio import workspace
from gradus.studio.models import Edit
from tests.markup import Markup
from tests.studio.test_pages import at, editor, seen
from tests.studio.test_workspace import TEXT, course

__all__ = ["course", "editor"]
pytestmark = pytest.mark.django_db
SPEC = "first/sea-or-sky/challenge.yaml"


def packed(folder: Path) -> bytes:
    with io.BytesIO() as file:
        pack(folder, file)
        return file.getvalue()


def tiny() -> Course:
    return Course.objects.get(slug="tiny")


def draft() -> Any:
    return publishing.draft_of(tiny())


def send(client: Client, data: bytes, seen_draft: str = workspace.NOT_THERE, **more: Any) -> Any:
    given = {"archive": SimpleUploadedFile("tiny.zip", data), "seen": seen_draft, "note": "By hand", **more}
    return client.post(at("upload"), given, follow=True)


def change(folder: Path, text: str, version: str = "1.0.1") -> None:
    (folder / TEXT).write_text(text)
    file = folder / SPEC
    file.write_text(file.read_text().replace("version: 1.0.0", f"version: {version}"))


def test_a_zip_becomes_the_draft_and_only_what_it_lacks_stays_a_change(editor: Client, folder: Path) -> None:
    for path, text in ((TEXT, "By hand.\n"), ("first/lesson.md", "Mine.\n")):
        editor.post(at("file", path=path), {"text": text, "seen": seen(path), "action": "save"})
    change(folder, "By hand.\n")
    answer = send(editor, packed(folder))
    assert "is the draft now" in Markup(answer.content.decode())
    assert draft().note == "By hand" and publishing.bundle_of(draft()).challenges[0].statement.strip() == "By hand."
    assert [one.path for one in Edit.objects.all()] == ["first/lesson.md"]
    again = send(editor, packed(folder), draft().digest)
    assert "Nothing is new in the zip" in Markup(again.content.decode())


def broken_row(folder: Path) -> None:
    (folder / "first/sea-or-sky/hidden.jsonl").write_text("no json\n")


def same_number(folder: Path) -> None:
    rows = folder / "first/sea-or-sky/hidden.jsonl"
    rows.write_text(rows.read_text().replace('"id": "', '"id": "new-', 1))


def other_id(folder: Path) -> None:
    file = folder / "course.yaml"
    file.write_text(file.read_text().replace("id: tiny", "id: other"))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (broken_row, "first/sea-or-sky/hidden.jsonl:1"),
        (same_number, "1.0.0"),
        (other_id, "other"),
    ],
)
def test_what_a_push_refuses_is_refused_here(
    editor: Client, folder: Path, spoil: Callable[[Path], None], said: str
) -> None:
    spoil(folder)
    answer = send(editor, packed(folder))
    assert answer.status_code == 422 and said in Markup(answer.content.decode())
    assert draft() is None


def evil() -> bytes:
    with io.BytesIO() as file:
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("../outside.txt", "x")
        return file.getvalue()


@pytest.mark.parametrize("data", [b"", b"no zip", evil()])
def test_what_is_no_zip_of_a_course_changes_nothing(editor: Client, folder: Path, data: bytes) -> None:
    change(folder, "The draft.\n")
    send(editor, packed(folder))
    before = draft()
    for sent in (data, packed(folder)[:-40]):
        answer = send(editor, sent, before.digest)
        assert answer.status_code == 422 and draft() == before


def test_a_draft_that_was_not_seen_is_not_replaced(editor: Client, folder: Path) -> None:
    change(folder, "First.\n")
    send(editor, packed(folder))
    before = draft()
    (folder / TEXT).write_text("Second.\n")
    answer = send(editor, packed(folder))
    assert answer.status_code == 422 and "This is not what you saw" in Markup(answer.content.decode())
    assert draft() == before


def test_too_many_drafts_are_refused(editor: Client, folder: Path, settings: Any) -> None:
    settings.ACCOUNT_RATE_LIMITS = {**settings.ACCOUNT_RATE_LIMITS, "draft": "1/d/key"}
    change(folder, "First.\n")
    send(editor, packed(folder))
    (folder / TEXT).write_text("Second.\n")
    answer = send(editor, packed(folder), draft().digest)
    assert "too many drafts" in Markup(answer.content.decode())
