"""A learner makes the public part of a finding again: ordinary runs on public rows, and what came of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import Prefetch
from django.utils.translation import gettext as _
from django.utils.translation import override

from challenges.bundle import ChallengeBundle
from challenges.findings.reproduced import public_values
from challenges.findings.spec import Finding, Measure
from challenges.kinds.base import Lane
from gradus.accounts.models import User
from gradus.courses.models import ChallengeVersion, Lesson
from gradus.laboratory import arms
from gradus.laboratory.arms import Place, Planned
from gradus.submissions import queue, services
from gradus.submissions.models import Evaluation, Run
from gradus.submissions.services import Refused, Repetition
from gradus.submissions.states import State

OF_A_FINDING = "finding"
# How many runs of a learner a lesson's page looks at: all arms of a dozen sets.
LISTED = 60


@dataclass(frozen=True)
class Own:
    """The learner's newest run of one repetition. `values` are scores on public rows, once it has ended."""

    challenge: str
    arm: str
    repetition: int
    state: str
    is_open: bool
    message: str
    values: dict[Measure, float] = field(default_factory=dict)

    @property
    def place(self) -> Place:
        return self.challenge, self.arm, self.repetition

    @property
    def counts(self) -> bool:
        """Whether it need not be run again: it goes on, or has its scores."""
        return self.is_open or bool(self.values)


def start(lesson: Lesson, finding: Finding, user: User, number: int | None) -> list[Run]:
    """Starts the prompt arms of the author's repetition `number`, or of the next that the learner has not run yet.

    Arms that were run or are running are left out. Those for which no open run is left are started by asking again.

    Raises:
        Refused: 422 for a number that there is not, 409 where nothing is left to run or another content is published,
            429 where too many runs are open.
    """
    todo = _todo(lesson, finding, number, done(lesson, finding, user, range(1, arms.sets(lesson, finding) + 1)))
    return start_planned(lesson, finding, user, todo)


def done(lesson: Lesson, finding: Finding, user: User, numbers: Iterable[int]) -> set[Place]:
    """The arms of these repetitions that need not be run again."""
    return {own.place for own in own_runs(lesson, [finding], user, numbers)[finding.id] if own.counts}


def start_planned(lesson: Lesson, finding: Finding, user: User, todo: Sequence[Planned]) -> list[Run]:
    """Starts as many of `todo`, in this order, as the learner may have open.

    Raises:
        Refused: 409 where another content is published, 429 where not even one can be open.
    """
    hold_content(lesson, todo)
    with transaction.atomic():
        runs = _start_some(lesson, finding, user, todo)
    # The bell rung within the transaction may have been answered before there was anything to see.
    queue.ring(Lane.INTERACTIVE)
    return runs


def _todo(lesson: Lesson, finding: Finding, number: int | None, done: set[Place]) -> list[Planned]:
    count = arms.sets(lesson, finding)
    if not count:
        raise Refused("only_training", _("Every arm of this finding is trained. Train it in its challenge."))
    if number is not None and not 1 <= number <= count:
        said = _("Choose a number from 1 to %(count)s.") % {"count": count}
        listed = [{"code": "no_such_repetition", "field": "repetition", "message": said}]
        raise Refused("no_such_repetition", said, problems=listed)
    for one in range(1, count + 1) if number is None else (number,):
        todo = [p for p in arms.planned(lesson, finding, one) if p.place not in done]
        if todo:
            return todo
    if number is None:
        said = _("You have already run all repetitions in the past week. Your results are in the figure.")
    else:
        said = _("You have already run this one in the past week. Your results are in the figure.")
    raise Refused("already_run", said, 409)


def hold_content(lesson: Lesson, todo: Iterable[Planned]) -> None:
    """Raises `Refused` (409) where another content is published than the finding is about."""
    for plan in todo:
        if arms.live(lesson, plan.challenge) is None:
            raise Refused(
                "other_content",
                _(
                    "This finding is about a newer version of the challenge than the one that is published here. "
                    "It can be run once the staff have published that version."
                ),
                409,
            )


