"""Adds up the weights of a lesson's advisor. Rules and reasons are the author's data; here is only the arithmetic."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from challenges.lesson.spec import Advisor, AdvisorQuestion, Approach, Choice

Answers = Mapping[str, str]


@dataclass(frozen=True)
class Reason:
    """What an answer says about an approach; `weight` in the author's points."""

    approach: str
    text: str
    weight: float


@dataclass(frozen=True)
class Flip:
    """One answer that alone would lead to another main recommendation."""

    question: str
    choice: str
    instead_of: str
    leads_to: tuple[Approach, ...]


@dataclass(frozen=True)
class Score:
    approach: Approach
    score: float
    excluded: bool


@dataclass(frozen=True)
class Advice:
    """`recommended` holds the main approach first, then what combines with it; empty if all are excluded."""

    spec: Advisor
    answers: Answers
    recommended: tuple[Approach, ...]
    reasons: tuple[Reason, ...]
    against: tuple[Reason, ...]
    ruled_out: tuple[Reason, ...]
    cheaper: tuple[Approach, ...]
    scores: tuple[Score, ...]

    @cached_property
    def flips(self) -> tuple[Flip, ...]:
        """Every single other answer under which another approach comes first."""
        return tuple(_flips(self.spec, self.answers, self.recommended))

    @property
    def first_step(self) -> str:
        return self.recommended[0].first_step if self.recommended else ""


def known(spec: Advisor, given: Answers) -> dict[str, str]:
    """The answers that the advisor knows, in its order of questions; the rest is left out."""
    answers = {}
    for question in spec.questions:
        if any(choice.id == given.get(question.id) for choice in question.choices):
            answers[question.id] = given[question.id]
    return answers


def missing(spec: Advisor, answers: Answers) -> list[AdvisorQuestion]:
    return [question for question in spec.questions if question.id not in answers]


def advise(spec: Advisor, answers: Answers) -> Advice:
    """The recommendation for `answers`, choice ids by question id; questions without an answer add nothing."""
    answers = known(spec, answers)
    scores = _scores(spec, answers)
    recommended = _recommend(spec, scores)
    chosen = _chosen(spec, answers)
    return Advice(
        spec=spec,
        answers=answers,
        recommended=recommended,
        reasons=_reasons(recommended, chosen, sign=1),
        against=_reasons(recommended, chosen, sign=-1),
        ruled_out=_ruled_out(spec, chosen),
        cheaper=_cheaper(spec, recommended, scores),
        scores=scores,
    )


def _chosen(spec: Advisor, answers: Answers) -> list[Choice]:
    return [
        choice for question in spec.questions for choice in question.choices if choice.id == answers.get(question.id)
    ]


def _scores(spec: Advisor, answers: Answers) -> tuple[Score, ...]:
    """Best first; equal scores keep the author's order, in which the cheaper stands first."""
    chosen = _chosen(spec, answers)
    excluded = {name for choice in chosen for name in choice.excludes}
    scores = [
        Score(a, a.start + sum(choice.weights.get(a.id, 0.0) for choice in chosen), a.id in excluded)
        for a in spec.approaches
    ]
    return tuple(sorted(scores, key=lambda score: (score.excluded, -score.score)))


def _recommend(spec: Advisor, scores: tuple[Score, ...]) -> tuple[Approach, ...]:
    """The best, and those close behind it that go with all chosen before them."""
    candidates = [score for score in scores if not score.excluded]
    picked: list[Approach] = []
    for score in candidates:
        if not picked or (
            candidates[0].score - score.score <= spec.combine_within
            and score.score > 0
            and all(_combine(score.approach, other) for other in picked)
        ):
            picked.append(score.approach)
    return tuple(picked)


def _combine(one: Approach, other: Approach) -> bool:
    return other.id in one.combines_with or one.id in other.combines_with


def _reasons(recommended: tuple[Approach, ...], chosen: list[Choice], *, sign: int) -> tuple[Reason, ...]:
    """For (`sign` 1) or against (-1) what is recommended, the weightiest first, each text once."""
    reasons: dict[str, Reason] = {}
    for approach in recommended:
        for choice in chosen:
            weight = choice.weights.get(approach.id, 0.0)
            text = choice.because.get(approach.id)
            if text and weight * sign > 0:
                reasons.setdefault(text, Reason(approach.title, text, weight))
    return tuple(sorted(reasons.values(), key=lambda reason: -abs(reason.weight)))


def _ruled_out(spec: Advisor, chosen: list[Choice]) -> tuple[Reason, ...]:
    titles = {approach.id: approach.title for approach in spec.approaches}
    reasons: dict[str, Reason] = {}
    for choice in chosen:
        for name in choice.excludes:
            reasons.setdefault(name, Reason(titles.get(name, name), choice.because.get(name, choice.label), 0.0))
    return tuple(reasons.values())


def _flips(spec: Advisor, answers: Answers, recommended: tuple[Approach, ...]) -> Iterator[Flip]:
    for question in spec.questions:
        now = next((choice for choice in question.choices if choice.id == answers.get(question.id)), None)
        for choice in question.choices:
            if now is None or choice == now:
                continue
            other = _recommend(spec, _scores(spec, {**answers, question.id: choice.id}))
            if other[:1] != recommended[:1]:
                yield Flip(question.text, choice.label, now.label, other)


def _cheaper(spec: Advisor, recommended: tuple[Approach, ...], scores: tuple[Score, ...]) -> tuple[Approach, ...]:
    """What to exhaust first, in the author's order, without what is recommended anyway.

    What the answers rule out, or on balance speak against, is not worth a try before the rest.
    """
    names = {name for approach in recommended for name in approach.cheaper}
    fits = {score.approach.id for score in scores if score.score > 0 and not score.excluded}
    return tuple(a for a in spec.approaches if a.id in names & fits and a not in recommended)
