"""What leans on the database's own guarantees, once more on PostgreSQL."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from tests.requirements import process

pytestmark = pytest.mark.postgres

SECONDS = 600
SLOW_SECONDS = 3600
HOSTILE = ("tests/hostile", "tests/security/test_characters.py")


def passed_on_postgresql(url: str, folder: Path, *suites: str, seconds: int = SECONDS) -> int:
    """How many tests passed, in a process of its own: one process has one database."""
    roots = (settings.BASE_DIR / "platform", settings.BASE_DIR)
    env = {
        **os.environ,
        # Django creates the database "test_" + this name, and drops it.
        "DATABASE_URL": f"{url}{process()}",
        "GRADUS_DATA_DIR": str(folder),
        "GRADUS_REQUIRE": "postgres",
        "PYTHONPATH": os.pathsep.join(map(str, roots)),
    }
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--create-db", "-p", "no:cacheprovider", *suites],
        cwd=settings.BASE_DIR,
        env=env,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    found = re.search(r"(\d+) passed", done.stdout)
    return int(found[1]) if found else 0


def test_submissions_and_the_worker_hold_on_postgresql(postgres_url, tmp_path):
    suites = ("tests/submissions", "tests/reviews", "tests/notices", "tests/reports", "tests/own_data")
    suites += ("tests/workers/test_work.py", "tests/workers/test_choices.py", "tests/workers/test_orphan_files.py")
    suites += ("tests/courses/test_overlapping_courses.py::test_the_database_moves_nothing_to_another_course",)
    assert passed_on_postgresql(postgres_url, tmp_path, *suites) > 0


def test_grades_are_released_once_on_postgresql(postgres_url, tmp_path):
    assert passed_on_postgresql(postgres_url, tmp_path, "tests/postgres/releases.py") > 0


def test_decisions_about_leaderboards_hold_on_postgresql(postgres_url, tmp_path):
    suites = ("tests/postgres/boards.py", "tests/postgres/merging.py")
    suites += ("tests/leaderboards/test_ranks_after_decisions.py",)
    suites += ("tests/leaderboards/test_seasons.py", "tests/leaderboards/test_shake_up.py")
    suites += ("tests/teach/test_boards.py", "tests/friends")
    assert passed_on_postgresql(postgres_url, tmp_path, *suites) > 0


def test_similar_attempts_are_found_on_postgresql(postgres_url, tmp_path):
    suites = ("tests/postgres/copying.py", "tests/submissions/test_copying.py", "tests/teach/test_similar.py")
    assert passed_on_postgresql(postgres_url, tmp_path, *suites) > 0


def test_announcements_are_told_once_on_postgresql(postgres_url, tmp_path):
    suites = ("tests/postgres/announcements.py", "tests/postgres/quotas.py", "tests/leaderboards/test_class_boards.py")
    suites += ("tests/gradebook/test_progress.py", "tests/teach/test_audit.py", "tests/teach/test_viewing.py")
    assert passed_on_postgresql(postgres_url, tmp_path, *suites) > 0


def test_the_gradebook_holds_on_postgresql(postgres_url, tmp_path):
    suites = ("tests/postgres/gradebook.py", "tests/gradebook/test_cells.py", "tests/gradebook/test_services.py")
    suites += ("tests/gradebook/test_recounts.py",)
    assert passed_on_postgresql(postgres_url, tmp_path, *suites) > 0


def test_members_of_a_class_hold_on_postgresql(postgres_url, tmp_path):
    suites = ("tests/postgres/members.py", "tests/classes/test_members.py", "tests/classes/test_pages.py")
    assert passed_on_postgresql(postgres_url, tmp_path, *suites) > 0


def test_the_logs_and_every_call_of_the_api_hold_on_postgresql(postgres_url, tmp_path):
    suites = ("tests/security/test_staff_actions.py", "tests/api/fuzz", "-m", "not slow", "-k", "staff or honest")
    assert passed_on_postgresql(postgres_url, tmp_path, *suites) > 0


@pytest.mark.slow
def test_the_whole_api_holds_on_postgresql(postgres_url, tmp_path):
    """It refuses what SQLite takes: a NUL in a text, a number beyond its column's."""
    assert passed_on_postgresql(postgres_url, tmp_path, "tests/api/fuzz", "-m", "not slow", seconds=SLOW_SECONDS) > 0


