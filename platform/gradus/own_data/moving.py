"""Moves everything of an account to another one of the same person.

`merging` calls `move` within the transaction that closes the account. Every relation of `User` is either in `OWN`, and
moved or dropped here, or a trace of work as staff, with which an account cannot be merged.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import count
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.db import IntegrityError, models, transaction
from django.db.models import CharField, QuerySet, Value
from django.db.models.fields.reverse_related import ForeignObjectRel
from django.db.models.functions import Cast, Concat
from django.utils import timezone

from gradus.accounts.models import ApiToken, Enrolment, Merge, User
from gradus.chats.models import ChatMessage
from gradus.chats.purpose import Chat
from gradus.classes import joining
from gradus.classes.models import Class, Member
from gradus.django_internals import delete_without_signals
from gradus.friends import services as friends
from gradus.friends.models import FriendCode, Friendship
from gradus.gradebook import recounts
from gradus.laboratory.models import Contribution
from gradus.lti.models import Link
from gradus.notices.models import MailWish, Notice
from gradus.preferences.models import PairChoice
from gradus.questions.models import Answer, ReadStep
from gradus.reports.models import ProblemReport
from gradus.reviews.models import Regrade
from gradus.submissions.models import HintsTaken, Mark, Run, Slot, Standing, Submission
from gradus.submissions.results.standings import update_standing

# What can be moved row by row. Of two rows of which only one can be, that of the account that stays does.
PLAIN: tuple[Any, ...] = (
    *(Run, ChatMessage, ProblemReport, PairChoice, Contribution, Notice, Enrolment, ReadStep, Link),
    SocialAccount,
)
SINGLE = (Submission, Mark, Standing, Slot, HintsTaken, Member, Answer)
# What belongs to the account itself, and ends with it.
DROPPED: tuple[Any, ...] = (MailWish, ApiToken, Authenticator)
OWN = {(model, "user") for model in (*PLAIN, *SINGLE, *DROPPED, EmailAddress, FriendCode)}
OWN |= {(Friendship, "asker"), (Friendship, "asked"), (Regrade, "learner")}
RECORDS = {(Merge, name) for name in ("kept", "gone", "proposed_by", "ended_by")} | {(User, "merged_into")}


def relations() -> set[tuple[type[models.Model], str]]:
    """Returns each field of each table that names an account."""
    # Relations without a name of their own count as hidden.
    found = [one for one in User._meta.get_fields(include_hidden=True) if isinstance(one, ForeignObjectRel)]
    return {(one.related_model, one.field.name) for one in found if not one.many_to_many}


def has_acted(user: User) -> bool:
    """Returns True if a row names the account as somebody who did something as staff, or as an author."""
    others = relations() - OWN - RECORDS
    return any(model._default_manager.filter(**{name: user}).exists() for model, name in others)


def counts(user: User) -> dict[str, int]:
    """Returns how much would move from this account, for its owner: only what there is."""
    found = {
        "attempts": Submission.objects.filter(user=user).count(),
        "runs": Run.objects.filter(user=user).exclude(purpose=Chat.name).count(),
        "messages": ChatMessage.objects.filter(user=user).count(),
        "classes": Member.objects.filter(user=user).count(),
        "choices": PairChoice.objects.filter(user=user).count(),
        "answers": Answer.objects.filter(user=user).count(),
        "sets": Contribution.objects.filter(user=user).count(),
        "hints": HintsTaken.objects.filter(user=user).count(),
        "reports": ProblemReport.objects.filter(user=user).count(),
        "notices": Notice.objects.filter(user=user).count(),
        "hidings": Mark.objects.hidings().filter(user=user).count(),
        "friends": Friendship.objects.of(user).agreed().count(),
        "addresses": EmailAddress.objects.filter(user=user, verified=True).count(),
    }
    return {name: number for name, number in found.items() if number}


def move(gone: User, kept: User, classes: dict[int, Class]) -> dict[str, int]:
    """Moves everything of `gone` to `kept`, and returns how much. Needs locks on both and on their classes."""
    moved = counts(gone)
    boards = set(Submission.objects.filter(user=gone).values_list("challenge_id", "kind"))
    _move_members(gone, kept)
    _move_attempts(gone, kept)
    _move_marks(gone, kept)
    _move_hints(gone, kept)
    _move_slots(gone, kept)
    _move_answers(gone, kept)
    friends.move(gone, kept)
    Regrade.objects.filter(learner=gone).update(learner=kept)
    for model in PLAIN:
        _move_rows(model._default_manager.filter(user=gone), kept)
    for dropped in DROPPED:
        delete_without_signals(dropped._default_manager.filter(user=gone))
    _move_addresses(gone, kept)
    Standing.objects.filter(user=gone).delete()
    for challenge, track in sorted(boards):
        update_standing(kept.pk, challenge, track)
    for of_class in classes.values():
        recounts.follow(
            of_class, list(Member.objects.filter(of_class=of_class, user=kept).values_list("pk", flat=True))
        )
    return moved


def _move_rows(rows: QuerySet[Any], kept: User) -> None:
    if _moves(rows, kept):
        return
    for key in list(rows.values_list("pk", flat=True)):
        one = rows.filter(pk=key)
        if not _moves(one, kept):
            one.delete()


def _moves(rows: QuerySet[Any], kept: User) -> bool:
    """Returns False if a row of the account that stays is in the way."""
    try:
        with transaction.atomic():
            rows.update(user=kept)
    except IntegrityError:
        return False
    return True


def _move_members(gone: User, kept: User) -> None:
    """Of two members of one class the older row stays, with the better rights of both."""
    theirs = {one.of_class_id: one for one in Member.objects.filter(user=kept)}
    for one in Member.objects.filter(user=gone).select_related("of_class", "user").order_by("of_class_id"):
        other = theirs.get(one.of_class_id)
        left = one if other is None else joining.merge(one, other)
        Member.objects.filter(pk=left.pk).update(user=kept)


def _move_attempts(gone: User, kept: User) -> None:
    """The keys of requests are of the account that sent them, so they make room for those of the other one."""
    key = Concat(Value("merged-"), Cast("pk", CharField()))
    Submission.objects.filter(user=gone).update(user=kept, idempotency_key=key)


def _move_marks(gone: User, kept: User) -> None:
    """Whoever is hidden or flagged stays so. Of two marks of a kind that stand, one is ended."""
    for one in Mark.objects.standing().filter(user=gone):
        other = Mark.objects.standing().filter(user=kept, challenge=one.challenge_id, kind=one.kind).first()
        if other is not None:
            # An answer that waits for a person stays the one to read.
            waits = one.answered_at is not None and one.read_at is None
            ended = other if waits and other.answered_at is None else one
            Mark.objects.filter(pk=ended.pk).update(ended_at=timezone.now())
    Mark.objects.filter(user=gone).update(user=kept)


def _move_hints(gone: User, kept: User) -> None:
    for one in HintsTaken.objects.filter(user=gone):
        other = HintsTaken.objects.filter(user=kept, challenge=one.challenge_id).first()
        if other is None:
            HintsTaken.objects.filter(pk=one.pk).update(user=kept)
        else:
            HintsTaken.objects.filter(pk=other.pk).update(count=max(one.count, other.count))
            HintsTaken.objects.filter(pk=one.pk).delete()


def _move_slots(gone: User, kept: User) -> None:
    """Uses of both count together, also beyond what is allowed: a second account gives no second quota."""
    theirs = list(Slot.objects.filter(user=gone).order_by("pk"))
    taken: dict[tuple[str, str, str], set[int]] = defaultdict(set)
    for slot in Slot.objects.filter(user=kept).only("limit", "scope", "period", "number"):
        taken[_counted(slot)].add(slot.number)
    in_the_way = [one for one in theirs if one.number in taken[_counted(one)]]
    free = {one.pk for one in theirs} - {one.pk for one in in_the_way}
    for one in theirs:
        if one.pk in free:
            taken[_counted(one)].add(one.number)
    Slot.objects.filter(pk__in=free).update(user=kept)
    for one in in_the_way:
        number = next(number for number in count(1) if number not in taken[_counted(one)])
        taken[_counted(one)].add(number)
        values = {"number": number, "allowed": max(one.allowed, number)}
        Slot.objects.filter(pk=one.pk).update(user=kept, **values)


def _counted(slot: Slot) -> tuple[str, str, str]:
    return slot.limit, slot.scope, slot.period


def _move_answers(gone: User, kept: User) -> None:
    """The first answer to a question counts. A trigger refuses changes of answers, so they are written anew."""
    theirs = {_asked(one): one for one in Answer.objects.filter(user=kept)}
    for one in Answer.objects.filter(user=gone):
        other = theirs.get(_asked(one))
        first = other is None or one.created_at < other.created_at
        Answer.objects.filter(pk__in=[one.pk, other.pk] if other is not None and first else [one.pk]).delete()
        if first:
            one.pk, one.user = None, kept
            one.save(force_insert=True)


def _asked(answer: Answer) -> tuple[int, str, str]:
    return answer.lesson_id, answer.question, answer.content


def _move_addresses(gone: User, kept: User) -> None:
    """Confirmed addresses come along, so that classes still know the person by them. Others may be somebody else's."""
    hers = EmailAddress.objects.filter(user=gone)
    hers.filter(verified=False).delete()
    EmailAddress.objects.filter(user=kept, verified=False, email__in=hers.values("email")).delete()
    hers.update(user=kept, primary=False)
