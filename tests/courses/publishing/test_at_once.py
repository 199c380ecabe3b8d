"""Several people at the same time: one is first, and the others are told. Also on PostgreSQL, see `tests/postgres`."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.models import QuerySet

from challenges.lint.run import inspect_read
from challenges.reading import read_course
from gradus.accounts.models import User
from gradus.accounts.token_rules import Content, Scope
from gradus.courses import publishing
from gradus.courses.models import Challenge, ChallengeVersion, Course, CourseVersion, Lesson
from gradus.courses.services import import_course
from gradus.courses.versions import VersionRefused
from gradus.refusal import Refused
from tests import factories
from tests.courses.publishing.conftest import Push
from tests.courses.test_versions import edit
from tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)
ALL = ["sea-or-sky", "ticket", "explain"]
PEOPLE = 4


def copies(folder: Path) -> list[Path]:
    """The course with other words in each copy."""
    found = [folder.with_name(f"copy-{number}") for number in range(PEOPLE)]
    for number, path in enumerate(found):
        shutil.copytree(folder, path)
        (path / "first/lesson.md").write_text(f"# First\n\nWords {number}.\n")
    return found


def said(work: object) -> str:
    """What a person is told: `done`, or the code of the refusal."""
    try:
        assert callable(work)
        work()
        return "done"
    except Refused as refused:
        return refused.code
    except VersionRefused:
        return "version_refused"


def test_of_pushes_at_once_one_is_the_draft_and_the_others_are_told(folder: Path, push: Push, grace: User) -> None:
    publishing.publish(push().version, by=grace, unverified=ALL)
    paths = copies(folder)
    answers = at_once(lambda number: said(lambda: push(path=paths[number])), PEOPLE)
    assert answers.count("done") >= 1 and set(answers) <= {"done", "moved"}
    assert CourseVersion.objects.drafts().count() == 1
    assert CourseVersion.objects.filter(state="replaced").count() == answers.count("done") - 1
    draft = CourseVersion.objects.drafts().get()
    assert publishing.bundle_of(draft).digest == draft.digest


def test_a_push_that_began_before_another_one_ended_is_told(
    folder: Path, push: Push, grace: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    publishing.publish(push().version, by=grace, unverified=ALL)
    first, second, *_ = copies(folder)

    def slow(*read: Any) -> object:
        monkeypatch.setattr(publishing, "inspect_read", inspect_read)
        push(path=second)
        return inspect_read(*read)

    monkeypatch.setattr(publishing, "inspect_read", slow)
    with pytest.raises(Refused, match=r"has pushed version 1\.0\.0 at the same time"):
        push(path=first)
    assert "Words 1." in publishing.bundle_of(CourseVersion.objects.drafts().get()).lessons[0].text


def test_a_new_course_pushed_by_several_people_has_one_owner(folder: Path, push: Push) -> None:
    paths = copies(folder)
    people = [User.objects.create_user(f"author-{number}") for number in range(PEOPLE)]
    answers = at_once(lambda number: said(lambda: push(people[number], path=paths[number])), PEOPLE)
    assert sorted(answers) == ["done", *["name_taken"] * (PEOPLE - 1)]
    assert Course.objects.get().enrolments.get().user == CourseVersion.objects.get().pushed_by


def test_a_course_that_somebody_else_pushed_meanwhile_is_not_pushed_into(
    folder: Path, push: Push, ada: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ada was allowed to push when no course had this id. Bob's is there before hers is checked."""
    first, second, *_ = copies(folder)

    def slow(*read: Any) -> object:
        monkeypatch.setattr(publishing, "inspect_read", inspect_read)
        publishing.publish(push(bob, path=second).version, by=bob, unverified=ALL)
        return inspect_read(*read)

    monkeypatch.setattr(publishing, "inspect_read", slow)
    with pytest.raises(Refused) as refused:
        push(ada, path=first, force=True)
    assert (refused.value.code, refused.value.problems) == ("name_taken", [])
    assert not CourseVersion.objects.drafts().exists() and not ada.enrolments.exists()
    with pytest.raises(Refused, match="Another course has the id"):
        push(ada, path=second)


