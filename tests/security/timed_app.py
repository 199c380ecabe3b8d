"""The site's application; a request may ask to be answered later, as if something hidden had taken so long."""

from __future__ import annotations

import time

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

from gradus.asgi import application as _ready
from gradus.django_internals import ThreadPoolHandler


class Plant(ThreadPoolHandler):
    def _in_thread(self, request: HttpRequest) -> HttpResponseBase:
        end = time.perf_counter() + float(request.headers.get("X-Plant", "0"))
        while time.perf_counter() < end:
            pass
        return super()._in_thread(request)


assert _ready is not None
application = Plant(settings.WEB_THREADS)
