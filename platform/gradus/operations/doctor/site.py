"""Checks of the site: its settings, its database, the published course, and the private stores."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings
from django.core.checks import ERROR, run_checks
from django.core.files.storage import storages
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from challenges.texts import several
from gradus.accounts.models import User
from gradus.courses import verification
from gradus.courses.models import Challenge, ChallengeVersion, Course
from gradus.operations.doctor.results import Result, fail, ok, warn
from gradus.submissions.services.verification import lint_waits, open_runs


def configuration() -> Iterator[Result]:
    """Runs Django's system checks and our own, such as gradus.E001: hidden samples lie in no public folder."""
    wrong = [message for message in run_checks() if message.level >= ERROR]
    for message in wrong:
        yield fail("settings", f"{message.msg} ({message.id})", message.hint or "See docs/operations/settings.md.")
    if not wrong:
        yield ok("settings", f"system checks pass; mode: {'production' if settings.PRODUCTION else 'development'}")
        yield ok("hidden samples", "in a store without a public address")


def database() -> Iterator[Result]:
    """Checks the connection, the migrations, and then the content of the database."""
    try:
        connection.ensure_connection()
    except DatabaseError as error:
        yield fail("database", f"no connection: {error}".strip(), "Start it, or correct DATABASE_URL.")
        return
    executor = MigrationExecutor(connection)
    waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if waiting:
        hint = "Run `manage.py migrate` (`manage.py up` does it)."
        yield fail("database", f"{several(len(waiting), 'migration')} not applied yet", hint)
    else:
        yield ok("database", f"{connection.vendor}, all migrations applied")
        yield from _content()


def _content() -> Iterator[Result]:
    """Checks that a course is published and verified with all its files, and that somebody can review grades."""
    courses = Course.objects.filter(is_published=True).count()
    if not courses:
        yield fail("course", "no course is published", "Run `manage.py import_course`.")
        return
    shown = list(Challenge.objects.shown())
    lost = [c.slug for c in shown if c.version and not _has_bundle(c.version.digest)]
    if lost:
        hint = "Run `manage.py import_course` again. Submissions wait until then."
        yield fail("course", f"files are missing from private storage: those of {', '.join(lost)}", hint)
    elif unverified := [version for version in verification.newest() if not version.is_verified]:
        yield from map(_unverified, unverified)
    else:
        yield ok("course", f"{courses} published, {several(len(shown), 'challenge')}, all verified")
    if not User.objects.filter(is_staff=True, is_active=True).exists():
        yield warn("staff", "no account can review grades", "Run `manage.py createsuperuser`.")


def _unverified(version: ChallengeVersion) -> Result:
    """Says what is missing before a version is verified: checks to come, what lint found, what missed its bounds."""
    state = "is a draft" if version.is_draft else "is published, but not verified on this server"
    waiting = [*open_runs(version), *(["lint"] if lint_waits(version) else [])]
    hint = "Correct the challenge, or its bounds, under a new version number, and import it."
    if waiting:
        hint = f"{several(len(waiting), 'check')} still to come. All other work comes first."
    elif not version.baselines:
        hint = "Run `manage.py import_course` with its course's folder: that runs its baselines here."
    return warn("course", f"{version} {state}: {'; '.join(verification.lacking(version))}", hint)


def _has_bundle(digest: str) -> bool:
    return storages["private"].exists(f"bundles/{digest}.json")