def test_a_role_that_is_taken_away_during_a_push_refuses_it(
    folder: Path, push: Push, grace: User, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    publishing.publish(push().version, by=grace, unverified=ALL)
    factories.enrol(ada, Course.objects.get(), Scope(Content.EDITOR))
    first, *_ = copies(folder)

    def slow(*read: Any) -> object:
        ada.enrolments.update(content=Content.VIEWER)
        return inspect_read(*read)

    monkeypatch.setattr(publishing, "inspect_read", slow)
    with pytest.raises(Refused) as refused:
        push(ada, path=first)
    assert (refused.value.code, refused.value.status) == ("missing_role", 403)
    assert not CourseVersion.objects.drafts().exists()


def test_who_may_not_edit_the_course_neither_publishes_discards_nor_rolls_back(
    folder: Path, push: Push, grace: User, ada: User
) -> None:
    course = publishing.publish(push().version, by=grace, unverified=ALL).course
    factories.enrol(ada, course, Scope(Content.VIEWER))
    (folder / "first/lesson.md").write_text("# First\n\nOther words.\n")
    course = publishing.publish(push().version, by=grace, unverified=ALL).course
    edit(folder, "1.1.0")
    draft = push().version
    acts = [
        lambda: publishing.publish(draft, by=ada, unverified=ALL),
        lambda: publishing.discard(draft, by=ada),
        lambda: publishing.rollback(course, course.versions.published().order_by("pk")[0].digest, by=ada),
    ]
    assert [said(act) for act in acts] == ["missing_role"] * 3
    assert publishing.draft_of(course) == draft


def test_a_push_beside_the_discard_of_the_first_draft_makes_the_course_again(
    folder: Path, push: Push, grace: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft, others = push().version, copies(folder)
    get_or_create = QuerySet.get_or_create

    def slow(rows: QuerySet[Any], *args: Any, **given: Any) -> Any:
        """The discard commits after the course was found, and before it is locked."""
        found = get_or_create(rows, *args, **given)
        if rows.model is Course and CourseVersion.objects.drafts().exists():
            publishing.discard(draft, by=grace)
        return found

    monkeypatch.setattr(QuerySet, "get_or_create", slow)
    version = push(path=others[0], force=True).version
    assert version.course.enrolments.get().user == grace and version.state == "draft"


def test_discards_of_a_first_draft_at_once_are_one(push: Push, grace: User) -> None:
    draft = push().version
    answers = at_once(lambda number: said(lambda: publishing.discard(draft, by=grace)), PEOPLE)
    assert sorted(answers) == ["done", *["ended"] * (PEOPLE - 1)]
    assert not Course.objects.exists()


def test_of_publishes_at_once_one_publishes(push: Push, grace: User) -> None:
    draft = push().version
    answers = at_once(lambda number: said(lambda: publishing.publish(draft, by=grace, unverified=ALL)), PEOPLE)
    assert sorted(answers) == ["done", *["ended"] * (PEOPLE - 1)]
    assert CourseVersion.objects.published().count() == 1


def test_a_draft_is_published_or_discarded_and_not_both(push: Push, folder: Path, grace: User) -> None:
    publishing.publish(push().version, by=grace, unverified=ALL)
    edit(folder, "1.1.0")
    draft = push().version
    acts = [lambda: publishing.publish(draft, by=grace, unverified=ALL), lambda: publishing.discard(draft, by=grace)]
    answers = at_once(lambda number: said(acts[number % 2]), PEOPLE)
    assert sorted(answers) == ["done", *["ended"] * (PEOPLE - 1)]
    draft.refresh_from_db()
    live = Course.objects.get().digest == draft.digest
    assert live == (draft.state == "published") == ChallengeVersion.objects.filter(version="1.1.0").exists()


def test_an_import_and_a_publish_at_once_leave_one_content_live(push: Push, folder: Path, grace: User) -> None:
    publishing.publish(push().version, by=grace, unverified=ALL)
    edit(folder, "1.1.0")
    draft = push().version
    edit(folder, "1.2.0", gold=0.95)
    bundle = read_course(folder)
    acts = [
        lambda: publishing.publish(draft, by=grace, unverified=ALL),
        lambda: import_course(bundle, unverified=ALL),
    ]
    answers = at_once(lambda number: said(acts[number]), 2)
    assert "done" in answers and set(answers) <= {"done", "ended", "version_refused"}
    live = CourseVersion.objects.published()[0]
    assert live.digest == Course.objects.get().digest and not CourseVersion.objects.drafts().exists()


def test_rollbacks_at_once_make_one_draft(push: Push, folder: Path, grace: User) -> None:
    publishing.publish(push().version, by=grace, unverified=ALL)
    (folder / "first/lesson.md").write_text("# First\n\nOther words.\n")
    course = publishing.publish(push().version, by=grace, unverified=ALL).course
    answers = at_once(lambda number: publishing.rollback(course, "1.0.0", by=grace).pk, PEOPLE)
    assert len(set(answers)) == 1 and CourseVersion.objects.drafts().count() == 1


@pytest.mark.parametrize("statement", range(1, 50, 4))
def test_a_publish_that_breaks_off_leaves_all_or_nothing(push: Push, folder: Path, grace: User, statement: int) -> None:
    """At whatever statement it breaks off; `test_killed.py` does the same with a process that is killed."""
    publishing.publish(push().version, by=grace, unverified=ALL)
    edit(folder, "1.1.0", title="Renamed")
    (folder / "first/lesson.md").write_text("# First\n\nOther words.\n")
    draft = push().version
    before = contents()
    left = statement

    def breaks(execute: object, sql: str, *args: object) -> object:
        nonlocal left
        left -= 1
        if left < 0:
            raise ConnectionError
        assert callable(execute)
        return execute(sql, *args)

    with pytest.raises(ConnectionError), connection.execute_wrapper(breaks):
        publishing.publish(draft, by=grace, unverified=ALL)
    assert contents() == before
    publishing.publish(draft, by=grace, unverified=ALL)
    assert Course.objects.get().digest == draft.digest
    assert ChallengeVersion.objects.get(version="1.1.0").parsed.title == "Renamed"


def contents() -> list[object]:
    models = (Course, CourseVersion, Lesson, Challenge, ChallengeVersion)
    return [list(model._base_manager.order_by("pk").values_list()) for model in models]
