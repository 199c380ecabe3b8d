"""A file is written as a whole or not at all; its mode and the links to it stay."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from challenges.files.writing import write_whole


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o755])
def test_a_file_keeps_its_mode(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "hidden.jsonl"
    file.write_bytes(b"old")
    file.chmod(mode)
    write_whole(file, b"new")
    assert (file.read_bytes(), stat.S_IMODE(file.stat().st_mode)) == (b"new", mode)
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("before", [None, 0o644])
def test_a_private_file_is_private_whatever_was_there(tmp_path: Path, before: int | None) -> None:
    file = tmp_path / "outputs.json"
    if before is not None:
        file.touch()
        file.chmod(before)
    write_whole(file, b"new", mode=0o600)
    assert (file.read_bytes(), stat.S_IMODE(file.stat().st_mode)) == (b"new", 0o600)


def test_who_stops_it_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(descriptor: int) -> None:
        raise KeyboardInterrupt

    file = tmp_path / "rows.jsonl"
    file.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", stop)
    with pytest.raises(KeyboardInterrupt):
        write_whole(file, b"new")
    assert file.read_bytes() == b"old" and list(tmp_path.iterdir()) == [file]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    real, link = tmp_path / "elsewhere/rows.jsonl", tmp_path / "rows.jsonl"
    real.write_bytes(b"old")
    link.symlink_to(real)
    write_whole(link, b"new")
    assert link.is_symlink() and real.read_bytes() == b"new"


def test_a_new_file_has_the_mode_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    write_whole(tmp_path / "made", b"new")
    assert (tmp_path / "made").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_where_it_cannot_be_written_nothing_is_left(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "held").mkdir(parents=True)
    with pytest.raises(OSError, match="folder"):
        write_whole(folder, b"new")
    assert list(tmp_path.iterdir()) == [folder]
