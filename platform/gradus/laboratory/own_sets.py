"""A learner's own set of a finding's arms: started with a prediction, and counted when its last arm has ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext as _

from challenges.findings.spec import Arm, Experiment, Finding, Measure
from challenges.kinds.base import Lane
from gradus.accounts.models import User
from gradus.courses import catalogue
from gradus.courses.models import Challenge, Lesson
from gradus.laboratory import arms, runs, services
from gradus.laboratory.models import Contribution, Prediction
from gradus.laboratory.runs import Own
from gradus.submissions import queue
from gradus.submissions.models import Evaluation, Run
from gradus.submissions.services import Outcome, Refused
from gradus.submissions.services.purpose import Purpose

# Scores are means of a few rows: what differs by less is one score that was added up in two orders.
TIE = 1e-9


@dataclass(frozen=True)
class Guess:
    """The arm that a learner expects to score highest, and how sure the learner is, such as 0.7."""

    arm: str
    probability: float


@dataclass(frozen=True)
class Question:
    """What can be predicted of a set: which of these arms scores highest in the measure."""

    experiment: Experiment
    measure: Measure
    arms: tuple[Arm, ...]


def question(lesson: Lesson, finding: Finding) -> Question | None:
    """The question of the first experiment and claim that compare prompts of one set; None where there is none."""
    number = arms.sets(lesson, finding) + 1
    planned = {plan.place[:2] for plan in arms.planned(lesson, finding, number)}
    for experiment in finding.experiments:
        compared = tuple(arm for arm in experiment.arms if (experiment.challenge, arm.id) in planned)
        names = {arm.id for arm in compared}
        measures = [claim.measure for claim in finding.claims if names.issuperset(claim.arms)]
        if measures:
            return Question(experiment, measures[0], compared)
    return None


def start(lesson: Lesson, finding: Finding, user: User, guess: Guess | None = None) -> list[Run]:
    """Draws a set for the learner and starts its arms, or goes on with the set that the learner has begun.

    Nothing is stored unless an arm starts. What is left of the arms is started by asking again.

    Raises:
        Refused: 422 for a finding whose examples are not drawn or a wrong prediction, 409 where another content is
            published or the set is under way, 429 where too many runs are open or all sets of the day are used.
    """
    if not arms.has_own_sets(lesson, finding):
        raise Refused("no_own_sets", _("This finding has no examples to draw. Repeat a prompt of the author instead."))
    content, above = arms.content(lesson, finding), arms.sets(lesson, finding)
    runs.hold_content(lesson, list(arms.planned(lesson, finding, above + 1)))
    with transaction.atomic():
        begun = services.begun_set(user, lesson, finding.id, content)
        own = begun or services.begin(user, lesson, finding.id, content, above)
        if guess is not None:
            _predict(lesson, finding, own, guess, is_new=begun is None)
        started = runs.start_planned(lesson, finding, user, _todo(lesson, finding, user, own.number))
    # Once more, as after the author's repetitions: the set is there only now.
    queue.ring(Lane.INTERACTIVE)
    return started


def _todo(lesson: Lesson, finding: Finding, user: User, number: int) -> list[arms.Planned]:
    done = runs.done(lesson, finding, user, {1, number})
    todo = [plan for plan in arms.planned(lesson, finding, number) if plan.place not in done]
    if not todo:
        said = _("Your set is still being run. You can start another one when it has ended.")
        raise Refused("set_under_way", said, 409)
    return todo


def _predict(lesson: Lesson, finding: Finding, own: Contribution, guess: Guess, *, is_new: bool) -> None:
    if not is_new:
        _hold_said(own, guess)
        return
    asked = question(lesson, finding)
    if asked is None or guess.arm not in {arm.id for arm in asked.arms}:
        said = _("Choose one of the listed arms for your prediction.")
        problem = {"code": "no_such_arm", "field": "arm", "message": said}
        raise Refused("no_such_arm", said, problems=[problem])
    services.predict(own, guess.arm, guess.probability)


def _hold_said(own: Contribution, guess: Guess) -> None:
    """A form that still holds the prediction of this set may be sent again, and another prediction may not."""
    if not Prediction.objects.filter(contribution=own, arm=guess.arm, probability=guess.probability).exists():
        said = _("This set has been started already, so it cannot be predicted any more. Go on without a prediction.")
        raise Refused("too_late", said, 409)


# --- the end of a set ---------------------------------------------------------------------------------------------


class OwnSet(Purpose):
    """A learner's run of a finding's arm. If it was the last one of a learner's set, the set counts."""

    name = runs.OF_A_FINDING
    has_plain_metric = True

    def recorded(self, evaluation: Evaluation, outcome: Outcome) -> None:
        run = evaluation.run
        assert run is not None
        if run.user is None:
            return
        slug = Challenge.objects.filter(versions=run.version_id).values_list("lesson__slug", flat=True).first()
        lesson = catalogue.now().lessons.get(slug or "")
        findings = lesson.parsed_findings if lesson else ()
        finding = next((finding for finding in findings if finding.id == run.finding), None)
        if lesson is not None and finding is not None:
            _end(lesson, finding, run.user)


def _end(lesson: Lesson, finding: Finding, user: User) -> None:
    """Locks the set first, so that of two arms that end at once the second sees the first."""
    begun = Contribution.objects.begun().filter(user=user, lesson=lesson, finding=finding.id).select_for_update()
    own = begun.filter(content=arms.content(lesson, finding)).first()
    if own is None:
        return
    ended = runs.own_runs(lesson, [finding], user, {1, own.number})[finding.id]
    values = {one.place: one for one in ended if one.values}
    places = [plan.place for plan in arms.planned(lesson, finding, own.number)]
    if all(place in values for place in places) and services.count(own, _scores([values[one] for one in places])):
        asked = question(lesson, finding)
        services.settle(own, outcomes(asked, [values[one] for one in places]) if asked else {})


def _scores(ended: Sequence[Own]) -> dict[str, dict[str, dict[str, float]]]:
    """By challenge, arm and measure."""
    scores: dict[str, dict[str, dict[str, float]]] = {}
    for one in ended:
        scores.setdefault(one.challenge, {})[one.arm] = {str(name): value for name, value in one.values.items()}
    return scores


def outcomes(asked: Question, ended: Sequence[Own]) -> Mapping[str, float]:
    """By arm, 1 for the one that scored highest, 0.5 for those that share the highest score, and 0 for the others."""
    values = {
        one.arm: one.values[asked.measure]
        for one in ended
        if one.challenge == asked.experiment.challenge and asked.measure in one.values
    }
    best = [arm for arm, value in values.items() if value >= max(values.values()) - TIE]
    return {arm: (1.0 if len(best) == 1 else 0.5) if arm in best else 0.0 for arm in values}
