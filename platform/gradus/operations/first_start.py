"""Prepares a site before its programs start. Each step does nothing if it has been done before."""

from __future__ import annotations

import hashlib
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.files.storage import storages
from django.core.management import CommandError, call_command
from django.db import transaction

from challenges.files import yaml_lines
from challenges.reading import BundleErrors, read_course
from gradus.accounts.models import User
from gradus.courses import archives
from gradus.courses.models import Challenge, ChallengeVersion, Course, Lesson
from gradus.courses.services import publish
from gradus.courses.versions import VersionRefused
from gradus.operations import base_models, schema
from gradus.operations.console import Console
from gradus.submissions.services.verification import lint_waits, open_runs

LIBRARY = settings.BASE_DIR / "challenges" / "library"
ADMIN_EMAIL = "admin@localhost"


def protect() -> None:
    """Makes private data readable for the owner only. The runner, which may be another user, can reach the models."""
    settings.DATA_DIR.chmod(0o711)
    for name in ("private", "artifacts", "media"):
        folder = settings.DATA_DIR / name
        folder.mkdir(exist_ok=True)
        folder.chmod(0o700)
    if settings.SQLITE:
        path = Path(settings.DATABASES["default"]["NAME"])
        path.touch(mode=0o600)
        path.chmod(0o600)


def migrate() -> None:
    schema.load()
    call_command("migrate", interactive=False, verbosity=0)


def fetch_models(console: Console) -> bool:
    """Fetches the missing base models. Returns True if all are there now; without them, the site runs and jobs wait."""
    missing = [name for name in base_models.wanted() if base_models.state(name) != "ready"]
    if not missing:
        return True
    console.say(f"Fetching {', '.join(missing)}. This happens only once, and takes some minutes.")
    argv = [sys.executable, "-m", "workers.engine.fetch", *missing, "--data-dir", str(settings.DATA_DIR)]
    done = subprocess.run(argv, cwd=settings.BASE_DIR, check=False).returncode == 0
    if not done:
        console.say("The model could not be fetched. The site starts; submissions wait until `make models` succeeds.")
    return done


def publish_course(console: Console) -> None:
    """Imports and publishes the built-in course if its content differs from what is published.

    The pages say that the course is not verified until this server has verified it; see `is_verification_due`.
    """
    try:
        bundle = read_course(LIBRARY)
    except BundleErrors as errors:
        console.say("The built-in course has errors and was not imported:\n" + "\n".join(map(str, errors.problems)))
        return
    if Course.objects.filter(slug=bundle.course.id, digest=bundle.digest).exists() and _files_are_here():
        return
    try:
        course = publish(bundle, archives.keep_folder(LIBRARY))
    except VersionRefused as refused:
        console.say(f"The built-in course was not imported; the site keeps the version it has.\n{refused}")
        return
    console.say(f"Course “{course.title}” {course.version} is published.")


def is_verification_due() -> bool:
    """Returns True if this server still has to check the built-in course or to run some of its baselines.

    What lint has found, or a baseline that missed its bounds, is not checked again at each start.
    `manage.py import_course` checks it again.
    """
    spec = yaml_lines.read((LIBRARY / "course.yaml").read_text(encoding="utf-8")).data
    shown = Challenge.objects.shown().filter(course__slug=spec["id"], version__verified_at=None)
    return any(_is_untried(challenge.version) for challenge in shown if challenge.version)


def _is_untried(version: ChallengeVersion) -> bool:
    known = {row["file"] for row in version.baselines}.union(open_runs(version))
    is_unlinted = version.linted_at is None and not version.lint.get("problems") and not lint_waits(version)
    return is_unlinted or any(ref.file not in known for ref in version.parsed.baselines)


def _files_are_here() -> bool:
    """Returns True if private storage still has the published bundles. Somebody may have deleted them."""
    digests = [
        challenge.version.digest
        for lesson in Lesson.objects.filter(is_current=True)
        for challenge in lesson.challenges.filter(is_current=True).select_related("version")
        if challenge.version
    ]
    return bool(digests) and all(storages["private"].exists(f"bundles/{digest}.json") for digest in digests)


@transaction.atomic
def make_admin() -> str | None:
    """Creates an administrator on the first start. Returns the password, which is shown once and not stored."""
    if User.objects.filter(is_superuser=True).exists():
        return None
    password = secrets.token_urlsafe(12)
    admin = User.objects.create_superuser("admin", ADMIN_EMAIL, password)
    EmailAddress.objects.update_or_create(user=admin, email=ADMIN_EMAIL, defaults={"verified": True, "primary": True})
    return password


def collect_static(console: Console) -> None:
    """Collects the static files if one of them was added, changed or removed since the last time."""
    stamp, wanted = settings.STATIC_ROOT / ".collected", _fingerprint()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    try:
        call_command("collectstatic", interactive=False, verbosity=0, clear=True)
    except (CommandError, ValueError) as error:
        console.say(f"Static files could not be collected: {error}")
        return
    stamp.write_text(wanted)


def _fingerprint() -> str:
    lines = sorted(f"{path} {size} {changed}" for path, size, changed in _sources())
    lines.append(type(storages["staticfiles"]).__qualname__)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _sources() -> Iterator[tuple[str, int, int]]:
    for finder in get_finders():
        for path, storage in finder.list(["CVS", ".*", "*~"]):
            found = Path(storage.path(path)).stat()
            yield path, found.st_size, found.st_mtime_ns
