"""Content for the pages: the built-in course, a small one, attempts of each kind, and a leaderboard of many people."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

from benchmarks.pages.visits import Stop

PEOPLE = 60


def stops(folder: Path) -> list[Stop]:
    """Fills the database, and returns one page of each kind. Needs Django, and the tests' factories."""
    from benchmarks.web.seed import sessions
    from tests import factories
    from tests.browser.driver.pages import furnish

    ada, grace = (factories.UserFactory.create(pseudonym=name, is_staff=name == "Grace") for name in ("Ada", "Grace"))
    grace.is_superuser = True
    grace.save()
    pages = furnish(folder, ada)
    for number in range(PEOPLE):
        factories.grade(factories.submit(factories.UserFactory.create()), 0.3 + 0.6 * number / PEOPLE)
    keys = sessions([ada.pk, grace.pk])
    return numbered(
        [
            *[Stop(name(path), path) for path in pages.open],
            *[Stop(f"{name(path)}, signed in", path, keys[ada.pk]) for path in ("/", "/path/", *pages.own)],
            *[Stop(f"{name(path)}, staff", path, keys[grace.pk]) for path in pages.staff],
        ]
    )


def numbered(found: list[Stop]) -> list[Stop]:
    """Gives the second and later pages of one name a number."""
    seen: Counter[str] = Counter()
    made = []
    for stop in found:
        seen[stop.name] += 1
        number = seen[stop.name]
        made.append(stop if number == 1 else replace(stop, name=f"{stop.name} {number}"))
    return made


def name(path: str) -> str:
    """The page's name: its path, with what differs from one filling to the next left out."""
    place, _, query = path.partition("?")
    words = ["…" if len(word) == 36 or word.isdecimal() else word for word in place.strip("/").split("/")]
    asked = query.partition("=")[0]
    return ("/".join(words) or "front page") + (f" ({asked})" if asked else "")
