"""Finds the numbers in a text in any notation: 16,000, 16k, 1.6e4, sixteen thousand; 75 %, 3/4."""

from __future__ import annotations

import math
import re

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_ADDED = {word: n for n, word in enumerate(_ONES.split())} | {word: 10 * n for n, word in enumerate(_TENS.split(), 2)}
_PARTS = {"half": 1 / 2, "third": 1 / 3, "thirds": 1 / 3, "quarter": 1 / 4, "quarters": 1 / 4}
_SCALES = {"hundred": 1e2, "thousand": 1e3, "million": 1e6, "billion": 1e9, "k": 1e3, "m": 1e6}
_FIRST = "|".join((*_ADDED, *_PARTS))
_RUN = re.compile(rf"\b(?:{_FIRST})(?:[\s-]+(?:{_FIRST}|hundred|thousand|million|billion))*\b")
_TIMES = re.compile(r"(?<=\d)\s*[x\u00d7]\s*(?=\d)")
_GROUPED = r"\d{1,3}(?:[,.'\u2019 ]\d{3})+(?!\d)(?:\.\d+)?"
_NUMBER = re.compile(
    rf"(?:(?<![\w.)])(?P<sign>[-\u2212])|(?<![\w.]))(?P<digits>{_GROUPED}|\d*[.,]?\d+)(?:e(?P<exponent>[+-]?\d{{1,3}}))?"
    r"(?:\s*\*\s*10\s*(?:\^|\*\*)\s*(?P<power>-?\d{1,3})|\s*(?:\^|\*\*)\s*(?P<raised>[2-9])\b)?"
    r"(?:\s*(?P<scale>k|m|hundred|thousand|million|billion)\b)?(?P<percent>\s*(?:%|per\s*cent\b))?"
)
_SHARE = re.compile(r"\s*(?:/|:|out\s+of|in|of|over)\s*")
# Longer numbers and larger exponents are cut off, so that all values are finite.
_DIGITS_MAX = 25
_POWER_MAX = 25


def values(text: str) -> tuple[float, ...]:
    """Returns every number of the text in order; also the value of each fraction, and both readings of "16.000"."""
    plain = _TIMES.sub("*", _RUN.sub(lambda run: f"{_spelled(run.group()):.12g}", text.casefold()))
    matches, every, last = list(_NUMBER.finditer(plain)), list[float](), 0.0
    for n, match in enumerate(matches):
        readings = _readings(match)
        every += readings
        is_share = n > 0 and _SHARE.fullmatch(plain[matches[n - 1].end() : match.start()])
        if is_share and readings[-1]:
            every.append(last / readings[-1])
        last = readings[-1]
    return tuple(every)


def same(one: float, other: float) -> bool:
    """Returns whether two numbers are equal up to rounding errors."""
    return math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-12)


def _spelled(run: str) -> float:
    """Returns the value of "seventy-five", "three quarters" or "sixteen thousand"."""
    total = 0.0
    current: float | None = None
    for word in re.split(r"[\s-]+", run):
        if word in _ADDED:
            current = (current or 0.0) + _ADDED[word]
        elif word in _PARTS or word == "hundred":
            current = (1 if current is None else current) * (_PARTS.get(word) or _SCALES[word])
        else:
            total, current = total + (current or 1) * _SCALES[word], None
    return total + (current or 0)


def _readings(match: re.Match[str]) -> list[float]:
    digits = match["digits"]
    power = int(match["exponent"] or match["power"] or 0)
    factor = 10.0 ** max(-_POWER_MAX, min(_POWER_MAX, power)) * _SCALES.get(match["scale"] or "", 1.0)
    factor *= (0.01 if match["percent"] else 1) * (-1 if match["sign"] else 1)
    raised = int(match["raised"] or 1)
    return [float(written[:_DIGITS_MAX]) ** raised * factor for written in _written(digits)]


def _written(digits: str) -> list[str]:
    """Returns the digits in Python's notation; a single point before three digits has two readings, as in 16.000."""
    grouped = re.sub(r"[,.'\u2019 ](?=\d{3}(?!\d))", "", digits)
    if re.fullmatch(r"[1-9]\d{0,2}\.\d{3}", digits):
        return [digits, grouped]
    is_grouped = re.fullmatch(_GROUPED, digits) and not digits.startswith("0")
    return [grouped if is_grouped else digits.replace(",", ".")]
