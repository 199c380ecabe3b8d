"""Counts how many learners have each score on a leaderboard. Ranks are computed from these counts.

The counts of a large leaderboard are cached for `FRESH_SECONDS`, or longer if counting takes long. When they are old,
one visitor's request counts again, and the others get the old counts meanwhile. The counts hold no personal data, so
all visitors share them.
"""

import time
from dataclasses import dataclass

from django.core.cache import cache
from django.db.models import Count

from gradus.submissions.models import Standing

LARGE = 5_000
FRESH_SECONDS = 30
# Counts that took one second are cached for 100, so that a leaderboard of any size uses at most 1 % of a CPU core.
COUNTING_SHARE = 0.01
# How long old counts may be used while another request counts. After that, each request counts for itself.
KEPT_SECONDS = 600
COUNTING_SECONDS = 30

Counts = list[tuple[float, int]]


@dataclass(frozen=True)
class Band:
    """Learners with equal scores. They share a rank."""

    rank: int
    score: float
    learners: int


@dataclass(frozen=True)
class Tally:
    """The bands of a leaderboard, best first. They are cached `until`, or not cached if it is None."""

    bands: tuple[Band, ...]
    until: float | None

    @property
    def total(self) -> int:
        return sum(band.learners for band in self.bands)


def bands(version_id: int, track: str) -> list[Band]:
    """Returns the bands of a leaderboard, best first. Equal scores share a rank, as in 1, 1, 3."""
    return list(tally(version_id, track).bands)


def tally(version_id: int, track: str) -> Tally:
    """Returns the counts of a leaderboard, from the cache if it is large."""
    until, counts = _counts(version_id, track)
    found, ahead = [], 0
    for score, learners in counts:
        found.append(Band(ahead + 1, score, learners))
        ahead += learners
    return Tally(tuple(found), until)


def _counts(version_id: int, track: str) -> tuple[float | None, Counts]:
    key = f"tally-{version_id}-{track}"
    kept: tuple[float, Counts] | None = cache.get(key)
    if kept is not None and (time.time() < kept[0] or not cache.add(f"{key}-counting", 1, COUNTING_SECONDS)):
        return kept
    started = time.perf_counter()
    counted = count(version_id, track)
    fresh = max(FRESH_SECONDS, (time.perf_counter() - started) / COUNTING_SHARE)
    if sum(learners for _, learners in counted) >= LARGE:
        kept = (time.time() + fresh, counted)
        cache.set(key, kept, fresh + KEPT_SECONDS)
        cache.delete(f"{key}-counting")
        return kept
    if kept is not None:
        cache.delete_many([key, f"{key}-counting"])
    return None, counted


def count(version_id: int, track: str) -> Counts:
    """Counts the ranked learners by score, best first, along an index."""
    ranked = Standing.objects.filter(ranked=True, version_id=version_id, track=track)
    return list(ranked.values_list("shown").annotate(n=Count("pk")).order_by("-shown"))
