"""Files of a course as authors change them: nobody overwrites what they have not seen, and lint decides on drafts."""

from __future__ import annotations

import pytest
from django.http import Http404
from hypothesis import given, settings
from hypothesis import strategies as st

from challenges.reading import BundleErrors
from gradus.accounts.models import StaffAction
from gradus.accounts.token_rules import Content, Scope
from gradus.courses import publishing
from gradus.courses.models import Course, CourseVersion
from gradus.refusal import Refused
from gradus.studio import rows, services, workspace
from gradus.studio.models import Edit
from gradus.studio.workspace import ChangedMeanwhile
from tests import factories

pytestmark = pytest.mark.django_db
TEXT = "first/sea-or-sky/statement.md"
HIDDEN = "first/sea-or-sky/hidden.jsonl"


@pytest.fixture
def course(push, grace) -> Course:
    publishing.publish(push().version, by=grace)
    return Course.objects.get(slug="tiny")


def change(course, path, text, by):
    return workspace.save(course, path, text, by=by, seen=workspace.read(course, path).seen)


def states(course):
    return {one.path: one.state for one in workspace.listed(course) if one.state != "same"}


def test_a_change_is_kept_until_it_is_the_draft(course, grace):
    before = workspace.read(course, TEXT).text
    change(course, TEXT, before + "\nOne more sentence.\n", grace)
    rows_before = workspace.read(course, HIDDEN).text
    change(course, HIDDEN, rows_before.replace('"id": "', '"id": "new-', 1), grace)
    assert states(course) == {TEXT: "changed", HIDDEN: "changed"}
    assert CourseVersion.objects.drafts().count() == 0
    draft = workspace.make_draft(course, by=grace, note="A sentence more")
    assert draft.is_draft and draft.version == "1.0.1" and draft.note == "A sentence more"
    assert states(course) == {} and not Edit.objects.exists()
    bundle = publishing.bundle_of(draft)
    changed = next(one for one in bundle.challenges if one.challenge.id == "sea-or-sky")
    assert "One more sentence." in changed.statement and changed.hidden[0].id.startswith("new-")
    assert changed.challenge.version == "1.0.1"
    assert next(one for one in bundle.challenges if one.challenge.id == "ticket").challenge.version == "1.0.0"
    publishing.publish(draft, by=grace)
    assert workspace.read(course, TEXT).text == before + "\nOne more sentence.\n"


def test_who_presses_a_second_time_gets_the_same_draft(course, ada, grace):
    spec = "first/sea-or-sky/challenge.yaml"
    change(course, spec, workspace.read(course, spec).text.replace("title: ", "title: More "), grace)
    draft = workspace.make_draft(course, by=grace)
    assert workspace.make_draft(course, by=grace) == draft == publishing.draft_of(course)
    factories.enrol(ada, course, Scope(Content.EDITOR))
    with pytest.raises(Refused) as refused:
        workspace.make_draft(course, by=ada)
    assert refused.value.code == "nothing_changed"


def test_two_presses_at_once_make_one_draft(course, grace, monkeypatch):
    """The second press goes through while the first one, which has read all edits, checks the files."""
    spec = "first/sea-or-sky/challenge.yaml"
    change(course, spec, workspace.read(course, spec).text.replace("title: ", "title: More "), grace)
    inspect, drafts = workspace.inspect, []

    def and_press_again(folder):
        if not drafts:
            drafts.append(None)
            drafts.append(workspace.make_draft(course, by=grace))
        return inspect(folder)

    monkeypatch.setattr(workspace, "inspect", and_press_again)
    assert workspace.make_draft(course, by=grace) == drafts[1] == publishing.draft_of(course)
    assert CourseVersion.objects.filter(course=course).count() == 2 and not Edit.objects.exists()


def test_the_ends_of_lines_are_no_difference(course, push, folder, grace):
    (folder / TEXT).write_bytes(b"One.\r\nTwo.\r\nThree.\r\n")
    file = folder / "first/sea-or-sky/challenge.yaml"
    file.write_text(file.read_text().replace("version: 1.0.0", "version: 1.0.1"))
    push()
    change(course, TEXT, "One.\nTwo.\nThree.\n", grace)
    assert states(course) == {}, "a browser sends other ends, which change nothing"
    lines = services.difference(workspace.read(course, TEXT).below, "One.\nTwo, and more.\nThree.\n")
    assert [line for line in lines if line[0] in "+-"] == ["-Two.", "+Two, and more."]


