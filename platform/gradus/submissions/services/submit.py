"""Submit: submission, slots and queued evaluation in one transaction. The evaluation row is the outbox."""

import re
from typing import Any

import structlog
from django.utils.translation import gettext as _

from challenges import payloads, texts
from challenges.kinds import registry as kinds
from gradus.accounts.models import User
from gradus.courses.models import Challenge
from gradus.preferences import services as preferences
from gradus.submissions import failpoints, limits, queue
from gradus.submissions.limits import Use
from gradus.submissions.models import Evaluation, Submission
from gradus.submissions.services import slots, workers
from gradus.submissions.services.payload import parse, refuse
from gradus.submissions.services.refusal import Refused

__all__ = ["Refused", "submit"]

log = structlog.get_logger(__name__)
KEY = re.compile(r"[!-~]{1,80}")


def submit(
    user: User, challenge: Challenge, data: Any, *, idempotency_key: str, network: str = ""
) -> tuple[Submission, bool]:
    """Returns the submission and whether it is new; the same key and payload give the same submission.

    `network` is as in `limits.Use`.

    Raises:
        Refused: 422 with every problem of the payload, for rows that are not the learner's own choices, for a method
            that no worker has, or for a key of another form; 409 for a key used with another payload; 429 over quota.
    """
    if not KEY.fullmatch(idempotency_key):
        wrong = _("An Idempotency-Key has 1 to 80 visible characters of ASCII: send another key.")
        raise Refused("bad_key", wrong, problems=[{"code": "bad_key", "field": "Idempotency-Key", "message": wrong}])
    payload = parse(challenge.spec, data, is_submission=True)

    def once() -> tuple[Submission, bool]:
        before = _existing(user, challenge, idempotency_key, payload)
        if before:
            return before, False
        refuse(list(preferences.strange_rows(user, challenge, payload)))
        workers.require(challenge.spec, payload)
        return _insert(user, challenge, payload, idempotency_key, network), True

    submission, is_new = slots.try_again(once)
    if is_new:
        failpoints.reach("submit.committed")
        # By this line a job's log, which has the evaluation, leads to the request.
        log.info("submitted", submission=str(submission.uuid), evaluation=submission.current.pk)
        queue.ring(kinds.find(payload.kind).lane)
    return submission, is_new


def _existing(user: User, challenge: Challenge, key: str, payload: payloads.Submitted) -> Submission | None:
    submission = Submission.objects.filter(user=user, challenge=challenge, idempotency_key=key).first()
    if submission is not None and submission.payload_sha256 != payloads.sha256(payload):
        said = _("This Idempotency-Key was used with another payload. Send a new key.")
        raise Refused("key_reused", said, 409)
    return submission


def _insert(user: User, challenge: Challenge, payload: payloads.Submitted, key: str, network: str) -> Submission:
    assert challenge.version is not None
    kind = kinds.find(payload.kind)
    submission = Submission.objects.create(
        user=user,
        challenge=challenge,
        version=challenge.version,
        kind=payload.kind,
        payload=payload.model_dump(mode="json"),
        payload_sha256=payloads.sha256(payload),
        text_digest=texts.digest(kind.prose(payload)) if kind.is_judged else "",
        idempotency_key=key,
    )
    use = Use(user=user, challenge=challenge, network=network)
    for limit in limits.OF_A_SUBMISSION:
        if limit.concerns(use):
            slots.take(limit, use, submission=submission)
    rank = queue.rank_of_submission(submission)
    Evaluation.objects.create(submission=submission, lane=kind.lane, fair_share_rank=rank)
    failpoints.reach("submit.uncommitted")
    return submission
