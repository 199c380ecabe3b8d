"""Settings, database, course and the stores that nobody may reach."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings
from django.core.checks import ERROR, run_checks
from django.core.files.storage import storages
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from gradus.accounts.models import User
from gradus.courses import verification
from gradus.courses.models import Challenge, ChallengeVersion, Course
from gradus.operations.doctor.findings import Finding, fail, ok, warn
from gradus.submissions.services.verification import open_runs


def configuration() -> Iterator[Finding]:
    """Django's system checks, ours among them: `hidden sets outside MEDIA` is gradus.E001."""
    wrong = [message for message in run_checks() if message.level >= ERROR]
    for message in wrong:
        yield fail("settings", f"{message.msg} ({message.id})", message.hint or "See docs/operations.md.")
    if not wrong:
        yield ok("settings", f"system checks pass; mode: {'production' if settings.PRODUCTION else 'development'}")
        yield ok("hidden sets", "in a store without a public address")


def database() -> Iterator[Finding]:
    try:
        connection.ensure_connection()
    except DatabaseError as error:
        yield fail("database", f"no connection: {error}".strip(), "Start it, or correct DATABASE_URL.")
        return
    executor = MigrationExecutor(connection)
    waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if waiting:
        yield fail("database", f"{len(waiting)} migrations wait", "Run `manage.py migrate` (`manage.py up` does it).")
    else:
        yield ok("database", f"{connection.vendor}, all migrations applied")
        yield from _content()


def _content() -> Iterator[Finding]:
    courses = Course.objects.filter(is_published=True).count()
    if not courses:
        yield fail("course", "no course is published", "Run `manage.py import_course`.")
        return
    shown = list(Challenge.objects.shown())
    lost = [c.slug for c in shown if c.version and not _has_bundle(c.version.digest)]
    if lost:
        mend = "Run `manage.py import_course` again; grading waits for it."
        yield fail("course", f"private storage lacks the files of: {', '.join(lost)}", mend)
    elif unverified := [version for version in verification.newest() if not version.is_verified]:
        yield from map(_unverified, unverified)
    else:
        yield ok("course", f"{courses} published, {len(shown)} challenges, all verified")
    if not User.objects.filter(is_staff=True, is_active=True).exists():
        yield warn("staff", "nobody can review grades", "Run `manage.py createsuperuser`.")


def _unverified(version: ChallengeVersion) -> Finding:
    """Which checks a version lacks on this server, and which of its baselines missed by how much."""
    state = "is a draft" if version.is_draft else "is published, but not verified on this server"
    waiting = open_runs(version)
    mend = "Correct the challenge, or its bounds, under a new version number, and import it."
    if waiting:
        mend = f"{len(waiting)} of its baselines wait for a worker, behind all other work."
    elif not version.baselines:
        mend = "Run `manage.py import_course` with its course's folder: that runs its baselines here."
    return warn("course", f"{version} {state}: {'; '.join(verification.lacking(version))}", mend)


def _has_bundle(digest: str) -> bool:
    return storages["private"].exists(f"bundles/{digest}.json")