def test_a_number_that_the_author_has_raised_stays(course, grace):
    spec = "first/sea-or-sky/challenge.yaml"
    text = workspace.read(course, spec).text
    change(course, spec, text.replace("version: 1.0.0", "version: 2.0.0").replace("minutes: 5", "minutes: 6"), grace)
    bundle = publishing.bundle_of(workspace.make_draft(course, by=grace))
    assert bundle.challenges[0].challenge.version == "2.0.0"


def test_the_text_below_is_no_change(course, grace):
    text = workspace.read(course, TEXT).text
    change(course, TEXT, "Another text.", grace)
    change(course, TEXT, text, grace)
    assert states(course) == {}
    with pytest.raises(Refused) as refused:
        workspace.make_draft(course, by=grace)
    assert refused.value.code == "nothing_changed"


def test_who_has_not_seen_a_change_does_not_overwrite_it(course, ada, grace):
    factories.enrol(ada, course, Scope(Content.EDITOR))
    both = workspace.read(course, TEXT).seen
    workspace.save(course, TEXT, "By Grace.", by=grace, seen=both)
    with pytest.raises(ChangedMeanwhile) as refused:
        workspace.save(course, TEXT, "By Ada.", by=ada, seen=both)
    assert refused.value.now.text == "By Grace." and str(grace) in refused.value.message
    assert workspace.read(course, TEXT).text == "By Grace."
    workspace.save(course, TEXT, "By both.", by=ada, seen=refused.value.now.seen)
    assert Edit.objects.get().edited_by == ada


def test_a_change_that_was_taken_back_and_made_again_is_another_one(course, grace):
    first = change(course, TEXT, "One.", grace).seen
    workspace.revert(course, TEXT, by=grace, seen=first)
    change(course, TEXT, "Two.", grace)
    with pytest.raises(ChangedMeanwhile):
        workspace.save(course, TEXT, "Three.", by=grace, seen=first)


def test_what_is_pushed_meanwhile_is_told_and_nothing_is_lost(course, push, folder, grace):
    change(course, TEXT, "Mine.\n", grace)
    (folder / TEXT).write_text("Theirs, pushed.\n")
    file = folder / "first/sea-or-sky/challenge.yaml"
    file.write_text(file.read_text().replace("version: 1.0.0", "version: 1.0.1"))
    push()
    assert next(one for one in workspace.listed(course) if one.path == TEXT).is_moved
    with pytest.raises(Refused) as refused:
        workspace.make_draft(course, by=grace)
    assert refused.value.code == "moved" and TEXT in refused.value.message
    found = workspace.read(course, TEXT)
    assert (found.text, found.below, found.is_moved) == ("Mine.\n", "Theirs, pushed.\n", True)
    assert "-Theirs, pushed." in services.difference(found.below, found.text)
    workspace.keep_mine(course, TEXT, by=grace, seen=found.seen)
    draft = workspace.make_draft(course, by=grace)
    assert publishing.bundle_of(draft).challenges[0].statement.strip() == "Mine."


def test_files_are_added_and_removed(course, grace):
    change(course, "first/notes.md", "A note.\n", grace)
    workspace.remove(course, TEXT, by=grace, seen=workspace.read(course, TEXT).seen)
    assert states(course) == {"first/notes.md": "new", TEXT: "removed"}
    assert any(one.file == TEXT for one in workspace.lint(course).problems)
    with pytest.raises(BundleErrors):
        workspace.make_draft(course, by=grace)
    assert states(course) == {"first/notes.md": "new", TEXT: "removed"}, "nothing is lost"
    for path in (TEXT, "first/notes.md"):
        workspace.revert(course, path, by=grace, seen=workspace.read(course, path).seen)
    assert states(course) == {}


