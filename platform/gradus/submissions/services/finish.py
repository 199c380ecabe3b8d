"""Services that end an evaluation or return it to the queue. A worker needs the current fence to call them.

Each changes the state of exactly one evaluation, or nothing at all.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Coalesce, Now

from challenges.characters import cleaned
from challenges.jobs import Item, Outcome
from challenges.jobs import LeaseLost as LeaseLost
from challenges.shown_score import shown_score
from gradus.accounts.models import User
from gradus.classes import releases
from gradus.courses import calibrations
from gradus.courses.models import Calibration, ChallengeVersion, Course
from gradus.submissions import events, failpoints
from gradus.submissions.budgets import slots
from gradus.submissions.models import Evaluation, Score, Standing, Submission
from gradus.submissions.results.standings import hold_learner, update_standing
from gradus.submissions.services.purpose import verifying
from gradus.submissions.states import CODES, State


def record(evaluation_id: int, fence: int, outcome: Outcome, last: Sequence[Item] = ()) -> Evaluation:
    """Records a grade in one transaction: the state `scored` or `review`, the score and the standing.

    The score of a shadow evaluation is only held. A judge's marks are final only if the judge has passed the gate on
    this content; the score names its calibration. `last` are earlier events that have not been written yet.

    Raises:
        LeaseLost: the fence is not current. Everything is rolled back.
    """
    evaluation = _record(evaluation_id, fence, outcome, last)
    failpoints.reach("record.committed")
    return evaluation


@transaction.atomic
def _record(evaluation_id: int, fence: int, outcome: Outcome, last: Sequence[Item]) -> Evaluation:
    hold_course(evaluation_id)
    calibration = _calibration(evaluation_id, outcome)
    if outcome.judge is not None and calibration is None and not outcome.unsettled:
        outcome = replace(outcome, provisional=True, review=("no-calibration",))
    state = State.REVIEW if _asks_a_person(evaluation_id, outcome) else State.SCORED
    evaluation = _end(
        evaluation_id,
        fence,
        state,
        result=cleaned(outcome.result),
        raw=outcome.raw,
        artifact=outcome.artifact,
        grader_version=outcome.grader_version,
        overlap=outcome.overlap,
        engine_choice=outcome.engine_choice,
    )
    if evaluation.submission is not None:
        _take(evaluation, outcome, calibration)
    slots.release(evaluation)
    events.write(evaluation, [*last, ("finished", {"status": state})])
    events.recorded.send(sender=Evaluation, evaluation=evaluation, outcome=outcome)
    failpoints.reach("record.uncommitted")
    return evaluation


def hold_course(evaluation_id: int, *, waits: bool = True) -> bool:
    """Locks the course before the evaluation if that checks one of its versions; see `courses.locks`.

    Returns False if another transaction holds the course and `waits` is False.
    """
    checks = Evaluation.objects.filter(pk=evaluation_id, run__purpose__in=verifying())
    course = checks.values_list("run__version__challenge__course", flat=True).first()
    if course is None:
        return True
    skips = not waits and connection.features.has_select_for_update_skip_locked
    locked = Course.objects.select_for_update(no_key=True, skip_locked=skips).filter(pk=course)
    return locked.first() is not None or waits


def _asks_a_person(evaluation_id: int, outcome: Outcome) -> bool:
    """Returns True if a person has to review the grade. Runs are never reviewed."""
    return outcome.unsettled and Evaluation.objects.filter(pk=evaluation_id, submission__isnull=False).exists()


def _calibration(evaluation_id: int, outcome: Outcome) -> Calibration | None:
    if outcome.judge is None or outcome.score is None:
        return None
    evaluations = Evaluation.objects.select_related("submission__version", "run__version", "graded_version")
    return calibrations.behind(evaluations.get(pk=evaluation_id).version, outcome.judge)


def _take(evaluation: Evaluation, outcome: Outcome, calibration: Calibration | None) -> None:
    """Makes the score the current one, or holds it if only a person may decide that. Without one, a person gives it."""
    assert evaluation.submission is not None
    value = outcome.score
    hold_learner(evaluation.submission.user_id)
    # A release, or a rule that withholds, may have ended after this worker had read the attempt.
    evaluation.submission.refresh_from_db(fields=["grade_withheld", "details_withheld"])
    before = released(evaluation.submission) if evaluation.number > 1 else None
    worse = before is not None and (outcome.unsettled or value is None or shown_of(evaluation, value) < before)
    if evaluation.shadow or worse or _is_late(evaluation):
        _hold(evaluation, outcome)
        return
    if outcome.unsettled:
        _withhold_provisional(evaluation.submission)
    make_current(evaluation)
    if value is None:
        update_standing(evaluation.submission.user_id, evaluation.submission.challenge_id, evaluation.submission.kind)
        return
    verified_by = None if outcome.unsettled else Score.VerifiedBy.AI
    write_score(
        evaluation,
        value,
        outcome.private_score,
        verified_by,
        before=before,
        judge=outcome.judge,
        calibration=calibration,
    )


def _withhold_provisional(submission: Submission) -> None:
    """Withholds a first grade that is provisional, where the class has released only final ones."""
    if submission.of_class_id is None or Score.objects.filter(evaluation__submission=submission).exists():
        return
    rule = releases.rule_of(submission.of_class_id, submission.challenge_id)
    if rule.holds_provisional:
        submission.grade_withheld |= rule.score != rule.When.NOW
        submission.details_withheld = True
        submission.save(update_fields=["grade_withheld", "details_withheld"])


def _is_late(evaluation: Evaluation) -> bool:
    """Returns True if the learner has withdrawn the attempt while it was graded again."""
    newer = Evaluation.objects.filter(submission=evaluation.submission, is_current=True, number__gt=evaluation.number)
    return evaluation.number > 1 and newer.exists()


def _hold(evaluation: Evaluation, outcome: Outcome) -> None:
    if outcome.score is None:
        return
    evaluation.proposal = {
        "value": outcome.score,
        "private": outcome.private_score,
        "provisional": outcome.unsettled,
        "review": list(outcome.review),
        "notes": outcome.notes,
        "judge": list(outcome.judge or ()),
    }
    evaluation.save(update_fields=["proposal"])


def released(submission: Submission) -> float | None:
    """Returns the final score that the learner has been shown, or None if there is no final score yet."""
    final = Score.objects.filter(evaluation__submission=submission, evaluation__is_current=True, provisional=False)
    return final.values_list("shown", flat=True).first()


def shown_of(evaluation: Evaluation, value: float) -> float:
    """Returns the score in [0, 1] that a learner sees for `value`, by the challenge's feedback mode."""
    submission = evaluation.submission
    assert submission is not None
    key = {"challenge": submission.challenge, "track": submission.kind, "version": evaluation.version_id}
    key["season"] = submission.season
    standing = Standing.objects.filter(user=submission.user, **key)
    best = standing.values_list("shown", flat=True).first()
    return shown_score(evaluation.version.parsed.feedback, value, best or 0.0)


