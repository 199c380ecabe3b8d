"""Gold answers are embedded before a lane claims its first answer, and never twice."""

from __future__ import annotations

import hashlib
import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, InMemoryStorage, Storage, storages
from django.utils import timezone

from graders.base import Embed
from graders.free_text.text import sentences
from graders.free_text.verifier.estimate import embed_item, fixed_texts
from gradus.accounts.models import User
from gradus.courses import bundles
from gradus.courses.models import Challenge
from gradus.reconciling import orphan_files
from tests import factories
from tests.workers.embedding_runner import Embedding
from workers import embedding_store
from workers.embedding_store import PassageStore
from workers.sandbox.supervisor import RunnerDied
from workers.transport.gold_vectors import FOLDER, GoldStore
from workers.work import Worker

ANSWER = "Training is dear. The catalogue changes daily, so a look-up is better than weights."
# Of the first texts that a runner embeds.
VECTORS = np.eye(200, dtype=np.float32)


@pytest.fixture
def gold(explain: Challenge) -> tuple[str, ...]:
    assert explain.version is not None
    return fixed_texts(bundles.load(explain.version))


@pytest.fixture
def own(explain: Challenge, gold: tuple[str, ...]) -> tuple[str, ...]:
    """The texts that only this answer needs: itself, its sentences, and for short answers its clauses in context."""
    assert explain.version is not None
    found = tuple(text for text in embed_item(bundles.load(explain.version), ANSWER).texts if text not in gold)
    assert found[:3] == (ANSWER, *sentences(ANSWER))
    assert any(text.endswith(f" {ANSWER}") for text in found[3:])
    return found


def named(texts: tuple[str, ...]) -> str:
    """The file of these texts in private storage."""
    return FOLDER + embedding_store.name_of(texts)


def submit(user: User) -> Any:
    return factories.submit(user, "explain", {"kind": "free_text", "answer": ANSWER})


@pytest.mark.parametrize("waits", [False, True])
def test_gold_is_embedded_before_the_first_answer(
    ada: User, gold: tuple[str, ...], own: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, waits: bool
) -> None:
    submission = submit(ada) if waits else None
    worker = Worker("judge", runner=Embedding())
    assert worker.step() is waits
    assert worker.runner.asked == ([gold, own] if waits else [gold])
    submission = submission or submit(ada)
    assert worker.step() is not waits
    assert worker.runner.asked == [gold, own]
    assert submission.current.state == "review"
    monkeypatch.setattr("workers.status.digests", lambda: {"smollm2-135m-instruct": "d" * 64})
    other = Worker("grade", runner=Embedding())
    other.step()
    assert other.runner.asked == []


def test_the_next_process_embeds_nothing_again(gold: tuple[str, ...]) -> None:
    Worker("judge", runner=Embedding()).step()
    later = Worker("judge", runner=Embedding())
    later.step()
    assert later.runner.asked == []
    found = later.embedded.run(Embed(gold), on_event=print, should_stop=lambda: False, seconds=1)
    assert found.vectors == VECTORS[: len(gold)].tolist()
    assert later.runner.asked == []


@pytest.mark.parametrize(
    "damage", [b"", b"no array", b"\x93NUMPY\x01\x00", hashlib.sha256(b"no array").digest() + b"no array"]
)
def test_what_is_damaged_or_of_another_question_is_made_again(gold: tuple[str, ...], damage: bytes) -> None:
    store = GoldStore()
    for other in (np.zeros((len(gold), 8), dtype=np.float32), VECTORS[:1]):
        store.save(gold, other)
        assert store.load(gold) is None
    storages["private"].save(named(gold), ContentFile(damage))
    worker = Worker("judge", runner=Embedding())
    worker.step()
    assert worker.runner.asked == [gold]
    kept = store.load(gold)
    assert kept is not None and kept.tolist() == VECTORS[: len(gold)].tolist()


def test_a_runner_that_dies_over_it_holds_no_answer_back(
    ada: User, gold: tuple[str, ...], own: tuple[str, ...]
) -> None:
    submission, runner = submit(ada), Embedding()

    def die_once() -> None:
        if len(runner.asked) == 1:
            raise RunnerDied

    runner.before = die_once
    assert Worker("judge", runner=runner).step() is True
    assert submission.current.state == "review"
    assert [len(asked) for asked in runner.asked] == [len(gold), len(gold) + len(own)]


def used_days_ago(name: str, days: int) -> None:
    path = storages["private"].path(name)
    then = time.time() - 86_400 * days
    os.utime(path, (then, then))


def test_what_no_worker_has_used_for_a_month_is_deleted_from_private_storage(gold: tuple[str, ...]) -> None:
    """Files of 0.2.0, which have other names, as well. A use is noted once a day."""
    store = GoldStore()
    store.save(gold, VECTORS[: len(gold)])
    storages["private"].save("embeddings/0123abcd.npy", ContentFile(b"of 0.2.0"))
    used_days_ago("embeddings/0123abcd.npy", 31)
    used_days_ago(named(gold), 29)
    assert orphan_files.delete_old_vectors() == 1
    Worker("judge", runner=Embedding()).step()
    assert storages["private"].get_modified_time(named(gold)) > timezone.now() - timedelta(hours=1)
    used_days_ago(named(gold), 31)
    assert orphan_files.delete_old_vectors() == 1 and store.load(gold) is None


@pytest.mark.parametrize("storage", [FileSystemStorage, InMemoryStorage, None])
def test_a_store_that_takes_no_note_of_a_use_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, storage: type[Storage] | None
) -> None:
    kept: Any = PassageStore(tmp_path)
    if storage is not None:
        kept = GoldStore(storage(tmp_path) if storage is FileSystemStorage else storage())
    vectors = np.eye(2, 384, dtype=np.float32)
    kept.save(("a", "b"), vectors)
    monkeypatch.setattr(embedding_store, "NOTED", timedelta(0))

    def full(*given: object, **options: object) -> None:
        raise OSError("no space is left")

    monkeypatch.setattr(os, "utime", full)
    for name in ("save", "delete") if storage else ():
        monkeypatch.setattr(kept.storage, name, full)
    for _ in range(2):
        loaded = kept.load(("a", "b"))
        assert loaded is not None and (loaded == vectors).all()


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    """A reader that meets a half-written file would delete it under its writer, and embed everything again."""
    kept, vectors = GoldStore(FileSystemStorage(tmp_path)), np.eye(1, 384, dtype=np.float32)
    for _ in range(2):
        kept.save(("a",), vectors)
    assert [path.name for path in (tmp_path / FOLDER).iterdir()] == [embedding_store.name_of(("a",))]
