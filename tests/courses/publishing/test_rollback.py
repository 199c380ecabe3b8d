"""Back to an earlier content under new numbers: the author's files, what is verified, boards and scores."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.files.storage import storages
from django.test import Client

from challenges import distribution
from challenges.reading import read_course
from gradus.accounts.models import User
from gradus.courses import archives, publishing, versions
from gradus.courses.bundles import BundleMissing
from gradus.courses.models import ChallengeVersion, Course, CourseVersion, Lesson
from gradus.courses.services import publish as publish_bundle
from gradus.leaderboards import boards
from gradus.private_files import walk
from gradus.refusal import Refused
from gradus.reviews import services as reviews
from gradus.submissions import services
from gradus.submissions.models import Run, Score
from gradus.submissions.results.standings import differences
from tests import factories
from tests.courses.publishing.conftest import Push
from tests.courses.test_versions import edit, newest, turn_labels, verify

pytestmark = pytest.mark.django_db
ALL = ["sea-or-sky", "ticket", "explain"]
Publish = Callable[..., CourseVersion]


@pytest.fixture
def publish(push: Push, grace: User) -> Publish:
    """Pushes the folder and publishes it at once."""

    def do(**options: Any) -> CourseVersion:
        return publishing.publish(push(**options).version, by=grace, unverified=ALL)

    return do


@pytest.fixture
def changed(folder: Path, publish: Publish) -> Course:
    """Version 1.0.0 with comments in its files, and version 1.0.1 with two other labels."""
    spec, course = folder / "first/sea-or-sky/challenge.yaml", folder / "course.yaml"
    spec.write_text(spec.read_text().replace("version: 1.0.0", "# Raise me.\nversion: '1.0.0'   # first"))
    course.write_text(course.read_text().replace("version: 1.0.0\n", "version:   1.0.0 # of the course\n"))
    publish()
    turn_labels(folder)
    spec.write_text(spec.read_text().replace("1.0.0", "1.0.1"))
    course.write_text(course.read_text().replace("1.0.0", "1.0.1"))
    publish()
    return Course.objects.get()


def live(name: str = "sea-or-sky") -> str:
    version = factories.challenge(name).version
    assert version is not None
    return version.version


def test_only_the_numbers_of_the_files_change(changed: Course, grace: User) -> None:
    before = versions.find(changed, "1.0.0")
    draft = publishing.rollback(changed, "1.0.0", by=grace)
    assert (draft.version, draft.note, draft.is_draft) == ("1.0.2", "rollback to 1.0.0", True)
    with archives.unpacked(before) as old, archives.unpacked(draft) as new:
        names = {path.relative_to(old) for path in old.rglob("*") if path.is_file()}
        assert names == {path.relative_to(new) for path in new.rglob("*") if path.is_file()}
        differ = {
            str(name): (new / name).read_text()
            for name in names
            if (old / name).read_bytes() != (new / name).read_bytes()
        }
    assert differ.keys() == {"course.yaml", "first/sea-or-sky/challenge.yaml"}
    assert "version:   1.0.2 # of the course\n" in differ["course.yaml"]
    assert "# Raise me.\nversion: '1.0.2'   # first\n" in differ["first/sea-or-sky/challenge.yaml"]
    assert draft.difference["lines"] == [
        "course.yaml: version changed",
        "challenge sea-or-sky 1.0.1 -> 1.0.2",
        f"  hidden.jsonl: 2 targets changed ({', '.join(first_ids(draft))})",
    ]


def first_ids(version: CourseVersion) -> list[str]:
    return [row.id for row in publishing.bundle_of(version).challenges[0].hidden[:2]]


def test_a_dry_run_writes_nothing(changed: Course, ada: User) -> None:
    factories.grade(factories.submit(ada), 0.8)

    def state() -> Any:
        rows = {model._meta.label: list(model._base_manager.values_list()) for model in apps.get_models()}
        return rows, sorted(file.name for file in walk(storages["private"]))

    before = state()
    planned = publishing.plan_rollback(changed, "1.0.0")
    assert state() == before
    assert planned.version == "1.0.2"
    assert planned.challenges == [{"id": "sea-or-sky", "version": "1.0.2", "live": "1.0.1", "scores": 1}]


def test_what_was_verified_is_verified_at_once(folder: Path, publish: Publish, grace: User) -> None:
    publish()
    ChallengeVersion.objects.update(linted_at=Course.objects.get().updated_at)
    for name in ALL:
        verify(newest(name))
    turn_labels(folder)
    edit(folder, "1.0.1")
    publish()
    Run.objects.all().delete()
    draft = publishing.rollback(Course.objects.get(), "1.0.0", by=grace)
    assert all(version.is_verified for version in publishing.versions_in(draft))
    assert newest().version == "1.0.2" and newest().is_draft and not Run.objects.exists()
    publishing.publish(draft, by=grace)
    assert live() == "1.0.2" and newest().is_verified and not newest().is_draft
    assert [row["file"] for row in newest().baselines] == [ref.file for ref in newest().parsed.baselines]


def test_results_of_another_release_are_not_taken_over(
    folder: Path, publish: Publish, grace: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish()
    ChallengeVersion.objects.update(linted_at=Course.objects.get().updated_at)
    verify(newest())
    turn_labels(folder)
    edit(folder, "1.0.1")
    publish()
    monkeypatch.setattr(distribution, "release", lambda: "9.9.9")
    publishing.rollback(Course.objects.get(), "1.0.0", by=grace)
    assert newest().linted_at and not newest().baselines and not newest().is_verified


def test_boards_and_scores_go_on(changed: Course, ada: User, bob: User, grace: User) -> None:
    """Ada's score is of 1.0.1, which the rollback replaces. The board stays hers until the regrade."""
    factories.grade(factories.submit(ada), 0.9)
    publishing.publish(publishing.rollback(changed, "1.0.0", by=grace), by=grace, unverified=ALL)
    challenge = factories.challenge("sea-or-sky")
    factories.grade(factories.submit(bob), 0.7)
    board = boards.board(challenge, "prompt", bob)
    assert (board.version, board.live_version) == ("1.0.1", "1.0.2")
    assert [(row.pseudonym, row.score) for row in board.rows] == [("enchantress", 0.9)]
    assert board.mine_on_live and board.mine_on_live.score == 0.7
    regrade = reviews.start_regrade(challenge, by=grace)
    for _ in range(regrade.items.count()):
        claimed = services.claim("grade", worker="w", profile="cpu")
        assert claimed is not None
        services.record(claimed.pk, claimed.fence, services.Outcome(result={}, score=0.8))
    reviews.approve(regrade, by=grace, lower=False)
    board = boards.board(factories.challenge("sea-or-sky"), "prompt", None)
    assert board.version == "1.0.2"
    assert {(row.pseudonym, row.score) for row in board.rows} == {("builder", 0.8)}
    assert board.older == (boards.Older("1.0.1", 1),), "a regrade does not lower Ada's score unless a person says so"
    assert differences() == [] and Score.objects.current().count() == 2