def write_score(
    evaluation: Evaluation,
    value: float,
    private_value: float | None,
    verified_by: Score.VerifiedBy | None,
    *,
    before: float | None = None,
    person: User | None = None,
    judge: tuple[str, str] | None = None,
    calibration: Calibration | None = None,
) -> Score:
    """Writes the score and updates the standing. The caller has locked the learner; see `hold_learner`.

    `before` is the final score that it replaces. `person` is who approved a score that is lower than `before`.
    """
    submission, spec = evaluation.submission, evaluation.version.parsed
    assert submission is not None
    shown, gold = shown_of(evaluation, value), spec.gold_of(submission.kind)
    if verified_by == Score.VerifiedBy.AI and judge is None:
        verified_by = Score.VerifiedBy.CODE
    score = Score.objects.create(
        evaluation=evaluation,
        value=value,
        shown=shown,
        private_value=private_value,
        passed=shown >= spec.pass_,
        gold=verified_by is not None and gold is not None and shown >= gold,
        provisional=verified_by is None,
        verified_by=verified_by,
        before=before,
        person=person,
        judge=" ".join(judge or ()),
        calibration=calibration,
    )
    update_standing(submission.user_id, submission.challenge_id, submission.kind)
    return score


@transaction.atomic
def reject(evaluation_id: int, fence: int, code: str, result: dict[str, Any] | None = None) -> Evaluation:
    """Ends an evaluation with an error. The table `CODES` gives its state, and says if the attempt returns.

    `result` is what was finished of a run before.

    Raises:
        LeaseLost: the fence is not current.
    """
    hold_course(evaluation_id)
    entry = CODES.get(code) or CODES["internal"]
    kept = {} if result is None else {"result": cleaned(result)}
    evaluation = _end(evaluation_id, fence, entry.state, error_code=code if code in CODES else "internal", **kept)
    close(evaluation, code, entry.refund)
    return evaluation


