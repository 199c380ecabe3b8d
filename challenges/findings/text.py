"""Fills the placeholders in a finding's texts with numbers from its record, so that text and record cannot differ."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import get_args

from challenges.findings.spec import ExperimentRecord, Finding, FindingRecord, Measure

PLACEHOLDER = re.compile(r"\{([^{}\n]*)\}")
UNKNOWN_YET = "…"
PARTS = ("effect", "low", "high")
# A number with a decimal point or a per cent sign, but not a version (3.11.2) or part of a model's name (GPT-3.5).
_LITERAL = re.compile(
    r"(?<![\w.])(?<![A-Za-z]-)(?:\d*\.\d+(?!\w|\.\d)(?:\s?%)?|\d+(?:\.\d+)?\s?(?:%|per\s?cent\b))", re.IGNORECASE
)


def filled(finding: Finding, record: FindingRecord | None, text: str) -> str:
    """`text` with the record's numbers in place of its placeholders, to two decimals.

    `{challenge.arm.measure}` is an arm's mean; `{n.effect}`, `{n.low}` and `{n.high}` are those of claim number n, or
    `{challenge.n.effect}` in a finding with several experiments. Where the record is missing, or lacks the arm or the
    measure, an ellipsis stands for the number. Braces that are no placeholder of this finding stay as they are.
    """

    def number(match: re.Match[str]) -> str:
        if not _is_known(finding, match[1]):
            return match[0]
        value = _value(finding, record, match[1])
        return UNKNOWN_YET if value is None else _two_decimals(value)

    return PLACEHOLDER.sub(number, text)


def unknown_placeholders(finding: Finding, text: str) -> list[str]:
    """The placeholders of `text`, without braces, that refer to nothing this finding measures."""
    return [name for name in PLACEHOLDER.findall(text) if not _is_known(finding, name)]


def literal_numbers(text: str) -> list[str]:
    """The numbers that `text` writes out with a decimal point or a per cent sign instead of a placeholder."""
    return [number.strip() for number in _LITERAL.findall(PLACEHOLDER.sub("{}", text))]


def named(finding: Finding, text: str) -> Iterator[tuple[str, str, Measure]]:
    """`(challenge, arm, measure)` of each placeholder of `text` that stands for an arm's mean."""
    for name in PLACEHOLDER.findall(text):
        challenge, arm, measure = _split(finding, name)
        if _is_known(finding, name) and measure not in PARTS:
            yield challenge, arm, measure  # type: ignore[misc]


def _split(finding: Finding, name: str) -> tuple[str, str, str]:
    """The parts of a placeholder: challenge, arm or number of a claim, and measure; empty texts if it is invalid."""
    parts = name.split(".")
    if len(parts) == 2 and len(finding.experiments) == 1:
        parts = [finding.experiments[0].challenge, *parts]
    return (parts[0], parts[1], parts[2]) if len(parts) == 3 else ("", "", "")


def _is_known(finding: Finding, name: str) -> bool:
    challenge, arm, measure = _split(finding, name)
    experiment = next((e for e in finding.experiments if e.challenge == challenge), None)
    if experiment is None:
        return False
    if re.fullmatch("[1-9]", arm) and int(arm) <= len(finding.claims) and measure in PARTS:
        return True
    return measure in get_args(Measure) and any(one.id == arm for one in experiment.arms)


def _value(finding: Finding, record: FindingRecord | None, name: str) -> float | None:
    challenge, arm, measure = _split(finding, name)
    experiments = record.experiments if record else ()
    experiment = next((one for one in experiments if one.challenge == challenge), None)
    if experiment is None:
        return None
    return _of_claim(experiment, int(arm), measure) if measure in PARTS else _mean(experiment, arm, measure)


def _of_claim(record: ExperimentRecord, number: int, part: str) -> float | None:
    value: float | None = getattr(record.claims[number - 1], part) if number <= len(record.claims) else None
    return value


def _mean(record: ExperimentRecord, arm: str, measure: str) -> float | None:
    return next((one.mean.get(measure) for one in record.arms if one.id == arm), None)


def _two_decimals(value: float) -> str:
    """The value with two decimals and a typographic minus sign; minus zero becomes zero."""
    rounded = round(value, 2) + 0.0
    return f"{abs(rounded):.2f}" if rounded >= 0 else f"\u2212{abs(rounded):.2f}"
