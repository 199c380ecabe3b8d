"""Reads settings from environment variables. Errors name the variable and the values that it accepts."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

from challenges.models.catalogue import ModelsFileError, known

ENGINES = ("django.db.backends.postgresql", "django.db.backends.sqlite3")
YES, NO = ("1", "true", "yes", "on"), ("0", "false", "no", "off", "")


class Environment(environ.Env):  # type: ignore[misc]  # the package has no types
    """Each method reads one type of value, and raises `ImproperlyConfigured` if the text is not of that type."""

    def _given(self, name: str) -> str:
        return str(self.ENVIRON.get(name, ""))

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Reads a switch: yes or no."""
        value = self._given(name).strip().lower()
        if name not in self.ENVIRON:
            return default
        if value not in YES + NO:
            raise self._wrong(name, "1 for yes or 0 for no")
        return value in YES

    def whole(self, name: str, *, default: int, least: int = 1) -> int:
        """Reads a whole number that must be at least `least`."""
        value = self._given(name).strip() or str(default)
        if not (value.isascii() and value.isdigit() and int(value) >= least):
            raise self._wrong(name, f"a whole number of at least {least}, such as {default or least}")
        return int(value)

    def share(self, name: str, *, default: float) -> float:
        """Reads a share, which must be between 0 and 1."""
        number = self._number(name, "a share between 0 and 1, such as 0.05")
        if number is not None and number > 1:
            raise self._wrong(name, "a share between 0 and 1, such as 0.05")
        return default if number is None else number

    def amount(self, name: str) -> float | None:
        """Reads an amount of money, which must not be negative. Returns None if the variable is not set."""
        return self._number(name, "an amount of 0 or more, such as 2.50")

    def one_of(self, name: str, values: tuple[str, ...], *, default: str) -> str:
        """Reads a word, which must be one of `values`."""
        value = self._given(name).strip() or default
        if value not in values:
            raise self._wrong(name, f"one of {', '.join(filter(None, values))}")
        return value

    def device(self, name: str, visible: str) -> None:
        """Reads what runners compute on. Of several GPUs a number chooses one of those that `visible` names."""
        value = self._given(name).strip()
        if value and not re.fullmatch(r"cpu|cuda(:\d{1,2})?", value):
            raise self._wrong(name, "cpu, cuda, or cuda: with the number of a GPU, such as cuda:1")
        number, seen = value.partition(":")[2], [one for one in self._given(visible).split(",") if one.strip()]
        if number and visible in self.ENVIRON and int(number) >= len(seen):
            raise self._wrong(name, f"a number below {len(seen)}, because {visible} names {len(seen)} GPUs")

    def languages(self, name: str, known: tuple[str, ...]) -> list[str]:
        """Reads a comma-separated list of language codes, each of which must be in `known`, the default first."""
        codes = [code.strip().lower() for code in self._given(name).split(",") if code.strip()]
        if set(codes) - set(known):
            raise self._wrong(name, f"a list of these languages: {', '.join(known)}")
        return list(dict.fromkeys(codes)) or [known[0]]

    def gone(self, name: str, successor: str) -> None:
        """Refuses a variable that no longer exists. `successor` names the variable that took its place."""
        if self._given(name).strip():
            raise ImproperlyConfigured(
                f"{name} is no longer a setting: remove it, or set {successor} in its place "
                "(docs/operations/settings.md)"
            )

    def address(self, name: str, schemes: tuple[str, ...]) -> str:
        """Reads a URL, whose scheme must be one of `schemes`. Returns an empty text if the variable is not set."""
        value = self._given(name).strip()
        if value and urlsplit(value).scheme not in schemes:
            raise self._wrong(name, f"an address that begins with {' or '.join(f'{scheme}://' for scheme in schemes)}")
        return value

    def origins(self, name: str) -> list[str]:
        """Reads a comma-separated list of origins, each of which must have a scheme."""
        origins: list[str] = self.list(name, default=[])
        if any(urlsplit(one).scheme not in ("http", "https") or not urlsplit(one).hostname for one in origins):
            raise self._wrong(name, "origins with their scheme, such as https://gradus.example.org")
        return origins

    def database(self, name: str, *, default: str) -> dict[str, Any]:
        """Reads the address of a database. Returns Django's settings for it."""
        wanted = "postgres://user:password@host:5432/name or sqlite:////absolute/path"
        try:
            with warnings.catch_warnings(action="ignore"):
                config: dict[str, Any] = self.db(name, default=default)
        except (ImproperlyConfigured, ValueError):
            raise self._hidden(name, wanted) from None
        if config.get("ENGINE") not in ENGINES or not config.get("NAME"):
            raise self._hidden(name, wanted)
        return config

    def mail(self, name: str, *, default: str) -> dict[str, Any]:
        """Reads the address of a mail server. Returns Django's settings for it."""
        try:
            config: dict[str, Any] = self.email_url(name, default=default)
        except (ImproperlyConfigured, ValueError, KeyError):
            raise self._hidden(name, "smtp+tls://user:password@host:587 or consolemail://") from None
        return config

    def secret_key(self, name: str, path: Path, *, is_needed: bool) -> str:
        """Reads Django's secret key. If none is set, and none `is_needed`, keeps a random one in the file `path`."""
        if is_needed or self.str(name, default=""):
            return str(self.str(name))
        if not path.exists():
            from django.core.management.utils import get_random_secret_key

            path.touch(mode=0o600)
            path.write_text(get_random_secret_key())
        return path.read_text()

    def base_models(self) -> None:
        """Reads the operator's base models, so that a mistake in their file stops every process at its start."""
        try:
            known()
        except ModelsFileError as error:
            raise ImproperlyConfigured(f"base models cannot be read (docs/operations/programs.md)\n{error}") from None

    def _number(self, name: str, wanted: str) -> float | None:
        value = self._given(name).strip()
        if not value:
            return None
        try:
            number = float(value)
        except ValueError:
            raise self._wrong(name, wanted) from None
        if not 0 <= number < float("inf"):
            raise self._wrong(name, wanted)
        return number

    def _wrong(self, name: str, wanted: str) -> ImproperlyConfigured:
        return ImproperlyConfigured(f"{name} is {self._given(name)!r}; it takes {wanted} (docs/operations/settings.md)")

    def _hidden(self, name: str, wanted: str) -> ImproperlyConfigured:
        """Returns an error that does not repeat the value, because the value may contain a password."""
        return ImproperlyConfigured(f"{name} cannot be read; it takes {wanted} (docs/operations/settings.md)")