@pytest.mark.parametrize(
    "path",
    ["../other.md", "/etc/passwd", "first/../../x.md", ".git/config", "first//x.md", "a\\b.md", "x" * 401, "a/\0"],
)
def test_a_name_that_leaves_the_folder_is_refused(course, grace, path):
    with pytest.raises(Refused) as refused:
        workspace.read(course, path)
    assert refused.value.problems[0]["field"] == "path"


@pytest.mark.parametrize(("text", "code"), [("a\0b", "control_character"), ("x" * (1024 * 1024 + 1), "too_long")])
def test_a_text_that_cannot_be_stored_is_refused_beside_the_field(course, grace, text, code):
    with pytest.raises(Refused) as refused:
        change(course, TEXT, text, grace)
    assert (refused.value.problems[0]["field"], refused.value.problems[0]["code"]) == ("text", code)


def test_who_may_not_edit_changes_nothing(course, ada, bob):
    factories.enrol(bob, course, Scope(Content.VIEWER))
    seen = workspace.read(course, TEXT).seen
    for person, error in ((ada, Http404), (bob, Refused)):
        with pytest.raises(error):
            workspace.save(course, TEXT, "Nonsense", by=person, seen=seen)
    assert not Edit.objects.exists()


def test_a_course_begins_with_its_template(grace, ada):
    course = services.begin_course("by-the-coast", "first-lesson", by=grace)
    assert not course.is_published and not course.version
    assert {"course.yaml", "first-lesson/lesson.yaml", "first-lesson/lesson.md"} <= set(states(course))
    assert StaffAction.objects.filter(what=StaffAction.What.COURSE_CHANGED).count() == 1
    with pytest.raises(Refused) as refused:
        services.begin_course("by-the-coast", "other", by=ada)
    assert refused.value.code == "name_taken"
    assert workspace.lint(course).problems, "the texts have yet to be written"


def test_what_works_on_a_folder_works_here(course, grace):
    from challenges.scaffold.base import Wanted
    from challenges.scaffold.folders import begin_challenge

    changed = services.worked(
        course, lambda path: begin_challenge(path / "first", "prompt", Wanted("new-one", labels=("a", "b"))), by=grace
    )
    assert "first/new-one/challenge.yaml" in changed and "first/lesson.yaml" in changed
    assert "new-one" in workspace.read(course, "first/lesson.yaml").text


TRICKY = ('{"input": "<script>x</script>"}', '{"input": "🦭\u202e"}', "no json", "[1]", "", '{"input": "a"}')


@given(st.lists(st.sampled_from(TRICKY), max_size=12), st.integers(1, 12))
@settings(max_examples=60, deadline=None)
def test_changing_a_row_leaves_the_others_as_they_are(lines, number):
    text = "\n".join(lines)
    table = rows.read(text)
    assert [row.line for row in table.rows] == [line for line in lines if line.strip()]
    if number <= len(lines):
        after = rows.with_row(text, number, '{"input": "new", "target": "sea"}').split("\n")
        assert after[: number - 1] + after[number:] == lines[: number - 1] + lines[number:]
        assert rows.without_row(text, number).split("\n") == (lines[: number - 1] + lines[number:] or [""])
    assert rows.with_row(text, None, '{"a": 1}').endswith('{"a": 1}\n')


@pytest.mark.parametrize("row", ["{", "[1, 2]", '"text"', ""])
def test_a_row_that_is_no_object_is_refused(row):
    with pytest.raises(Refused) as refused:
        rows.with_row("", None, row)
    assert refused.value.problems[0]["field"] == "row"


def test_labels_and_near_duplicates_are_found():
    lines = [
        '{"id": "a", "input": "A wave rolls into the harbour at night", "target": "sea"}',
        '{"id": "b", "input": "A wave rolls into the harbour at nights", "target": "sea"}',
        '{"id": "c", "input": "An eagle circles above the tower", "target": "sky"}',
    ]
    table = rows.read("\n".join(lines))
    assert table.labels == [("sea", 2), ("sky", 1)]
    ((later, earlier, share),) = table.near()
    assert (later.number, earlier.number) == (2, 1) and share > 0.6
    assert [row.number for row in rows.read("\n".join(lines), "EAGLE").found] == [3]
    assert [row.number for row in rows.read("\n".join(lines), label="sea").found] == [1, 2]
