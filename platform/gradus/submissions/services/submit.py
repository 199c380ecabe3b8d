"""Submit: submission, quota slot and queued evaluation in one transaction. The evaluation row is the outbox."""

import re
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from challenges import payloads
from gradus.accounts.models import User
from gradus.courses.models import Challenge
from gradus.submissions import bell, failpoints
from gradus.submissions.models import Evaluation, GuestSlot, InFlight, Lane, QuotaSlot, Submission
from gradus.submissions.quota import day_of, used_slots
from gradus.submissions.services.payload import AnyPayload, parse
from gradus.submissions.services.refusal import Refused

__all__ = ["LANES", "Refused", "submit"]

log = structlog.get_logger(__name__)
LANES = {"prompt": Lane.GRADE, "lora": Lane.TRAIN, "free_text": Lane.JUDGE}
# How often a lost race for a slot is tried again; each loss means that another submit won, so it ends.
RACES = 30
KEY = re.compile(r"[!-~]{1,80}")


def submit(user: User, challenge: Challenge, data: Any, *, idempotency_key: str) -> tuple[Submission, bool]:
    """Returns the submission and whether it is new; the same key and payload give the same submission.

    Raises:
        Refused: 422 with every problem of the payload, or for a key of another form;
            409 for a key used with another payload; 429 over quota.
    """
    if not KEY.fullmatch(idempotency_key):
        wrong = "An Idempotency-Key has 1 to 80 visible characters of ASCII: send another key."
        raise Refused("bad_key", wrong, problems=[{"code": "bad_key", "field": "Idempotency-Key", "message": wrong}])
    payload = parse(challenge.spec, data)
    for _ in range(RACES):
        before = _existing(user, challenge, idempotency_key, payload)
        if before is not None:
            return before, False
        try:
            submission = _insert(user, challenge, payload, idempotency_key)
        except IntegrityError:
            continue
        failpoints.reach("submit.committed")
        # By this line a job's log, which has the evaluation, leads to the request.
        log.info("submitted", submission=str(submission.uuid), evaluation=submission.current.pk)
        bell.ring(LANES[payload.kind])
        return submission, True
    raise Refused("busy", "Several submissions arrived at once. Please try again.", 409, retry_after=1)


def _existing(user: User, challenge: Challenge, key: str, payload: AnyPayload) -> Submission | None:
    found = Submission.objects.filter(user=user, challenge=challenge, idempotency_key=key).first()
    if found is not None and found.payload_sha256 != payloads.sha256(payload):
        raise Refused("key_reused", "This Idempotency-Key was used with another payload. Send a new key.", 409)
    return found


@transaction.atomic
def _insert(user: User, challenge: Challenge, payload: AnyPayload, key: str) -> Submission:
    assert challenge.version is not None
    submission = Submission.objects.create(
        user=user,
        challenge=challenge,
        version=challenge.version,
        kind=payload.kind,
        payload=payload.model_dump(mode="json"),
        payload_sha256=payloads.sha256(payload),
        idempotency_key=key,
    )
    _take_quota(submission)
    if user.is_guest:
        _take_guest_slot(submission)
    _take_flight(submission)
    open_before = Evaluation.objects.open().filter(submission__user=user).count()
    Evaluation.objects.create(submission=submission, lane=LANES[payload.kind], turn=open_before)
    failpoints.reach("submit.uncommitted")
    return submission


def _take_quota(submission: Submission) -> None:
    challenge = submission.challenge
    allowed = challenge.spec.limits.attempts_per_day
    day = day_of(challenge)
    used = used_slots(submission.user, challenge, day)
    free = next((n for n in range(1, allowed + 1) if n not in used), None)
    if free is None:
        raise Refused(
            "over_quota",
            f"All {allowed} attempts of today are used. New ones come at midnight ({challenge.lesson.course.timezone})."
            " Runs on public samples are still free.",
            429,
            retry_after=_seconds_to_midnight(challenge.lesson.course.timezone),
        )
    QuotaSlot.objects.create(
        user=submission.user, challenge=challenge, day=day, slot=free, allowed=allowed, submission=submission
    )


def _take_guest_slot(submission: Submission) -> None:
    used = set(GuestSlot.objects.filter(user=submission.user).values_list("slot", flat=True))
    free = next((n for n in range(1, settings.GUEST_SUBMISSIONS + 1) if n not in used), None)
    if free is None:
        raise Refused(
            "guest_limit",
            f"Without an account {settings.GUEST_SUBMISSIONS} submissions are free. "
            "Create a free account to go on; what you did so far stays yours.",
            429,
        )
    GuestSlot.objects.create(user=submission.user, slot=free, submission=submission)


def _take_flight(submission: Submission) -> None:
    used = set(InFlight.objects.filter(user=submission.user).values_list("slot", flat=True))
    free = next((n for n in range(1, settings.IN_FLIGHT + 1) if n not in used), None)
    if free is None:
        raise Refused(
            "in_flight",
            f"{settings.IN_FLIGHT} of your submissions are being graded. Wait for one to end, or cancel one.",
            429,
            retry_after=30,
        )
    InFlight.objects.create(user=submission.user, slot=free, submission=submission)


def _seconds_to_midnight(zone: str) -> int:
    now: datetime = timezone.now().astimezone(ZoneInfo(zone))
    midnight = datetime.combine(now.date() + timedelta(days=1), datetime.min.time(), ZoneInfo(zone))
    return max(1, int((midnight - now).total_seconds()))
