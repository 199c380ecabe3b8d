"""Bundles on the server: challenge contents by digest and lesson files, in private storage."""

from functools import lru_cache

from django.core.files.base import ContentFile
from django.core.files.storage import storages

from challenges.bundle import ChallengeBundle, LessonBundle
from gradus.courses.models import ChallengeVersion, Lesson


class BundleMissing(Exception):
    """The database names a bundle that private storage does not hold."""


def path_of(digest: str) -> str:
    return f"bundles/{digest}.json"


def save(bundle: ChallengeBundle) -> None:
    """Idempotent: the name is the content's digest."""
    _save(path_of(bundle.digest), bundle.to_json().encode())


def load(version: ChallengeVersion) -> ChallengeBundle:
    """With hidden rows: for workers and staff only.

    Raises:
        BundleMissing
    """
    return _load(version.digest)


@lru_cache(maxsize=16)
def _load(digest: str) -> ChallengeBundle:
    store = storages["private"]
    if not store.exists(path_of(digest)):
        raise BundleMissing(f"private storage lacks {path_of(digest)}; import the course again")
    with store.open(path_of(digest)) as file:
        return ChallengeBundle.from_json(file.read().decode())


def save_lesson_files(bundle: LessonBundle, digest: str) -> None:
    for name, content in bundle.files.items():
        _save(f"lessons/{digest}/{name}", content)


def lesson_file(lesson: Lesson, name: str) -> bytes:
    """A file of the lesson's demo.

    Raises:
        BundleMissing
    """
    return lesson_content(lesson.digest, name)


def lesson_content(digest: str, name: str) -> bytes:
    """A file of the lesson that has this digest: the demo's, or an illustration.

    Raises:
        BundleMissing
    """
    store, path = storages["private"], f"lessons/{digest}/{name}"
    if not store.exists(path):
        raise BundleMissing(f"private storage lacks {path}; import the course again")
    with store.open(path) as file:
        content: bytes = file.read()
        return content


def _save(path: str, content: bytes) -> None:
    store = storages["private"]
    if not store.exists(path):
        store.save(path, ContentFile(content))
