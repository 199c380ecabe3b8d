"""The page about costs as a whole: entries with what they cost at given prices, when training pays, and the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from challenges.kinds import registry as kinds
from challenges.kinds.prompt import KIND as PROMPT
from gradus.accounts.models import User
from gradus.courses.models import Challenge
from gradus.intervals import Spread, difference, of_rows
from gradus.learn.costs import money
from gradus.learn.costs.entries import Entry, entries_of, rows_of
from gradus.learn.costs.money import Prices, Volume

THOUSAND = 1000


@dataclass(frozen=True)
class Line:
    """An entry with its costs for a thousand requests, without and with prompt caching, and for its training."""

    entry: Entry
    read: Spread | None
    written: Spread | None
    plain: Spread | None
    cached: Spread | None
    training: float | None


@dataclass(frozen=True)
class BreakEven:
    """When the training of `entry` has paid for itself, in requests; None where it never does.

    `knows_cache` and `knows_time` say whether that could be computed: both sides have to be measured for it.
    """

    entry: Entry
    plain: Volume | None
    cached: Volume | None
    time: Volume | None
    knows_cache: bool
    knows_time: bool


@dataclass(frozen=True)
class Comparison:
    """`prompt` is what trained methods are compared with: the prompt with the highest score."""

    rows: int
    has_interval: bool
    lines: tuple[Line, ...]
    prompt: Entry | None
    break_evens: tuple[BreakEven, ...]

    @property
    def is_measuring(self) -> bool:
        return any(line.entry.measurement.under_way for line in self.lines)

    @property
    def has_control(self) -> bool:
        return any(line.entry.is_control for line in self.lines)

    @property
    def training_columns(self) -> list[str]:
        """The columns about training in which at least one number is known; none where nothing was trained."""
        trained = [line.entry for line in self.lines if line.entry.is_trained]
        known = {
            "share": any("trainable_share" in entry.training for entry in trained),
            "bytes": any("adapter_bytes" in entry.training for entry in trained),
            "memory": any(entry.peak_bytes for entry in trained),
            "seconds": bool(trained),
        }
        return [column for column, is_known in known.items() if is_known]

    @property
    def columns(self) -> list[str]:
        """The columns about requests and money in which at least one number is known."""
        lines, evens = self.lines, self.break_evens
        known = {
            "tokens": any(line.read for line in lines),
            "shared": any(line.entry.tokens and line.entry.tokens.shared is not None for line in lines),
            "time": any(line.entry.ms for line in lines),
            "training": any(line.training is not None for line in lines),
            "money": any(line.plain for line in lines),
            "cached_money": any(line.cached for line in lines),
            "cached_volume": any(even.knows_cache for even in evens),
            "time_volume": any(even.knows_time for even in evens),
        }
        return [column for column, is_known in known.items() if is_known]


def is_compared(challenge: Challenge) -> bool:
    """Whether a base model answers the rows of a challenge, so that requests have a cost."""
    version, spec = challenge.version, challenge.spec
    return version is not None and bool(version.public) and any(kinds.find(t).measures_costs(spec) for t in spec.tracks)


def comparison(challenge: Challenge, user: User | None, prices: Prices) -> Comparison:
    entries = entries_of(challenge, user)
    prompt = max((one for one in entries if _is_prompt(one)), key=lambda one: (one.score, one.is_own), default=None)
    rows = rows_of(challenge)
    return Comparison(
        rows=rows,
        has_interval=any(one.interval for one in entries),
        lines=tuple(_line(one, prices) for one in entries),
        prompt=prompt,
        break_evens=tuple(_break_even(one, prompt, prices) for one in entries if prompt and _can_pay(one)),
    )


def _is_prompt(entry: Entry) -> bool:
    return entry.kind == PROMPT.name and entry.tokens is not None


def _can_pay(entry: Entry) -> bool:
    return entry.is_trained and entry.tokens is not None


def _line(entry: Entry, prices: Prices) -> Line:
    tokens = entry.tokens
    if tokens is None:
        return Line(entry, None, None, None, None, None)
    plain, cached = (money.mean_cost(prices, tokens, is_cached=is_cached) for is_cached in (False, True))
    return Line(
        entry=entry,
        read=of_rows([read for read, _ in tokens.rows]),
        written=of_rows([written for _, written in tokens.rows]),
        plain=plain and plain.scaled(THOUSAND),
        cached=cached and cached.scaled(THOUSAND),
        training=money.training_cost(prices, _mean(entry.training_seconds)) if entry.is_trained else None,
    )


def _mean(values: tuple[float, ...]) -> float:
    return sum(values) / len(values)


def _break_even(entry: Entry, prompt: Entry, prices: Prices) -> BreakEven:
    assert entry.tokens is not None and prompt.tokens is not None
    spent = [money.training_cost(prices, seconds) for seconds in entry.training_seconds]
    plain, cached = (
        money.saved(prices, prompt.tokens, entry.tokens, is_cached=is_cached) for is_cached in (False, True)
    )
    quicker = difference(prompt.ms, entry.ms) if prompt.ms and entry.ms else None
    return BreakEven(
        entry=entry,
        plain=money.volume(spent, plain) if plain else None,
        cached=money.volume(spent, cached) if cached else None,
        time=money.volume([THOUSAND * seconds for seconds in entry.training_seconds], quicker) if quicker else None,
        knows_cache=cached is not None,
        knows_time=quicker is not None,
    )


T = TypeVar("T")


@dataclass(frozen=True)
class Answer:
    """What can be said of at least one result. What nothing is known about is None.

    `rival` scores less than `best`, by another method, but their ranges overlap. `cheapest` has the cheapest requests
    of the methods that pass, and `quickest` the shortest time of all that were measured: both only where there are
    others to compare with. `training` says when the trained method with the highest score has paid for itself.
    """

    best: Entry
    has_others: bool
    rival: Entry | None
    passes: bool
    cheapest: Line | None
    quickest: Entry | None
    training: BreakEven | None


def answer(compared: Comparison, pass_mark: float) -> Answer | None:
    """None where there is no result yet."""
    entries = [line.entry for line in compared.lines]
    if not entries:
        return None
    best = max(entries, key=_score)
    # The plain way reads no tokens of the base model, so it has no price that could be compared.
    passing = [line for line in compared.lines if line.entry.score >= pass_mark and not line.entry.is_control]
    return Answer(
        best=best,
        has_others=len(entries) > 1,
        rival=max((one for one in entries if _may_be_as_good(one, best)), key=_score, default=None),
        passes=any(entry.score >= pass_mark for entry in entries),
        cheapest=_least(
            passing if all(line.plain for line in passing) else (),
            lambda line: line.plain.value if line.plain else 0,
        ),
        quickest=_least((one for one in entries if one.ms), lambda one: one.ms.value if one.ms else 0),
        training=max(compared.break_evens, key=lambda even: _score(even.entry), default=None),
    )


def _score(entry: Entry) -> float:
    return entry.score


def _may_be_as_good(entry: Entry, best: Entry) -> bool:
    if entry.approach == best.approach or entry.interval is None or best.interval is None:
        return False
    return entry.interval[1] >= best.interval[0]


def _least(candidates: Iterable[T], size: Callable[[T], float]) -> T | None:
    """The least of at least two; of one alone, nothing is said."""
    listed = list(candidates)
    return min(listed, key=size) if len(listed) > 1 else None
