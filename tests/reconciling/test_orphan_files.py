"""Files without a row are deleted; files that a row names, or may still name, stay."""

import io
import os
import time
from datetime import timedelta

import pytest
import time_machine
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import connection
from django.utils import timezone

from challenges.authoring.archive import pack
from gradus import retention
from gradus.courses import archives, bundles, publishing
from gradus.courses.models import CourseVersion
from gradus.reconciling import orphan_files as orphans
from gradus.submissions import services
from gradus.submissions.models import Evaluation
from tests import factories
from tests.challenges.factory import write_course
from tests.courses.test_versions import edit, turn_labels
from tests.threads import at_once

OLD = timedelta(hours=25)


def written(store: str, name: str, age: timedelta = OLD) -> str:
    """Stores a file of this age like a worker; returns its name."""
    kept = storages[store].save(name, ContentFile(b"{}"))
    then = time.time() - age.total_seconds()
    os.utime(storages[store].path(kept), (then, then))
    return kept


def raw(evaluation: Evaluation, age: timedelta = OLD) -> str:
    return written("private", f"raw/{evaluation.pk}/{evaluation.fence}.json", age)


def push_folder(folder, by):
    with io.BytesIO() as file:
        pack(folder, file)
        return publishing.push(folder, file, by=by, course_slug="tiny")


def exists(name: str) -> bool:
    return storages["private"].exists(name)


@pytest.fixture
def running(ada, sea_or_sky):
    return factories.claimed(factories.submit(ada))


def test_old_files_without_a_row_are_deleted(db):
    """What a killed push left half written, too."""
    parts = [f"{folder}/.{'0' * 16}.part" for folder in ("courses", "bundles", f"lessons/{'a' * 64}/demo")]
    names = ("raw/123456/1.json", "raw/123456/1_aB3xYz1.json", *parts)
    for name in names:
        written("private", name)
    written("artifacts", "123456/2/adapter.zip")
    young = [
        written("private", name, timedelta(hours=23)) for name in ("raw/123456/2.json", f"courses/.{'1' * 16}.part")
    ]
    assert orphans.sweep() == 6
    assert not any(map(exists, names)) and all(map(exists, young))
    assert not storages["artifacts"].exists("123456/2/adapter.zip")


def test_an_hourly_round_deletes_old_embeddings_too(db):
    old, new = written("private", "embeddings/a.vectors", 31 * OLD), written("private", "embeddings/b.vectors", OLD)
    assert orphans.Round()() == 1
    assert exists(new) and not exists(old)


def test_what_a_row_names_stays_until_its_learner_leaves(ada, running):
    name, adapter = raw(running), written("artifacts", f"{running.pk}/{running.fence}/adapter.zip")
    services.record(running.pk, running.fence, services.Outcome(result={}, score=0.5, raw=name, artifact=adapter))
    assert orphans.sweep() == 0
    assert exists(name) and storages["artifacts"].exists(adapter)
    ada.delete()
    assert orphans.sweep() == 2


def test_a_file_whose_row_is_still_to_be_written_stays_however_old(running):
    name = raw(running, timedelta(days=3))
    assert orphans.sweep() == 0
    services.record(running.pk, running.fence, services.Outcome(result={}, score=0.5, raw=name))
    assert orphans.sweep() == 0
    assert exists(Evaluation.objects.get(pk=running.pk).raw)


def test_a_zombies_file_goes_and_its_successors_stays(running):
    late = raw(running)
    services.retry(running.pk, running.fence, after_seconds=0)
    assert orphans.sweep() == 1 and not exists(late)
    again = services.claim("grade", worker="two", profile=running.engine_profile)
    assert again is not None and again.fence == running.fence + 1
    late, mine = raw(running), raw(again)
    assert orphans.sweep() == 1
    assert (exists(late), exists(mine)) == (False, True)


def test_bundles_and_what_is_not_ours_stay(course):
    before = {file.name for file in orphans.private_files.walk(storages["private"])}
    assert before
    for name in before:
        os.utime(storages["private"].path(name), (0, 0))
    written("private", "raw/notes.txt")
    assert orphans.sweep() == 0
    assert {file.name for file in orphans.private_files.walk(storages["private"])} == before | {"raw/notes.txt"}


def make_old() -> dict[str, str]:
    """Makes all files of courses old. Returns their names, by folder."""
    found = {}
    for folder in ("courses/", "bundles/", "lessons/"):
        found[folder] = {file.name for file in orphans.private_files.walk(storages["private"], folder)}
        for name in found[folder]:
            os.utime(storages["private"].path(name), (0, 0))
    return found


