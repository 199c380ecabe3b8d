"""`gradus challenge fmt` puts files in form and never changes what they mean."""

from __future__ import annotations

import contextlib
import json
import shutil
import unicodedata
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from challenges.authoring.formatting import PAGES, Unreadable, form_of, formatted
from challenges.authoring.schemas import write_schemas
from challenges.files.yaml_lines import YamlErrors, read
from challenges.lesson.text import reader
from challenges.reading import read_challenge
from gradus.cli.main import app
from tests.challenges.factory import write_course

LIBRARY = Path(__file__).resolve().parents[3] / "challenges/library"
CHALLENGES = sorted(path.parent for path in LIBRARY.rglob("challenge.yaml"))
FUZZ = settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["challenge", "fmt", *map(str, arguments)])


@pytest.mark.parametrize("folder", [LIBRARY, LIBRARY.parents[1] / "docs/examples"])
def test_the_library_and_the_examples_are_in_form(folder: Path) -> None:
    found = form_of(folder)
    assert (list(found.changed), found.unreadable, found.stale) == ([], [], [])


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("course.yaml", "\ufeffid: a\r\ntitle: b  \r\n\r\n\r\n", "id: a\ntitle: b\n"),
        ("course.yaml", "id:\ta\t# why\t\ntitle: 'b\tc'\n", "id: a # why\ntitle: 'b\tc'\n"),
        ("course.yaml", "text: |\n  a  \n  b\t\nid: c \n", "text: |\n  a  \n  b\t\nid: c\n"),
        ("course.yaml", "text: |+\n  a\n\n\n", "text: |+\n  a\n\n\n"),
        ("course.yaml", "b: 1\na: e\u0301", "b: 1\na: e\u0301\n"),
        ("course.yaml", "a: 'b \n  c'", "a: 'b\n  c'\n"),
        ("hidden.jsonl", '{"target":"b", "id":"1","input":"a"}\r\n\r\n', '{"id": "1", "input": "a", "target": "b"}\n'),
        ("gold.jsonl", '{"role":"test","answer":"\\u00fc\\u200b"}', '{"answer": "ü\\u200b", "role": "test"}\n'),
        ("public.jsonl", '{"target": {"b": "1", "a": "2"}}\n', '{"target": {"b": "1", "a": "2"}}\n'),
        ("train.jsonl", '\ufeff{"new": 1.0, "input": "e\u0301"}', '{"input": "e\u0301", "new": 1.0}\n'),
        ("train.jsonl", "\n\n", ""),
        ("lesson.md", "Caf\u0065\u0301 \r\n\r\nx\t\r\n\r\n", "Caf\u00e9\n\nx\n"),
        ("lesson.md", "one  \ntwo\n\n```\ncode  \n```\n\n    more \n", "one  \ntwo\n\n```\ncode  \n```\n\n    more \n"),
        ("lesson.md", "`e\u0301` and [a](e\u0301)\n", "`e\u0301` and [a](e\u0301)\n"),
        ("page.md", "\ufeffa \r\nb", "a \r\nb"),
        ("statement.md", "", ""),
    ],
)
def test_what_changes_and_what_stays(name: str, before: str, after: str) -> None:
    assert formatted(name, before.encode()).decode() == after
    assert formatted(name, after.encode()).decode() == after


@pytest.mark.parametrize(
    ("name", "data", "line", "what"),
    [
        ("course.yaml", b"id: a\n\ttitle: b\n", 2, "a tab"),
        ("course.yaml", b"id: a\nid: b\n", 2, "stands twice"),
        ("lesson.md", "a\n\u00fc".encode("latin-1"), 2, "is not UTF-8"),
        ("public.jsonl", '{"id": "a"}'.encode("utf-16"), 1, "is not UTF-8"),
        ("public.jsonl", b"id,input\n", 1, "the file is a table"),
        ("public.jsonl", b'{"id": "a", "id": "b"}', 1, "the same key twice"),
        ("public.jsonl", b'{"id": 1e999}', None, "a number is too large"),
    ],
)
def test_what_cannot_be_read_is_named_and_left_alone(
    name: str, data: bytes, line: int | None, what: str, tmp_path: Path
) -> None:
    with pytest.raises(Unreadable) as error:
        formatted(name, data)
    assert error.value.problems[0].line == line and what in error.value.problems[0].what
    path = tmp_path / name
    path.write_bytes(data)
    done = run("-u", tmp_path)
    assert done.exit_code == 1 and str(path) in done.output and what in done.output.replace("\n", " ")
    assert path.read_bytes() == data