def test_what_is_live_keeps_its_number(folder: Path, publish: Publish, grace: User) -> None:
    publish()
    turn_labels(folder)
    edit(folder, "1.0.1")
    (folder / "first/lesson.md").write_text("# First\n\nOther words.\n")
    publish()
    draft = publishing.rollback(Course.objects.get(), "1.0.0", by=grace)
    numbers = {one.challenge.id: one.challenge.version for one in publishing.bundle_of(draft).challenges}
    assert numbers == {"sea-or-sky": "1.0.2", "ticket": "1.0.0", "explain": "1.0.0"}
    assert {version.version for version in publishing.versions_in(draft)} == {"1.0.2", "1.0.0"}
    publishing.publish(draft, by=grace)
    assert "Some text." in Lesson.objects.get().text and live("ticket") == "1.0.0"


def test_contents_of_one_number_are_told_apart_by_their_digests(folder: Path, publish: Publish, grace: User) -> None:
    """Texts may change without a new number of the course."""
    text, found = folder / "first/lesson.md", []
    for words in ("One.", "Two.", "Three."):
        text.write_text(f"# First\n\n{words}\n")
        found.append(publish())
    course = Course.objects.get()
    draft = publishing.rollback(course, "1.0.0", by=grace)
    assert "Two." in publishing.bundle_of(draft).lessons[0].text
    draft = publishing.rollback(course, found[0].digest[:12], by=grace)
    assert "One." in publishing.bundle_of(draft).lessons[0].text
    with pytest.raises(Refused) as refused:
        publishing.rollback(course, found[2].digest, by=grace)
    assert (refused.value.code, refused.value.status) == ("is_live", 409)


def test_lessons_get_their_old_names_back(folder: Path, publish: Publish, grace: User, client: Client) -> None:
    publish()
    (folder / "first").rename(folder / "renamed")
    course = folder / "course.yaml"
    course.write_text(course.read_text().replace("- first", "- renamed").replace("1.0.0", "1.1.0"))
    publish()
    statuses = [client.get(f"/lessons/{name}/").status_code for name in ("first", "renamed")]
    assert statuses == [404, 200]
    draft = publishing.rollback(Course.objects.get(), "1.0.0", by=grace)
    assert draft.difference["lessons"]["added"] == ["first"] and draft.difference["lessons"]["removed"] == ["renamed"]
    publishing.publish(draft, by=grace)
    statuses = [client.get(f"/lessons/{name}/").status_code for name in ("first", "renamed", "challenges")]
    assert statuses == [200, 404, 404]
    assert client.get("/challenges/sea-or-sky/").status_code == 200 and live() == "1.0.0"


