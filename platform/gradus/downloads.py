"""Answers with a stored file of any size: it is sent piece by piece, and never in memory as a whole."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncIterator
from typing import IO, Any

from django.http import FileResponse, HttpRequest

from gradus.django_internals import is_asynchronous

PIECE = 2**16


def download(request: HttpRequest, file: IO[bytes], **options: Any) -> FileResponse:
    """Returns the response that sends `file` and closes it. `options` are those of `FileResponse`."""
    response = FileResponse(file, **options)
    # Nobody closes the file of an answer that is never sent.
    weakref.finalize(response, file.close)
    if is_asynchronous(request):
        # Of a file, Django would load all pieces before it sends the first one.
        response.streaming_content = _pieces(file)
    return response


async def _pieces(file: IO[bytes]) -> AsyncIterator[bytes]:
    with file:
        # In a thread, because a bucket's first piece can take long, and nothing else would be answered.
        while piece := await asyncio.to_thread(file.read, PIECE):
            yield piece
