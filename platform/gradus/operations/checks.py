"""Django system checks: what is wrong with the settings themselves. What needs a look at the world is `doctor`'s."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Info, Tags, register
from django.core.files.storage import FileSystemStorage, storages

from challenges.catalogue import MODELS
from gradus.operations import base_models

BROKERS = ("redis", "rediss", "redis+socket", "sentinel")
# Names whose files no web server may reach: they hold hidden rows, raw outputs and learners' adapters.
CLOSED = ("private", "artifacts")


@register(Tags.security)
def closed_stores(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Hidden sets and learners' files must lie outside everything that a web server serves."""
    return [
        Error(
            f"The store “{name}” ({place}) lies inside {served}, which is served to everybody.",
            hint="Move it: hidden rows and learners' files must have no public address.",
            id="gradus.E001",
        )
        for name in CLOSED
        if (place := _location(name))
        for served in _served()
        if place == served or served in place.parents
    ]


@register(Tags.compatibility)
def broker(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """An address that Celery cannot use would only show when the first bell rings."""
    if not settings.REDIS_URL or urlsplit(settings.REDIS_URL).scheme in BROKERS:
        return []
    text = "REDIS_URL is no address that Celery can use."
    hint = f"Use one that starts with {', '.join(f'{name}://' for name in BROKERS)}; or leave it out (embedded broker)."
    return [Error(text, hint=hint, id="gradus.E002")]


@register(Tags.compatibility, deploy=True)
def deployment(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """What a large course should have. The site also runs without."""
    found: list[CheckMessage] = []
    if settings.SQLITE:
        hint = "Fine on one machine. Set DATABASE_URL to PostgreSQL where several machines work."
        found.append(Info("The database is SQLite.", hint=hint, id="gradus.I001"))
    if not settings.REDIS_URL:
        hint = "Workers started by `manage.py up` get an embedded one; set REDIS_URL where several machines work."
        found.append(Info("There is no broker address.", hint=hint, id="gradus.I002"))
    missing = [name for name in MODELS if base_models.state(name) != "ready"]
    if missing:
        hint = "Run `make models` on machines that grade. The site counts tokens with the tokenizer that lies there."
        found.append(Info(f"No files of the base model: {', '.join(missing)}.", hint=hint, id="gradus.I003"))
    if settings.DEBUG:
        found.append(checks.Warning("GRADUS_DEBUG is on.", hint="It shows settings to visitors.", id="gradus.W001"))
    return found


def _location(name: str) -> Path | None:
    """The folder of a store that keeps files; None for object storage."""
    store = storages[name]
    return Path(store.location).resolve() if isinstance(store, FileSystemStorage) else None


def _served() -> Iterator[Path]:
    named = [settings.MEDIA_ROOT, settings.STATIC_ROOT, _location("default"), *settings.STATICFILES_DIRS]
    yield from {Path(place).resolve() for place in named if place}
