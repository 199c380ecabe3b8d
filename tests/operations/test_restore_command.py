"""`manage.py restore` reads an archive on every Python that the project supports, and only what a backup holds."""

from __future__ import annotations

import io
import tarfile
from contextlib import ExitStack
from pathlib import Path

import pytest

from gradus.operations.management.commands.restore import Command


@pytest.fixture(params=["a filter", "no filter, as before Python 3.11.4"])
def python(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param != "a filter":
        monkeypatch.delattr(tarfile, "data_filter", raising=False)


def archive(path: Path, **entry: object) -> Path:
    with tarfile.open(path, "w") as made:
        for fields in ({"name": "backup", "type": tarfile.DIRTYPE}, {"name": "backup/manifest.json"}, entry):
            one = tarfile.TarInfo()
            for name, value in fields.items():
                setattr(one, name, value)
            one.mode, one.size = 0o755, 2 * one.isfile()
            made.addfile(one, io.BytesIO(b"{}"))
    return path


def test_an_archive_is_unpacked(python: None, tmp_path: Path) -> None:
    source = archive(tmp_path / "a.tar", name="backup/private/rows.json")
    with ExitStack() as places:
        folder = Command().folder(source, places)
        assert (folder / "manifest.json").read_text() == (folder / "private/rows.json").read_text() == "{}"
    assert not folder.exists()


@pytest.mark.parametrize(
    "entry",
    [
        {"name": "../outside"},
        {"name": "/tmp/outside"},
        {"name": "backup/../../outside"},
        {"name": "backup/link", "type": tarfile.SYMTYPE, "linkname": "/etc"},
        {"name": "backup/hard", "type": tarfile.LNKTYPE, "linkname": "/etc/passwd"},
        {"name": "backup/tty", "type": tarfile.CHRTYPE},
    ],
    ids=lambda entry: entry["name"],
)
def test_what_is_no_part_of_a_backup_is_refused(python: None, tmp_path: Path, entry: dict[str, object]) -> None:
    with ExitStack() as places, pytest.raises(tarfile.TarError, match="is no file or folder of a backup"):
        Command().folder(archive(tmp_path / "a.tar", **entry), places)
