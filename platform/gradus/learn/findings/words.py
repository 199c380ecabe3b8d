"""What is said of a finding's numbers, in full sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from statistics import fmean

from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from challenges import metrics
from challenges.findings.spec import Claim, ClaimRecord, Finding, Measure, Varied
from challenges.spec import Challenge

MINUS = "\u2212"
VARIED: dict[Varied, str | Promise] = {
    "instructions": gettext_lazy("the instructions"),
    "examples": gettext_lazy("the examples"),
    "order": gettext_lazy("the order of the examples"),
    "example": gettext_lazy("the row template"),
    "label_words": gettext_lazy("the words for labels"),
    "method": gettext_lazy("the method"),
    "chunk_words": gettext_lazy("the length of passages"),
    "overlap": gettext_lazy("the overlap of passages"),
    "top_k": gettext_lazy("how many passages are used"),
    "min_score": gettext_lazy("the lowest score of a passage"),
    "rows": gettext_lazy("the training rows"),
    "hyperparameters": gettext_lazy("the hyper-parameters"),
}
MOVES: dict[Varied, str | Promise] = {
    "instructions": gettext_lazy("Changing the instructions moves “%(measure)s” by %(distance)s on average."),
    "examples": gettext_lazy("Changing the examples moves “%(measure)s” by %(distance)s on average."),
    "order": gettext_lazy("Changing the order of the examples moves “%(measure)s” by %(distance)s on average."),
    "example": gettext_lazy("Changing the row template moves “%(measure)s” by %(distance)s on average."),
    "label_words": gettext_lazy("Changing the words for labels moves “%(measure)s” by %(distance)s on average."),
    "method": gettext_lazy("Another method moves “%(measure)s” by %(distance)s on average."),
    "chunk_words": gettext_lazy("Changing the length of passages moves “%(measure)s” by %(distance)s on average."),
    "overlap": gettext_lazy("Changing the overlap of passages moves “%(measure)s” by %(distance)s on average."),
    "top_k": gettext_lazy("Changing how many passages are used moves “%(measure)s” by %(distance)s on average."),
    "min_score": gettext_lazy("Changing the lowest score of a passage moves “%(measure)s” by %(distance)s on average."),
    "rows": gettext_lazy("Changing the training rows moves “%(measure)s” by %(distance)s on average."),
    "hyperparameters": gettext_lazy("Changing the hyper-parameters moves “%(measure)s” by %(distance)s on average."),
}


def plain(value: float) -> str:
    """Two decimals, and never a minus zero."""
    text = f"{abs(value):.2f}"
    return f"{MINUS}{text}" if value < 0 and float(text) else text


def signed(value: float) -> str:
    """Two decimals with their sign; zero has none."""
    text = f"{abs(value):.2f}"
    return text if not float(text) else f"+{text}" if value > 0 else f"{MINUS}{text}"


def of_measures(finding: Finding, challenge: Challenge | None) -> dict[Measure, str]:
    """What the finding's claims are about, in their order, by its name; the challenge's score goes by its metric."""
    named: dict[Measure, str] = {
        "score": metrics.title(challenge.metric.name) if challenge else _("Score"),
        "valid": _("Share of answers that are valid JSON"),
        "decisions": _("Share of decisions that are right"),
    }
    return {claim.measure: named[claim.measure] for claim in finding.claims}


def of_rows(finding: Finding, count: int) -> str:
    """How many rows the author measured on."""
    if finding.rows == "hidden":
        return ngettext("%(count)s hidden row", "%(count)s hidden rows", count) % {"count": count}
    return of_public_rows(count)


def of_public_rows(count: int) -> str:
    return ngettext("%(count)s public row", "%(count)s public rows", count) % {"count": count}


def of_comparison(claim: Claim, titles: Mapping[str, str]) -> str:
    """Which arms a claim compares, by their titles."""
    named = [titles.get(arm, arm) for arm in claim.arms]
    if claim.found == "spread":
        return _("Highest minus lowest of %(count)s arms") % {"count": len(named)}
    if claim.best:
        return _("“%(first)s” minus the best of “%(second)s”") % {"first": named[0], "second": named[1]}
    return _("“%(first)s” minus “%(second)s”") % {"first": named[0], "second": named[1]}


def of_interval(effect: str, low: str, high: str) -> str:
    return _("%(effect)s, 95 %% interval %(low)s to %(high)s") % {"effect": effect, "low": low, "high": high}


def of_found(claim: Claim, record: ClaimRecord) -> str:
    """What the measurement found of it."""
    if record.found == "spread":
        return _("further apart than chance would put them")
    if record.found == "unclear":
        return (
            _("no more than chance")
            if claim.found == "spread"
            else _("no clear difference: the interval contains zero")
        )
    return _("above zero") if record.found == "higher" else _("below zero")


def of_claim(claim: Claim) -> str:
    """What the author claimed before the measurement."""
    if claim.found == "unclear":
        return _("no difference that the measurement can tell from zero")
    if claim.found == "spread":
        return _("%(distance)s apart or more, on average") % {"distance": plain(claim.at_least)}
    return _("higher by %(distance)s or more") % {"distance": plain(claim.at_least)}


def of_series(values: Sequence[float], mean: float | None, own: Sequence[float], learners: Sequence[float] = ()) -> str:
    """An arm's numbers for those who do not see the figure."""
    parts = []
    if len(values) == 1:
        parts.append(plain(values[0]))
    elif mean is not None:
        parts.append(of_range(values))
    if learners:
        parts.append(_("learners: %(numbers)s") % {"numbers": of_range(learners)})
    if own:
        parts.append(_("yours: %(numbers)s") % {"numbers": ", ".join(map(plain, own))})
    return "; ".join(parts) or _("not measured")


