"""What one process publishes all others show at once, and a process that is killed leaves all or nothing."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from challenges.bundle import ChallengeBundle
from tests import migrated
from tests.challenges.factory import write_course
from tests.courses.test_versions import edit, turn_labels

# Before which of a publish's statements it is killed. Each kill takes a process, so the quick test has two.
QUICK, EVERY = (9, 31), (2, 9, 17, 24, 31, 38)


class Process:
    def __init__(self, folder: Path) -> None:
        roots = (settings.BASE_DIR / "platform", settings.BASE_DIR)
        env = {
            "DJANGO_SETTINGS_MODULE": "gradus.settings",
            "GRADUS_DATA_DIR": str(folder),
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(map(str, roots)),
        }
        command = (sys.executable, "-m", "tests.courses.publishing.other_process")
        self.process = subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def say(self, *words: object) -> dict[str, Any] | None:
        """What the process shows after this act; None if it was killed."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        return json.loads(answer) if answer else None

    def close(self) -> None:
        self.process.communicate()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[Process, Path, Path]]:
    """A process, the folder of a published course, and the site's data folder."""
    folder, data = write_course(tmp_path / "mine"), tmp_path / "data"
    data.mkdir()
    migrated.copy_sqlite(data / "gradus.sqlite3")
    with closing(Process(data)) as first:
        first.say("begin")
        first.say("push", folder)
        assert first.say("publish") is not None
        yield first, folder, data


def change(folder: Path, words: str, version: str) -> None:
    (folder / "first/lesson.md").write_text(f"# First\n\n{words}\n")
    edit(folder, version)


def test_another_process_shows_what_was_published(site: tuple[Process, Path, Path]) -> None:
    first, folder, data = site
    with closing(Process(data)) as second:
        before = second.say("show")
        change(folder, "Other words.", "1.1.0")
        first.say("push", folder)
        assert second.say("show") == {**(before or {}), "drafts": 1}
        first.say("publish")
        after = second.say("show")
        assert after and after["texts"] == ["# First\n\nOther words.\n"]
        assert after["challenges"]["sea-or-sky"] == "1.1.0" and after["published"] == 2
        first.say("keep-board")
        assert (second.say("show") or {})["boards"] == ["sea-or-sky"]
        first.say("begin-board")
        assert (second.say("show") or {})["boards"] == []


@pytest.mark.parametrize("statements", [QUICK, pytest.param(EVERY, marks=pytest.mark.slow)])
def test_a_publish_that_is_killed_leaves_all_or_nothing(
    site: tuple[Process, Path, Path], statements: tuple[int, ...]
) -> None:
    first, folder, data = site
    for number, statement in enumerate(statements, 1):
        before = first.say("show")
        change(folder, f"Words {number}.", f"1.{number}.0")
        first.say("push", folder)
        with closing(Process(data)) as second:
            assert second.say("publish", statement) is None
        assert first.say("show") == {**(before or {}), "drafts": 1}, f"killed before statement {statement}"
        after = first.say("publish")
        assert after and after["texts"] == [f"# First\n\nWords {number}.\n"]
        assert (after["challenges"]["sea-or-sky"], after["drafts"]) == (f"1.{number}.0", 0)


@pytest.mark.parametrize("kind", [pytest.param("bundles/", marks=pytest.mark.slow), "courses/"])
def test_a_push_that_is_killed_while_it_writes_leaves_no_torn_file(site: tuple[Process, Path, Path], kind: str) -> None:
    first, folder, data = site
    turn_labels(folder)
    change(folder, "Other words.", "1.1.0")
    stored = data / "private"
    before = set(stored.rglob("*"))
    with closing(Process(data)) as second:
        assert second.say("push", folder, kind) is None
    written = [path for path in set(stored.rglob("*")) - before if path.is_file()]
    torn = [path for path in written if path.suffix == ".part"]
    assert len(torn) == 1 and torn[0].is_relative_to(stored / kind)
    for path in written:
        if path.suffix == ".json":
            assert ChallengeBundle.from_json(path.read_text()).digest == path.stem
    first.say("push", folder)
    assert (first.say("publish") or {})["published"] == 2
    for path in (stored / "courses").glob("*.zip"):
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.stem