def _start_some(lesson: Lesson, finding: Finding, user: User, todo: Iterable[Planned]) -> list[Run]:
    runs: list[Run] = []
    for plan in todo:
        try:
            runs.append(_start_one(lesson, finding, user, plan))
        except Refused as refused:
            if refused.code != "too_many_runs" or not runs:
                raise
            break
    return runs


def _start_one(lesson: Lesson, finding: Finding, user: User, plan: Planned) -> Run:
    challenge = arms.live(lesson, plan.challenge)
    assert challenge is not None and challenge.version is not None
    return services.start_run(
        user,
        challenge.version,
        arms.submission(lesson, arms.bundle_of(challenge.version), plan.arm, plan.repetition),
        purpose=OF_A_FINDING,
        label=_label(plan),
        repeats=Repetition(finding.id, plan.arm.id, plan.repetition),
    )


def _label(plan: Planned) -> str:
    """What is stored is English, like the title of the arm."""
    with override("en"):
        return f"{plan.arm.title} {arms.name(plan.arm, plan.repetition)}".strip()[:80]


def own_runs(
    lesson: Lesson, findings: Iterable[Finding], user: User | None, numbers: Iterable[int] | None = None
) -> dict[str, list[Own]]:
    """By finding, the newest run of each repetition on the published contents; runs are kept for a week.

    Those of the repetitions `numbers`, or else the newest `LISTED` of them. A run of a prompt that the author has
    changed since is left out: it is another experiment.
    """
    by_id = {finding.id: finding for finding in findings}
    by_finding: dict[str, list[Own]] = {name: [] for name in by_id}
    if user is None or not by_finding:
        return by_finding
    versions = [one.version for one in lesson.current_challenges if arms.live(lesson, one.name) and one.version]
    made = list(_made(user, list(by_id), versions, numbers))
    ran = {one.pk: one for one in versions if one.pk in {run.version_id for run in made}}
    bundles = {pk: arms.bundle_of(version) for pk, version in ran.items()}
    seen: set[tuple[str, Place]] = set()
    for run in made:
        own = _own(run, ran[run.version_id])
        if (run.finding, own.place) not in seen and _is_as_now(
            lesson, by_id[run.finding], bundles[run.version_id], run
        ):
            seen.add((run.finding, own.place))
            by_finding[run.finding].append(own)
    return by_finding


def _made(
    user: User, names: Sequence[str], versions: Sequence[ChallengeVersion], numbers: Iterable[int] | None
) -> Iterable[Run]:
    current = Prefetch("evaluations", Evaluation.objects.filter(is_current=True), to_attr="current_evaluations")
    runs = Run.objects.filter(user=user, purpose=OF_A_FINDING, finding__in=names, version__in=versions)
    if numbers is not None:
        return runs.filter(repetition__in=numbers).prefetch_related(current)
    return runs.prefetch_related(current)[:LISTED]


def _is_as_now(lesson: Lesson, finding: Finding, bundle: ChallengeBundle, run: Run) -> bool:
    """Whether the arm would send the same now."""
    assert run.repetition is not None
    return any(
        plan.place == (bundle.challenge.id, run.arm, run.repetition)
        and arms.submission(lesson, bundle, plan.arm, run.repetition) == run.payload
        for plan in arms.planned(lesson, finding, run.repetition)
    )


def _own(run: Run, version: ChallengeVersion) -> Own:
    evaluation = run.current
    assert run.repetition is not None
    return Own(
        challenge=version.challenge.name,
        arm=run.arm,
        repetition=run.repetition,
        state=evaluation.state,
        is_open=evaluation.is_open,
        message=evaluation.message,
        values=public_values(version.parsed, _public(evaluation)) if evaluation.state == State.SCORED else {},
    )


def _public(evaluation: Evaluation) -> dict[str, Any]:
    return (evaluation.result or {}).get("public") or {}