def test_what_waits_of_the_replaced_content_does_not_go_live(
    folder: Path, publish: Publish, push: Push, grace: User
) -> None:
    publish()
    turn_labels(folder)
    edit(folder, "1.0.1")
    publishing.publish(push().version, by=grace)
    waiting = newest()
    assert waiting.goes_live and waiting.is_draft and live() == "1.0.0"
    publishing.publish(publishing.rollback(Course.objects.get(), "1.0.0", by=grace), by=grace)
    ChallengeVersion.objects.update(linted_at=Course.objects.get().updated_at)
    verify(waiting)
    waiting.refresh_from_db()
    assert waiting.is_verified and waiting.is_draft and live() == "1.0.0"


def test_a_measurement_stays_that_of_the_content(folder: Path, publish: Publish, grace: User) -> None:
    row = {"file": "baselines/good.yaml", "kind": "prompt", "approach": "few-shot", "score": 0.93, "ok": True}
    digest = read_course(folder).challenges[0].digest
    measured = {"baselines": {"sea-or-sky": {"digest": digest, "results": [row]}}}
    (folder / "first/measured.json").write_text(json.dumps(measured))
    publish()
    turn_labels(folder)
    edit(folder, "1.0.1")
    publish()
    assert newest().author_baselines == []
    publishing.rollback(Course.objects.get(), "1.0.0", by=grace)
    assert (newest().version, newest().author_baselines) == ("1.0.2", [row])


def test_a_second_rollback_is_the_same_draft(changed: Course, grace: User) -> None:
    first = publishing.rollback(changed, "1.0.0", by=grace)
    assert publishing.rollback(changed, "1.0.0", by=grace) == first
    assert CourseVersion.objects.filter(state="replaced").count() == 0


def test_it_replaces_the_draft_that_was_there(changed: Course, push: Push, folder: Path, grace: User) -> None:
    edit(folder, "1.0.2", gold=0.9)
    pushed = push().version
    draft = publishing.rollback(changed, "1.0.0", by=grace)
    pushed.refresh_from_db()
    assert (pushed.state, publishing.draft_of(changed)) == ("replaced", draft)
    assert newest().version == "1.0.2" and newest().parsed.gold != 0.9


FLOW = "{schema: 1, id: tiny, title: Tiny, summary: S., lessons: [first], 'version' : %s}\n"
FOLDED = "schema: 1\nid: tiny\ntitle: Tiny\nsummary: S.\nlessons: [first]\nversion: >-\n  %s\n"


def test_a_number_is_found_in_other_ways_to_write_it(folder: Path, publish: Publish, grace: User) -> None:
    for number in ("1.0.0", "1.0.1"):
        (folder / "course.yaml").write_text(FLOW % number)
        publish()
    draft = publishing.rollback(Course.objects.get(), "1.0.0", by=grace)
    with archives.unpacked(draft) as found:
        assert (found / "course.yaml").read_text() == FLOW % "1.0.2"


def test_a_number_that_cannot_be_changed_by_line_is_told(folder: Path, publish: Publish, grace: User) -> None:
    for number in ("1.0.0", "1.0.1"):
        (folder / "course.yaml").write_text(FOLDED % number)
        publish()
    with pytest.raises(Refused) as refused:
        publishing.rollback(Course.objects.get(), "1.0.0", by=grace)
    assert refused.value.code == "not_renumbered" and "course.yaml" in refused.value.message


def test_a_content_without_an_archive_is_told(folder: Path, publish: Publish, grace: User) -> None:
    publish_bundle(read_course(folder))
    turn_labels(folder)
    edit(folder, "1.0.1")
    publish()
    with pytest.raises(BundleMissing, match=r"no archive of tiny 1\.0\.0 was kept"):
        publishing.rollback(Course.objects.get(), "1.0.0", by=grace)


def test_an_unknown_version_is_told_with_the_known_ones(changed: Course, grace: User) -> None:
    with pytest.raises(Refused, match=r"tiny has no published version 3\.0\.0. Its versions are: 1\.0\.1, 1\.0\.0\."):
        publishing.rollback(changed, "3.0.0", by=grace)


def test_a_publish_in_between_stops_a_rollback(changed: Course, publish: Publish, folder: Path, grace: User) -> None:
    (folder / "first/lesson.md").write_text("# First\n\nOther words.\n")
    publish()
    with pytest.raises(Refused) as refused:
        publishing.rollback(changed, "1.0.0", by=grace)
    assert refused.value.code == "moved"
