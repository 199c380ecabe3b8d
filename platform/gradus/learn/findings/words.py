"""What is said of a finding's numbers, in full sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from statistics import fmean

from challenges import metrics
from challenges.findings import Claim, ClaimRecord, Finding, Measure, Varied
from challenges.spec import Challenge
from gradus.learn.findings.scale import plain

VARIED: dict[Varied, str] = {
    "instructions": "the instructions",
    "examples": "the examples",
    "order": "the order of the examples",
    "example": "the row template",
    "label_words": "the words for labels",
    "method": "prompt or training",
    "rows": "the training rows",
    "hyperparameters": "the hyper-parameters",
}
MEASURES: dict[Measure, str] = {
    "score": "Score",
    "valid": "Share of answers that are valid JSON",
    "decisions": "Share of decisions that are right",
}


def of_measures(finding: Finding, challenge: Challenge | None) -> dict[Measure, str]:
    """What the finding's claims are about, in their order, by its name; the challenge's score goes by its metric."""
    named = {**MEASURES, "score": metrics.title(challenge.metric.name)} if challenge else MEASURES
    return {claim.measure: named[claim.measure] for claim in finding.claims}


def of_comparison(claim: Claim, titles: Mapping[str, str]) -> str:
    """Which arms a claim compares, by their titles."""
    named = [titles.get(arm, arm) for arm in claim.arms]
    if claim.found == "spread":
        return f"Highest minus lowest of {len(named)} arms"
    return f"“{named[0]}” minus {'the best of ' if claim.best else ''}“{named[1]}”"


def of_found(claim: Claim, record: ClaimRecord) -> str:
    """What the measurement found of it."""
    if record.found == "spread":
        return "further apart than chance would put them"
    if record.found == "unclear":
        return "no more than chance" if claim.found == "spread" else "no clear difference: the interval contains zero"
    return "above zero" if record.found == "higher" else "below zero"


def of_claim(claim: Claim) -> str:
    """What the author claimed before the measurement."""
    if claim.found == "unclear":
        return "no difference that the measurement can tell from zero"
    if claim.found == "spread":
        return f"{plain(claim.at_least)} apart or more, on average"
    return f"higher by {plain(claim.at_least)} or more"


def of_series(values: Sequence[float], mean: float | None, own: Sequence[float], learners: Sequence[float] = ()) -> str:
    """An arm's numbers for those who do not see the figure."""
    parts = []
    if len(values) == 1:
        parts.append(plain(values[0]))
    elif mean is not None:
        parts.append(of_range(values))
    if learners:
        parts.append(f"learners {of_range(learners)}")
    if own:
        parts.append(f"yours {', '.join(map(plain, own))}")
    return "; ".join(parts) or "not measured"


def of_range(values: Sequence[float]) -> str:
    """The mean and the ends of several numbers, or the only one."""
    if len(values) == 1:
        return plain(values[0])
    return f"mean {plain(fmean(values))} of {len(values)}, from {plain(min(values))} to {plain(max(values))}"


def of_runs(count: int) -> str:
    """How many sets learners have run."""
    return f"{count:,} run{'' if count == 1 else 's'} by learners"


def of_learners(claim: Claim, titles: Mapping[str, str], measure: str, mean: float, low: float, high: float) -> str:
    """What the learners' sets show of a claim, as a sentence. An interval with zero in it tells nothing apart."""
    if claim.found == "spread":
        named = measure[:1].lower() + measure[1:]
        return f"Changing {VARIED[claim.varies]} moves the {named} by {plain(mean)} on average."
    first, second = (titles.get(arm, arm) for arm in claim.arms)
    if not float(plain(abs(mean))):
        return f"“{first}” and “{second}” come out the same on average."
    side = "above" if mean > 0 else "below"
    unsure = "" if low > 0 or high < 0 else ", which may be chance"
    return f"“{first}” is {plain(abs(mean))} {side} “{second}” on average{unsure}."


def of_repetitions(counts: Sequence[int]) -> str:
    """How often the arms of an experiment were repeated."""
    low, high = min(counts), max(counts)
    if low == high:
        return f"{low} repetition{'s' if low > 1 else ''} of each arm"
    return f"{low} to {high} repetitions of an arm"


def of_day(day: str) -> str:
    """An ISO date as the site writes dates; any other text as it is."""
    try:
        found = date.fromisoformat(day)
    except ValueError:
        return day
    return f"{found.day} {found:%b %Y}"
