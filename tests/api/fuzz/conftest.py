"""People with something to their name, made once for the whole file: calls are undone, so all find the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.db import transaction

from gradus.submissions import stream
from tests.api.fuzz import world
from tests.api.fuzz.site import in_this_thread, open_connections


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Drawing the boundary values of every call takes each process seconds, also where all these tests are slow."""
    slow = ("test_everybody.py", "test_fuzz.py") if settings.SQLITE else ("test_everybody.py",)
    return True if config.option.markexpr == "not slow" and collection_path.name in slow else None


@pytest.fixture(autouse=True)
def private_folders(folders: None) -> None:
    """In place of a folder for each test: what the world has stored is to be found."""


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("fuzz")
    store = "django.core.files.storage.FileSystemStorage"
    kept = {name: {"BACKEND": store, "OPTIONS": {"location": folder / name}} for name in ("private", "artifacts")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings, "STORAGES", {**settings.STORAGES, **kept})
        patch.setattr(settings, "AUDIT_SHARE", 0.0)
        patch.setattr(settings, "AUDIT_SHARE_NEW", 0.0)
        patch.setattr(stream, "sync_to_async", in_this_thread)
        patch.setattr(stream, "close_old_connections", lambda: None)
        yield folder


@pytest.fixture(scope="module")
def made(folders: Path, django_db_setup: None, django_db_blocker: pytest.FixtureRequest) -> Iterator[world.World]:
    with django_db_blocker.unblock(), open_connections(), transaction.atomic():
        yield world.make(folders / "course")
        transaction.set_rollback(True)
