"""Which bodies of requests are refused before they are parsed: the too large, the too slow and the incomplete."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import IO, Any

from django.conf import settings
from django.http.multipartparser import MultiPartParserError
from django.urls import Resolver404, resolve
from django.utils.translation import gettext

# The longest text that most forms and calls take has 4,000 characters, of up to 12 bytes each in a form.
USUAL_BYTES, USUAL_PARTS = 64 * 1024, 2_000
# Submissions, and what is sent while one is written, may hold 2,000 training rows. A row of JSON with two texts has
# eight parts; see `challenges.files.nesting.has_more_parts`.
PARTS_WITH_ROWS = 100_000
ROUTES_WITH_ROWS = frozenset({
    "challenges/<slug:slug>/submit",
    "challenges/<slug:slug>/run",
    "challenges/<slug:slug>/tokens",
    "challenges/<slug:slug>/dataset-check",
    "challenges/<slug:slug>/method",
    "challenges/<slug:slug>/starter",
    "challenges/<slug:slug>/choices/use",
    "api/v1/challenges/<slug:id>/submissions",
    "api/v1/challenges/<slug:id>/runs",
    "api/v1/challenges/<slug:id>/dataset",
    # Files of a course with thousands of rows.
    "teach/courses/<slug:slug>/studio/file/",
    "teach/courses/<slug:slug>/studio/preview",
    "teach/courses/<slug:slug>/studio/try/",
    "teach/courses/<slug:slug>/studio/rows/",
    "teach/courses/<slug:slug>/studio/import",
    "teach/courses/<slug:slug>/studio/upload",
    # The roster of a large course has thousands of people.
    "teach/classes/<int:pk>/roster/",
    "api/v1/classes/<int:id>/roster",
    # A job has all rows of its learner, a grade one line for each of them.
    "api/workers/v1/<slug:name>",
})  # fmt: skip
# The parts of a course's archive, and of what a worker on another machine stores, are octets, not JSON.
ROUTES_OF_PARTS = frozenset({"api/v1/uploads/<uuidstr:uuid>/<int:offset>", "api/workers/v1/files/<str:signed>"})
PART_BYTES = 4 * 1024 * 1024
# How long a body may take to arrive, in seconds: 6 MiB at a megabit per second need 50. Authors publish from lines
# that are slow towards the site: a part at 280 kilobits per second needs 120.
BODY_SECONDS, PART_SECONDS = 60.0, 120.0


def _route(path: str) -> str:
    """Returns the route of an address as Django writes it, empty if there is none."""
    try:
        return resolve(path).route
    except Resolver404:
        return ""


def most_bytes(path: str) -> int:
    """Returns how many bytes the body of a request to this address may have."""
    route = _route(path)
    if route in ROUTES_OF_PARTS:
        return PART_BYTES
    return settings.DATA_UPLOAD_MAX_MEMORY_SIZE if route in ROUTES_WITH_ROWS else USUAL_BYTES


def most_parts(path: str) -> int:
    """Returns how many parts the JSON in the body of a request to this address may have."""
    return PARTS_WITH_ROWS if _route(path) in ROUTES_WITH_ROWS else USUAL_PARTS


def most_seconds(path: str) -> float:
    """Returns how long the body of a request to this address may take to arrive."""
    return PART_SECONDS if _route(path) in ROUTES_OF_PARTS else BODY_SECONDS


def check_length(path: str, length: str | int) -> None:
    """Raises `BodyTooLarge` for a length in bytes, as the header says it, that this address does not take."""
    size = int(length) if str(length).isdecimal() else 0
    if size > USUAL_BYTES and size > (most := most_bytes(path)):
        raise BodyTooLarge(most)


class RefusedBody(Exception):
    """A body is not read. The text of the exception says what to do about it; `status` is that of the answer."""

    status = 400


class BodyTooLarge(RefusedBody):
    """The body is larger than this address takes. `most` is in bytes; None if the JSON in it has too many parts."""

    status = 413

    def __init__(self, most: int | None = None) -> None:
        super().__init__(most)
        self.most = most

    def __str__(self) -> str:
        if self.most is None:
            return gettext("The JSON has too many parts for this address. Nothing was stored: send less at once.")
        said = gettext("This address takes at most %(most)d KiB. Nothing was stored: send less at once.")
        return said % {"most": self.most // 1024}


class BodyTooSlow(RefusedBody):
    """The body did not arrive in time."""

    status = 408

    def __str__(self) -> str:
        return gettext("The upload took too long. Nothing was stored and no attempt was used: send it again.")


class LimitedBody:
    """Passes on what an ASGI server's `receive` gives, and breaks off a body that is too large or too slow.

    `refused` then says why: `BodyTooLarge`, before anything is read if the length is declared, or else at the first
    byte too many; or `BodyTooSlow`, `seconds` after the first part was asked for, or `most_seconds` if it is None.
    `file` holds what was read.
    """

    def __init__(
        self, scope: Mapping[str, Any], receive: Callable[[], Awaitable[Any]], seconds: float | None = None
    ) -> None:
        self.path, self.receive = scope["path"], receive
        self.seconds = most_seconds(self.path) if seconds is None else seconds
        self.declared = dict(scope["headers"]).get(b"content-length", b"").decode("latin-1")
        self.bytes, self.is_complete = 0, False
        self.end: float | None = None
        self.refused: RefusedBody | None = None
        self.file: IO[bytes] | None = None

    async def __call__(self) -> Any:
        if self.is_complete:
            return await self.receive()
        try:
            return await self._next()
        except RefusedBody as refused:
            self.refused = refused
            return {"type": "http.disconnect"}

    async def _next(self) -> Any:
        if self.end is None:
            check_length(self.path, self.declared)
            self.end = asyncio.get_running_loop().time() + self.seconds
        try:
            async with asyncio.timeout_at(self.end):
                message = await self.receive()
        except TimeoutError:
            raise BodyTooSlow from None
        self.bytes += len(message.get("body", b""))
        check_length(self.path, self.bytes)
        self.is_complete = not message.get("more_body", False)
        return message


class IncompleteBody(RefusedBody, MultiPartParserError):
    """The body of a request broke off. It is a MultiPartParserError so that Django does not read the body again."""

    def __str__(self) -> str:
        return gettext(
            "The upload did not arrive completely. Nothing was stored and no attempt was used: send it again."
        )


class EncodedPart(RefusedBody, MultiPartParserError):
    """A part of a multipart body is encoded. Django would take a broken encoding as the text itself."""

    def __str__(self) -> str:
        return gettext(
            "A field of the form is sent with a Content-Transfer-Encoding, which forms must not use (RFC 7578). "
            "Nothing was stored and no attempt was used: send the fields as they are."
        )


class MultipartReader:
    """Passes on what is read from `source`, a multipart body, and remembers its end and whether a part is encoded."""

    # Django reads at most 1,024 bytes of a part's headers.
    TAIL_BYTES = 2048

    def __init__(self, source: Any, boundary: str) -> None:
        self.source, self.tail, self.has_encoded_part = source, b"", False
        self.delimiter = b"--" + boundary.encode("latin-1", "replace")
        header, plain = b"(?i:content-transfer-encoding)", b"(?i:7bit|8bit|binary)"
        # A line that holds the delimiter begins a search of its own: else many delimiters would take quadratic time.
        lines = rb"[ \t]*\r\n(?:(?:(?!" + re.escape(self.delimiter) + rb")[^\r\n])+\r\n)*?"
        self.encoded = re.compile(
            re.escape(self.delimiter) + lines + header + rb"[ \t]*:[ \t]*(?!" + plain + rb"|[ \t])"
        )

    def read(self, size: int) -> bytes:
        data: bytes = self.source.read(size)
        seen = self.tail + data
        self.has_encoded_part = self.has_encoded_part or self.encoded.search(seen) is not None
        self.tail = seen[-self.TAIL_BYTES :]
        return data

    def check(self) -> None:
        """Reads all that is left.

        Raises:
            IncompleteBody: the closing delimiter of RFC 2046, section 5.1.1, is missing.
            EncodedPart: a part has a Content-Transfer-Encoding.
        """
        while self.read(64 * 1024):
            pass
        if not self.tail.rstrip().endswith(self.delimiter + b"--"):
            raise IncompleteBody
        if self.has_encoded_part:
            raise EncodedPart
