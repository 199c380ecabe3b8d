"""The studio's pages: from a change to a published version and back, for editors alone, with every look noted."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from gradus.accounts.models import StaffAction
from gradus.accounts.token_rules import Content, LearnerData, Scope
from gradus.courses import publishing
from gradus.courses.models import Course
from gradus.studio import workspace
from gradus.studio.models import Edit
from tests import factories
from tests.conftest import logged_in
from tests.markup import Markup
from tests.studio.test_workspace import HIDDEN, TEXT, course  # noqa: F401

pytestmark = pytest.mark.django_db
LOOKS = StaffAction.objects.filter(what=StaffAction.What.HIDDEN_ROWS_READ)


def at(page: str, **query: object) -> str:
    return f"{reverse(f'studio:{page}', args=['tiny'])}?{urlencode(query)}"


def seen(path: str) -> str:
    return workspace.read(Course.objects.get(slug="tiny"), path).seen


@pytest.fixture
def editor(course):  # noqa: F811
    made = factories.UserFactory.create()
    factories.enrol(made, course, Scope(Content.EDITOR))
    return logged_in(made)


def test_from_a_changed_sentence_to_what_learners_read_and_back(editor, client):
    page = Markup(editor.get(at("studio")).content.decode())
    assert "Nothing was changed" in page and "statement.md" in page
    text = workspace.read(Course.objects.get(slug="tiny"), TEXT).text + "\nMind the gulls.\n"
    answer = editor.post(at("file", path=TEXT), {"text": text, "seen": seen(TEXT), "action": "save"}, follow=True)
    assert "Saved." in Markup(answer.content.decode())
    answer = editor.post(at("draft"), {"note": "Gulls"}, follow=True)
    assert "Version 1.0.1 is the draft now" in Markup(answer.content.decode())
    draft = publishing.draft_of(Course.objects.get(slug="tiny"))
    answer = editor.post(at("publish"), {"digest": draft.digest}, follow=True)
    assert "Published." in Markup(answer.content.decode())
    assert Course.objects.get(slug="tiny").version == "1.0.1"
    answer = editor.post(at("rollback"), {"version": "1.0.0"}, follow=True)
    assert "has the content of 1.0.0" in Markup(answer.content.decode())
    draft = publishing.draft_of(Course.objects.get(slug="tiny"))
    editor.post(at("discard"), {"digest": draft.digest})
    assert publishing.draft_of(Course.objects.get(slug="tiny")) is None


def test_the_second_of_two_authors_reads_what_the_first_has_changed(editor, grace_client):
    both = seen(TEXT)
    grace_client.post(at("file", path=TEXT), {"text": "By Grace.", "seen": both, "action": "save"})
    answer = editor.post(at("file", path=TEXT), {"text": "By me.", "seen": both, "action": "save"})
    page = Markup(answer.content.decode())
    assert answer.status_code == 409 and "-By Grace." in page and "+By me." in page and "By me." in page
    assert Edit.objects.get().text == "By Grace."
    grace_client.post(at("file", path=TEXT), {"text": "A.\r\nB.\r\nC.", "seen": seen(TEXT), "action": "save"})
    answer = editor.post(at("file", path=TEXT), {"text": "A.\r\nMine.\r\nC.", "seen": both, "action": "save"})
    page = Markup(answer.content.decode())
    assert "-B." in page and "+Mine." in page and "-A." not in page and "+C." not in page
    editor.post(at("file", path=TEXT), {"text": "By me.", "seen": seen(TEXT), "action": "save"})
    assert Edit.objects.get().text == "By me."


def test_problems_stand_beside_their_line(editor):
    text = workspace.read(Course.objects.get(slug="tiny"), "first/sea-or-sky/challenge.yaml").text
    broken = text.replace("pass: ", "pass: 7\nnot_pass: ")
    path = "first/sea-or-sky/challenge.yaml"
    editor.post(at("file", path=path), {"text": broken, "seen": seen(path), "action": "save"})
    of_file = at("problems", path=path)
    assert f'hx-get="{of_file}" hx-trigger="load"' in editor.get(at("file", path=path)).content.decode()
    for more in ({}, {"HX-Request": "true"}):
        page = Markup(editor.get(of_file, headers=more).content.decode())
        assert f"{path}:" in page and "not_pass" in page
    other = Markup(editor.get(at("problems", path=TEXT)).content.decode())
    assert "No problem was found in this file" in other and "not_pass" not in other
    answer = editor.post(at("draft"), follow=True)
    assert answer.status_code == 422 and "No draft was made" in Markup(answer.content.decode())
    assert Edit.objects.count() == 1
    assert "not_pass" in Markup(editor.get(at("problems")).content.decode())


def test_rows_are_changed_one_by_one(editor):
    page = Markup(editor.get(at("rows", path=HIDDEN, row=1)).content.decode())
    assert "sea" in page and "Row 1" in page
    row = '{"id": "new-row", "input": "A gull over the pier", "target": "sky"}'
    answer = editor.post(at("rows", path=HIDDEN), {"row": row, "number": "", "seen": seen(HIDDEN)}, follow=True)
    assert answer.status_code == 200 and "gull over the pier" in answer.content.decode()
    before = workspace.read(Course.objects.get(slug="tiny"), HIDDEN).text
    answer = editor.post(at("rows", path=HIDDEN), {"row": "{", "number": "1", "seen": seen(HIDDEN)})
    assert answer.status_code == 422 and "This is not valid JSON" in Markup(answer.content.decode())
    assert workspace.read(Course.objects.get(slug="tiny"), HIDDEN).text == before
    editor.post(at("rows", path=HIDDEN), {"number": "1", "seen": seen(HIDDEN), "action": "remove", "row": ""})
    assert workspace.read(Course.objects.get(slug="tiny"), HIDDEN).text == before.split("\n", 1)[1]
    for query in ({"near": ""}, {"label": "sea"}, {"search": "gull"}, {"row": "x"}):
        assert editor.get(at("rows", path=HIDDEN, **query)).status_code == 200


@pytest.mark.parametrize(
    ("levels", "status"),
    [
        ((Content.NONE, LearnerData.EDITOR), 403),
        ((Content.PREVIEWER, LearnerData.NONE), 403),
        ((Content.VIEWER, LearnerData.NONE), 403),
        ((Content.EDITOR, LearnerData.NONE), 200),
    ],
)
def test_only_editors_open_the_studio_and_every_look_is_noted(course, ada, levels, status):  # noqa: F811
    factories.enrol(ada, course, Scope(*levels))
    client = logged_in(ada)
    for page, query in (("studio", {}), ("problems", {}), ("file", {"path": TEXT}), ("rows", {"path": HIDDEN})):
        assert client.get(at(page, **query)).status_code == status
    assert LOOKS.count() == (1 if status == 200 else 0)
    if status == 200:
        assert LOOKS.get().details["file"] == HIDDEN


def test_learners_and_visitors_find_nothing(course, ada_client, client, guest_client):  # noqa: F811
    assert ada_client.get(at("studio")).status_code == 404
    assert client.get(at("studio")).status_code == 302
    assert guest_client.get(at("file", path=TEXT)).status_code in (302, 404)
    assert ada_client.get(reverse("studio:course_new")).status_code == 404


def test_a_course_is_begun_and_a_challenge_added(ada):
    ada.may_create_courses = True
    ada.save()
    client = logged_in(ada)
    answer = client.post(reverse("studio:course_new"), {"course": "By The Coast", "lesson": "first"})
    assert answer.status_code == 422 and "An id is lower-case words" in Markup(answer.content.decode())
    answer = client.post(reverse("studio:course_new"), {"course": "by-the-coast", "lesson": "first"}, follow=True)
    assert "The course has begun" in Markup(answer.content.decode())
    studio = reverse("studio:add", args=["by-the-coast"])
    given = {"what": "challenge", "name": "boat-or-bird", "lesson": "first", "kind": "prompt", "labels": "boat, bird"}
    answer = client.post(studio, given, follow=True)
    assert answer.status_code == 200 and "files were written" in Markup(answer.content.decode())
    answer = client.post(studio, given)
    assert answer.status_code == 422 and "exists already" in Markup(answer.content.decode())
    answer = client.post(studio, {**given, "name": "Boat or bird"})
    assert answer.status_code == 422 and "cannot be the id" in Markup(answer.content.decode())
    table = "\n".join(
        ["thing,place", *(f"{noun} number {n} by the {place},{place}" for n in range(40) for noun, place in PAIRS)]
    )
    sent = {"table": SimpleUploadedFile("t.csv", table.encode()), "challenge": "first/boat-or-bird"}
    answer = client.post(
        reverse("studio:import", args=["by-the-coast"]), {**sent, "column": "thing", "label": "nowhere", "split": ""}
    )
    assert answer.status_code == 422 and "nowhere" in Markup(answer.content.decode())
    torn = SimpleUploadedFile("t.jsonl", b'{"thing": "A boat.", "place": "sea"}\n{"thing": \n')
    answer = client.post(
        reverse("studio:import", args=["by-the-coast"]), {**sent, "table": torn, "column": "thing", "label": "place"}
    )
    assert answer.status_code == 422 and "Line 2: " in Markup(answer.content.decode())
    right = {"challenge": "first/boat-or-bird", "column": "sentence", "label": "about", "split": "0.25/0.75"}
    table = SENTENCES.read_text().replace(",sea\n", ",boat\n").replace(",sky\n", ",bird\n")

    def imported(**more):
        sent = {"table": SimpleUploadedFile("t.csv", table.encode()), **right, **more}
        answer = client.post(reverse("studio:import", args=["by-the-coast"]), sent, follow=True)
        return Markup(answer.content.decode()), {name: rows_of(f"first/boat-or-bird/{name}.jsonl") for name in PARTS}

    table = table.replace("sentence,about\n", "sentence,about\n,boat\n")
    said, first = imported()
    assert "One row of the table was left out" in said and "Line 2: " in said
    table = table.replace("sentence,about\n,boat\n", "sentence,about\n")
    counted = ", ".join(f"{name}.jsonl {len(first[name])}" for name in PARTS)
    assert f"Rows of each: {counted}." in said and len(first["hidden"]) > 2 * len(first["public"]) > 10
    said, again = imported(split="0.5/0.5")
    assert "each in its part" in said and again == first
    said, anew = imported(split="0.5/0.5", afresh="on")
    assert "Rows of each:" in said and len(anew["public"]) == len(anew["hidden"])


PARTS = ("public", "hidden")
SENTENCES = settings.BASE_DIR / "docs" / "authors" / "sentences.csv"


def rows_of(path):
    return (workspace.read(Course.objects.get(slug="by-the-coast"), path).text or "").splitlines()


def test_a_file_that_is_in_no_draft_is_deleted_and_its_button_says_so(course, editor, grace):  # noqa: F811
    new = "first/NOTES.md"
    workspace.save(course, new, "A thought.\n", by=grace, seen=workspace.NOT_THERE)
    page = Markup(editor.get(at("file", path=new)).content.decode())
    assert "Delete this new file" in page and "Take changes back" not in page
    answer = editor.post(at("file", path=new), {"action": "revert", "seen": seen(new)}, follow=True)
    assert "The file is deleted" in Markup(answer.content.decode())
    assert new not in {one.path for one in workspace.listed(Course.objects.get(slug="tiny"))}


PAIRS = (("mast", "boat"), ("wing", "bird"))


def test_a_draft_whose_files_are_gone_is_not_published_and_the_page_says_so(editor):
    text = workspace.read(Course.objects.get(slug="tiny"), TEXT).text + "\nMind the gulls.\n"
    editor.post(at("file", path=TEXT), {"text": text, "seen": seen(TEXT), "action": "save"})
    editor.post(at("draft"), {"note": "Gulls"})
    draft = publishing.draft_of(Course.objects.get(slug="tiny"))
    draft.archive = ""
    draft.save()
    answer = editor.post(at("publish"), {"digest": draft.digest})
    assert answer.status_code == 302
    assert "no archive of tiny 1.0.1 was kept" in Markup(editor.get(at("studio")).content.decode())
    assert Course.objects.get(slug="tiny").version == "1.0.0"


@pytest.mark.parametrize("path", ["../x", "", ".git/config", "a\0b"])
def test_names_of_no_file_are_refused_on_the_page(editor, path):
    assert editor.get(at("file", path=path)).status_code in (302, 400)
    assert editor.get(at("rows", path=path)).status_code in (302, 400)


@pytest.mark.parametrize("version", ["a\0b", "1.0", "", "9" * 40 + ".0.0", "1.0.0\n"])
def test_what_is_no_version_is_refused_on_the_page(editor, version):
    answer = editor.post(at("rollback"), {"version": version})
    assert answer.status_code == (422 if version.strip() != "1.0.0" else 302)
    assert publishing.draft_of(Course.objects.get(slug="tiny")) is None


def test_a_note_that_cannot_be_kept_stays_in_its_field(editor):
    editor.post(at("file", path=TEXT), {"text": "Saved.", "seen": seen(TEXT), "action": "save"})
    answer = editor.post(at("draft"), {"note": "x" * 301})
    assert answer.status_code == 422 and "x" * 301 in answer.content.decode()
    assert publishing.draft_of(Course.objects.get(slug="tiny")) is None and Edit.objects.count() == 1


def test_scripts_and_directions_are_text(editor):
    text = "<script>alert(1)</script> \u202e 🦭\n"
    editor.post(at("file", path=TEXT), {"text": text, "seen": seen(TEXT), "action": "save"})
    page = editor.get(at("file", path=TEXT)).content
    assert b"<script>alert(1)" not in page and "🦭".encode() in page


def test_an_ended_session_loses_nothing_that_was_saved(editor, client):
    editor.post(at("file", path=TEXT), {"text": "Saved before.", "seen": seen(TEXT), "action": "save"})
    answer = client.post(at("file", path=TEXT), {"text": "Not mine.", "seen": seen(TEXT), "action": "save"})
    assert answer.status_code == 302 and Edit.objects.get().text == "Saved before."


def test_the_preview_shows_what_is_typed_and_stores_nothing(editor):
    page = editor.get(at("file", path=TEXT)).content.decode()
    assert 'hx-post="/teach/courses/tiny/studio/preview"' in page and "Show the preview" in page
    typed = "## Gulls\n\n**Mind** them. <script>alert(1)</script>\n"
    part = editor.post(at("preview"), {"text": typed}).content.decode()
    assert "<h2>Gulls</h2>" in part and "<strong>Mind</strong>" in part and "<script" not in part
    answer = editor.post(at("file", path=TEXT), {"text": typed, "seen": seen(TEXT), "action": "preview"})
    whole = answer.content.decode()
    assert answer.status_code == 200 and "<strong>Mind</strong>" in whole and "## Gulls" in whole
    assert not Edit.objects.exists()
    assert b"field-error" in editor.post(at("preview"), {"text": "a\0b"}).content
    assert "too long" in editor.post(at("preview"), {"text": "x" * 100_001}).content.decode()
    assert "hx-post" not in editor.get(at("file", path="first/sea-or-sky/challenge.yaml")).content.decode()
