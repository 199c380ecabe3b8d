"""What the studio does beside files: a new course, tools that work on its folder, and the help beside a file."""

from __future__ import annotations

import difflib
import tempfile
from collections.abc import Callable
from pathlib import Path

from django.db import transaction

from challenges.authoring.schemas import schema, schema_of
from challenges.files.source import WANTED
from challenges.scaffold.folders import CannotBegin
from challenges.scaffold.folders import begin_course as write_course
from gradus.accounts import staff_actions as staff
from gradus.accounts.models import Enrolment, StaffAction, User
from gradus.accounts.token_rules import Content, LearnerData
from gradus.courses import publishing
from gradus.courses.models import Course
from gradus.refusal import wrong
from gradus.studio import remedies, workspace

# Lines of a difference that a page shows.
LINES = 400


def begin_course(slug: str, lesson: str, *, by: User) -> Course:
    """Begins a course, of which nobody but its owner sees anything until a draft of it is published.

    Raises:
        Refused: 409 beside the field, another course has this id; 422, no lesson can have its id.
    """
    with tempfile.TemporaryDirectory() as place, transaction.atomic():
        folder = Path(place) / slug
        try:
            write_course(folder, lesson)
        except CannotBegin as error:
            raise wrong("lesson", sentence(str(error))) from None
        course, is_new = Course.objects.get_or_create(
            slug=slug, defaults={"title": slug, "summary": "", "is_published": False}
        )
        if not is_new:
            raise wrong("course", publishing.name_taken(slug).message, "name_taken", 409)
        Enrolment.objects.create(user=by, course=course, content=Content.OWNER, learner_data=LearnerData.EDITOR)
        staff.note(StaffAction.What.COURSE_CHANGED, course, by=by, begun=True)
        workspace.take(course, folder, by=by)
    return course


def worked(course: Course, work: Callable[[Path], object], *, by: User) -> list[str]:
    """Lets a tool of the command line work on the course's folder, and stores what it has changed as edits."""
    with workspace.folder_of(course) as folder:
        work(folder)
        return workspace.take(course, folder, by=by)


def difference(theirs: str, mine: str) -> list[str]:
    """Returns the lines in which two texts differ, with three lines around each, as `diff -u` writes them.

    Their ends do not count: a browser sends others than those of the file.
    """
    before, after = (workspace.plain(text).split("\n") for text in (theirs, mine))
    lines = difflib.unified_diff(before, after, lineterm="", n=3)
    return list(lines)[2 : LINES + 2]


def help_of(path: str) -> list[tuple[str, str]]:
    """Returns the keys that a file can have with what each means, or what to write there."""
    name = path.rpartition("/")[2]
    if (known := schema_of(path)) is None:
        return [("", WANTED[name])] if name in WANTED else []
    keys = schema(known).get("properties", {})
    return [(key, str(told.get("description", ""))) for key, told in keys.items() if told.get("description")]


def sentence(text: str) -> str:
    """Returns what a tool has said as a sentence for a page, with the studio's remedy in place of a command."""
    said = remedies.here(text).strip().removesuffix(".")
    return f"{said[:1].upper()}{said[1:]}."