def with_bom(data: bytes) -> bytes:
    return b"\xef\xbb\xbf" + data


def with_returns(data: bytes) -> bytes:
    return data.replace(b"\n", b"\r\n")


def with_blanks(data: bytes) -> bytes:
    return data.replace(b"\n", b" \t\n")


def with_empty_lines_at_the_end(data: bytes) -> bytes:
    return data + b"\n \n\n"


def without_the_last_line_end(data: bytes) -> bytes:
    return data.rstrip(b"\n")


def in_normal_form_d(data: bytes) -> bytes:
    return unicodedata.normalize("NFD", data.decode()).encode()


def with_keys_turned_round(data: bytes) -> bytes:
    rows = [json.loads(line) for line in data.decode().splitlines() if line.strip()]
    return "".join(json.dumps(dict(reversed(row.items())), separators=(",", ":")) + "\n" for row in rows).encode()


ANY = (with_bom, with_returns, with_blanks, with_empty_lines_at_the_end, without_the_last_line_end, in_normal_form_d)


@cache
def sources() -> dict[Path, dict[str, bytes]]:
    """The files of each challenge of the library."""
    return {
        folder: {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
        for folder in CHALLENGES
    }


Disturbances = dict[str, list[Callable[[bytes], bytes]]]


@st.composite
def disturbances(draw: st.DrawFn) -> tuple[Path, Disturbances]:
    """A challenge of the library, and by which ways the form of some of its files is made wrong."""
    folder = draw(st.sampled_from(CHALLENGES))
    names = draw(st.lists(st.sampled_from(sorted(sources()[folder])), min_size=1, max_size=6, unique=True))
    ways = {name: [*ANY, *((with_keys_turned_round,) if name.endswith(".jsonl") else ())] for name in names}
    return folder, {name: draw(st.lists(st.sampled_from(ways[name]), min_size=1, max_size=3)) for name in names}


def disturbed(folder: Path, chosen: Disturbances) -> dict[str, bytes]:
    files = dict(sources()[folder])
    for name, ways in chosen.items():
        for way in ways:
            with contextlib.suppress(UnicodeDecodeError, json.JSONDecodeError):
                files[name] = way(files[name])
    return files


def put(root: Path, files: dict[str, bytes]) -> Path:
    shutil.rmtree(root, ignore_errors=True)
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def digest_of(root: Path) -> str | None:
    try:
        return read_challenge(root).digest
    except Exception:
        return None


@FUZZ
@given(disturbances())
def test_no_challenge_gets_another_digest_and_twice_is_once(
    tmp_path_factory: pytest.TempPathFactory, drawn: tuple[Path, Disturbances]
) -> None:
    folder, chosen = drawn
    files = disturbed(folder, chosen)
    root = put(tmp_path_factory.getbasetemp() / folder.name, files)
    before = digest_of(root)
    pages = {name: shown(files[name]) for name in PAGES if name in files}
    found = form_of(root)
    found.write()
    if not found.unreadable:
        assert digest_of(root) is not None
    assert before in (None, digest_of(root))
    again = form_of(root)
    assert (again.changed, again.unreadable) == ({}, found.unreadable)
    assert pages == {name: shown((root / name).read_bytes()) for name in pages}
    for file, data in files.items():
        if Path(root / file).suffix not in (".yaml", ".jsonl", ".md", ".txt"):
            assert (root / file).read_bytes() == data


def shown(data: bytes) -> str:
    return unicodedata.normalize("NFC", reader().render(data.decode("utf-8-sig")))


YAML = st.text(st.sampled_from("ab: \t\n\r#-|>'\"[],+\\e\u0301"), max_size=40)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(YAML)
def test_any_yaml_means_the_same(text: str) -> None:
    try:
        before: Any = read(text).data
    except YamlErrors:
        with pytest.raises(Unreadable):
            formatted("course.yaml", text.encode())
        return
    after = formatted("course.yaml", text.encode())
    assert repr(read(after.decode()).data) == repr(before)
    assert formatted("course.yaml", after) == after


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text(st.sampled_from("ab \t\n\r#-`>*[](:)$|\\e\u0301"), max_size=40))
def test_any_page_shows_the_same(text: str) -> None:
    after = formatted("lesson.md", text.encode())
    assert shown(after) == shown(text.encode())
    assert formatted("lesson.md", after) == after


