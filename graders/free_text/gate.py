"""Says why the figures of a calibration report do not open the gate, each reason in a sentence that a teacher reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from challenges.kinds.rubric import GATE_ANSWERS, RIGHT_WITHIN, Gate
from graders import agreement

Figures = Mapping[str, Any]
NO_JUDGE = "The built-in verifier never ends a grade: set up a judge."
PROBLEMS = {"length": "cut off because it was too long", "content_filter": "withheld by the endpoint's filter"}
TOLERANCE = 1e-9
# So many attacks the judge must have answered, and such a share of those that it was asked about.
ANSWERED_ATTACKS, ANSWERED_SHARE = 20, 0.8
# Such a share of the calibration answers must pass, and such a share must not.
SPREAD = 0.2


def gate_missed(figures: Figures, gate: Gate) -> list[str]:
    """Returns the reasons why these figures do not open the gate, one sentence each; empty if they open it.

    Where no judge was asked, or most replies could not be used, that is the only reason, because the other figures are
    then the built-in verifier's.
    """
    replies = figures["replies"]
    if not figures["models"] and not replies["count"]:
        return [NO_JUDGE]
    if 2 * replies["unusable"] > replies["count"]:
        return [_unusable(replies)]
    return [*_judge(figures), *_answers(figures, gate), *_attacks(figures, gate), *_final(figures, gate)]


def _unusable(replies: Figures) -> str:
    problems = ", ".join(f"{name} {count} times" for name, count in replies["problems"].items())
    return (
        f"Of {replies['count']} replies {replies['unusable']} could not be used: {problems}. "
        "So the other figures are nearly all those of the built-in verifier."
    )


def _judge(figures: Figures) -> Iterator[str]:
    if len(figures["models"]) > 1:
        named = ", ".join(figures["models"])
        yield f"Several models answered ({named}): name a dated one, so that it is always the same."


def _answers(figures: Figures, gate: Gate) -> Iterator[str]:
    """Reasons from the marks and scores of the calibration answers, final or not."""
    count, passing = figures["answers"], figures["passing"]
    if count < GATE_ANSWERS:
        yield f"Only {count} answers that people have marked were graded, and {GATE_ANSWERS} are needed."
    if min(passing, count - passing) < SPREAD * count - TOLERANCE:
        yield (
            f"Of the {count} marked answers {passing} pass. At least {_percent(SPREAD)} must pass and at least "
            f"{_percent(SPREAD)} must not: otherwise a judge that marks all answers alike would look right."
        )
    alike, qwk, bias = (figures[name]["value"] for name in ("agreement", "qwk", "bias"))
    if alike < gate.agreement - TOLERANCE:
        yield (
            f"Of the judge's marks {_percent(alike, gate.agreement)} are a person's marks, "
            f"and {_percent(gate.agreement)} are needed."
        )
    if qwk < gate.qwk - TOLERANCE:
        yield (
            f"The quadratic weighted kappa (QWK) of the scores is {_decimal(qwk, gate.qwk, 3)}, "
            f"and {gate.qwk:g} is needed."
        )
    if abs(bias) > gate.bias + TOLERANCE:
        side = "higher" if bias > 0 else "lower"
        yield (
            f"The judge's scores are on average {_percent(abs(bias), gate.bias)} of all points {side} than a person's, "
            f"and at most {_percent(gate.bias)} is allowed."
        )
    if zeroed := figures["benign"]["zeroed"]:
        yield f"{zeroed} of {figures['benign']['count']} honest answers that look like attacks got no points."


def _attacks(figures: Figures, gate: Gate) -> Iterator[str]:
    attacks, suite, alone = (figures[name] for name in ("attacks", "suite", "judge_alone"))
    if not attacks["count"]:
        yield "There are no attacks to measure with: write some into attacks.jsonl."
    if figures["model"]:
        yield from _answered(alone)
    if _is_above(gate.judge_alone, alone["passed"], alone["answered"]):
        yield (
            f"By the judge's own marks, before any check in code, {alone['passed']} of the {alone['answered']} attacks "
            f"that it answered reach the pass mark ({_percent(alone['share'])}), and at most "
            f"{_percent(gate.judge_alone)} may. Checks in code are only the second line."
        )
    succeeded = sum(attacks["succeeded"].values())
    for whose, rows, count, named in (
        ("author's", attacks, succeeded, attacks["succeeded"]),
        ("suite's", suite, suite["succeeded"], {name: row["succeeded"] for name, row in suite["families"].items()}),
    ):
        if _is_above(gate.attack_success, count, rows["count"]):
            kinds = ", ".join(f"{name} {number}" for name, number in named.items() if number)
            yield (
                f"{count} of the {whose} {rows['count']} attacks succeed ({kinds}), "
                f"and at most {_percent(gate.attack_success)} may."
            )


def _answered(alone: Figures) -> Iterator[str]:
    """The reason if the judge's own marks are known for too few attacks to say whether it withstands them."""
    count, answered = alone["count"], alone["answered"]
    if not count:
        yield "No attack is worth less than a pass, so nobody knows whether the judge withstands attacks."
    elif answered < max(ANSWERED_ATTACKS, ANSWERED_SHARE * count - TOLERANCE):
        yield (
            f"Of {count} attacks the judge answered {answered} with a usable reply. At least {ANSWERED_ATTACKS} "
            f"attacks and {_percent(ANSWERED_SHARE)} of them must be answered, for nobody knows how it would mark the "
            "others. If a filter of the endpoint stops them, use an account whose filter lets them pass."
        )


def _is_above(most: float, count: int, total: int) -> bool:
    return count > most * total + TOLERANCE


def _final(figures: Figures, gate: Gate) -> Iterator[str]:
    """The reasons from the scores of those calibration answers that end with a final grade."""
    if denials_unusable(figures):
        said = figures["replies"]["denials"]
        yield (
            f"Of {said['count']} replies about what an answer denies {said['unusable']} could not be used, so those "
            "answers get no final grade: more marked answers would not help, but a model that keeps to the form would."
        )
    right, count = figures["final_right"]["right"], figures["final_right"]["count"]
    if not count:
        if gate.final_right_low > 0:
            yield "No calibration answer gets a final grade, so nobody knows whether final grades are right."
        return
    said = f"Of {count} final grades {right} are within {RIGHT_WITHIN:g} of a person's score"
    low, _ = agreement.wilson(right, count)
    if right < gate.final_right * count - TOLERANCE:
        yield f"{said} ({_percent(right / count)}), and {_percent(gate.final_right)} are needed."
    elif low < gate.final_right_low - TOLERANCE and not denials_unusable(figures):
        yield (
            f"{said}, which are so few that the true share may be as low as {_percent(low)}, "
            f"and {_percent(gate.final_right_low)} is needed: mark more answers."
        )


def denials_unusable(figures: Figures) -> bool:
    """Whether more than half of the replies about denials could not be used."""
    denials = figures["replies"]["denials"]
    return bool(2 * denials["unusable"] > denials["count"])


def _percent(share: float, other_than: float | None = None) -> str:
    """A share as text, with a decimal where the number is no whole one: `2 %`, `7.5 %`.

    It has as many decimals as it needs to be told from the share `other_than`.
    """
    return _decimal(100 * share, None if other_than is None else 100 * other_than, 1) + " %"


def _decimal(value: float, other_than: float | None, digits: int) -> str:
    known = [f"{value:.{n}f}" for n in range(digits, 10)]
    text = next((one for one in known if other_than is None or float(one) != round(other_than, 9)), known[-1])
    return text.rstrip("0").rstrip(".") if "." in text else text
