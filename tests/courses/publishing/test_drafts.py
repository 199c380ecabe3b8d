"""Pushed, published and discarded: what learners see at each step, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from gradus.accounts.models import User
from gradus.courses import archives, differences, publishing, staging
from gradus.courses.models import Challenge, ChallengeVersion, Course, CourseVersion
from gradus.refusal import Refused
from gradus.submissions.models import Run
from tests.courses.publishing.conftest import Push
from tests.courses.test_versions import edit, newest, verify

pytestmark = pytest.mark.django_db
ALL = ["sea-or-sky", "ticket", "explain"]
ADDRESSES = ("/courses/tiny/", "/lessons/first/", "/challenges/sea-or-sky/", "/api/v1/courses/tiny/path")


def test_a_new_course_is_a_draft_that_no_learner_sees(push: Push, client: Client, grace: User) -> None:
    pushed = push()
    assert pushed.is_new and pushed.version.is_draft and pushed.version.pushed_by == grace
    assert [client.get(address).status_code for address in ADDRESSES] == [404] * len(ADDRESSES)
    course = Course.objects.get()
    assert not course.digest and not course.is_published
    assert Run.objects.filter(purpose="baseline").count() == 7
    assert [version.challenge.name for version in publishing.versions_in(pushed.version)] == [
        "sea-or-sky",
        "ticket",
        "explain",
    ]
    assert publishing.bundle_of(pushed.version).digest == pushed.version.digest


def test_publishing_shows_the_course(push: Push, client: Client, grace: User) -> None:
    version = publishing.publish(push().version, by=grace, unverified=["sea-or-sky", "ticket", "explain"])
    assert [client.get(address).status_code for address in ADDRESSES] == [200] * len(ADDRESSES)
    assert version.state == CourseVersion.State.PUBLISHED
    assert Course.objects.get().digest == version.digest


def test_what_is_not_verified_goes_live_when_it_is(push: Push, client: Client, grace: User) -> None:
    draft = push().version
    ChallengeVersion.objects.update(linted_at=draft.pushed_at)
    verify(newest())
    assert newest().is_verified and newest().is_draft
    publishing.publish(draft, by=grace)
    assert not newest().is_draft and newest("ticket").is_draft
    assert client.get("/challenges/ticket/").status_code == 404
    verify(newest("ticket"))
    assert client.get("/challenges/ticket/").status_code == 200


def test_what_waits_to_be_verified_can_be_published_at_once(push: Push, client: Client, grace: User) -> None:
    live = publishing.publish(push().version, by=grace)
    with pytest.raises(Refused):
        publishing.publish_waiting(live, by=grace, unverified=["explain-nothing"])
    publishing.publish_waiting(live, by=grace, unverified=["ticket"])
    assert client.get("/challenges/ticket/").status_code == 200 and newest("sea-or-sky").is_draft
    with pytest.raises(Refused):
        publishing.publish_waiting(live, by=grace, unverified=["ticket"])


def test_a_discarded_course_that_was_never_published_is_gone(push: Push, grace: User) -> None:
    publishing.discard(push().version, by=grace)
    assert not Course.objects.exists() and not Challenge.objects.exists() and not CourseVersion.objects.exists()


def test_a_push_changes_nothing_that_learners_see(push: Push, folder: Path, client: Client, grace: User) -> None:
    publishing.publish(push().version, by=grace, unverified=["sea-or-sky", "ticket", "explain"])
    addresses = ("/api/v1/courses", "/api/v1/lessons/first", "/api/v1/challenges/sea-or-sky")
    shown = [client.get(address).content for address in addresses]
    row = Course.objects.values().get()
    edit(folder, "1.1.0", title="Renamed")
    (folder / "first/lesson.md").write_text("# All new\n\nOther words.\n")
    pushed = push()
    assert pushed.is_new and Course.objects.values().get() == row
    assert [client.get(address).content for address in addresses] == shown
    publishing.publish(pushed.version, by=grace, unverified=["sea-or-sky"])
    assert b"Other words." in client.get(addresses[1]).content and b"Renamed" in client.get(addresses[2]).content


def test_no_archive_is_read_while_the_course_is_locked(
    folder: Path, push: Push, grace: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    publishing.publish(push().version, by=grace, unverified=ALL)
    (folder / "first/lesson.md").write_text("# First\n\nOther words.\n")
    locked: list[bool] = []
    lock, compare = staging.locked_course, differences.to_live

    def locks(*given: Any) -> Any:
        locked.append(True)
        return lock(*given)

    def compares(*given: Any) -> Any:
        assert not locked
        return compare(*given)

    monkeypatch.setattr(staging, "locked_course", locks)
    monkeypatch.setattr(publishing, "to_live", compares)
    assert push().version.difference["lines"] and locked


def test_what_was_published_during_a_push_is_what_its_draft_is_compared_to(
    folder: Path, push: Push, grace: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    publishing.publish(push().version, by=grace, unverified=ALL)
    text, titled = (folder / "first/lesson.md").read_text(), folder / "course.yaml"
    keep = archives.keep

    def published_first(archive: Any) -> Any:
        monkeypatch.undo()
        (folder / "first/lesson.md").write_text(text)
        titled.write_text(titled.read_text().replace("title: Tiny", "title: Teeny"))
        publishing.publish(push().version, by=grace, unverified=ALL)
        return keep(archive)

    (folder / "first/lesson.md").write_text("# First\n\nOther words.\n")
    monkeypatch.setattr(archives, "keep", published_first)
    draft = push().version
    course = Course.objects.get(slug="tiny")
    assert draft.difference == differences.to_live(course, publishing.bundle_of(draft))
    assert course.title == "Teeny" and any("title" in line for line in draft.difference["lines"])
