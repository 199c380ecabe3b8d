"""Services for shadow runs: answers are graded again, a person looks at all changes, and then approves them or not."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from gradus.accounts import staff_actions as staff
from gradus.accounts.models import StaffAction, User
from gradus.courses import board_versions, locks
from gradus.courses.models import Challenge, ChallengeVersion
from gradus.notices.models import Notice
from gradus.notices.services import tell
from gradus.refusal import refuse_broken, too_long
from gradus.reviews import queue
from gradus.reviews.models import Appeal, Regrade, Regraded
from gradus.reviews.regrade_matrix import LEFT_OUT, counted
from gradus.submissions import services
from gradus.submissions.models import Evaluation, Grader, Submission
from gradus.submissions.results.board_decisions import checked_text, refuse_own_entry
from gradus.submissions.results.standings import hold_learners
from gradus.submissions.services import Refused
from gradus.submissions.states import OPEN, State

What = StaffAction.What
ADOPTED = "adopted"
NOTE_CHARS = 300


def regrade_learner(
    person: User, challenge: Challenge, *, by: User, reason: str, submissions: Iterable[Submission] | None = None
) -> Regrade:
    """Starts a shadow run of one learner's attempts alone: of those that are given, or of all at the challenge.

    Raises:
        Http404, Refused: 403, the person may not decide here; 409 `own_entry`, `deleted`, or `open_regrade`, another
            shadow run of the challenge is open; 422, there is no reason, or `nothing` can be graded again.
    """
    queue.refuse_unless_decides(by, challenge)
    refuse_own_entry(by, person.pk)
    if person.deleted_at is not None:
        raise Refused("deleted", _("The account of the learner was deleted, so there is nothing left to grade."), 409)
    said = checked_text(reason, "reason", NOTE_CHARS)
    own = Submission.objects.of(person).filter(challenge=challenge)
    chosen = own if submissions is None else own.filter(pk__in=[one.pk for one in submissions])
    return start_regrade(challenge, by=by, submissions=chosen, note=said, learner=person)


def start_regrade(
    challenge: Challenge,
    *,
    by: User,
    submissions: Iterable[Submission] | None = None,
    note: str = "",
    learner: User | None = None,
) -> Regrade:
    """Queues a shadow evaluation of each chosen submission, or of all, by the challenge's newest version.

    Answers that a person has decided, that are being graded, or that have an open appeal are left out. The run stores
    how many there were of each, and the learner if all of the submissions are of one.

    Raises:
        Refused: 403, the person may not decide here; 409, another shadow run of the challenge is open; 422, there is
            nothing to grade, or the note is too long or contains a character that is not allowed.
    """
    queue.refuse_unless_decides(by, challenge)
    refuse_broken("note", note)
    if len(note) > NOTE_CHARS:
        raise too_long("note", note, NOTE_CHARS)
    chosen = None if submissions is None else [submission.pk for submission in submissions]
    try:
        with transaction.atomic():
            asked = _gradable(challenge, chosen)
            _hold(asked)
            # Some may have been decided while this waited for their learners.
            gradable = _gradable(challenge, [one.submission_id for one in asked if one.submission_id])
            left_out = _left_out(challenge, chosen, gradable)
            values = {"version": challenge.version, "note": note, "left_out": left_out, "learner": learner}
            regrade = Regrade.objects.create(challenge=challenge, started_by=by, **values)
            if not [_add(regrade, old) for old in gradable]:
                raise _nothing(left_out, learner)
            about = {"user": learner.pk, "pseudonym": learner.pseudonym} if learner else {}
            staff.note(What.REGRADE_STARTED, challenge, by=by, regrade=regrade.pk, note=regrade.note, **about)
    except IntegrityError:
        raise Refused(
            "open_regrade", _("This challenge already has an open shadow run. Approve or discard it first."), 409
        ) from None
    return regrade


def _nothing(left_out: dict[str, int], learner: User | None) -> Refused:
    if learner is None:
        return Refused("nothing", _("This challenge has no submission that can be regraded."))
    reasons = ", ".join(f"{words} ({number})" for words, number in counted(left_out, LEFT_OUT))
    if not reasons:
        return Refused("nothing", _("No attempt of this learner has a grade that could be computed again."))
    return Refused("nothing", _("No attempt can be graded again: %(reasons)s.") % {"reasons": reasons})


def _hold(evaluations: Iterable[Evaluation]) -> None:
    """Locks the learners, all in one order, so that two people who change several grades never wait for each other."""
    hold_learners(one.submission.user_id for one in evaluations if one.submission is not None)


def _gradable(challenge: Challenge, chosen: list[int] | None) -> list[Evaluation]:
    graded = Evaluation.objects.filter(
        submission__challenge=challenge, is_current=True, state__in=[State.SCORED, State.REVIEW]
    ).exclude(grader=Grader.PERSON)
    # Of a deleted account, there is nothing left to grade.
    graded = graded.filter(submission__user__deleted_at=None).select_related("submission")
    busy = Evaluation.objects.filter(submission__challenge=challenge, state__in=OPEN).values("submission")
    appealed = Appeal.objects.filter(submission__challenge=challenge, closed_at=None).values("submission")
    graded = graded.filter(score__isnull=False).exclude(submission__in=busy).exclude(submission__in=appealed)
    return list(graded if chosen is None else graded.filter(submission__in=chosen))


def _left_out(challenge: Challenge, chosen: list[int] | None, gradable: list[Evaluation]) -> dict[str, int]:
    """Counts the graded submissions that are not graded again, by reason."""
    ended = Evaluation.objects.filter(
        submission__challenge=challenge, is_current=True, state__in=[State.SCORED, State.REVIEW]
    )
    ended = ended.filter(submission__user__deleted_at=None)
    if chosen is not None:
        ended = ended.filter(submission__in=chosen)
    others = ended.exclude(pk__in=[one.pk for one in gradable])
    open_appeals = Appeal.objects.filter(submission__challenge=challenge, closed_at=None).values("submission")
    decided = others.filter(grader=Grader.PERSON)
    appealed = others.exclude(grader=Grader.PERSON).filter(submission__in=open_appeals)
    counts = {"decided": decided.count(), "appealed": appealed.count()}
    counts["unmarked"] = others.filter(score__isnull=True).count()
    counts["open"] = others.count() - sum(counts.values())
    return {reason: count for reason, count in counts.items() if count}


def _add(regrade: Regrade, old: Evaluation) -> Regraded:
    submission = old.submission
    assert submission is not None
    new = services.regrade(submission, shadow=True, graded_version=_newer(submission, regrade.version))
    return Regraded.objects.create(regrade=regrade, old=old, new=new)


def _newer(submission: Submission, version: ChallengeVersion | None) -> ChallengeVersion | None:
    return None if version is None or version.pk == submission.version_id else version


@transaction.atomic
def approve(regrade: Regrade, *, by: User, lower: bool) -> Counter[str]:
    """Makes the new grades current. Grades that lower a final one need `lower`; then `by` is responsible for them.

    Returns how many items were `adopted`, and how many were not, by reason: `lowers`, `in_doubt`, `decided`,
    `appealed`, `own_answer`, `superseded` or `not_graded`. Each item stores its reason.

    Raises:
        Refused: 403, the person may not decide here; 409, items are still being graded, the run has ended, or
            another version is live by now.
    """
    queue.refuse_unless_decides(by, regrade.challenge)
    locks.hold_course(regrade.challenge.course_id)
    waiting = regrade.items.filter(new__state__in=OPEN).count()
    if waiting:
        count = regrade.items.count()
        told = ngettext(
            "%(waiting)d of %(count)d answer is still being graded. Wait for it.",
            "%(waiting)d of %(count)d answers are still being graded. Wait for them.",
            count,
        )
        raise Refused("running", told % {"waiting": waiting, "count": count}, 409)
    items = regrade.items.select_related(
        "old", "new__submission__challenge", "new__submission__version", "new__graded_version"
    )
    _hold(item.new for item in items)
    # Nothing goes live between this look and the end: publishing takes the same lock.
    Challenge.objects.select_for_update().get(pk=regrade.challenge_id)
    if is_outdated(regrade):
        number = regrade.version.version if regrade.version else "-"
        said = _(
            "This shadow run graded by version %(version)s, which is not live any more. Discard it and start another."
        )
        raise Refused("outdated", said % {"version": number}, 409)
    _end(regrade, by, Regrade.Outcome.APPROVED)
    outcomes = [(item, _settle(item, by, lower)) for item in items]
    done = Counter(outcome for _item, outcome in outcomes)
    if not _left_on_board(regrade.challenge):
        board_versions.regraded(regrade.challenge)
    run = {"regrade": regrade.pk, "lower": lower}
    staff.note(What.REGRADE_APPROVED, regrade.challenge, by=by, **run, done=dict(done))
    # Each class reads in its own log what became of its attempts, and nothing of other classes.
    of_classes: dict[int, Counter[str]] = defaultdict(Counter)
    for item, outcome in outcomes:
        if item.new.submission is not None and item.new.submission.of_class_id is not None:
            of_classes[item.new.submission.of_class_id][outcome] += 1
    for key, its in sorted(of_classes.items()):
        staff.note(What.REGRADE_APPROVED, regrade.challenge, by=by, **{"class": key}, **run, done=dict(its))
    return done


def _left_on_board(challenge: Challenge) -> bool:
    """Returns True if the leaderboard has scores of an earlier version that nobody has asked to grade again by the
    live one, because the approved runs were of some answers only.
    """
    now = Challenge.objects.get(pk=challenge.pk)
    if now.board_version_id is None:
        return False
    approved = Regraded.objects.filter(regrade__outcome=Regrade.Outcome.APPROVED, regrade__version=now.version_id)
    asked = set(approved.filter(regrade__challenge=now).values_list("new__submission", flat=True))
    left = [one for one in _gradable(now, None) if one.submission_id not in asked]
    return any(one.version_id == now.board_version_id for one in left)


def is_outdated(regrade: Regrade) -> bool:
    """True if another version has gone live since the run began, so that its grades are by an earlier content."""
    return Challenge.objects.filter(pk=regrade.challenge_id).exclude(version=regrade.version_id).exists()


def _settle(item: Regraded, by: User, lower: bool) -> str:
    """Adopts the new grade, or stores the reason why the old one stays."""
    outcome = _adopt(item, by, lower)
    values = {"adopted_at": timezone.now()} if outcome == ADOPTED else {"kept_because": outcome}
    Regraded.objects.filter(pk=item.pk).update(**values)
    return outcome


def _adopt(item: Regraded, by: User, lower: bool) -> str:
    submission = item.new.submission
    assert submission is not None
    if item.new.proposal is None:
        return "not_graded"
    if submission.appeals.filter(closed_at=None).exists():
        return "appealed"
    if submission.current_for_staff.pk != item.old_id:
        return "decided" if submission.current_for_staff.grader == Grader.PERSON else "superseded"
    if submission.user_id == by.pk:
        return "own_answer"
    try:
        services.adopt(item.new, by=by if lower else None)
    except Refused as refusal:
        return refusal.code
    tell(item.new, Notice.Kind.REGRADED)
    return ADOPTED


@transaction.atomic
def discard(regrade: Regrade, *, by: User) -> None:
    """Discards a shadow run. No grade changes, and evaluations that are still open are cancelled.

    Raises:
        Refused: 403, the person may not decide here; 409, the run has ended.
    """
    queue.refuse_unless_decides(by, regrade.challenge)
    _end(regrade, by, Regrade.Outcome.DISCARDED)
    staff.note(What.REGRADE_DISCARDED, regrade.challenge, by=by, regrade=regrade.pk)
    for item in regrade.items.filter(new__state__in=OPEN).select_related("new"):
        services.withdraw(item.new)


def _end(regrade: Regrade, by: User, outcome: Regrade.Outcome) -> None:
    ended = Regrade.objects.filter(pk=regrade.pk, ended_at=None)
    if ended.update(ended_at=timezone.now(), ended_by=by, outcome=outcome) != 1:
        raise Refused("ended", _("This shadow run has ended already."), 409)
    regrade.refresh_from_db()
