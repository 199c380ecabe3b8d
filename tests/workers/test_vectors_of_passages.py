"""Embeddings of passages outlive a restart of the worker: what is kept, read back, and thrown away."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graders.base import Embed, Embedded, Retrieve, Retrieved
from workers import embedding_store
from workers.embedding_store import GIVEN, PART, EmbeddedOnce, PassageStore, Store
from workers.engine import embeddings
from workers.engine.watch import Watch
from workers.retrieval import search
from workers.sandbox import launch

TEXTS = ("The library opens at nine.", "Films may be kept for one week.", "A page in colour costs 40 cents.")
QUERY = "What does a print in colour cost?"


class Runner:
    """Embeds and looks up for real in this process, with an empty memory, as one that was started anew."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.items: list[Any] = []
        monkeypatch.setattr(search, "_kept", type(search._kept)())
        monkeypatch.setattr(embeddings, "_vectors", type(embeddings._vectors)())

    def run(self, item: Any, *, on_event: Any, should_stop: Any, seconds: float) -> Any:
        self.items.append(item)
        if isinstance(item, Embed):
            return Embedded(embeddings.embed(item.texts, Watch(), item.stage))
        return search.retrieve(item, Watch())

    @property
    def embedded(self) -> list[str]:
        return [text for item in self.items if isinstance(item, Embed) for text in item.texts]


@pytest.fixture(autouse=True)
def given(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("given")
    monkeypatch.setattr(launch, "given_folder", lambda: folder)
    return folder


def stored(folder: Path, **options: Any) -> Store:
    return PassageStore(folder, **options)


def look_up(runner: Any, folder: Path, texts: tuple[str, ...] = TEXTS, method: str = "vectors") -> Retrieved:
    item = Retrieve(texts, (QUERY,), method, 3, "public")
    wrapped = EmbeddedOnce(runner, stored(folder / "gold"), stored(folder))
    found: Retrieved = wrapped.run(item, on_event=lambda event: None, should_stop=lambda: False, seconds=60)
    return found


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*"))


def test_after_a_restart_nothing_but_the_query_is_embedded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = tmp_path / "kept"
    by_words = Runner(monkeypatch)
    look_up(by_words, kept, method="words")
    assert [type(item) for item in by_words.items] == [Retrieve] and not kept.exists()
    first = Runner(monkeypatch)
    answer = look_up(first, kept)
    assert first.embedded == list(TEXTS) and len(files(kept)) == 1
    assert answer.found == plainly_found()
    again = Runner(monkeypatch)
    seen: list[tuple[str, ...]] = []
    embed = embeddings.embed
    monkeypatch.setattr(embeddings, "embed", lambda texts, *rest: (seen.append(tuple(texts)), embed(texts, *rest))[1])
    assert look_up(again, kept).found == answer.found
    assert again.embedded == [] and seen == [(QUERY,)]


def plainly_found() -> Any:
    return search.retrieve(Retrieve(TEXTS, (QUERY,), "vectors", 3), Watch()).found


def test_the_order_of_passages_and_the_model_s_version_are_part_of_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = stored(tmp_path)
    kept.save(TEXTS, np.eye(3, dtype=np.float32))
    assert kept.load(TEXTS[::-1]) is None and kept.load(TEXTS[:2]) is None
    monkeypatch.setattr(embedding_store, "model_version", lambda: "another 2.0")
    assert kept.load(TEXTS) is None


def test_many_passages_are_embedded_in_parts(tmp_path: Path) -> None:
    class Counting:
        sizes: list[int] = []

        def run(self, item: Any, **rest: Any) -> Any:
            if isinstance(item, Embed):
                self.sizes.append(len(item.texts))
                return Embedded([[1.0, 0.0]] * len(item.texts))
            return Retrieved([[]])

    texts = tuple(f"passage {number}" for number in range(PART + 1))
    look_up(Counting(), tmp_path / "kept", texts)
    assert Counting.sizes == [PART, 1]
    kept = stored(tmp_path / "kept").load(texts)
    assert kept is not None and kept.shape == (PART + 1, 2)


@pytest.mark.parametrize("damage", ["cut", "changed", "pickle", "another shape"])
def test_a_damaged_file_is_removed_and_computed_again(tmp_path: Path, damage: str) -> None:
    kept = stored(tmp_path)
    kept.save(TEXTS, np.eye(3, dtype=np.float32))
    (path,) = files(tmp_path)
    content = path.read_bytes()
    if damage == "another shape":
        kept.save(TEXTS, np.eye(2, dtype=np.float32))
    elif damage == "pickle":
        bad = np.array([{"a": 1}], dtype=object)
        with path.open("wb") as file:
            np.save(file, bad, allow_pickle=True)
        array = path.read_bytes()
        path.write_bytes(hashlib.sha256(array).digest() + array)
    else:
        path.write_bytes(content[:-4] if damage == "cut" else content[:-1] + b"\x01")
    assert kept.load(TEXTS) is None and files(tmp_path) == []


def test_what_is_not_used_for_long_and_what_is_too_much_is_removed(tmp_path: Path) -> None:
    array = np.eye(3, dtype=np.float32)
    kept = stored(tmp_path, bytes_max=3 * (32 + len(embedding_store.content_of(array))))

    def files_of(text: str) -> list[Path]:
        return list(tmp_path.glob(f"{embedding_store.key_of((text,))}*"))

    half_written = tmp_path / "0123abcd.vectors"
    half_written.write_bytes(b"half")
    os.utime(half_written, (1, 1))
    for number in range(3):
        kept.save((f"a {number}",), array)
        used = time.time() - (60 - number if number else 31 * 86_400)
        os.utime(files_of(f"a {number}")[0], (used, used))
    kept.save(("b",), array)
    assert len(files(tmp_path)) == 3 and not half_written.exists() and not files_of("a 0")
    os.utime(files_of("a 1")[0])
    kept.save(("c",), array)
    names = {text: bool(files_of(text)) for text in ("a 1", "a 2", "b", "c")}
    assert names == {"a 1": True, "a 2": False, "b": True, "c": True}


def test_a_disk_that_takes_nothing_only_costs_time(
    tmp_path: Path, given: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*rest: Any, **more: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(embedding_store, "write_whole", full)
    runner = Runner(monkeypatch)
    found = look_up(runner, tmp_path / "kept")
    assert found.found == plainly_found() and files(given) == []
    assert runner.items[-1].vectors == ""


def test_a_runner_is_given_a_few_files_that_it_may_read_and_trusts_none_of_another_size(given: Path) -> None:
    for number in range(GIVEN + 3):
        embedding_store.given((f"passage {number}",), np.eye(2, dtype=np.float32))
    paths = files(given)
    assert len(paths) == GIVEN and {path.stat().st_mode & 0o777 for path in paths} == {0o644}
    item = Retrieve((*TEXTS, "One more."), (QUERY,), "vectors", 3, vectors=str(paths[0]))
    assert search.retrieve(item, Watch()).found[0][0] == plainly_found()[0][0]
