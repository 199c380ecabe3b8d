"""Each broken archive gets a message, writes nothing outside of its folder, and takes little time and memory."""

from __future__ import annotations

import io
import re
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from challenges.authoring.archive import unpack
from challenges.lint.run import lint
from challenges.problems import Problem
from challenges.reading import BundleErrors
from tests.hostile.bundles import course
from tests.hostile.bundles.harness import unclear
from tests.hostile.bundles.in_archives import ACCEPTED, CASES, BrokenArchive, packed

SECONDS, MEGABYTES = 10, 100


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The course's archive as `pack` writes it."""
    return packed(course.write(tmp_path_factory.mktemp("packed") / "coast"))


def problems_of(data: bytes, folder: Path) -> list[Problem]:
    """What unpacking the archive, or linting what is in it, finds wrong."""
    try:
        unpack(io.BytesIO(data), folder)
    except BundleErrors as errors:
        return errors.problems
    return lint(folder)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_broken_archive_gets_a_message_that_says_what_to_do(
    case: BrokenArchive, archive: bytes, tmp_path: Path
) -> None:
    data = case.breaks(archive)
    tracemalloc.start()
    started = time.process_time()
    found = problems_of(data, tmp_path / "inside" / "course")
    taken, (_, peak) = time.process_time() - started, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (taken < SECONDS, peak < MEGABYTES * 1_000_000) == (True, True)
    said = [one for one in found if re.search(case.what, one.what) and re.search(case.fix, one.fix)]
    assert case.file in [problem.file for problem in said], [str(problem) for problem in found]
    assert unclear(found) == []
    assert [path.name for path in tmp_path.iterdir()] in ([], ["inside"])


@pytest.mark.parametrize("change", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_what_operating_systems_add_is_left_out(
    change: Callable[[bytes], bytes], archive: bytes, tmp_path: Path
) -> None:
    root = tmp_path / "coast"
    assert problems_of(change(archive), root) == []
    assert sorted(course.files(root)) == sorted(course.files(course.write(tmp_path / "other")))
