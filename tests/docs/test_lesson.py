"""docs/authors/lesson.md is followed literally: its commands run, its files are written, and lint says what it says."""

from __future__ import annotations

import json
import re
import shlex
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from challenges.reading import read_lesson
from gradus.cli import plugins
from gradus.cli.main import app
from tests.challenges.factory import put_tokenizer
from tests.challenges.scaffold.author import write_everything
from tests.docs.pages import ROOT

PAGE = (ROOT / "docs/authors/lesson.md").read_text(encoding="utf-8")
COURSE, FIRST, LESSON = "by-the-coast", "first-lesson", "what-an-example-does"
WORDS_MAX = 1_200
# These would run until somebody ends them, or run a model. Their help shows that they exist and take these words.
NOT_HERE = ("preview", "prove", "demo")
BLOCK = re.compile(r"(?ms)^([^\n]*)\n\n```(\w*)\n(.*?)^```$")


def gradus(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


# The template has four rows, too few for five sets of examples. An author has more.
TRAINING = (
    ("The keel needs paint before Easter", "boat"),
    ("Four eggs lie in the gravel", "bird"),
    ("Her anchor dragged all night", "boat"),
    ("It dives and comes up with a herring", "bird"),
    ("We row home against the ebb", "boat"),
    ("White feathers drift over the mud", "bird"),
)


class Follower:
    """Somebody who follows the page from a folder of a course, section by section."""

    def __init__(self, course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monkeypatch = monkeypatch
        self.course = self.cwd = course
        self.wanted: list[str] = []
        self.linted: list[str] = []

    def follow(self, section: str) -> None:
        """Runs the commands and writes the files of a section. `wanted` is what it says that lint says."""
        text = re.search(rf"(?ms)^## {section}\n(.*?)(?=^## \d\. |^## A demo|\Z)", PAGE)
        assert text, section
        for before, language, block in BLOCK.findall(text[0]):
            if language:
                self.write(before, block)
            elif block.startswith(("gradus ", "cd ")):
                for line in block.splitlines():
                    self.run(shlex.split(line))
            else:
                self.wanted = block.splitlines()

    def write(self, before: str, block: str) -> None:
        named = re.search(r"(Put|put|Add|and) this (?:in)?to `([^`]+)`:$", before)
        assert named, before
        path = self.cwd / named[2]
        path.parent.mkdir(exist_ok=True)
        kept = path.read_text() if named[1] == "Add" else ""
        path.write_text(kept + block)

    def run(self, words: list[str]) -> None:
        if words[0] == "cd":
            self.cwd = (self.cwd / words[1]).resolve()
            self.monkeypatch.chdir(self.cwd)
            return
        is_here = not set(NOT_HERE) & set(words)
        done = gradus(*words[1:], *(() if is_here else ("--help",)))
        is_lint = "lint" in words
        assert done.exit_code == (1 if is_lint else 0), done.output
        if is_lint:
            self.linted = problems(done.output)

    def lint(self) -> list[str]:
        return problems(gradus("challenge", "lint", "..").output)


def problems(output: str) -> list[str]:
    """What lint said of files, without advice and what was not checked."""
    return [line for line in output.splitlines() if re.match(r"[\w/.-]+\.\w+(?::\d+)?: ", line)]


@pytest.fixture
def author(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Follower:
    """The course that the page begins with: one lesson with one challenge. No embeddings compare rows."""

    def commands_alone(group: str) -> list[EntryPoint]:
        return [point for point in entry_points(group=group) if point.name not in plugins.FUNCTIONS]

    monkeypatch.setattr(plugins, "entry_points", commands_alone)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("GRADUS_DATA_DIR", str(tmp_path / "data"))
    put_tokenizer(tmp_path / "data")
    course = tmp_path / COURSE
    assert gradus("course", "new", COURSE, "--lesson", FIRST, "--in", tmp_path).exit_code == 0
    assert gradus("challenge", "new", "prompt", "sea-or-sky", "--in", course / FIRST).exit_code == 0
    monkeypatch.chdir(course)
    return Follower(course, monkeypatch)


def test_the_page_is_short() -> None:
    assert len(PAGE.split()) <= WORDS_MAX


def test_the_page_is_followed_and_lint_says_what_it_says(author: Follower) -> None:
    for section in ("1. Begin", "2. The frame and the questions", "3. The text", "4. Pictures", "5. Findings"):
        author.follow(section)
    assert author.cwd.name == LESSON
    author.follow("6. Check")
    files = {line.partition(":")[0] for line in author.linted}
    assert f"../{LESSON}/boat-or-bird/challenge.yaml" in files and f"../{LESSON}/lesson.md" not in files
    write_everything(author.course)
    with (author.cwd / "boat-or-bird/train.jsonl").open("a") as rows:
        rows.writelines(json.dumps({"input": text, "output": label}) + "\n" for text, label in TRAINING)
    assert author.lint() == author.wanted and len(author.wanted) == 1

    missing_record = author.wanted
    author.follow("A demo")
    assert [line for line in author.lint() if line not in missing_record] == author.wanted
    assert len(author.wanted) == 2
    # Without the adapter `gradus challenge demo --train` can read the lesson, which it does first.
    assert read_lesson(author.cwd).lesson.demo is not None
