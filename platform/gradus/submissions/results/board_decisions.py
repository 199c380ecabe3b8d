"""Services for what people decide about leaderboards: marks on entries, seasons, and annulled attempts.

Each writes one row that is ended later and never deleted, and notes who did it and why. Ranks of others are computed
without hidden entries and annulled attempts, so they are right as soon as the transaction ends.
"""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from gradus.accounts import roles
from gradus.accounts import staff_actions as staff
from gradus.accounts.models import StaffAction, User
from gradus.courses.board_versions import is_frozen
from gradus.courses.models import Challenge
from gradus.refusal import Refused, refuse_broken, too_long, wrong
from gradus.submissions import events
from gradus.submissions.models import Annulment, Mark, Season, Submission
from gradus.submissions.models.board_decisions import ANSWER_CHARS, REASON_CHARS
from gradus.submissions.results.standings import hold_learner, update_standing

What = StaffAction.What


@transaction.atomic
def mark(user: User, challenge: Challenge, kind: Mark.Kind, *, by: User, reason: str) -> Mark:
    """Flags or hides the entries of a learner on the leaderboards of a challenge.

    Raises:
        Http404, Refused: 403, the person may not; 409 `own_entry`, or `marked_already`, such a mark stands; 422, there
            is no reason.
    """
    _refuse_unless_decides(by, challenge, about=user.pk)
    said = checked_reason(reason)
    hold_learner(user.pk)
    if Mark.objects.standing().filter(user=user, challenge=challenge, kind=kind).exists():
        raise Refused("marked_already", _("Somebody has done this already, so nothing was changed."), 409)
    made = Mark.objects.create(user=user, challenge=challenge, kind=kind, reason=said, made_by=by)
    if kind == Mark.Kind.HIDDEN:
        events.entry_decided.send(sender=Mark, mark=made, kind="hidden")
    what = What.ENTRY_HIDDEN if kind == Mark.Kind.HIDDEN else What.ENTRY_FLAGGED
    staff.note(what, challenge, by=by, user=user.pk, pseudonym=user.pseudonym, reason=said)
    return made


@transaction.atomic
def end_mark(mark: Mark, *, by: User, reason: str = "") -> None:
    """Ends a mark: it takes a flag away, or restores a hidden entry.

    Raises:
        Http404, Refused: 403, the person may not; 409 `own_entry` or `ended_already`.
    """
    _refuse_unless_decides(by, mark.challenge, about=mark.user_id)
    hold_learner(mark.user_id)
    ended = Mark.objects.standing().filter(pk=mark.pk).update(ended_at=timezone.now(), ended_by=by)
    if not ended:
        raise _ended_already()
    if mark.kind == Mark.Kind.HIDDEN:
        events.entry_decided.send(sender=Mark, mark=mark, kind="restored")
    what = What.ENTRY_RESTORED if mark.kind == Mark.Kind.HIDDEN else What.FLAG_CLEARED
    said = checked_reason(reason, required=False)
    staff.note(what, mark.challenge, by=by, user=mark.user_id, pseudonym=mark.user.pseudonym, reason=said)


@transaction.atomic
def answer(mark: Mark, text: str, *, by: User) -> None:
    """Keeps what a learner says about the own entry that is hidden, which is possible once.

    Raises:
        Refused: 409 `answered_already`, or `ended_already`, the entry is no longer hidden; 422, the text is empty, too
            long, or contains a character that is not allowed.
    """
    assert mark.user_id == by.pk and mark.kind == Mark.Kind.HIDDEN
    said = text.replace("\r\n", "\n").strip()
    refuse_broken("answer", said)
    if not said:
        raise wrong("answer", _("Write your answer first."))
    if len(said) > ANSWER_CHARS:
        raise too_long("answer", said, ANSWER_CHARS)
    hold_learner(by.pk)
    hiding = Mark.objects.hidings().filter(pk=mark.pk)
    if not hiding.filter(answered_at=None).update(answer=said, answered_at=timezone.now()):
        if hiding.exists():
            raise Refused("answered_already", _("You have answered already. An answer is possible once."), 409)
        raise Refused("ended_already", _("Your entry is no longer hidden, so no answer is needed."), 409)


@transaction.atomic
def keep_hidden(mark: Mark, *, by: User) -> None:
    """Notes that a person has read the answer of a learner whose entry is hidden, and that the entry stays hidden.

    Raises:
        Http404, Refused: 403, the person may not; 409 `own_entry`, or `ended_already`, no answer waits any more.
    """
    _refuse_unless_decides(by, mark.challenge, about=mark.user_id)
    hold_learner(mark.user_id)
    waiting = Mark.objects.with_open_answer().filter(pk=mark.pk)
    if not waiting.update(read_at=timezone.now(), read_by=by):
        raise Refused("ended_already", _("No answer waits here any more, so nothing was changed."), 409)
    events.entry_decided.send(sender=Mark, mark=mark, kind="kept")
    staff.note(What.ANSWER_READ, mark.challenge, by=by, user=mark.user_id, pseudonym=mark.user.pseudonym)


