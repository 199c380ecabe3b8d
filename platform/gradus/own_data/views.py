"""The download of one's own data."""

import weakref
from collections.abc import AsyncIterator
from typing import IO

from django.contrib.auth.decorators import login_required
from django.http import FileResponse, HttpRequest
from django.utils import timezone
from django.views.decorators.cache import never_cache

from gradus.accounts import rate_limits
from gradus.accounts.models import User
from gradus.django_internals import is_asynchronous
from gradus.own_data.document import write

PIECE = 2**16


@login_required
@never_cache
def my_data(request: HttpRequest) -> FileResponse:
    """Everything that the site keeps about the person who asks, as one JSON file."""
    assert isinstance(request.user, User)
    rate_limits.allow(request, "my_data", limit_get=True)
    file = write(request.user)
    name = f"gradus-{timezone.now():%Y-%m-%d}.json"
    response = FileResponse(file, as_attachment=True, filename=name, content_type="application/json")
    # Nobody closes the file of an answer that is never sent.
    weakref.finalize(response, file.close)
    if is_asynchronous(request):
        # Of a file, Django would load all pieces before it sends the first one.
        response.streaming_content = _pieces(file)
    return response


async def _pieces(file: IO[bytes]) -> AsyncIterator[bytes]:
    with file:
        while piece := file.read(PIECE):
            yield piece
