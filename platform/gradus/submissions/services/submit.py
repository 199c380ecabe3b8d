"""Submit: submission, slots and queued evaluation in one transaction. The evaluation row is the outbox."""

import re
from typing import Any

import structlog
from django.utils import timezone
from django.utils.translation import gettext as _

from challenges import payloads, texts
from challenges.kinds import registry as kinds
from challenges.kinds.base import Lane
from gradus.accounts.models import User
from gradus.classes import access, membership, releases
from gradus.classes.models import Class
from gradus.courses.models import Challenge
from gradus.preferences import services as preferences
from gradus.refusal import Refused
from gradus.submissions import events, failpoints, own_runs, queue
from gradus.submissions.budgets import limits, quotas, slots
from gradus.submissions.budgets.limits import Use
from gradus.submissions.models import Evaluation, Season, Submission
from gradus.submissions.results.standings import hold_learner
from gradus.submissions.services import workers
from gradus.submissions.services.payload import parse, refuse

__all__ = ["Refused", "submit"]

log = structlog.get_logger(__name__)
KEY = re.compile(r"[!-~]{1,80}")


def submit(
    user: User,
    challenge: Challenge,
    data: Any,
    *,
    idempotency_key: str,
    network: str = "",
    withdraw_earlier: bool = False,
    of_class: int | None = None,
) -> tuple[Submission, bool]:
    """Returns the submission and whether it is new; the same key and payload give the same submission.

    `network` is as in `limits.Use`. With `withdraw_earlier` the learner agrees that earlier answers which wait for a
    person are withdrawn as soon as this one waits itself. `of_class` is the key of the class that the learner chose,
    which is needed only in two or more running classes of the course.

    Raises:
        Refused: 422 with every problem of the payload, for rows that are not the learner's own choices or not those of
            a run of the learner's own, for a method that no worker has, for a key of another form, or where a class has
            to be chosen; 403 where the dates of the class do not let the learner submit at the moment of the call,
            which is stored as `created_at`; 409 for a key used with another payload, or where it would withdraw an
            earlier attempt without `withdraw_earlier`; 429 over quota, or where a budget of the course or class is used
            up.
    """
    at = timezone.now()
    if not KEY.fullmatch(idempotency_key):
        wrong = _("An Idempotency-Key has 1 to 80 visible characters of ASCII: send another key.")
        raise Refused("bad_key", wrong, problems=[{"code": "bad_key", "field": "Idempotency-Key", "message": wrong}])
    public = challenge.version.samples if challenge.version else ()
    payload = parse(challenge.spec, data, public=public, is_submission=True)
    kind = kinds.find(payload.kind)
    text_digest = texts.digest(kind.marked_text(payload)) if kind.is_judged else ""

    def once() -> tuple[Submission, bool]:
        if kind.is_judged:
            # Of two tabs that submit at once, the later one sees the attempt of the other.
            hold_learner(user.pk)
        before = _existing(user, challenge, idempotency_key, payload)
        if before:
            return before, False
        counts_for = membership.class_for(user, challenge, of_class, at)
        access.refuse_unless_open(user, challenge, counts_for, at)
        strange = [*preferences.strange_rows(user, challenge, payload)]
        refuse([*strange, *own_runs.strange_quotes(user, challenge, payload)])
        workers.require(challenge.spec, payload)
        if kind.is_judged and not _withholds(counts_for, challenge):
            asked = {"user": user, "challenge": challenge, "of_class": counts_for, "text_digest": text_digest}
            events.submitting.send(sender=Submission, withdraw_earlier=withdraw_earlier, **asked)
        values = {
            "idempotency_key": idempotency_key,
            "text_digest": text_digest,
            "of_class": counts_for,
            "created_at": at,
            "withdraws_earlier": withdraw_earlier,
        }
        return _insert(user, challenge, payload, kind.lane, network, values), True

    submission, is_new = slots.try_again(once)
    if is_new:
        failpoints.reach("submit.committed")
        # By this line a job's log, which has the evaluation, leads to the request.
        log.info("submitted", submission=str(submission.uuid), evaluation=submission.current_for_staff.pk)
        queue.ring(kind.lane)
    return submission, is_new


def _existing(user: User, challenge: Challenge, key: str, payload: payloads.Submitted) -> Submission | None:
    submission = Submission.objects.filter(user=user, challenge=challenge, idempotency_key=key).first()
    if submission is not None and submission.payload_sha256 != payloads.sha256(payload):
        said = _("This Idempotency-Key was used with another payload. Send a new key.")
        raise Refused("key_reused", said, 409)
    return submission


def _withholds(of_class: Class | None, challenge: Challenge) -> bool:
    return of_class is not None and releases.rule_of(of_class, challenge).withholds_grade()


def _withhold(submission: Submission) -> None:
    """Withholds what the rule of the class says. Whoever changes the rule waits for this transaction, and sees it."""
    if submission.of_class is None:
        return
    releases.keep_rules(submission.of_class)
    rule = releases.rule_of(submission.of_class, submission.challenge)
    submission.grade_withheld, submission.details_withheld = rule.withholds_grade(), rule.withholds_details()
    if submission.details_withheld:
        submission.save(update_fields=["grade_withheld", "details_withheld"])


def _insert(
    user: User, challenge: Challenge, payload: payloads.Submitted, lane: Lane, network: str, values: dict[str, Any]
) -> Submission:
    assert challenge.version is not None
    submission = Submission.objects.create(
        user=user,
        challenge=challenge,
        version=challenge.version,
        season=Season.objects.running(challenge),
        kind=payload.kind,
        payload=payload.model_dump(mode="json"),
        payload_sha256=payloads.sha256(payload),
        **values,
    )
    _withhold(submission)
    use = Use(user=user, challenge=challenge, network=network, of_class=submission.of_class)
    taken: set[str] = set()
    for limit in limits.OF_A_SUBMISSION:
        # A granted attempt counts towards none of the limits beyond which it was granted.
        if limit.concerns(use) and not (limit.beyond and limit.beyond.name in taken):
            taken.add(slots.take(limit, use, submission=submission).limit)
    rank = queue.rank_of_submission(submission)
    evaluation = Evaluation.objects.create(submission=submission, lane=lane, fair_share_rank=rank)
    quotas.hold_training(evaluation)
    failpoints.reach("submit.uncommitted")
    return submission
