"""A file in private storage that was torn or lost is whole again after the next push, and is never taken for whole."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest
from django.core.files.storage import FileSystemStorage, storages

from gradus import private_files
from gradus.accounts.models import User
from gradus.courses import archives, bundles, publishing
from tests.courses.publishing.conftest import Push

pytestmark = pytest.mark.django_db
ALL = ["sea-or-sky", "ticket", "explain"]


def files(folder: str) -> list[Path]:
    return [Path(storages["private"].path(one.name)) for one in private_files.walk(storages["private"], folder)]


@pytest.mark.parametrize("discarded", [True, False])
def test_a_push_mends_torn_files(push: Push, grace: User, discarded: bool) -> None:
    draft = push().version
    if discarded:
        publishing.discard(draft, by=grace)
    whole = {path: path.read_bytes() for folder in ("courses/", "bundles/") for path in files(folder)}
    assert len({path.parent for path in whole}) == 2
    for path, content in whole.items():
        path.write_bytes(content[: len(content) // 2])
    archives._bundle.cache_clear()
    bundles.of_digest.cache_clear()
    again = push().version
    assert {path: path.read_bytes() for path in whole} == whole
    assert publishing.publish(again, by=grace, unverified=ALL).state == "published"


def test_content_of_the_same_size_is_compared(tmp_path: Path) -> None:
    store = FileSystemStorage(tmp_path, file_permissions_mode=0o600)
    for content in (b"first", b"other", b"oth", b"other"):
        private_files.put(store, "bundles/0.json", BytesIO(content))
        assert Path(store.path("bundles/0.json")).read_bytes() == content
    assert [one.name for one in private_files.walk(store)] == ["bundles/0.json"]
    assert Path(store.path("bundles/0.json")).stat().st_mode & 0o777 == 0o600


def test_a_write_that_fails_leaves_nothing(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(private_files, "_sync", full)
    with pytest.raises(OSError, match="No space"):
        private_files.put(storages["private"], "bundles/0.json", BytesIO(b"content"))
    assert files("bundles/") == []
