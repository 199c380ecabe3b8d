"""What earlier releases stored and answered is valid: bundles and payloads, a site with its files, calls and pages."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.compatibility import record
from tests.compatibility import release as recorded
from tests.compatibility.process import environment
from tests.compatibility.release import HERE, Release
from tests.faults.site import database

RELEASES = Release.all()
ROOT = HERE.parents[1]
SECONDS = 300


def taken_over(do: str, release: Release, site: Path, address: str | None = None) -> dict[str, Any]:
    argv = [sys.executable, "-m", "tests.compatibility.restored", do, str(release.folder)]
    env = environment(site, address or "")
    done = subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module", params=RELEASES, ids=lambda release: release.name)
def release(request: pytest.FixtureRequest) -> Release:
    found: Release = request.param
    return found


@pytest.fixture(scope="module")
def site(release: Release, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp(release.name)


@pytest.fixture(scope="module")
def upgraded(release: Release, site: Path) -> dict[str, Any]:
    """What the recorded site looks like under the current code."""
    return taken_over("restore", release, site)


def test_there_is_a_recording() -> None:
    assert "release_0_2_0" in {release.name for release in RELEASES}


def test_a_recording_is_not_replaced_by_accident(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["record"])
    monkeypatch.setattr(record, "record", lambda *folders: pytest.fail("recorded"))
    with pytest.raises(SystemExit, match="A published release is recorded once"):
        record.main()


def test_an_authors_folder_keeps_its_digests(release: Release) -> None:
    assert recorded.changed_folders(release) == []


def test_stored_bundles_are_read_and_dumped_as_they_were(release: Release) -> None:
    assert len(release.bundle_texts()) >= 6
    assert recorded.changed_bundles(release) == []


def test_payloads_are_read_and_dumped_as_they_were(release: Release) -> None:
    assert {one["given"]["kind"] for one in release.read("payloads")} >= {"prompt", "tune", "free_text"}
    assert recorded.changed_payloads(release) == []


def test_every_row_and_file_of_the_database_is_valid(upgraded: dict[str, Any]) -> None:
    empty = [table for table, rows in upgraded["counts"].items() if rows == 0]
    # What came after the release is empty; of what it had, only this.
    assert "submissions.Submission" not in empty and upgraded["counts"]["submissions.Evaluation"] > 20
    assert upgraded["rows"] == []


def test_standings_stay_what_they_were(upgraded: dict[str, Any]) -> None:
    assert upgraded["counts"]["submissions.Standing"] > 5
    assert upgraded["standings"] == []


def test_the_invariants_hold(upgraded: dict[str, Any]) -> None:
    assert upgraded["invariants"] == upgraded["invariants_after"] == {}


def test_open_work_is_graded_by_the_new_version(upgraded: dict[str, Any]) -> None:
    assert len(upgraded["worked_off"]) >= 5
    # The second grader of an appeal may leave the grade to a person.
    assert set(upgraded["worked_off"]) <= {"scored", "review"}


def test_clients_get_what_they_got(upgraded: dict[str, Any]) -> None:
    assert upgraded["requests"] == []


def test_pages_show_what_they_showed(upgraded: dict[str, Any]) -> None:
    assert upgraded["pages"] == []


# Rows of all releases have passed the same migrations by then.
@pytest.mark.postgres
@pytest.mark.parametrize(
    "release",
    [*(pytest.param(one, marks=pytest.mark.slow) for one in RELEASES[:-1]), RELEASES[-1]],
    ids=lambda release: release.name,
    indirect=True,
)
def test_the_rows_are_valid_on_postgresql(
    release: Release, site: Path, upgraded: dict[str, Any], postgres_url: str
) -> None:
    """Django's own fixtures carry the rows of the upgraded site over to an empty database."""
    before = taken_over("copy_out", release, site)["counts"]
    with database(postgres_url) as address:
        found = taken_over("copy_in", release, site, address)
    assert found["counts"] == before
    assert found["rows"] == found["standings"] == [] and found["invariants"] == {}
