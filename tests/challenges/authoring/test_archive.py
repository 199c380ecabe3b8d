"""What is packed unpacks to the same files, and no archive writes outside its folder, or more than the bounds allow."""

from __future__ import annotations

import io
import os
import warnings
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from challenges.authoring import archive
from challenges.authoring.archive import pack, peek, unpack
from challenges.reading import BundleErrors

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
ODD = ["a", "b", "..", ".", "A", "\\", "C:", "\u00e9", "e\u0301"]
PATHS = st.lists(st.one_of(NAMES, st.sampled_from(ODD)), max_size=4)
FILES = st.dictionaries(PATHS.map("/".join), st.binary(max_size=200), max_size=6)
FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def zipped(files: dict[str, bytes], **changes: int) -> io.BytesIO:
    """An archive with these files, whose entries get the changed attributes."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            for key, value in changes.items():
                setattr(info, key, value)
            with warnings.catch_warnings():
                # Python cuts names at a NUL, so that two of them may be one, and warns of it. An attacker does not.
                warnings.filterwarnings("ignore", "Duplicate name")
                opened.writestr(info, content)
    return made


def said(made: io.BytesIO, folder: Path) -> list[str]:
    """The problems of an archive, as text."""
    with pytest.raises(BundleErrors) as refused:
        unpack(made, folder)
    return [str(problem) for problem in refused.value.problems]


def content(folder: Path) -> dict[str, bytes]:
    return {one.relative_to(folder).as_posix(): one.read_bytes() for one in folder.rglob("*") if one.is_file()}


def written(folder: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


PLAIN = st.text(st.characters(categories=["L", "N"], max_codepoint=0x24F), min_size=1, max_size=8)


@FOLDER
@given(files=st.dictionaries(st.lists(PLAIN, min_size=1, max_size=3).map("/".join), st.binary(max_size=2000)))
def test_what_is_packed_unpacks_to_the_same_files(files, tmp_path_factory):
    here, there = tmp_path_factory.mktemp("here"), tmp_path_factory.mktemp("there")
    files = {"course.yaml": b"id: a"} | {f"{number}/{name}": data for number, (name, data) in enumerate(files.items())}
    written(here, files)
    packed = io.BytesIO()
    said = pack(here, packed)
    unpack(packed, there)
    assert content(there) == files
    assert peek(packed, [*files, "elsewhere"]) == (sorted(files), files)
    assert (said.files, said.bytes) == (len(files), len(packed.getvalue()))


@FOLDER
@given(files=FILES)
def test_no_name_leaves_the_folder(files, tmp_path_factory):
    place = tmp_path_factory.mktemp("place")
    folder = place / "inside" / "course"
    try:
        unpack(zipped(files), folder)
    except BundleErrors as refused:
        assert refused.problems
    assert {one for one in place.rglob("*") if one.is_file()} == {one for one in folder.rglob("*") if one.is_file()}
    assert not any(one.is_symlink() for one in place.rglob("*"))


@FOLDER
@given(changes=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=8))
def test_a_damaged_archive_is_refused_or_read_but_never_a_crash(changes, tmp_path_factory):
    made = zipped({"course.yaml": b"id: a\n" * 20, "lesson/lesson.md": b"text " * 50})
    data = bytearray(made.getvalue())
    for place, value in changes:
        data[place % len(data)] = value
    try:
        unpack(io.BytesIO(data), tmp_path_factory.mktemp("folder"))
    except BundleErrors as refused:
        assert all(problem.what and problem.fix for problem in refused.problems)


def test_the_same_folder_gives_the_same_archive_whatever_its_times(tmp_path):
    files = {"course.yaml": b"id: a", "b/lesson.md": b"text", "a/lesson.md": b"other"}
    for name, order in (("one", list(files)), ("two", list(reversed(files)))):
        written(tmp_path / name, {path: files[path] for path in order})
    os.utime(tmp_path / "two" / "course.yaml", (1, 1))
    (tmp_path / "two" / "course.yaml").chmod(0o755)
    one, two = io.BytesIO(), io.BytesIO()
    assert pack(tmp_path / "one", one) == pack(tmp_path / "two", two)
    assert one.getvalue() == two.getvalue()


def test_what_an_operating_system_or_an_editor_left_is_not_packed(tmp_path):
    kept = {"course.yaml": b"id: a"}
    left = dict.fromkeys((".git/config", ".DS_Store", "a/.x.swp", "a/__pycache__/m.pyc", "Thumbs.db"), b"x")
    written(tmp_path / "course", kept | left)
    packed = io.BytesIO()
    pack(tmp_path / "course", packed)
    unpack(packed, tmp_path / "again")
    assert content(tmp_path / "again") == kept


def test_a_link_is_not_packed_but_named_with_all_others(tmp_path):
    written(tmp_path / "course", {"course.yaml": b"id: a"})
    (tmp_path / "course" / "secret").symlink_to("/etc/passwd")
    (tmp_path / "course" / "folder").symlink_to("/etc")
    with pytest.raises(BundleErrors) as refused:
        pack(tmp_path / "course", io.BytesIO())
    assert [(one.file, one.what) for one in refused.value.problems] == [
        ("folder", "is a symbolic link"),
        ("secret", "is a symbolic link"),
    ]


def test_a_course_inside_one_top_folder_is_accepted(tmp_path):
    archive = zipped({"my-course/": b"", "my-course/course.yaml": b"id: a", "__MACOSX/x": b""})
    unpack(archive, tmp_path)
    assert peek(archive, ["course.yaml"]) == (["course.yaml"], {"course.yaml": b"id: a"})
    assert content(tmp_path) == {"course.yaml": b"id: a"}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a/../../course.yaml", "leaves the folder"),
        ("a//b", "has an empty part"),
        ("./a", "has an empty part"),
        ("a\u202eb", "has the character U+202E"),
        ("a\x07b", "a\\x07b: has the character U+0007"),
        ("/".join(["a"] * 20), "has too long a path"),
        ("a" * 300, "has too long a path"),
    ],
)
def test_a_bad_name_is_refused_and_nothing_written(name, words, tmp_path):
    [problem] = said(zipped({"course.yaml": b"id: a", name: b"x"}), tmp_path / "folder")
    assert words in problem
    assert not (tmp_path / "folder").exists()


def test_all_problems_are_told_at_once(tmp_path):
    found = said(zipped({"../a": b"", "b\\c": b"", "Name": b"", "name": b"", "file": b"", "file/inner": b""}), tmp_path)
    assert [line.split(": ")[0] for line in found] == ["../a", "b\\c", "name", "file"]


@pytest.mark.parametrize(
    ("one", "two"),
    [("Lesson/a", "lesson/b"), ("stra\u00dfe", "STRASSE")],
    ids=["folder", "fold"],
)
def test_two_names_that_are_one_elsewhere_are_refused(one, two, tmp_path):
    [problem] = said(zipped({one: b"", two: b""}), tmp_path)
    assert "only in capitals or in the form of its characters" in problem


def test_another_method_than_deflate_is_refused(tmp_path):
    assert "method other than deflate" in said(zipped({"a": b"x"}, compress_type=zipfile.ZIP_LZMA), tmp_path)[0]


def test_bytes_are_counted_while_they_are_read(tmp_path):
    """Whatever the directory says, reading stops at the bound."""
    with zipfile.ZipFile(zipped({"zeros": b"\0" * 10_000_000})) as opened, pytest.raises(BundleErrors):
        archive._extract(opened, opened.infolist()[0], tmp_path / "zeros", left=1000)
    assert content(tmp_path) == {"zeros": b""}


def test_too_many_files_are_refused_before_they_are_listed(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "FILES_MAX", 10)
    made = zipped({f"{number}": b"" for number in range(11)})
    assert said(made, tmp_path) == [f"course.zip: has more than 10 files: {archive._too_many('').fix}"]
    written(tmp_path, {f"{number}": b"" for number in range(11)})
    with pytest.raises(BundleErrors, match="has more than 10 files"):
        pack(tmp_path, io.BytesIO())
    monkeypatch.setattr(archive, "DIRECTORY_MAX", 400)
    monkeypatch.setattr(zipfile, "ZipInfo", None)
    assert "has more than 10 files" in said(made, tmp_path)[0]


def test_too_large_a_folder_and_too_large_an_archive_are_refused(tmp_path, monkeypatch):
    written(tmp_path / "course", {"course.yaml": os.urandom(3000)})
    packed = io.BytesIO()
    pack(tmp_path / "course", packed)
    monkeypatch.setattr(archive, "ARCHIVE_MAX", 2000)
    with pytest.raises(BundleErrors, match=r"has packed 3,\d+ bytes; 2,000 are allowed"):
        pack(tmp_path / "course", io.BytesIO())
    assert "2,000 are allowed" in said(packed, tmp_path / "folder")[0]
    monkeypatch.setattr(archive, "BYTES_MAX", 1000)
    with pytest.raises(BundleErrors, match="has 3,000 bytes; 1,000 are allowed"):
        pack(tmp_path / "course", io.BytesIO())
