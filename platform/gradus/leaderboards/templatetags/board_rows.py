"""The template tag that renders a row of a leaderboard. Rows are cached, because most visitors see equal ones."""

from datetime import datetime
from functools import lru_cache

from django import template
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from gradus.leaderboards.boards import BoardRow

register = template.Library()
CACHED_ROWS = 4096


@register.simple_tag
def board_row(row: BoardRow, *, shows_costs: bool, has_approaches: bool = False) -> SafeString:
    """Renders a learner's row."""
    tokens = row.cost.get("prompt_tokens") if shows_costs else None
    result = "provisional" if row.provisional else "gold" if row.gold else "passed" if row.passed else ""
    result = "hidden" if row.no_rank == "hidden" else result
    language, is_tied = get_language(), row.tied > 1
    approach = row.approach_title if has_approaches else None
    # Where one learner has a score, it says nothing to be the first.
    is_first, is_alike = row.first and is_tied, row.like_mine and not row.mine
    return _row(
        language,
        row.rank,
        row.pseudonym,
        row.score,
        is_tied,
        result,
        row.mine,
        row.reached_at,
        tokens,
        shows_costs,
        approach,
        row.interval,
        is_first,
        is_alike,
    )


@lru_cache(maxsize=CACHED_ROWS)
def _row(
    language: str | None,
    rank: int | None,
    pseudonym: str,
    score: float,
    is_tied: bool,
    result: str,
    mine: bool,
    reached_at: datetime,
    tokens: float | None,
    shows_costs: bool,
    approach: str | None,
    interval: tuple[float, float] | None,
    is_first: bool,
    is_alike: bool,
) -> SafeString:
    """Renders a row. Its arguments are everything that the row shows, so they can be the key of the cache."""
    return render_to_string("leaderboards/_row.html", locals())
