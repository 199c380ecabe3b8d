"""Bodies of requests that broke off on their way: refused, and not taken for shorter ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.handlers.asgi import ASGIRequest
from django.http.multipartparser import MultiPartParserError


class IncompleteBody(MultiPartParserError):
    """A body that broke off. A MultiPartParserError, so that Django does not try to read it again."""

    def __str__(self) -> str:
        return "The upload did not arrive completely. Nothing was stored and no attempt was used: send it again."


class Request(ASGIRequest):
    """A request whose body is known to have arrived completely."""

    is_complete = True

    def parse_file_upload(self, META: Mapping[str, Any], post_data: Any) -> Any:  # noqa: N803 (Django names it)
        """Django's parser takes a multipart body that was cut off for a shorter one.

        Raises:
            IncompleteBody: the closing delimiter of RFC 2046, section 5.1.1, is missing.
        """
        tail: Any = Tail(post_data)
        found = super().parse_file_upload(META, tail)
        boundary = (self.content_params or {}).get("boundary", "")
        if not tail.rest().rstrip().endswith(f"--{boundary}--".encode()):
            raise IncompleteBody
        return found


class Tail:
    """Hands on what is read from `source` and keeps its last bytes."""

    KEPT = 256

    def __init__(self, source: Any) -> None:
        self.source, self.last = source, b""

    def read(self, size: int) -> bytes:
        data: bytes = self.source.read(size)
        self.last = (self.last + data)[-self.KEPT :]
        return data

    def rest(self) -> bytes:
        """The last bytes, after reading to the end."""
        while self.read(64 * 1024):
            pass
        return self.last
