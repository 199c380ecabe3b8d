"""Checks training rows before a training run: counts labels, duplicates and tokens."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from challenges.check import check
from challenges.field_checks import FieldProblem
from challenges.kinds.tune import Hyperparameters, TunePayload, texts
from challenges.kinds.tune_keys import held_out, tune
from challenges.models.token_counts import CountTokens, row_tokens
from challenges.rows import AnyRow, PreferenceRow
from challenges.spec import Challenge, Label
from challenges.texts import normal
from challenges.training_methods import LORA, METHODS, Method
from challenges.translation import gettext

# LoRA training of the built-in model in fp32 on two AVX2 cores, in training tokens per second, as measured with the
# baseline of `symptom-specialty` (37,000 tokens in 292 s).
TOKENS_PER_SECOND = 128.0
BINS = 10
DEFAULTS = Hyperparameters()


@dataclass(frozen=True)
class Bin:
    """Rows with `low <= tokens <= high`."""

    low: int
    high: int
    rows: int


@dataclass(frozen=True)
class Preferences:
    """`by_length` is `shorter` or `longer` where the chosen answer of every row is so, else empty."""

    held_out: int
    chosen_words: float
    rejected_words: float
    by_length: str


@dataclass(frozen=True)
class DatasetReport:
    """Counts for one set of training rows.

    `labels` maps each output to its number of rows (labels of the challenge first, also those without a row; empty
    unless answers are labels). `balance` is the largest count over the smallest, None where a label has no row.
    `duplicates` are groups of row numbers, from 1, whose inputs are equal but for case, spaces and punctuation;
    `conflicts` are those among them whose outputs differ. `total_tokens` is tokens x epochs.
    `preferences` is None where rows are pairs.
    """

    rows: int
    labels: dict[str, int]
    balance: float | None
    duplicates: tuple[tuple[int, ...], ...]
    conflicts: tuple[tuple[int, ...], ...]
    histogram: tuple[Bin, ...]
    tokens_per_row: float
    longest_row: int
    total_tokens: int
    tokens_max: int
    problems: tuple[FieldProblem, ...]
    preferences: Preferences | None = None


def report(
    challenge: Challenge,
    rows: Sequence[AnyRow],
    count_tokens: CountTokens,
    *,
    instructions: str = "",
    hyperparameters: Hyperparameters = DEFAULTS,
    method: Method = LORA,
) -> DatasetReport:
    """Describes `rows` for `challenge`; `problems` are exactly those for which a submit would be refused."""
    counts = _counts(challenge, method, rows, count_tokens, instructions)
    total = sum(counts) * hyperparameters.num_train_epochs
    labels, groups = _labels(challenge, rows), _duplicates(rows)
    return DatasetReport(
        rows=len(rows),
        labels=labels,
        balance=_balance(labels),
        duplicates=groups,
        conflicts=tuple(group for group in groups if len({rows[n - 1].output for n in group}) > 1),
        histogram=_histogram(counts),
        tokens_per_row=sum(counts) / len(counts) if counts else 0.0,
        longest_row=counts.index(max(counts)) + 1 if counts else 0,
        total_tokens=total,
        tokens_max=tune(challenge).tokens_max,
        problems=_problems(challenge, rows, count_tokens, instructions, hyperparameters, method),
        preferences=_preferences(challenge, method, rows),
    )


def training_seconds(method: str, tokens: int) -> float:
    """How long training on so many tokens takes on the machine on which the course was measured."""
    return METHODS[method].cost * tokens / TOKENS_PER_SECOND


def _preferences(challenge: Challenge, method: Method, rows: Sequence[AnyRow]) -> Preferences | None:
    both = [(len(row.chosen.split()), len(row.rejected.split())) for row in rows if isinstance(row, PreferenceRow)]
    if not both:
        return None
    kept, _ = held_out(tune(challenge), method, rows)
    by_length = "shorter" if all(c < r for c, r in both) else "longer" if all(c > r for c, r in both) else ""
    chosen, rejected = (sum(words) / len(both) for words in zip(*both, strict=True))
    return Preferences(len(rows) - len(kept), chosen, rejected, by_length)


def _counts(
    challenge: Challenge, method: Method, rows: Sequence[AnyRow], count_tokens: CountTokens, instructions: str
) -> list[int]:
    """Tokens of each row. A preference has two texts, and both of them are read."""
    counts = list(row_tokens(challenge, count_tokens, instructions, texts(method, rows)))
    if len(counts) != 2 * len(rows):
        return counts
    return [sum(pair) for pair in zip(counts[::2], counts[1::2], strict=True)]


def _problems(
    challenge: Challenge,
    rows: Sequence[AnyRow],
    count_tokens: CountTokens,
    instructions: str,
    hyperparameters: Hyperparameters,
    method: Method,
) -> tuple[FieldProblem, ...]:
    if not rows:
        return (FieldProblem("empty", "rows", gettext("There are no rows: add some.")),)
    payload = TunePayload.model_construct(
        method=method, instructions=instructions, rows=tuple(rows), hyperparameters=hyperparameters
    )
    return tuple(check(challenge, payload, count_tokens))


def _labels(challenge: Challenge, rows: Sequence[AnyRow]) -> dict[str, int]:
    if not isinstance(challenge.answer, Label):
        return {}
    known = dict.fromkeys(challenge.answer.labels, 0)
    return {**known, **Counter(row.output for row in rows)}


def _balance(labels: dict[str, int]) -> float | None:
    fewest = min(labels.values(), default=0)
    return max(labels.values()) / fewest if fewest else None


def _duplicates(rows: Sequence[AnyRow]) -> tuple[tuple[int, ...], ...]:
    places: dict[str, list[int]] = defaultdict(list)
    for number, row in enumerate(rows, 1):
        places[normal(row.input)].append(number)
    return tuple(tuple(group) for group in places.values() if len(group) > 1)


def _histogram(counts: Sequence[int]) -> tuple[Bin, ...]:
    if not counts:
        return ()
    low = min(counts)
    width = -(-(max(counts) - low + 1) // BINS)
    bins = Counter((count - low) // width for count in counts)
    return tuple(Bin(low + n * width, low + (n + 1) * width - 1, bins[n]) for n in range(max(bins) + 1))
