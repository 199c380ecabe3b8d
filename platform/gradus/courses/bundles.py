"""Stores bundles in private storage: the content of challenges under its digest, and the files of lessons."""

from functools import lru_cache
from io import BytesIO

from django.core.files.storage import storages

from challenges.bundle import ChallengeBundle
from challenges.course_bundle import LessonBundle
from challenges.jobs import BundleMissing as BundleMissing
from gradus import private_files
from gradus.courses.models import ChallengeVersion, Lesson


class BundleDamaged(OSError):
    """Private storage has only a part of a bundle now, or another content under its name."""


def path_of(digest: str) -> str:
    return f"bundles/{digest}.json"


def lesson_path(digest: str, name: str) -> str:
    return f"lessons/{digest}/{name}"


def save(bundle: ChallengeBundle) -> None:
    """Stores a challenge's content, named by its digest. Saving it again mends it if it is damaged."""
    _save(path_of(bundle.digest), bundle.to_json().encode())


def load(version: ChallengeVersion) -> ChallengeBundle:
    """Returns the content of a version with its hidden samples, which only workers and staff may see.

    Raises:
        BundleMissing: private storage does not have the content.
        BundleDamaged: what it has is not the content.
    """
    return of_digest(version.digest)


@lru_cache(maxsize=16)
def of_digest(digest: str) -> ChallengeBundle:
    """Returns what `load` does for a version with this digest, and raises what it raises."""
    store = storages["private"]
    if not store.exists(path_of(digest)):
        raise BundleMissing(f"private storage lacks {path_of(digest)}; import the course again")
    with store.open(path_of(digest)) as file:
        content = file.read()
    try:
        bundle = ChallengeBundle.from_json(content.decode())
    except (ValueError, KeyError) as error:
        raise BundleDamaged(f"{path_of(digest)} is damaged; import the course again") from error
    if bundle.digest != digest:
        raise BundleDamaged(f"{path_of(digest)} holds another bundle; import the course again")
    return bundle


def save_lesson_files(bundle: LessonBundle, digest: str) -> None:
    for name, content in bundle.files.items():
        _save(lesson_path(digest, name), content)


def lesson_file(lesson: Lesson, name: str) -> bytes:
    """Returns a file of the lesson's demo.

    Raises:
        BundleMissing: private storage does not have the file.
    """
    return lesson_content(lesson.digest, name)


def lesson_content(digest: str, name: str) -> bytes:
    """Returns a file, of the demo or an illustration, of the lesson with this digest.

    Raises:
        BundleMissing: private storage does not have the file.
    """
    store, path = storages["private"], lesson_path(digest, name)
    if not store.exists(path):
        raise BundleMissing(f"private storage lacks {path}; import the course again")
    with store.open(path) as file:
        content: bytes = file.read()
        return content


def _save(path: str, content: bytes) -> None:
    private_files.put(storages["private"], path, BytesIO(content))
