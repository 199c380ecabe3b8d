"""Detects a multipart body that broke off on its way, so that it is refused instead of being read as a shorter one."""

from __future__ import annotations

from typing import Any

from django.http.multipartparser import MultiPartParserError
from django.utils.translation import gettext


class IncompleteBody(MultiPartParserError):
    """The body of a request broke off. It is a MultiPartParserError so that Django does not read the body again."""

    def __str__(self) -> str:
        return gettext(
            "The upload did not arrive completely. Nothing was stored and no attempt was used: send it again."
        )


class TailReader:
    """Passes on what is read from `source`, and remembers the last bytes."""

    TAIL_BYTES = 256

    def __init__(self, source: Any) -> None:
        self.source, self.tail = source, b""

    def read(self, size: int) -> bytes:
        data: bytes = self.source.read(size)
        self.tail = (self.tail + data)[-self.TAIL_BYTES :]
        return data

    def read_to_end(self) -> bytes:
        """Reads all that is left and returns the last bytes, at most `TAIL_BYTES`."""
        while self.read(64 * 1024):
            pass
        return self.tail