def of_range(values: Sequence[float]) -> str:
    """The mean and the ends of several numbers, or the only one."""
    if len(values) == 1:
        return plain(values[0])
    return _("mean %(mean)s of %(count)s, from %(low)s to %(high)s") % {
        "mean": plain(fmean(values)),
        "count": len(values),
        "low": plain(min(values)),
        "high": plain(max(values)),
    }


def of_mean(mean: str, low: str, high: str) -> str:
    """What learners found together."""
    return _("%(mean)s on average; the mean lies between %(low)s and %(high)s") % {
        "mean": mean,
        "low": low,
        "high": high,
    }


def of_runs(count: int) -> str:
    """How many sets learners have run."""
    return ngettext("%(count)s run by learners", "%(count)s runs by learners", count) % {"count": f"{count:,}"}


def of_learners(claim: Claim, titles: Mapping[str, str], measure: str, mean: float, low: float, high: float) -> str:
    """What the learners' sets show of a claim, as a sentence. An interval with zero in it tells nothing apart."""
    if claim.found == "spread":
        return MOVES[claim.varies] % {"measure": measure, "distance": plain(mean)}
    first, second = (titles.get(arm, arm) for arm in claim.arms)
    named = {"first": first, "second": second, "distance": plain(abs(mean))}
    if not float(named["distance"]):
        return _("“%(first)s” and “%(second)s” come out the same on average.") % named
    if low > 0 or high < 0:
        return _above(mean) % named
    return _perhaps_above(mean) % named


def _above(mean: float) -> str:
    if mean > 0:
        return _("“%(first)s” is %(distance)s above “%(second)s” on average.")
    return _("“%(first)s” is %(distance)s below “%(second)s” on average.")


def _perhaps_above(mean: float) -> str:
    if mean > 0:
        return _("“%(first)s” is %(distance)s above “%(second)s” on average, which may be chance.")
    return _("“%(first)s” is %(distance)s below “%(second)s” on average, which may be chance.")


def of_repetitions(counts: Sequence[int]) -> str:
    """How often the arms of an experiment were repeated."""
    low, high = min(counts), max(counts)
    if low == high:
        return ngettext("%(count)s repetition of each arm", "%(count)s repetitions of each arm", low) % {"count": low}
    return _("%(low)s to %(high)s repetitions of an arm") % {"low": low, "high": high}


def of_ended(ended: int, total: int) -> str:
    """How many of a learner's runs have ended."""
    said = ngettext("%(ended)s of %(total)s run has ended.", "%(ended)s of %(total)s runs have ended.", total)
    return said % {"ended": ended, "total": total}


def of_day(day: str) -> str:
    """An ISO date as the site writes dates; any other text as it is."""
    try:
        return date_format(date.fromisoformat(day), "DATE_FORMAT")
    except ValueError:
        return day