def test_hostile_input_is_refused_on_postgresql(postgres_url):
    """A sample of every category, and a NUL in every place of every route.

    In the data folder, which has the model's tokenizer: without it no text is refused for its tokens.
    """
    assert passed_on_postgresql(postgres_url, settings.DATA_DIR, *HOSTILE, "-m", "not slow") > 0


@pytest.mark.slow
def test_all_hostile_input_is_refused_on_postgresql(postgres_url):
    assert passed_on_postgresql(postgres_url, settings.DATA_DIR, *HOSTILE, "-m", "slow", seconds=SLOW_SECONDS) > 0


def test_claims_and_submits_hold_when_many_come_at_once(postgres_url, tmp_path):
    assert passed_on_postgresql(postgres_url, tmp_path, "tests/postgres/concurrency.py") > 0


def test_drafts_and_versions_of_courses_hold_on_postgresql(postgres_url, tmp_path):
    """Above all what only the database refuses, and several people at once."""
    suites = [f"tests/courses/publishing/test_{name}.py" for name in ("drafts", "states", "at_once", "rollback")]
    assert passed_on_postgresql(postgres_url, tmp_path, *suites, "tests/leaderboards/test_versions.py") > 0


def test_uploads_hold_on_postgresql(postgres_url, tmp_path):
    """Two clients that send one part, that push one archive, or that begin too many."""
    assert passed_on_postgresql(postgres_url, tmp_path, "tests/api/test_uploads.py") > 0


def test_sign_ups_and_lock_outs_hold_on_postgresql(postgres_url, tmp_path):
    assert passed_on_postgresql(postgres_url, tmp_path, "tests/accounts") > 0


def test_roles_and_boards_hold_on_postgresql(postgres_url, tmp_path):
    """Two owners who go at the same moment, and boards without those who may read hidden rows."""
    suites = ("tests/teach/test_parallel.py", "tests/teach/test_people.py", "tests/leaderboards/test_large_boards.py")
    assert passed_on_postgresql(postgres_url, tmp_path, *suites) > 0


def test_deletions_of_accounts_hold_on_postgresql(postgres_url, tmp_path):
    """Above all a review that is decided, and a grade that is recorded, while the author's account is deleted."""
    assert passed_on_postgresql(postgres_url, tmp_path, "tests/postgres/deletion.py") > 0


def test_rosters_hold_on_postgresql(postgres_url, tmp_path):
    """Above all rosters that are applied while a learner submits or confirms an address."""
    assert passed_on_postgresql(postgres_url, tmp_path, "tests/classes/roster") > 0


def test_dates_of_classes_hold_on_postgresql(postgres_url, tmp_path):
    suites = ("tests/classes/test_access.py", "tests/classes/test_dates.py", "tests/classes/test_dates_at_once.py")
    assert passed_on_postgresql(postgres_url, tmp_path, *suites, "tests/learn/test_dates.py") > 0


def test_a_long_queue_is_read_along_its_index(postgres_url, tmp_path):
    assert passed_on_postgresql(postgres_url, tmp_path, "tests/postgres/plans.py") > 0


def test_publishing_holds_when_workers_and_editors_come_at_once(postgres_url, tmp_path):
    assert passed_on_postgresql(postgres_url, tmp_path, "tests/postgres/publishing.py") > 0


def test_the_way_back_to_an_earlier_release_holds_on_postgresql(postgres_url, tmp_path):
    assert passed_on_postgresql(postgres_url, tmp_path, "tests/courses/publishing/test_migrations.py") > 0
