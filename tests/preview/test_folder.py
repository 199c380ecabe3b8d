"""What changed is read and checked again, and nothing is found that lint would not find in the whole folder."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from challenges.lint.run import inspect
from gradus.preview import folder as previewed
from gradus.preview.folder import Folder
from tests.challenges.factory import write_course, write_lesson


@pytest.fixture
def root(tmp_path: Path) -> Path:
    course = write_course(tmp_path / "course")
    write_lesson(course / "second", challenges=["stars"])
    for name in ("ticket", "explain"):
        shutil.rmtree(course / "second" / name)
    (course / "second" / "sea-or-sky").rename(course / "second" / "stars")
    replace(course / "second" / "stars" / "challenge.yaml", "id: sea-or-sky", "id: stars")
    replace(course / "course.yaml", "- first", "- first\n- second")
    return course


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def add(path: Path, text: str) -> None:
    path.write_text(path.read_text() + text)


CHANGES = {
    "nothing": lambda root: None,
    "a text": lambda root: add(root / "first" / "lesson.md", "\nMore.\n"),
    "a mark that is no question": lambda root: add(root / "first" / "lesson.md", "\n<!-- question: none -->\n"),
    "an unknown key": lambda root: add(root / "second" / "lesson.yaml", "\nfoo: 1\n"),
    "broken YAML": lambda root: add(root / "first" / "sea-or-sky" / "challenge.yaml", "\nx: [\n"),
    "a broken row": lambda root: add(root / "first" / "sea-or-sky" / "public.jsonl", "{\n"),
    "a hidden row that another challenge shows": lambda root: add(
        root / "second" / "stars" / "hidden.jsonl",
        (root / "first" / "sea-or-sky" / "public.jsonl").read_text().splitlines()[0].replace("p", "q", 1) + "\n",
    ),
    "a lesson that is not listed": lambda root: shutil.copytree(root / "second", root / "third"),
    "a lesson that is gone": lambda root: shutil.rmtree(root / "second"),
    "a lesson that needs itself": lambda root: add(root / "second" / "lesson.yaml", "\nrequires: [second]\n"),
    "another time zone": lambda root: add(root / "course.yaml", "\ntimezone: Nowhere/At_All\n"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_after_a_change_lint_finds_what_it_finds_in_the_whole_folder(root, change):
    folder = Folder(root)
    folder.lint(folder.look(), lambda: False)
    change(root)
    found, whole = folder.lint(folder.look(), lambda: False), inspect(root)
    assert found is not None
    for name in ("problems", "advice", "not_checked"):
        assert sorted(map(str, getattr(found, name))) == sorted(map(str, getattr(whole, name)))


def test_only_the_lesson_that_changed_is_read_and_checked_again(root, monkeypatch):
    folder = Folder(root)
    stamps = folder.look()
    assert folder.read(stamps).bundle is not None
    folder.lint(stamps, lambda: False)
    read, checked, gather = [], [], previewed.gather_lesson
    monkeypatch.setattr(previewed, "gather_lesson", lambda source, rel: read.append(rel) or gather(source, rel))
    monkeypatch.setattr(previewed, "inspect", lambda path: checked.append(path.name) or inspect(path))
    add(root / "second" / "lesson.md", "\nMore.\n")
    stamps = folder.look()
    bundle = folder.read(stamps).bundle
    assert bundle is not None and "More." in bundle.lessons[1].text
    folder.lint(stamps, lambda: False)
    assert read == ["second"] and checked == ["second"]


def test_a_check_of_what_has_changed_again_is_given_up(root):
    folder = Folder(root)
    assert folder.lint(folder.look(), lambda: True) is None


@pytest.mark.parametrize("place", ["first", "first/sea-or-sky"])
def test_a_lesson_or_a_challenge_alone_gets_a_course_around_it(root, place):
    folder = Folder(root / place)
    reading = folder.read(folder.look())
    assert not reading.problems and reading.bundle is not None
    assert [lesson.id for lesson in reading.bundle.lessons] == ["first" if place == "first" else "lesson"]
    assert folder.lint(folder.look(), lambda: False) == inspect(root / place)


def test_the_name_of_a_lesson_s_folder_may_be_any(root):
    (root / "first").rename(root / "My lesson")
    reading = Folder(root / "My lesson").read(Folder(root / "My lesson").look())
    assert reading.bundle is not None and reading.bundle.lessons[0].id == "lesson"


def test_hidden_files_and_caches_are_not_watched(root):
    folder = Folder(root)
    before = folder.look()
    for name in (".git/index", "__pycache__/x.pyc", "first/.lesson.md.swp"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text("x")
    assert folder.look() == before


def test_a_folder_that_is_gone_has_a_problem_and_no_bundle(root):
    folder = Folder(root)
    shutil.rmtree(root)
    reading = folder.read(folder.look())
    assert reading.bundle is None and "course.yaml" in str(reading.problems[0])
