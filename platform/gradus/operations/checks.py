"""Django system checks of the settings. Checks that need the database, the disk or a network belong to `doctor`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Info, Tags, register
from django.core.files.storage import FileSystemStorage, storages

from gradus.operations import base_models

BROKERS = ("redis", "rediss", "redis+socket", "sentinel")
# Stores that no web server may serve: they hold hidden samples, raw outputs and learners' adapters.
CLOSED = ("private", "artifacts")


@register(Tags.security)
def closed_stores(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Checks that hidden samples and learners' files lie outside every folder that a web server serves."""
    return [
        Error(
            f"The store “{name}” ({place}) lies inside {served}, which everybody can download.",
            hint="Move the store: hidden samples and learners' files must have no public address.",
            id="gradus.E001",
        )
        for name in CLOSED
        if (place := _location(name))
        for served in _served()
        if place == served or served in place.parents
    ]


@register(Tags.compatibility)
def broker(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Checks that Celery can use REDIS_URL. Otherwise a wrong address would show only with the first submission."""
    if not settings.REDIS_URL or urlsplit(settings.REDIS_URL).scheme in BROKERS:
        return []
    text = "Celery cannot use the address in REDIS_URL."
    schemes = ", ".join(f"{name}://" for name in BROKERS)
    hint = f"Use an address that starts with one of {schemes}, or remove REDIS_URL to use the embedded broker."
    return [Error(text, hint=hint, id="gradus.E002")]


@register(Tags.compatibility, deploy=True)
def deployment(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Reports what a large course should have, although the site also runs without it."""
    found: list[CheckMessage] = []
    if settings.SQLITE:
        hint = "That is good enough on one machine. For several machines, set DATABASE_URL to PostgreSQL."
        found.append(Info("The database is SQLite.", hint=hint, id="gradus.I001"))
    if not settings.REDIS_URL:
        hint = "`manage.py up` starts an embedded broker. For several machines, set REDIS_URL."
        found.append(Info("REDIS_URL is not set.", hint=hint, id="gradus.I002"))
    missing = [name for name in base_models.wanted() if base_models.state(name) != "ready"]
    if missing:
        hint = (
            "Run `make models` on machines that grade, and on the web server, which counts tokens with the tokenizer."
        )
        found.append(Info(f"Base models are missing: {', '.join(missing)}.", hint=hint, id="gradus.I003"))
    if settings.DEBUG:
        found.append(checks.Warning("GRADUS_DEBUG is on.", hint="It shows settings to visitors.", id="gradus.W001"))
    return found


def _location(name: str) -> Path | None:
    """Returns the folder of a store, or None if the store is a bucket."""
    store = storages[name]
    return Path(store.location).resolve() if isinstance(store, FileSystemStorage) else None


def _served() -> Iterator[Path]:
    """Yields the folders that a web server may serve."""
    named = [settings.MEDIA_ROOT, settings.STATIC_ROOT, _location("default"), *settings.STATICFILES_DIRS]
    yield from {Path(place).resolve() for place in named if place}
