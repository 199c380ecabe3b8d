"""Files without a row are deleted; files that a row names, or may still name, stay."""

import os
import time
from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import connection

from gradus.submissions import services
from gradus.submissions.models import Evaluation
from tests import factories
from tests.threads import at_once
from workers import orphan_files as orphans

OLD = timedelta(hours=25)


def written(store: str, name: str, age: timedelta = OLD) -> str:
    """Stores a file of this age like a worker; returns its name."""
    kept = storages[store].save(name, ContentFile(b"{}"))
    then = time.time() - age.total_seconds()
    os.utime(storages[store].path(kept), (then, then))
    return kept


def raw(evaluation: Evaluation, age: timedelta = OLD) -> str:
    return written("private", f"raw/{evaluation.pk}/{evaluation.fence}.json", age)


def exists(name: str) -> bool:
    return storages["private"].exists(name)


@pytest.fixture
def running(ada, sea_or_sky):
    return factories.claimed(factories.submit(ada))


def test_files_of_rows_that_are_gone_are_deleted(db):
    names = ("raw/123456/1.json", "raw/123456/1_aB3xYz1.json")
    for name in names:
        written("private", name)
    written("artifacts", "123456/2/adapter.zip")
    assert orphans.sweep() == 3
    assert not any(map(exists, names))
    assert not storages["artifacts"].exists("123456/2/adapter.zip")


def test_an_hourly_round_deletes_old_embeddings_too(db):
    old, new = written("private", "embeddings/a.vectors", 31 * OLD), written("private", "embeddings/b.vectors", OLD)
    assert orphans.Round()() == 1
    assert exists(new) and not exists(old)


def test_what_a_row_names_stays(running):
    name, adapter = raw(running), written("artifacts", f"{running.pk}/{running.fence}/adapter.zip")
    services.record(running.pk, running.fence, services.Outcome(result={}, score=0.5, raw=name, artifact=adapter))
    assert orphans.sweep() == 0
    assert exists(name) and storages["artifacts"].exists(adapter)


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


def test_a_young_file_stays(db):
    name = written("private", "raw/123456/1.json", timedelta(hours=23))
    assert orphans.sweep() == 0
    assert exists(name)


def test_files_of_a_learner_who_left_are_deleted(ada, running):
    name = raw(running)
    services.record(running.pk, running.fence, services.Outcome(result={}, score=0.5, raw=name))
    ada.delete()
    assert orphans.sweep() == 1


def test_bundles_and_what_is_not_ours_stay(course):
    before = {file.name for file in orphans.stores.walk(storages["private"])}
    assert before
    for name in before:
        os.utime(storages["private"].path(name), (0, 0))
    written("private", "raw/notes.txt")
    assert orphans.sweep() == 0
    assert {file.name for file in orphans.stores.walk(storages["private"])} == before | {"raw/notes.txt"}


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
    assert list(orphans.stores.walk(storages["private"], "raw/")) == []


def test_a_store_that_is_away_stops_nothing(db, monkeypatch):
    def away(store, prefix):
        raise OSError("away")
        yield

    written("artifacts", "123456/2/adapter.zip")
    walk = orphans.stores.walk
    monkeypatch.setattr(orphans.stores, "walk", lambda store, prefix: away(store, prefix) if prefix else walk(store))
    assert orphans.sweep() == 1


def test_it_looks_once_an_hour(db, monkeypatch):
    looks = []
    monkeypatch.setattr(orphans, "sweep", lambda: looks.append(1) or 7)
    look = orphans.Round()
    assert [look(), look()] == [7, 0]
    look.due -= orphans.EVERY_SECONDS
    assert look() == 7
