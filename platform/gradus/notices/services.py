"""Services for notices. What ends something for a learner calls one of the `tell` services in the same transaction."""

from __future__ import annotations

import math
from typing import Any

from allauth.account.models import EmailAddress
from django.db.models.functions import Now
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from challenges.kinds import registry as kinds
from gradus.accounts.allauth_adapter import can_send_mails
from gradus.accounts.models import User
from gradus.classes import access
from gradus.notices.models import MailWish, Notice
from gradus.submissions.models import Annulment, Evaluation, Mark, Submission
from gradus.submissions.services import Refused
from gradus.submissions.states import GRADED, State

Kind = Notice.Kind
# A grading that took longer than this is worth a notice.
LONG_SECONDS = 60
# Why a learner cannot have notices by mail.
NO_SERVER = _("This site cannot send mails: the people who run it have not set up a mail server.")
NO_ACCOUNT = _("Notices by mail need an account with an email address.")
UNCONFIRMED = _("Confirm your email address first, so that no mail goes to somebody else.")


def tell(evaluation: Evaluation, kind: Notice.Kind) -> None:
    """Tells its learner about an evaluation. A second call about the same evaluation changes nothing.

    A grade that is withheld is told when it is released.
    """
    owner = evaluation.submission or evaluation.run
    assert owner is not None
    is_withheld = kind != Kind.FAILED and isinstance(owner, Submission) and owner.grade_withheld
    if owner.user_id is not None and not is_withheld:
        Notice.objects.get_or_create(evaluation=evaluation, defaults={"user_id": owner.user_id, "kind": kind})


def tell_of_answer(user: User, report: int) -> None:
    """Tells a learner that staff have answered the report with this id."""
    Notice.objects.get_or_create(report_id=report, defaults={"user": user, "kind": Kind.ANSWERED})


def tell_of_end(evaluation: Evaluation) -> None:
    """Tells the learner that an evaluation has ended, if it trained a model, took long, or was a regrade.

    While there is no score, nothing is told: the person who gives it tells the learner.
    """
    if evaluation.run is not None:
        if evaluation.run.is_trial and _is_worth_it(evaluation, evaluation.run.kind):
            tell(evaluation, Kind.RUN)
    elif evaluation.submission is not None and evaluation.is_current:
        if evaluation.state == State.REVIEW and not hasattr(evaluation, "score"):
            return
        if evaluation.state not in GRADED:
            kind = Kind.FAILED
        else:
            kind = Kind.REGRADED if evaluation.number > 1 else Kind.GRADED
        if kind == Kind.REGRADED or _is_worth_it(evaluation, evaluation.submission.kind):
            tell(evaluation, kind)


def _is_worth_it(evaluation: Evaluation, kind: str) -> bool:
    """Times are rounded up to whole seconds, as pages show them: fractions could tell something of hidden rows."""
    assert evaluation.finished_at is not None
    took = math.ceil((evaluation.finished_at - evaluation.created_at).total_seconds())
    return kinds.find(kind).is_trained or took > LONG_SECONDS


def see(user: User | None, evaluation: Evaluation) -> None:
    """Marks the notice about an evaluation as seen: its learner has the result's page open.

    It looks first, because on SQLite even an UPDATE of no rows waits for writers.
    """
    unseen = Notice.objects.of(user).unseen().filter(evaluation=evaluation)
    # Somebody who looks at the site as the learner sees it has not seen it for the learner.
    if user is not None and access.viewed() is None and not evaluation.is_open and unseen.exists():
        unseen.update(seen_at=Now())


def see_all(user: User, notices: list[Notice]) -> None:
    """Marks these notices of the learner as seen."""
    if fresh := [notice.pk for notice in notices if notice.seen_at is None]:
        Notice.objects.of(user).unseen().filter(pk__in=fresh).update(seen_at=Now())


def wish_mails(user: User, *, wanted: bool, site: str) -> None:
    """Keeps whether a learner wants notices by mail. `site` is the address under which the learner uses the site.

    Raises:
        Refused: 409, mails cannot be wanted here; the message says why.
    """
    if not wanted:
        MailWish.objects.filter(user=user).delete()
        return
    if reason := why_no_mails(user):
        raise Refused("no_mails", str(reason), 409)
    MailWish.objects.update_or_create(user=user, defaults={"site": site})


def why_no_mails(user: User) -> str | Promise:
    """Says why the learner cannot have notices by mail; an empty text if that is possible."""
    if not can_send_mails():
        return NO_SERVER
    if user.is_guest:
        return NO_ACCOUNT
    confirmed = EmailAddress.objects.filter(user=user, primary=True, verified=True).exists()
    return "" if confirmed else UNCONFIRMED


def on_recorded(sender: object, evaluation: Evaluation, **extra: Any) -> None:
    """A grade that is only held, or that belongs to an appeal, is not told yet: it may never count."""
    if evaluation.proposal is None:
        tell_of_end(evaluation)


def on_released(sender: object, submissions: list[Submission], **extra: Any) -> None:
    """Tells each learner once about grades that are released together: about the newest attempt that has one."""
    graded = Evaluation.objects.filter(submission__in=submissions, is_current=True, score__isnull=False)
    newest = dict(graded.order_by("submission_id").values_list("submission__user", "pk"))
    notices = (Notice(user_id=user, evaluation_id=pk, kind=Kind.GRADED) for user, pk in newest.items())
    Notice.objects.bulk_create(notices, ignore_conflicts=True)


def on_entry_decided(sender: object, mark: Mark, kind: str, **extra: Any) -> None:
    Notice.objects.get_or_create(mark=mark, kind=Kind(kind), defaults={"user_id": mark.user_id})


def on_attempt_decided(sender: object, annulment: Annulment, kind: str, **extra: Any) -> None:
    user = {"user_id": annulment.submission.user_id}
    Notice.objects.get_or_create(annulment=annulment, kind=Kind(kind), defaults=user)


def on_closed(sender: object, evaluation: Evaluation, **extra: Any) -> None:
    """What the learner has cancelled is no news."""
    if evaluation.state != State.CANCELLED:
        tell_of_end(evaluation)
