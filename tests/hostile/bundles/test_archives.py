"""Each broken archive gets a message, writes nothing outside of its folder, and takes little time and memory."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.hostile.bundles import course
from tests.hostile.bundles.harness import problems_of, unclear
from tests.hostile.bundles.in_archives import ACCEPTED, CASES, BrokenArchive, packed
from tests.hostile.bundles.page import ARCHIVES_TITLE, recorded, row

SECONDS, MEGABYTES = 10, 100


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The course's archive as `pack` writes it."""
    return packed(course.write(tmp_path_factory.mktemp("packed") / "coast"))


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
    said = {row(case.name, problem) for problem in found if problem.file == case.file}
    assert said & set(recorded()[ARCHIVES_TITLE]), [str(problem) for problem in found]
    assert unclear(found) == []
    assert [path.name for path in tmp_path.iterdir()] in ([], ["inside"])


@pytest.mark.parametrize("change", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_what_operating_systems_add_is_left_out(
    change: Callable[[bytes], bytes], archive: bytes, tmp_path: Path
) -> None:
    root = tmp_path / "coast"
    assert problems_of(change(archive), root) == []
    assert sorted(course.files(root)) == sorted(course.files(course.write(tmp_path / "other")))
