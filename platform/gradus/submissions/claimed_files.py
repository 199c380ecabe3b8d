"""The store of files of a worker with few rights: it holds no key of the bucket, and asks for each file of its job."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from typing import IO, Any, cast

import httpx
from django.core.files.base import File
from django.core.files.storage import Storage
from django.db import connection
from django.utils.deconstruct import deconstructible

from gradus.stores import PIECE, StoreAway
from gradus.submissions.models import FileLink
from gradus.submissions.services import file_links, handed_in

# How long the reconciler may take to sign an address, and a connection to bring its next piece.
SIGNED_WITHIN, ANSWERED_WITHIN = 60.0, 60.0
IN_MEMORY = 16 * 2**20
_claim: ContextVar[tuple[int, int]] = ContextVar("claim")


@contextmanager
def of_claim(evaluation_id: int, fence: int) -> Iterator[None]:
    """Files are those of this claim for as long as the context lasts."""
    token = _claim.set((evaluation_id, fence))
    try:
        yield
    finally:
        _claim.reset(token)


@deconstructible
class ClaimedFiles(Storage):
    """One store of the site. It reads and writes whole files, and only those that the claim's job names.

    All methods raise `StoreAway` where nothing could be read or written: the job is tried again later.
    """

    def __init__(self, store: str) -> None:
        self.store = store

    def exists(self, name: str) -> bool:
        """It asks for one byte, because an address that reads a file answers no other question about it."""
        with self._asked(name, None, headers={"Range": "bytes=0-0"}) as answer:
            return answer.status_code != httpx.codes.NOT_FOUND

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """The name itself: it holds the fence, so no other claim writes under it."""
        return name

    def _open(self, name: str, mode: str = "rb") -> File[bytes]:
        with ExitStack() as left:
            content = left.enter_context(tempfile.SpooledTemporaryFile(IN_MEMORY))
            with self._asked(name, None) as answer:
                if answer.status_code == httpx.codes.NOT_FOUND:
                    raise FileNotFoundError(name)
                for piece in answer.iter_bytes():
                    content.write(piece)
            content.seek(0)
            left.pop_all()
        return File(cast(IO[bytes], content), name=name)

    def _save(self, name: str, content: File[bytes]) -> str:
        size = content.seek(0, 2)
        with self._asked(name, size, content=content):
            return name

    @contextmanager
    def _asked(self, name: str, size: int | None, content: Any = None, **more: Any) -> Iterator[httpx.Response]:
        """An answer that says success or "not found". An address that has become too old is replaced once."""
        for is_last in (False, True):
            url = self._address(name, size)
            if content is not None:
                content.seek(0)
                more = {"content": _pieces(content), "headers": {"Content-Length": str(size)}}
            try:
                method = "GET" if size is None else "PUT"
                with httpx.stream(method, url, timeout=ANSWERED_WITHIN, **more) as answer:
                    if answer.status_code == httpx.codes.FORBIDDEN and not is_last:
                        continue
                    if not (answer.is_success or (size is None and answer.status_code == httpx.codes.NOT_FOUND)):
                        raise StoreAway(f"The bucket answers {answer.status_code}.")
                    yield answer
                    return
            except httpx.HTTPError as error:
                raise StoreAway(f"The bucket does not answer: {type(error).__name__}.") from error

    def _address(self, name: str, size: int | None) -> str:
        """Asks the reconciler for the address and waits for it. The row is gone afterwards."""
        evaluation_id, fence = _claim.get()
        with connection.cursor() as cursor:
            cursor.execute(f"listen {file_links.ANSWERED}")
            link = FileLink.objects.create(
                evaluation_id=evaluation_id, fence=fence, store=self.store, name=name, size=size
            )
            cursor.execute(f"notify {handed_in.CHANNEL}")
        end = time.monotonic() + SIGNED_WITHIN
        try:
            while True:
                link = FileLink.objects.get(pk=link.pk)
                if link.url or link.refused or time.monotonic() > end:
                    break
                for _ in connection.connection.notifies(timeout=1, stop_after=1):
                    pass
        except FileLink.DoesNotExist:
            raise StoreAway("Another worker has this job.") from None
        FileLink.objects.filter(pk=link.pk).delete()
        with connection.cursor() as cursor:
            cursor.execute(f"unlisten {file_links.ANSWERED}")
        if link.refused:
            raise StoreAway("The site has refused a file: the claim is over, or the file is not of its job.")
        if not link.url:
            raise StoreAway("No reconciler has given the address of a file. Is it running on the web server?")
        return link.url


def _pieces(content: File[bytes]) -> Iterator[bytes]:
    while piece := content.read(PIECE):
        yield piece