def close(evaluation: Evaluation, reason: str, refund: bool) -> None:
    """Frees the learner's slot, gives the attempt back if `refund` says so, and writes the final event."""
    slots.release(evaluation)
    if evaluation.submission is not None and refund and evaluation.number == 1:
        slots.give_back(evaluation.submission, reason)
    events.write(evaluation, [("finished", {"status": evaluation.state, "code": evaluation.error_code})])
    events.closed.send(sender=Evaluation, evaluation=evaluation)


@transaction.atomic
def postpone(evaluation_id: int, fence: int, seconds: float, reason: str) -> Evaluation:
    """Returns a running evaluation to the queue, to be claimed again after `seconds`, and does not count the attempt.

    Workers call it when a judge is busy, which is not a crash.

    Raises:
        LeaseLost: the fence is not current.
    """
    said = ("postponed", {"reason": reason, "seconds": round(seconds)})
    if not events.append_events(evaluation_id, fence, [said]):
        raise LeaseLost
    Evaluation.objects.filter(pk=evaluation_id).update(
        state=State.QUEUED,
        lease_until=None,
        attempt=F("attempt") - 1,
        available_at=Now() + timedelta(seconds=seconds),
        postponed_since=Coalesce(F("postponed_since"), Now()),
    )
    return Evaluation.objects.get(pk=evaluation_id)


@transaction.atomic
def release(evaluation_id: int, fence: int, *, broken: bool = False) -> bool:
    """Returns a running evaluation to the queue at once, because its worker has to stop. The attempt does not count.

    If the worker is `broken`, a worker of any engine profile may claim it: all of that profile may be broken. Returns
    False if the fence is not current.
    """
    held = Evaluation.objects.filter(pk=evaluation_id, fence=fence, state=State.RUNNING)
    bound = {"engine_profile": ""} if broken else {}
    return held.update(state=State.QUEUED, lease_until=None, attempt=F("attempt") - 1, available_at=Now(), **bound) == 1


def keep_trained(evaluation_id: int, fence: int, trained: dict[str, Any]) -> None:
    """Names the file of what this evaluation has trained, so that a later attempt can grade it.

    Raises:
        LeaseLost: the fence is not current.
    """
    held = Evaluation.objects.filter(pk=evaluation_id, fence=fence, state=State.RUNNING)
    if held.update(trained=trained) != 1:
        raise LeaseLost


def _end(evaluation_id: int, fence: int, state: State, **values: Any) -> Evaluation:
    changed = Evaluation.objects.filter(pk=evaluation_id, fence=fence, state=State.RUNNING).update(
        state=state, lease_until=None, finished_at=Now(), **values
    )
    if changed != 1:
        raise LeaseLost
    kept = Evaluation.objects.select_related("submission__version", "submission__user", "run", "graded_version")
    content = (*ChallengeVersion.content("submission__version"), *ChallengeVersion.content("graded_version"))
    return kept.defer(*content).get(pk=evaluation_id)


def make_current(evaluation: Evaluation) -> None:
    """Makes a regrade the current evaluation. Call it only with its result: a regrade that fails changes nothing."""
    if not evaluation.is_current:
        Evaluation.objects.filter(submission=evaluation.submission, is_current=True).update(is_current=False)
        Evaluation.objects.filter(pk=evaluation.pk).update(is_current=True)
        evaluation.is_current = True


def retry(evaluation_id: int, fence: int, *, after_seconds: float = 2) -> bool:
    """Returns a running evaluation to the queue after a fault of ours, and counts the attempt.

    The reconciler ends it after the last attempt. Returns False if the fence is not current.
    """
    return (
        Evaluation.objects.filter(pk=evaluation_id, fence=fence, state=State.RUNNING).update(
            state=State.QUEUED, lease_until=None, available_at=Now() + timedelta(seconds=after_seconds)
        )
        == 1
    )
