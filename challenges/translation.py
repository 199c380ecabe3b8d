"""The texts of this package that people read, in the language of whoever reads them.

They are written in English, and stay English on the command line and in runners. The site sets Django's translations
with `use`, because this package knows no Django.

A sentence that is made when it is needed calls `gettext` or `ngettext`. A text that is made at import, or that is
stored, is marked with `gettext_noop` and stays English until a page shows it with `translated`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from gettext import NullTranslations
from typing import Protocol


class Translations(Protocol):
    """Where translations come from, such as the module `django.utils.translation`."""

    def gettext(self, message: str, /) -> str: ...

    def ngettext(self, singular: str, plural: str, number: int, /) -> str: ...


_source: Translations = NullTranslations()
_PLACEHOLDER = re.compile(r"%\\\((\w+)\\\)s")


def use(source: Translations) -> None:
    """Makes `source` the translations of all texts of this package, for the whole process."""
    global _source
    _source = source


def gettext(message: str) -> str:
    """The translation of a text that is written out at the call."""
    return _source.gettext(message)


def ngettext(singular: str, plural: str, number: int) -> str:
    """The translation of a text with a number, in the form that the language has for this number."""
    return _source.ngettext(singular, plural, number)


def gettext_noop(message: str) -> str:
    """Marks a text for translation, and returns it in English."""
    return message


def translated(english: str, templates: Iterable[str] = ()) -> str:
    """The translation of an English text that was marked with `gettext_noop`.

    A text that was made from one of `templates` is translated as this template, and keeps its values. An unknown text
    is returned as it is.
    """
    for template in templates:
        pattern = _PLACEHOLDER.sub(r"(?P<\1>.*)", re.escape(template))
        if match := re.fullmatch(pattern, english, re.DOTALL):
            return _source.gettext(template) % match.groupdict()
    return _source.gettext(english) if english else ""
