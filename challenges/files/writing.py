"""Writes a file as a whole or not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from secrets import token_hex


def write_whole(path: Path, data: bytes, *, mode: int | None = None) -> None:
    """Writes a file at once, so that a command that is stopped leaves the old one or the new one.

    The data is on the disk when this returns. A link stays a link: the file that it names is written. A file gets the
    given mode; without one it keeps its own, and a new file has that of any new file. Raises OSError.
    """
    path = path.resolve()
    try:
        if mode is None and path.exists():
            mode = stat.S_IMODE(path.stat().st_mode)
        beside = path.with_name(f".{path.name}.{token_hex(4)}.new")
        # Nobody reads the new content who may not read the old one.
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666 if mode is None else mode & 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            if mode is not None:
                beside.chmod(mode)
            beside.replace(path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
