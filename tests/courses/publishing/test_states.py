"""Which states follow each other, in the services and in the database; and what a draft leaves behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from challenges.reading import BundleErrors, read_course
from gradus.accounts.models import Enrolment, User
from gradus.accounts.token_rules import Content, LearnerData, Scope
from gradus.courses import archives, publishing
from gradus.courses.models import Challenge, ChallengeVersion, Course, CourseVersion, Lesson
from gradus.courses.services import import_course
from gradus.courses.versions import VersionRefused
from gradus.refusal import Refused
from gradus.submissions import services
from gradus.submissions.models import Run
from gradus.teach import people
from gradus.teach.models import Invitation
from tests import factories
from tests.courses.publishing.conftest import Push
from tests.courses.test_versions import edit, newest, turn_labels

pytestmark = pytest.mark.django_db
ALL = ["sea-or-sky", "ticket", "explain"]
State = CourseVersion.State
DATES = {"published_at": timezone.now(), "ended_at": timezone.now()}


def ended(state: State, push: Push, folder: Path, by: User) -> CourseVersion:
    """A version that has come to this state."""
    version = push().version
    match state:
        case State.PUBLISHED:
            publishing.publish(version, by=by, unverified=ALL)
        case State.DISCARDED:
            factories.enrol(factories.UserFactory.create(), version.course, factories.AUTHOR)
            publishing.discard(version, by=by)
        case State.REPLACED:
            edit(folder, "1.1.0")
            push()
    version.refresh_from_db()
    assert version.state == state
    return version


@pytest.mark.parametrize("state", [State.PUBLISHED, State.DISCARDED, State.REPLACED])
def test_what_is_no_draft_is_neither_published_nor_discarded(
    state: State, push: Push, folder: Path, grace: User
) -> None:
    version = ended(state, push, folder, grace)
    for act in (publishing.publish, publishing.discard):
        with pytest.raises(Refused) as refused:
            act(version, by=grace)
        assert (refused.value.code, refused.value.status) == ("ended", 409)


@pytest.mark.parametrize("state", [State.PUBLISHED, State.DISCARDED, State.REPLACED])
def test_the_database_changes_nothing_but_a_draft(
    state: State, push: Push, folder: Path, grace: User, ada: User
) -> None:
    version = ended(state, push, folder, grace)
    changes: list[dict[str, Any]] = [
        {"state": State.DRAFT, "published_at": None, "ended_at": None}, {"digest": "f" * 64}, {"archive": "f" * 64},
        {"version": "9.0.0"}, {"contents": {}}, {"difference": {}}, {"note": "other"}, {"pushed_by": ada},
    ]  # fmt: skip
    for change in changes:
        with pytest.raises(IntegrityError), transaction.atomic():
            CourseVersion.objects.filter(pk=version.pk).update(**change)


def test_the_database_keeps_what_was_published_with_its_course(push: Push, folder: Path, grace: User) -> None:
    version = ended(State.PUBLISHED, push, folder, grace)
    with pytest.raises(IntegrityError, match="stays with its course"), transaction.atomic():
        CourseVersion.objects.filter(pk=version.pk).delete()
    Challenge.objects.update(version=None)
    version.course.delete()
    assert not CourseVersion.objects.exists()


def test_an_account_that_goes_leaves_the_versions(push: Push, folder: Path, bob: User) -> None:
    draft = push().version
    factories.enrol(bob, draft.course, factories.AUTHOR)
    version = publishing.publish(draft, by=bob, unverified=ALL)
    pushed_by = User.objects.get(username="grace")
    pushed_by.delete()
    bob.delete()
    version.refresh_from_db()
    assert (version.pushed_by, version.published_by, version.state) == (None, None, State.PUBLISHED)


@pytest.mark.parametrize(
    "wrong",
    [
        {"state": State.DRAFT, **DATES},
        {"state": State.DRAFT, "ended_at": DATES["ended_at"]},
        {"state": State.PUBLISHED},
        {"state": State.PUBLISHED, **DATES},
        {"state": State.REPLACED},
        {"state": State.DISCARDED, **DATES},
        {"state": "other"},
    ],
)
def test_the_database_wants_state_and_times_to_agree(push: Push, wrong: dict[str, Any]) -> None:
    version = push().version
    with pytest.raises(IntegrityError), transaction.atomic():
        CourseVersion.objects.filter(pk=version.pk).update(**wrong)


def test_the_database_takes_one_draft_of_a_course(push: Push) -> None:
    version = push().version
    version.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        version.save()


def test_a_course_to_which_somebody_is_invited_stays_when_its_first_draft_is_discarded(push: Push, grace: User) -> None:
    draft = push().version
    scope = Scope(Content.EDITOR)
    people.invite(draft.course, by=grace, email="new@example.org", scope=scope, site="http://testserver/")
    publishing.discard(draft, by=grace)
    assert Invitation.objects.get().course == draft.course
    Invitation.objects.update(withdrawn_at=timezone.now())
    publishing.discard(push().version, by=grace)
    assert not Course.objects.exists()


# --- pushing --------------------------------------------------------------------------------------------------------


def test_who_pushes_a_new_course_owns_it(push: Push, bob: User) -> None:
    push(bob)
    role = Enrolment.objects.get()
    assert (role.user, role.scope) == (bob, Scope(Content.OWNER, LearnerData.EDITOR))


def test_the_same_content_is_pushed_once(push: Push, grace: User) -> None:
    first = push()
    again = push()
    assert again.version == first.version and not again.is_new
    publishing.publish(first.version, by=grace, unverified=ALL)
    before = list(Course.objects.values()), CourseVersion.objects.count(), Run.objects.count()
    third = push()
    assert third.version == first.version and not third.is_new
    assert before == (list(Course.objects.values()), CourseVersion.objects.count(), Run.objects.count())


def test_a_draft_gives_way_to_the_next(push: Push, folder: Path) -> None:
    """What only the first had is gone, with its runs; what both have stays, with its runs."""
    first, runs = push().version, set(Run.objects.exclude(version__challenge__name="sea-or-sky"))
    turn_labels(folder)
    (folder / "first").rename(folder / "other")
    course = folder / "course.yaml"
    course.write_text(course.read_text().replace("- first", "- other"))
    second = push().version
    first.refresh_from_db()
    assert (first.state, publishing.draft_of(second.course)) == (State.REPLACED, second)
    assert ChallengeVersion.objects.count() == Challenge.objects.count() == 3
    assert set(Run.objects.exclude(version__challenge__name="sea-or-sky")) == runs
    assert Run.objects.filter(version=newest(), purpose="baseline").count() == 3
    assert {lesson.name for lesson in Lesson.objects.filter(challenges=None)} == set()


def test_a_push_tells_all_problems_at_once(push: Push, folder: Path) -> None:
    (folder / "first/sea-or-sky/statement.md").unlink()
    edit(folder, gold=0.1)
    (folder / "first/ticket/hidden.jsonl").write_text("input,target\n")
    with pytest.raises(BundleErrors) as refused:
        push()
    files = {"sea-or-sky/statement.md", "sea-or-sky/challenge.yaml", "ticket/hidden.jsonl"}
    assert {problem.file for problem in refused.value.problems} >= {f"first/{file}" for file in files}
    assert not Course.objects.exists()


def test_a_course_is_pushed_under_its_own_id(push: Push, folder: Path) -> None:
    course = folder / "course.yaml"
    course.write_text(course.read_text().replace("id: tiny", "id: other"))
    with pytest.raises(BundleErrors, match="the id is `other`, but it was pushed as `tiny`"):
        push()


def test_a_taken_number_is_refused(push: Push, folder: Path, grace: User) -> None:
    publishing.publish(push().version, by=grace, unverified=ALL)
    turn_labels(folder)
    with pytest.raises(VersionRefused, match=r"already has a version 1\.0\.0 with other content"):
        push()


def test_what_an_import_has_left_to_verify_does_not_give_way_to_a_draft(push: Push, folder: Path) -> None:
    """Else a draft that is discarded would leave the published course without it."""
    import_course(read_course(folder))
    turn_labels(folder)
    with pytest.raises(VersionRefused, match=r"already has a version 1\.0\.0 with other content"):
        push()


def test_a_push_says_what_has_changed_since_the_author_looked(push: Push, folder: Path, grace: User) -> None:
    seen = publishing.publish(push().version, by=grace, unverified=ALL).digest
    (folder / "first/lesson.md").write_text("# First\n\nSomebody else's words.\n")
    now = publishing.publish(push(base=seen).version, by=grace, unverified=ALL)
    (folder / "first/lesson.md").write_text("# First\n\nMy words.\n")
    with pytest.raises(Refused) as refused:
        push(base=seen)
    assert (refused.value.code, refused.value.status) == ("moved", 409)
    assert [one["message"] for one in refused.value.problems] == ["lesson first: lesson.md changed"]
    assert publishing.draft_of(now.course) is None
    assert push(base=seen, force=True).is_new


def test_an_import_replaces_the_draft(push: Push, folder: Path, grace: User) -> None:
    publishing.publish(push().version, by=grace, unverified=ALL)
    edit(folder, "1.1.0")
    draft = push().version
    edit(folder, "1.2.0")
    import_course(read_course(folder), archive=archives.keep_folder(folder))
    draft.refresh_from_db()
    assert draft.state == State.REPLACED and publishing.draft_of(draft.course) is None
    assert not ChallengeVersion.objects.filter(version="1.1.0").exists()
    live = draft.course.versions.published()[0]
    assert publishing.bundle_of(live).digest == live.digest == Course.objects.get().digest


def test_an_import_of_what_is_live_leaves_the_draft(push: Push, folder: Path, grace: User) -> None:
    live = read_course(folder)
    publishing.publish(push().version, by=grace, unverified=ALL)
    edit(folder, "1.1.0")
    draft = push().version
    import_course(live)
    assert publishing.draft_of(draft.course) == draft and CourseVersion.objects.count() == 2
    assert ChallengeVersion.objects.filter(version="1.1.0", goes_live=False).exists()


def test_a_hidden_course_stays_hidden(push: Push, folder: Path, grace: User) -> None:
    publishing.publish(push().version, by=grace, unverified=ALL)
    Course.objects.update(is_published=False)
    edit(folder, "1.1.0")
    publishing.publish(push().version, by=grace, unverified=ALL)
    assert not Course.objects.get().is_published


# --- the difference -------------------------------------------------------------------------------------------------


def test_a_difference_names_what_an_author_has_done_and_quotes_no_row(push: Push, folder: Path, grace: User) -> None:
    publishing.publish(push().version, by=grace, unverified=ALL)
    ids = turn_labels(folder)
    hidden = (folder / "first/sea-or-sky/hidden.jsonl").read_text()
    edit(folder, "1.1.0", title="Renamed")
    (folder / "first/lesson.md").write_text("# First\n\nOther words.\n")
    lesson = folder / "first/lesson.yaml"
    lesson.write_text(lesson.read_text().replace("title: First", "title: Begin"))
    course = folder / "course.yaml"
    course.write_text(course.read_text().replace("title: Tiny", "title: Small"))
    difference = push().version.difference
    assert difference["lines"] == [
        "course.yaml: title changed",
        "lesson first: lesson.yaml (title), lesson.md changed",
        "challenge sea-or-sky 1.0.0 -> 1.1.0",
        "  challenge.yaml: title changed",
        f"  hidden.jsonl: 2 targets changed ({', '.join(ids)})",
    ]
    assert difference["is_graded"] and difference["challenges"]["changed"][0]["id"] == "sea-or-sky"
    told = str(difference)
    assert not [line for line in hidden.splitlines() if line.split('"input": "')[1].split('"')[0] in told]


def test_a_difference_tells_what_moved(push: Push, folder: Path, grace: User) -> None:
    publishing.publish(push().version, by=grace, unverified=ALL)
    lesson = folder / "first/lesson.yaml"
    lesson.write_text(
        lesson.read_text().replace("- sea-or-sky\n- ticket\n- explain", "- explain\n- sea-or-sky\n- ticket")
    )
    difference = push().version.difference
    assert difference["lines"] == ["1 challenge moved: explain"] and not difference["is_graded"]


def test_a_difference_to_a_course_of_an_earlier_release(push: Push, folder: Path) -> None:
    """No archive of it was kept, so it is compared with the rows."""
    import_course(read_course(folder), unverified=ALL)
    (folder / "first/lesson.md").write_text("# First\n\nOther words.\n")
    assert push().version.difference["lines"] == ["lesson first: lesson.md changed"]


# --- discarding -----------------------------------------------------------------------------------------------------


def test_a_discarded_draft_leaves_what_was_there(push: Push, folder: Path, grace: User, ada: User) -> None:
    publishing.publish(push().version, by=grace, unverified=ALL)
    factories.grade(factories.submit(ada), 0.8)

    def state() -> Any:
        models = (Course, Lesson, Challenge, ChallengeVersion)
        return [list(model._base_manager.order_by("pk").values_list()) for model in models]

    before = state()
    turn_labels(folder)
    edit(folder, "1.1.0")
    lesson = folder / "first/lesson.yaml"
    lesson.write_text(lesson.read_text().replace("- ticket\n", "- tickets\n"))
    (folder / "first/ticket").rename(folder / "first/tickets")
    spec = folder / "first/tickets/challenge.yaml"
    spec.write_text(spec.read_text().replace("id: ticket\n", "id: tickets\n"))
    draft = push().version
    assert state() != before
    publishing.discard(draft, by=grace)
    assert state() == before
    draft.refresh_from_db()
    assert draft.state == State.DISCARDED and services.progress(publishing.versions_in(draft)).total >= 0
