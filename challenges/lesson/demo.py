"""A lesson's demo: from the model's probabilities to the text of a panel, and the recorded answers.

The author sets the thresholds, and the rounded number that people see is compared with them. The recorded answers to
the first example are the entry `demo` in `measured.json`. `gradus challenge demo --record` writes it, so that a page
can show a real answer without asking the model.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from pydantic import Field

from challenges.lesson.spec import Demo
from challenges.spec import Share, Spec
from challenges.translation import gettext, gettext_noop, translated

ZERO, FEW, TUNED = "zero-shot", "few-shot", "fine-tuned"
PANELS = (ZERO, FEW, TUNED)
UNSURE = gettext_noop("Not sure about the answer, need more context")
# A smaller probability is noise and is not shown.
SHOWN_FROM = 0.05
RELATED_MOST = 3


@dataclass(frozen=True)
class Meter:
    label: str
    share: float
    condition: str = ""


@dataclass(frozen=True)
class Said:
    """The text of a panel; `related` never contains the answer itself. `ranked` are all labels, the likeliest first."""

    answer: str
    note: str
    meters: tuple[Meter, ...]
    related: tuple[Meter, ...] = ()
    is_unsure: bool = False
    ranked: tuple[Meter, ...] = ()


def said(demo: Demo, panel: str, shares: Mapping[str, float]) -> Said:
    """Turns the model's label probabilities (of two labels or more) into the text that a panel of the demo shows."""
    if panel == TUNED:
        shares = calibrated(shares, demo.temperature)
    meters = sorted((Meter(label, round(share, 2)) for label, share in shares.items()), key=lambda m: -m.share)
    text = {ZERO: _zero_shot, FEW: _few_shot, TUNED: _fine_tuned}[panel](demo, meters)
    return replace(text, ranked=tuple(meters))


def calibrated(shares: Mapping[str, float], temperature: float) -> dict[str, float]:
    """Temperature scaling (Guo et al. 2017, arXiv 1706.04599) of probabilities; 1.0 leaves them as they are."""
    powers = {label: share ** (1 / temperature) for label, share in shares.items()}
    total = sum(powers.values()) or 1.0
    return {label: power / total for label, power in powers.items()}


def _zero_shot(demo: Demo, ranked: list[Meter]) -> Said:
    first, second = ranked[:2]
    apart = round(first.share - second.share, 2)
    if apart <= demo.hedge_within:
        note = gettext(
            "It hedges: the two are %(apart)s apart, and it chooses only if one is more than %(least)s ahead."
        )
        both = gettext("%(first)s or %(second)s") % {"first": first.label, "second": second.label}
        return Said(both, note % {"apart": f"{apart:.2f}", "least": f"{demo.hedge_within:.2f}"}, _shown(ranked[:2]))
    note = gettext("%(label)s comes second, %(apart)s behind.") % {"label": second.label, "apart": f"{apart:.2f}"}
    return Said(first.label, note, _shown(ranked[:2]))


def _few_shot(demo: Demo, ranked: list[Meter]) -> Said:
    first = ranked[0]
    if first.share < demo.abstain_below:
        note = gettext("Its best guess is %(label)s with %(share)s; below %(least)s it gives no answer.")
        note %= {"label": first.label, "share": f"{first.share:.2f}", "least": f"{demo.abstain_below:.2f}"}
        return Said(translated(UNSURE), note, _shown(ranked[:2]), is_unsure=True)
    note = gettext("It answers when its best guess has at least %(least)s.") % {"least": f"{demo.abstain_below:.2f}"}
    return Said(first.label, note, _shown(ranked[:2]))


def _fine_tuned(demo: Demo, ranked: list[Meter]) -> Said:
    """Shows the best label with its confidence, and up to three related labels with the author's condition for each."""
    first = ranked[0]
    conditions = {related.label: related.condition for related in demo.related.get(first.label, ())}
    related = [Meter(m.label, m.share, conditions[m.label]) for m in _shown(ranked[1:]) if m.label in conditions]
    note = gettext("Its calibrated confidence is %(share)s.") % {"share": f"{first.share:.2f}"}
    return Said(first.label, note, (first,), tuple(related[:RELATED_MOST]))


def _shown(meters: list[Meter]) -> tuple[Meter, ...]:
    return tuple(meter for meter in meters if meter.share >= SHOWN_FROM)


class PanelRecord(Spec):
    """`tokens` is the length of the prompt that the model read; `probabilities` are as the model gave them."""

    tokens: float = Field(ge=0)
    probabilities: dict[str, Share] = Field(min_length=2)


class DemoRecord(Spec):
    """`reads` are the tokens of `input`, which joined give it; `digest` changes with all that decides the answers."""

    digest: str
    input: str
    reads: tuple[str, ...]
    machine: str
    panels: dict[str, PanelRecord]
