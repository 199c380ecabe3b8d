"""The table in `docs/operations/people.md` of what an attacker learns about hidden rows, computed from the limits."""

from __future__ import annotations

from math import floor, log2
from pathlib import Path

from allauth.core.internal.ratelimit import parse_rates
from django.conf import settings

from challenges.reading import read_course
from challenges.spec import Challenge

DOCS = Path(settings.BASE_DIR) / "docs" / "operations" / "people.md"
HEAD = (
    "| challenge | one attempt | a guest, in all | an account, a day | a network, a day | without the limit |\n"
    "| --- | --- | --- | --- | --- | --- |\n"
)


def bits(challenge: Challenge) -> float:
    """What one shown score can tell at most: the logarithm of how many scores can be shown."""
    return log2(floor(1 / challenge.feedback.step + 1e-9) + 1)


def in_a_day(action: str) -> int:
    """How often an address may do this in a day."""
    (most,) = [one.amount for one in parse_rates(settings.ACCOUNT_RATE_LIMITS[action]) if one.duration == 3600]
    return 24 * int(most)


def row(challenge: Challenge) -> str:
    each, account = bits(challenge), challenge.limits.attempts_per_day
    network = max(settings.NETWORK_ATTEMPTS, account)
    unlimited = in_a_day("new_account") * account + in_a_day("guest") * min(settings.GUEST_SUBMISSIONS, account)
    counts = [min(settings.GUEST_SUBMISSIONS, account), account, network, unlimited]
    gained = " | ".join(f"{count * each:,.0f}" for count in counts)
    return f"| `{challenge.id}` | {each:.1f} | {gained} |\n"


def table() -> str:
    course = read_course(Path(settings.BASE_DIR) / "challenges" / "library")
    return HEAD + "".join(row(one.challenge) for lesson in course.lessons for one in lesson.challenges)


def test_the_table_of_what_an_attacker_gains_is_that_of_the_limits() -> None:
    assert table() in DOCS.read_text(), table()