def test_the_command_checks_and_then_writes(tmp_path: Path) -> None:
    root = write_course(tmp_path / "course")
    run("-u", root)
    assert (run(root).exit_code, run(root).output) == (0, "Everything is in form.\n")
    statement, hidden = root / "first/sea-or-sky/statement.md", root / ".hidden.yaml"
    statement.write_bytes(b"What to do.\r\n")
    hidden.write_bytes(b"a: b\r\n")
    statement.chmod(0o640)
    done, listed = run(root), run(root, "--json")
    assert done.exit_code == 1 and f"{statement}: not in form" in done.output and "fmt -u" in done.output
    assert json.loads(listed.stdout) == {"changed": [str(statement)], "schemas": [], "unreadable": [], "written": False}
    assert statement.read_bytes() == b"What to do.\r\n"
    done = run(root, "-u")
    assert (done.exit_code, done.output) == (0, f"{statement}: put in form\n")
    assert statement.read_bytes() == b"What to do.\n" and statement.stat().st_mode & 0o777 == 0o640
    assert hidden.read_bytes() == b"a: b\r\n"
    assert run(tmp_path / "nowhere").exit_code == 2


def test_schemas_that_are_old_are_named_and_renewed_with_the_lines_that_name_them(tmp_path: Path) -> None:
    root = write_course(tmp_path / "course")
    write_schemas(root)
    old = root / ".schemas/lesson.json"
    old.write_text("{}")
    lesson = root / "first/lesson.yaml"
    lesson.write_text(f"# yaml-language-server: $schema=elsewhere.json\n{lesson.read_text()}")
    done = run(root / "first")
    assert done.exit_code == 1 and f"{old}: not as this version of Gradus writes it" in done.output
    assert run(root / "first", "-u").exit_code == 0 and old.read_text() != "{}"
    assert lesson.read_text().count("yaml-language-server") == 1
    assert lesson.read_text().startswith("# yaml-language-server: $schema=../.schemas/lesson.json\n")
    weak = (root / "first/sea-or-sky/baselines/weak.yaml").read_text()
    assert weak.startswith("# yaml-language-server: $schema=../../../.schemas/baseline.json\n")
    assert run(root / "first").exit_code == 0


@pytest.mark.parametrize("above", ["# My course.\n", "\n", "# One.\n\n# Two.\n"])
def test_a_file_names_its_schema_once_also_below_other_comments(tmp_path: Path, above: str) -> None:
    write_schemas(tmp_path)
    line = "# yaml-language-server: $schema=.schemas/course.json\n"
    (tmp_path / "course.yaml").write_text(f"{above}{line}id: a\ntext: |\n  # yaml-language-server: kept\n")
    assert run(tmp_path, "-u").exit_code == 0
    text = f"{line}{above}id: a\ntext: |\n  # yaml-language-server: kept\n"
    assert (tmp_path / "course.yaml").read_text() == text
    assert run(tmp_path).exit_code == 0


def test_the_hint_can_be_run_as_it_stands(tmp_path: Path) -> None:
    folder = tmp_path / "my course"
    folder.mkdir()
    (folder / "course.yaml").write_text("id: a  \n")
    done = run(folder)
    assert done.exit_code == 1 and f"`gradus challenge fmt -u '{folder}'` puts them in form" in done.output