@transaction.atomic
def begin_season(challenge: Challenge, title: str, *, by: User, ends: int | None = None) -> Season:
    """Ends the season that runs on the leaderboards of a challenge, and begins another one with this title.

    Args:
        ends: The number of the season that the person saw running; if another one runs by now, nothing changes.

    Raises:
        Http404, Refused: 403, the person may not; 409 `changed_meanwhile`, another season runs by now, or `frozen`,
            the ranks of this one are final; 422, there is no title.
    """
    roles.refuse_unless(by, challenge.course_id, roles.DECIDES)
    name = checked_text(title, "title", Season._meta.get_field("title").max_length or 0)
    locked = Challenge.objects.select_for_update(no_key=True, of=("self",)).select_related("lesson__course")
    if is_frozen(locked.get(pk=challenge.pk)):
        raise Refused("frozen", _("This leaderboard is final."), 409)
    running = Season.objects.running(challenge)
    if ends is not None and ends != running:
        raise Refused("changed_meanwhile", _("Somebody has begun another season. Load the page again."), 409)
    made = Season.objects.create(challenge=challenge, number=running + 1, title=name, begun_by=by)
    staff.note(What.SEASON_BEGUN, challenge, by=by, number=made.number, title=name)
    return made


@transaction.atomic
def annul(submission: Submission, *, by: User, reason: str) -> Annulment:
    """Decides that an attempt counts nowhere. Its learner reads the reason.

    Raises:
        Http404, Refused: 403, the person may not; 409 `own_entry` or `annulled_already`; 422, there is no reason.
    """
    _refuse_unless_decides(by, submission.challenge, about=submission.user_id)
    said = checked_reason(reason)
    hold_learner(submission.user_id)
    if Annulment.objects.filter(submission=submission, ended_at=None).exists():
        raise Refused("annulled_already", _("This attempt is annulled already, so nothing was changed."), 409)
    made = Annulment.objects.create(submission=submission, reason=said, made_by=by)
    _follow(submission, annulled=True)
    events.attempt_decided.send(sender=Annulment, annulment=made, kind="annulled")
    staff.note(What.ATTEMPT_ANNULLED, submission.challenge, by=by, submission=str(submission.uuid), reason=said)
    return made


@transaction.atomic
def end_annulment(annulment: Annulment, *, by: User, reason: str = "") -> None:
    """Lets an annulled attempt count again.

    Raises:
        Http404, Refused: 403, the person may not; 409 `own_entry` or `ended_already`.
    """
    submission = annulment.submission
    _refuse_unless_decides(by, submission.challenge, about=submission.user_id)
    hold_learner(submission.user_id)
    standing = Annulment.objects.filter(pk=annulment.pk, ended_at=None)
    if not standing.update(ended_at=timezone.now(), ended_by=by):
        raise _ended_already()
    _follow(submission, annulled=False)
    events.attempt_decided.send(sender=Annulment, annulment=annulment, kind="counts")
    said = checked_reason(reason, required=False)
    staff.note(What.ANNULMENT_ENDED, submission.challenge, by=by, submission=str(submission.uuid), reason=said)


def _refuse_unless_decides(by: User, challenge: Challenge, *, about: int) -> None:
    roles.refuse_unless(by, challenge.course_id, roles.DECIDES)
    refuse_own_entry(by, about)


def refuse_own_entry(by: User, about: int) -> None:
    """Raises `Refused` (409) if the entry of the person with the key `about` is the own one."""
    if by.pk == about:
        raise Refused("own_entry", _("Somebody else has to decide about your own entry."), 409)


def _ended_already() -> Refused:
    return Refused("ended_already", _("Somebody has ended this already, so nothing was changed."), 409)


def _follow(submission: Submission, *, annulled: bool) -> None:
    Submission.objects.filter(pk=submission.pk).update(annulled=annulled)
    update_standing(submission.user_id, submission.challenge_id, submission.kind)


def checked_reason(text: str, *, required: bool = True) -> str:
    return checked_text(text, "reason", REASON_CHARS, required=required)


def checked_text(text: str, field: str, most: int, *, required: bool = True) -> str:
    """Returns a text as one line.

    Raises:
        Refused: 422, it is empty though it is required, or too long.
    """
    refuse_broken(field, text)
    said = " ".join(text.split())
    if required and not said:
        message = _("Write why.") if field == "reason" else _("Write a title.")
    elif len(said) > most:
        message = _("Write at most %(most)s characters.") % {"most": most}
    else:
        return said
    raise Refused("invalid", message, problems=[{"code": "invalid", "field": field, "message": message}])
