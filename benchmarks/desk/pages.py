"""Middleware that notes each request in the site's folder, so that the pages a reviewer opens can be counted."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from django.conf import settings

from benchmarks.desk.site import PAGES


def note(get_response: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def middleware(request: Any) -> Any:
        response = get_response(request)
        with (settings.DATA_DIR / PAGES).open("a", encoding="utf-8") as log:
            log.write(f"{time.time():.3f} {request.method} {response.status_code} {request.path}\n")
        return response

    return middleware
