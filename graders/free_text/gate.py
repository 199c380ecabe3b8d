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
    if (count := figures["answers"]) < GATE_ANSWERS:
        yield f"Only {count} calibration answers were marked by people, and {GATE_ANSWERS} are needed."
    alike, qwk, bias = (figures[name]["value"] for name in ("agreement", "qwk", "bias"))
    if alike < gate.agreement:
        yield f"Of the judge's marks {_percent(alike)} are a person's marks, and {_percent(gate.agreement)} are needed."
    if qwk < gate.qwk:
        yield f"The quadratic weighted kappa (QWK) of the scores is {qwk:g}, and {gate.qwk:g} is needed."
    if abs(bias) > gate.bias:
        side = "higher" if bias > 0 else "lower"
        yield (
            f"The judge's scores are on average {_percent(abs(bias))} of all points {side} than a person's, "
            f"and at most {_percent(gate.bias)} is allowed."
        )
    if zeroed := figures["benign"]["zeroed"]:
        yield f"{zeroed} of {figures['benign']['count']} honest answers that look like attacks got no points."


def _attacks(figures: Figures, gate: Gate) -> Iterator[str]:
    attacks, suite, alone = (figures[name] for name in ("attacks", "suite", "judge_alone"))
    if not attacks["count"]:
        yield "There are no attacks to measure with: write some into attacks.jsonl."
    if _is_above(gate.judge_alone, alone["passed"], alone["count"]):
        yield (
            f"By the judge's own marks, before any check in code, {alone['passed']} of {alone['count']} attacks "
            f"reach the pass mark ({_percent(alone['share'])}), and at most {_percent(gate.judge_alone)} may. "
            "Checks in code are only the second line."
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


def _is_above(most: float, count: int, total: int) -> bool:
    return count > most * total + TOLERANCE


def _final(figures: Figures, gate: Gate) -> Iterator[str]:
    """The reason from the scores of those calibration answers that end with a final grade."""
    right, count = figures["final_right"]["right"], figures["final_right"]["count"]
    if not count:
        if gate.final_right_low > 0:
            yield "No calibration answer gets a final grade, so nobody knows whether final grades are right."
        return
    said = f"Of {count} final grades {right} are within {RIGHT_WITHIN:g} of a person's score"
    low, _ = agreement.wilson(right, count)
    if right < gate.final_right * count - TOLERANCE:
        yield f"{said} ({_percent(right / count)}), and {_percent(gate.final_right)} are needed."
    elif low < gate.final_right_low - TOLERANCE:
        yield (
            f"{said}, which are so few that the true share may be as low as {_percent(low)}, "
            f"and {_percent(gate.final_right_low)} is needed: mark more answers."
        )


def _percent(share: float) -> str:
    """A share as text, with a decimal where the number is no whole one: `2 %`, `7.5 %`."""
    return f"{100 * share:.1f}".removesuffix(".0") + " %"
