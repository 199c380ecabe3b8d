"""What leans on the database's own guarantees, once more on PostgreSQL."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree

import pytest
from django.conf import settings

from tests.requirements import process

pytestmark = pytest.mark.postgres

SECONDS = 1800
SLOW_SECONDS = 3600
NOT_PASSED = ("failure", "error", "skipped")
HOSTILE = ("tests/hostile", "tests/security/test_characters.py")
BUNDLES = "tests/hostile/bundles"


def hold_on_postgresql(url: str, folder: Path, suites: Mapping[str, Sequence[str]], *options: str, **more: int) -> None:
    """Runs the tests that use a database in a process of its own: one process has one database.

    Each start takes seconds, so that one run has several suites. Each of their files, folders or tests must have passed
    some tests; a failure is named in the message.
    """
    report = folder / f"postgres-{process()}.xml"
    if folder != settings.DATA_DIR and not (folder / "models").exists():
        (folder / "models").symlink_to(settings.DATA_DIR / "models")
    env = {
        **os.environ,
        # Django creates the database "test_" + this name, and drops it.
        "DATABASE_URL": f"{url}{process()}",
        "GRADUS_DATA_DIR": str(folder),
        "GRADUS_REQUIRE": "postgres",
        "PYTHONPATH": os.pathsep.join(map(str, (settings.BASE_DIR / "platform", settings.BASE_DIR))),
    }
    plugins = ("-p", "no:cacheprovider", "-p", "tests.postgres.with_database", f"--junitxml={report}")
    named = [suite for part in suites.values() for suite in part]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--create-db", *plugins, *named, *options],
        cwd=settings.BASE_DIR,
        env=env,
        capture_output=True,
        text=True,
        timeout=more.get("seconds", SECONDS),
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    passed = passed_tests(report)
    report.unlink()
    # Where only some of a suite's tests are asked for, it may have none of them.
    asked = [one for one in named if "--leaning" not in options or one.startswith("tests/postgres/")]
    assert [one for one in asked if not any_of(passed, one)] == []


def passed_tests(report: Path) -> set[str]:
    """As `tests.courses.test_versions.test_name`."""
    cases = ElementTree.parse(report).iter("testcase")
    return {
        f"{case.get('classname')}.{case.get('name')}"
        for case in cases
        if not set(NOT_PASSED) & {part.tag for part in case}
    }


def any_of(passed: set[str], suite: str) -> bool:
    module = suite.replace(".py", "").replace("::", ".").replace("/", ".")
    return any(test == module or test.startswith((f"{module}.", f"{module}[")) for test in passed)


SUBMISSIONS = {
    "submissions": ("tests/submissions", "tests/reviews", "tests/notices", "tests/reports", "tests/own_data"),
    "workers": ("tests/workers/test_work.py", "tests/workers/test_choices.py", "tests/reconciling"),
    "overlaps": ("tests/courses/test_overlapping_courses.py::test_the_database_moves_nothing_to_another_course",),
    "similar attempts are found": ("tests/postgres/copying.py", "tests/teach/test_similar.py"),
    "claims and submits when many come at once": ("tests/postgres/concurrency.py",),
    "roles of workers that are withdrawn": ("tests/postgres/worker_roles.py",),
    "values that nobody can read": ("tests/postgres/unreadable.py",),
}
CLASSES = {
    "grades are released once": ("tests/postgres/releases.py",),
    "announcements are told once": ("tests/postgres/announcements.py", "tests/postgres/quotas.py"),
    "progress, audit and viewing": (
        *("tests/gradebook/test_progress.py", "tests/teach/test_audit.py", "tests/teach/test_viewing.py"),
    ),
    "gradebook": (
        "tests/postgres/gradebook.py",
        *(f"tests/gradebook/test_{name}.py" for name in ("cells", "services", "recounts")),
    ),
    "members": ("tests/postgres/members.py", "tests/classes/test_members.py", "tests/classes/test_pages.py"),
    "rosters that are applied while a learner submits or confirms an address": ("tests/classes/roster",),
    "who may open a course": ("tests/security/test_listing.py",),
    "learning platforms": ("tests/lti/test_launch.py", "tests/lti/test_grades.py", "tests/lti/test_sending.py"),
    "dates": (
        *(f"tests/classes/test_{name}.py" for name in ("access", "dates", "dates_at_once")),
        "tests/learn/test_dates.py",
    ),
}
COURSES = {
    "drafts and versions: above all what only the database refuses, and several people at once": (
        *(f"tests/courses/publishing/test_{name}.py" for name in ("drafts", "states", "at_once", "rollback")),
        "tests/leaderboards/test_versions.py",
    ),
    "two clients that send one part, that push one archive, or that begin too many": ("tests/api/test_uploads.py",),
    "the way back to an earlier release": ("tests/courses/publishing/test_migrations.py",),
    "decisions about leaderboards": (
        *("tests/postgres/boards.py", "tests/postgres/merging.py", "tests/friends"),
        *(f"tests/leaderboards/test_{name}.py" for name in ("class_boards", "ranks_after_decisions", "seasons")),
        *("tests/leaderboards/test_shake_up.py", "tests/teach/test_moderation.py"),
    ),
}
ACCOUNTS = {
    "sign-ups and lock-outs": ("tests/accounts",),
    "tokens of machines that join": ("tests/fleet/test_tokens.py", "tests/fleet/test_page.py"),
    # It names the fixtures of the drafts above, which pytest takes from one place only.
    "publishing when workers and editors come at once": ("tests/postgres/publishing.py",),
    "reviews that are decided, and grades that are recorded, while the author's account is deleted": (
        "tests/postgres/deletion.py",
    ),
    "two owners who go at the same moment, and boards without those who may read hidden rows": (
        *("tests/teach/test_parallel.py", "tests/teach/test_people.py", "tests/leaderboards/test_large_boards.py"),
    ),
}
# Alone: the long queue changes what the planner knows about the tables.
PLANS = {"a long queue is read along its index": ("tests/postgres/plans.py",)}
LATER = (
    # What they ask is the same on any database: no rule of the database, no lock, and no query that names a function.
    "tests/accounts/test_admin.py",
    "tests/reviews/desk/test_bulk_page.py",
    *(f"tests/reviews/test_{name}.py" for name in ("accuracy", "certainty", "pages", "spending", "votes")),
    "tests/reviews/test_who_grades.py",
)
ELSEWHERE = (
    # What these would ask of the database itself, others ask: `tests/faults/test_failpoints.py` ends workers at each
    # point, and no page reaches a write.
    *(f"tests/submissions/test_{name}.py" for name in ("lint_on_workers", "proofs")),
    *("tests/teach/test_viewing.py", "tests/gradebook/test_progress.py"),
)
SLOW = (
    *(f"tests/submissions/test_{name}.py" for name in ("flood", "slot_migrations", "text_digests")),
    *("tests/accounts/test_roles_migration.py", "tests/postgres/copying.py", "tests/postgres/releases.py"),
)
RUNS = {"submissions": SUBMISSIONS, "classes": CLASSES, "courses": COURSES, "accounts": ACCOUNTS, "plans": PLANS}
CALLS = {
    "logs": ("tests/security/test_staff_actions.py",),
    "calls": ("tests/api/fuzz",),
    "pages": ("tests/words/test_pages.py::test_every_page_is_marked",),
    "a NUL in every place of every route": ("tests/security/test_characters.py",),
}


@pytest.mark.parametrize("runs", [("submissions", "classes", "courses"), ("accounts",)], ids="-".join)
def test_what_leans_on_the_database_holds_on_postgresql(postgres_url, tmp_path, runs):
    """Runs those tests of the suites that open several transactions, or that expect an error of the database."""
    suites = {name: part for run in runs for name, part in RUNS[run].items()}
    ignored = [f"--ignore={file}" for file in (*LATER, *ELSEWHERE)]
    hold_on_postgresql(postgres_url, tmp_path, suites, "-m", "not slow", "--leaning", *ignored)


def test_plans_hold_on_postgresql(postgres_url, tmp_path):
    hold_on_postgresql(postgres_url, tmp_path, PLANS, "-m", "not slow")


def test_the_logs_every_call_of_the_api_and_every_page_hold_on_postgresql(postgres_url, tmp_path):
    hold_on_postgresql(postgres_url, tmp_path, CALLS, "-m", "not slow")


@pytest.mark.slow
@pytest.mark.parametrize("run", RUNS)
def test_suites_hold_on_postgresql(postgres_url, tmp_path, run):
    ignored = [f"--ignore={file}" for file in LATER]
    hold_on_postgresql(postgres_url, tmp_path, RUNS[run], "-m", "not slow", *ignored)


@pytest.mark.slow
def test_the_rest_of_these_suites_holds_on_postgresql(postgres_url, tmp_path):
    hold_on_postgresql(postgres_url, tmp_path, {"later": LATER, "slow": SLOW}, seconds=SLOW_SECONDS)


@pytest.mark.slow
def test_every_call_of_everybody_holds_on_postgresql(postgres_url, tmp_path):
    suites = {"API": ("tests/api/fuzz/test_everybody.py",)}
    hold_on_postgresql(postgres_url, tmp_path, suites, "-k", "everybody_answer", seconds=SLOW_SECONDS)


@pytest.mark.slow
@pytest.mark.parametrize("options", [("-m", "not slow", f"--ignore={BUNDLES}"), ("-m", "slow")], ids=" ".join)
def test_hostile_input_is_refused_on_postgresql(postgres_url, options):
    """In the data folder, which has the model's tokenizer: without it no text is refused for its tokens."""
    hold_on_postgresql(postgres_url, settings.DATA_DIR, {"hostile": HOSTILE}, *options, seconds=SLOW_SECONDS)


@pytest.mark.slow
def test_hostile_bundles_are_refused_on_postgresql(postgres_url):
    """A hostile bundle is refused before the database has seen any of it."""
    suites = {"hostile": (BUNDLES,)}
    hold_on_postgresql(postgres_url, settings.DATA_DIR, suites, "-m", "not slow", seconds=SLOW_SECONDS)


def test_a_suite_that_passed_nothing_is_noticed():
    passed = {"tests.accounts.test_names.test_a", "tests.api.test_uploads.test_b[part]"}
    assert any_of(passed, "tests/accounts") and any_of(passed, "tests/api/test_uploads.py::test_b")
    assert not any_of(passed, "tests/api/test_upload.py") and not any_of(passed, "tests/account")
