"""The ASGI application that the web server runs."""

import os
from importlib import import_module

import django
from django.conf import settings

from gradus.database_away import limit_waits
from gradus.django_internals import ThreadPoolHandler
from gradus.static_files import serve_static_files

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gradus.settings")
django.setup(set_prefix=False)
# Imported now, not with the first request: on a reload the old process ends as soon as this one listens.
import_module(settings.ROOT_URLCONF)
busy, fair_threads = import_module("gradus.lti.busy"), import_module("gradus.fair_threads")
limit_waits(settings.DATABASES["default"])
threads = fair_threads.Threads(settings.WEB_THREADS)
site = ThreadPoolHandler(
    settings.WEB_THREADS,
    at_once=lambda path, waits: busy.answer(path, max(waits, threads.oldest_seconds())),
    enter=threads.enter,
)
application = serve_static_files(site, settings.STATIC_ROOT)
