"""How many learners have each score on a board, which holds one version: what ranks are made of.

A large board is counted once for all who look within `FRESH_SECONDS`, or longer where counting takes long: one of them
counts, the others see the count before. It holds scores and numbers, nothing of anybody, so that all may share it.
"""

import time
from dataclasses import dataclass

from django.core.cache import cache
from django.db.models import Count

from gradus.submissions.models import Standing

LARGE = 5_000
FRESH_SECONDS = 30
# A count that took a second holds for a hundred, so that a board of any size takes one hundredth of a core at most.
COUNTING_SHARE = 0.01
# How long an old count serves while somebody counts; then a visitor counts for himself.
KEPT_SECONDS = 600
COUNTING_SECONDS = 30

Counts = list[tuple[float, int]]


@dataclass(frozen=True)
class Band:
    """Learners whose floored scores are equal: no order among them."""

    rank: int
    score: float
    learners: int


@dataclass(frozen=True)
class Tally:
    """`bands` best first; `until` is how long a large board's count holds, None for a small one, which is never old."""

    bands: tuple[Band, ...]
    until: float | None

    @property
    def total(self) -> int:
        return sum(band.learners for band in self.bands)


def bands(version_id: int, track: str) -> list[Band]:
    """Best first; equal scores share a rank and the next rank skips (1, 1, 3)."""
    return list(tally(version_id, track).bands)


def tally(version_id: int, track: str) -> Tally:
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
    """Score and number of ranked learners, best first, along the board's index."""
    ranked = Standing.objects.filter(ranked=True, version_id=version_id, track=track)
    return list(ranked.values_list("shown").annotate(n=Count("pk")).order_by("-shown"))
