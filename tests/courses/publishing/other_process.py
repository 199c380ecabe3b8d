"""A process of the site that does what its standard input says, line by line, and answers each line with JSON.

`test_other_processes.py` runs several on one database, and kills some in the middle of a publish.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest import mock

import django


def killed_at(statement: int) -> Any:
    """A wrapper of the database's statements that ends the process like a power cut, before the given one."""
    left = statement

    def wrapper(execute: Any, *args: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return execute(*args)

    return wrapper


def killed_in_a_file(folder: str) -> Any:
    """Ends the process when half of a file of this folder in private storage is written."""
    from django.core.files.base import ContentFile
    from django.core.files.storage import FileSystemStorage

    save = FileSystemStorage.save

    class Half(ContentFile[bytes]):
        def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
            yield self.read(self.size // 2)
            os.kill(os.getpid(), signal.SIGKILL)

    def half(store: FileSystemStorage, name: str, content: Any, max_length: int | None = None) -> str:
        if name.startswith(folder):
            content.seek(0)
            content = Half(content.read())
        return save(store, name, content, max_length)

    return mock.patch.object(FileSystemStorage, "save", half)


def act(what: str, *given: str) -> Any:
    from django.db import connection

    from challenges.authoring.archive import pack
    from gradus.accounts.models import User
    from gradus.courses import board_versions, catalogue, publishing
    from gradus.courses.models import Challenge, Course, CourseVersion

    author = User.objects.filter(username="author").first() if what != "begin" else None
    match what:
        case "begin":
            User.objects.create_user("author")
        case "push":
            assert author is not None
            with (Path(given[0]).parent / "course.zip").open("w+b") as file, ExitStack() as stack:
                pack(Path(given[0]), file)
                if given[1:]:
                    stack.enter_context(killed_in_a_file(given[1]))
                publishing.push(Path(given[0]), file, by=author, course_slug="tiny")
        case "publish":
            assert author is not None
            draft = CourseVersion.objects.drafts().get()
            with connection.execute_wrapper(killed_at(int(given[0]) if given else 10_000)):
                publishing.publish(draft, by=author, unverified=draft.digests)
        case "keep-board":
            challenge = Challenge.objects.get(name="sea-or-sky")
            Challenge.objects.filter(pk=challenge.pk).update(board_version=challenge.versions.earliest("pk"))
            Course.objects.update(updated_at=django.utils.timezone.now())
        case "begin-board":
            assert author is not None
            board_versions.begin(Challenge.objects.get(name="sea-or-sky"), by=author)
    shown = catalogue.now()
    return {
        "texts": [lesson.text for lesson in shown.lessons.values()],
        "challenges": {one.name: one.version.version for one in shown.challenges.values() if one.version},
        "boards": [one.name for one in shown.challenges.values() if one.board_version],
        "drafts": CourseVersion.objects.drafts().count(),
        "published": CourseVersion.objects.published().count(),
    }


def main() -> None:
    django.setup()
    for line in sys.stdin:
        print(json.dumps(act(*line.split())), flush=True)


if __name__ == "__main__":
    main()