def pushed(folder, grace, version):
    """A draft of other content under this number, with a file of a lesson as a push stores it."""
    turn_labels(folder)
    edit(folder, version)
    draft = push_folder(folder, grace).version
    bundles._save(f"lessons/{draft.digest}/demo/one.txt", version.encode())
    return draft


@pytest.mark.django_db
def test_the_files_of_a_draft_go_when_its_time_is_over(tmp_path, grace):
    folder = write_course(tmp_path / "tiny")
    with time_machine.travel(timezone.now(), tick=False) as clock:
        live = push_folder(folder, grace).version
        publishing.publish(live, by=grace, unverified=live.digests)
        kept = make_old()
        draft = pushed(folder, grace, "1.1.0")
        assert orphans.sweep() == 0
        clock.shift(3 * OLD)
        with_draft = {
            folder: {f.name for f in orphans.private_files.walk(storages["private"], folder)} for folder in kept
        }
        retention.carry_out()
        assert orphans.sweep() == 0 and all(with_draft[one] > kept[one] for one in kept)
        publishing.discard(draft, by=grace)
        clock.shift(retention.DRAFTS.time - timedelta(seconds=1))
        make_old()
        retention.carry_out()
        orphans.sweep()
        assert exists(archives.path_of(draft.archive))
        clock.shift(timedelta(seconds=2))
        retention.carry_out()
        orphans.sweep()
        assert make_old() == kept
        assert publishing.bundle_of(live).digest == live.digest


@pytest.mark.django_db
def test_a_push_in_progress_keeps_the_files_that_an_earlier_one_left(tmp_path, grace, monkeypatch):
    """The sweep runs after the push has stored its files, which are there and old, and before it writes its rows."""
    folder = write_course(tmp_path / "tiny")
    publishing.discard(push_folder(folder, grace).version, by=grace)
    CourseVersion.objects.all().delete()
    make_old()
    monkeypatch.setattr(publishing.staging, "locked_course", swept_first(publishing.staging.locked_course))
    draft = push_folder(folder, grace).version
    archives._bundle.cache_clear()
    assert publishing.bundle_of(draft).digest == draft.digest
    for version in publishing.versions_in(draft):
        bundles.of_digest.cache_clear()
        assert bundles.load(version).digest == version.digest


def swept_first(lock):
    def locked(bundle):
        assert orphans.sweep() == 0
        return lock(bundle)

    return locked


@pytest.mark.django_db
def test_a_file_that_a_push_made_young_after_the_listing_stays(grace, monkeypatch):
    name = "bundles/0.json"
    bundles._save(name, b"{}")
    make_old()
    named = orphans._named

    def beside(folder):
        bundles._save(name, b"{}")
        return named(folder)

    monkeypatch.setattr(orphans, "_named", beside)
    assert orphans.sweep() == 0 and exists(name)
    monkeypatch.undo()
    make_old()
    assert orphans.sweep() == 1 and not exists(name)


def test_a_row_that_is_written_between_listing_and_looking_keeps_its_file(running, monkeypatch):
    """The worker records its evaluation after the sweep has listed the file and before it reads the row."""
    name, look = raw(running), orphans._orphans

    def recorded_first(found, column):
        if column == "raw":
            services.record(running.pk, running.fence, services.Outcome(result={}, score=0.5, raw=name))
        return look(found, column)

    monkeypatch.setattr(orphans, "_orphans", recorded_first)
    assert orphans.sweep() == 0
    assert exists(name)


@pytest.mark.django_db(transaction=True)
def test_several_sweep_at_once(db):
    for number in range(40):
        written("private", f"raw/{900_000 + number}/1.json")

    def one(number: int) -> int:
        connection.close()
        return orphans.sweep()

    deleted = at_once(one, 4)
    assert sum(deleted) >= 40
    assert list(orphans.private_files.walk(storages["private"], "raw/")) == []


def test_a_store_that_is_away_stops_nothing(db, monkeypatch):
    def away(store, prefix):
        raise OSError("away")
        yield

    written("artifacts", "123456/2/adapter.zip")
    walk = orphans.private_files.walk
    monkeypatch.setattr(
        orphans.private_files, "walk", lambda store, prefix: away(store, prefix) if prefix else walk(store)
    )
    assert orphans.sweep() == 1


def test_it_looks_once_an_hour(db, monkeypatch):
    looks = []
    monkeypatch.setattr(orphans, "sweep", lambda: looks.append(1) or 7)
    look = orphans.Round()
    assert [look(), look()] == [7, 0]
    look.due -= orphans.EVERY_SECONDS
    assert look() == 7
