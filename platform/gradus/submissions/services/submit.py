"""Submit: submission, quota slot and queued evaluation in one transaction. The evaluation row is the outbox."""

import re
from typing import Any

import structlog
from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from challenges import kinds, payloads
from gradus.accounts.models import User
from gradus.courses import days
from gradus.courses.models import Challenge
from gradus.preferences import services as preferences
from gradus.submissions import failpoints, queue
from gradus.submissions.models import Evaluation, GuestSlot, InFlight, NetworkSlot, QuotaSlot, Submission
from gradus.submissions.quota import day_of
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

    `network` is what `accounts.exempt_networks.hashed_network` returned; empty if its attempts are not counted.

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
    found = Submission.objects.filter(user=user, challenge=challenge, idempotency_key=key).first()
    if found is not None and found.payload_sha256 != payloads.sha256(payload):
        said = _("This Idempotency-Key was used with another payload. Send a new key.")
        raise Refused("key_reused", said, 409)
    return found


def _insert(user: User, challenge: Challenge, payload: payloads.Submitted, key: str, network: str) -> Submission:
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
    if network:
        _take_network_slot(submission, network)
    _take_flight(submission)
    rank = queue.rank_of_submission(submission)
    Evaluation.objects.create(submission=submission, lane=kinds.find(payload.kind).lane, fair_share_rank=rank)
    failpoints.reach("submit.uncommitted")
    return submission


def _take_quota(submission: Submission) -> None:
    challenge = submission.challenge
    allowed = challenge.spec.limits.attempts_per_day
    whose = {"user": submission.user, "challenge": challenge, "day": day_of(challenge)}
    if not slots.take(QuotaSlot, whose, allowed, submission=submission):
        zone = challenge.lesson.course.timezone
        said = ngettext(
            "You have used today's attempt. The next one comes at midnight (%(zone)s). Runs on public samples are "
            "still free.",
            "You have used all %(count)s attempts of today. New ones come at midnight (%(zone)s). Runs on public "
            "samples are still free.",
            allowed,
        )
        said %= {"count": allowed, "zone": zone}
        raise Refused("over_quota", said, 429, retry_after=days.seconds_to_midnight(zone))


def _take_guest_slot(submission: Submission) -> None:
    allowed = settings.GUEST_SUBMISSIONS
    if not slots.take(GuestSlot, {"user": submission.user}, allowed, submission=submission):
        said = ngettext(
            "Without an account you can submit once. Create a free account to go on; what you have done so far stays "
            "yours.",
            "Without an account you can submit %(count)s times. Create a free account to go on; what you have done so "
            "far stays yours.",
            allowed,
        )
        raise Refused("guest_limit", said % {"count": allowed}, 429)


def _take_network_slot(submission: Submission, network: str) -> None:
    challenge = submission.challenge
    # A single learner may always use the attempts that the challenge allows.
    allowed = max(settings.NETWORK_ATTEMPTS, challenge.spec.limits.attempts_per_day)
    whose = {"network": network, "challenge": challenge, "day": day_of(challenge)}
    if not slots.take(NetworkSlot, whose, allowed, submission=submission):
        zone = challenge.lesson.course.timezone
        said = _(
            "From your network, %(count)d attempts at this challenge have been handed in today, and more are not "
            "possible. New ones come at midnight (%(zone)s). Runs on public samples are still free. If you learn in a "
            "class, ask the people who run this site to exempt its network."
        )
        said %= {"count": allowed, "zone": zone}
        raise Refused("network_limit", said, 429, retry_after=days.seconds_to_midnight(zone))


def _take_flight(submission: Submission) -> None:
    allowed = settings.IN_FLIGHT
    if not slots.take(InFlight, {"user": submission.user}, allowed, submission=submission):
        said = ngettext(
            "One of your submissions is being graded. Wait for it to end, or cancel it.",
            "%(count)s of your submissions are being graded. Wait for one to end, or cancel one.",
            allowed,
        )
        raise Refused("in_flight", said % {"count": allowed}, 429, retry_after=30)
