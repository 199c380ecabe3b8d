import subprocess
from pathlib import Path

import pytest
from django.utils import timezone

from challenges.problems import Problem
from gradus.accounts.models import User
from gradus.courses import verification
from gradus.courses.models import ChallengeVersion, Course
from gradus.operations import base_models, first_start
from gradus.submissions import services
from gradus.submissions.models import Run
from tests import factories
from tests.challenges.factory import write_course


@pytest.fixture
def library(db, tmp_path, monkeypatch):
    """The tiny course in the place of the built-in one, not published yet."""
    folder = write_course(tmp_path / "tiny")
    monkeypatch.setattr(first_start, "LIBRARY", folder)
    return folder


def test_the_first_start_makes_an_administrator_who_can_log_in_and_no_later_one(db, client):
    password = first_start.make_admin()
    admin = User.objects.get()
    assert admin.is_superuser
    answer = client.post("/accounts/login/", {"login": first_start.ADMIN_EMAIL, "password": password})
    assert answer.status_code == 302
    assert client.get("/admin/").status_code == 200
    assert first_start.make_admin() is None
    assert User.objects.count() == 1


def test_the_data_folder_is_closed_but_passable(data_dir, settings, monkeypatch):
    settings.SQLITE = True
    monkeypatch.setitem(settings.DATABASES["default"], "NAME", str(data_dir / "gradus.sqlite3"))
    (data_dir / "gradus.sqlite3").touch(mode=0o644)
    first_start.protect()
    modes = {path.name: path.stat().st_mode & 0o777 for path in data_dir.iterdir()}
    assert modes == {"private": 0o700, "artifacts": 0o700, "media": 0o700, "gradus.sqlite3": 0o600}
    assert data_dir.stat().st_mode & 0o777 == 0o711


def test_the_course_is_published_once_and_again_when_it_changes_or_its_files_are_lost(library, console, screen):
    def published() -> int:
        first_start.publish_course(console)
        return screen.getvalue().count("is published")

    assert published() == 1
    before = Course.objects.get().updated_at
    file = library / "course.yaml"
    file.write_text(file.read_text() + "\n# nothing changes\n")
    assert published() == 1 and Course.objects.get().updated_at == before
    lesson = next(library.glob("*/lesson.md"))
    lesson.write_text(lesson.read_text() + "\nOne more sentence.\n")
    assert published() == 2
    for stored in Path(first_start.storages["private"].path("bundles")).iterdir():
        stored.unlink()
    assert published() == 3


def test_a_broken_course_is_told_and_stops_nothing(library, console, screen):
    written = (library / "course.yaml").read_text()
    (library / "course.yaml").write_text("schema: 1\n")
    first_start.publish_course(console)
    assert "has errors and was not imported" in screen.getvalue()
    assert not Course.objects.exists()
    (library / "course.yaml").write_text(written)
    first_start.publish_course(console)
    file = library / "first/sea-or-sky/challenge.yaml"
    file.write_text(file.read_text().replace("gold: 0.8", "gold: 0.9"))
    first_start.publish_course(console)
    assert "was not imported; the site keeps the version it has" in screen.getvalue()
    assert "challenge.yaml: gold changed" in screen.getvalue()
    assert factories.challenge("sea-or-sky").spec.gold == 0.8


def test_static_files_are_collected_when_a_source_changes(data_dir, settings, console, tmp_path, monkeypatch):
    source = tmp_path / "source"
    source.mkdir()
    (source / "a.css").write_text("a")
    settings.STATICFILES_DIRS = [source]
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    first_start.collect_static(console)
    collected = settings.STATIC_ROOT / "a.css"
    assert collected.read_text() == "a"

    def never(*args, **kwargs):
        raise AssertionError("collected though nothing changed")

    with monkeypatch.context() as patch:
        patch.setattr(first_start, "call_command", never)
        first_start.collect_static(console)
    (source / "a.css").write_text("another")
    first_start.collect_static(console)
    assert collected.read_text() == "another"


def test_a_model_is_fetched_unless_it_is_here_and_a_fetch_that_fails_stops_nothing(
    data_dir, console, screen, monkeypatch
):
    monkeypatch.setattr(first_start.subprocess, "run", lambda *a, **k: subprocess.CompletedProcess([], 1))
    assert not first_start.fetch_models(console)
    assert "submissions wait until `make models` succeeds" in screen.getvalue()
    monkeypatch.setattr(first_start.subprocess, "run", lambda *a, **k: pytest.fail("fetched"))
    for name in base_models.wanted():
        base_models.folder(name).mkdir(parents=True)
        for file in base_models.FILES:
            (base_models.folder(name) / file).touch()
    assert first_start.fetch_models(console)


def test_the_built_in_course_is_live_at_once_and_verified_later(library, console, client):
    first_start.publish_course(console)
    version = factories.challenge("sea-or-sky").version
    assert not version.is_verified and not Run.objects.exists()
    assert client.get("/challenges/sea-or-sky/").status_code == 200
    assert first_start.is_verification_due()
    ChallengeVersion.objects.update(linted_at=timezone.now())
    for version in ChallengeVersion.objects.all():
        services.verify(version)
    assert not first_start.is_verification_due(), "the baselines wait for a worker already"


def test_lint_that_a_worker_does_or_has_done_is_not_begun_at_each_start(library, console):
    first_start.publish_course(console)
    for version in ChallengeVersion.objects.all():
        services.verify(version)
    assert Run.objects.filter(purpose="lint").count() == 3
    assert not first_start.is_verification_due(), "it waits for a worker"
    services.withdraw_checks(ChallengeVersion.objects.all())
    assert first_start.is_verification_due()
    for version in ChallengeVersion.objects.all():
        verification.record_lint(version.pk, [Problem("hidden.jsonl", 2, "is near another", "rewrite it")], "")
        services.verify(version)
    Run.objects.filter(purpose="lint").delete()
    assert not first_start.is_verification_due(), "what it has found has to be corrected first"
    for version in ChallengeVersion.objects.all():
        rows = [{"file": ref.file, "ok": False, "provisional": False} for ref in version.parsed.baselines]
        ChallengeVersion.objects.filter(pk=version.pk).update(linted_at=timezone.now(), baselines=rows)
    assert not first_start.is_verification_due(), "a baseline that missed is not run again"
