"""The only writer of friendships: asks, answers, ends them, and tells whose entries a leaderboard lists for somebody.

A request is made by the private code of the person who is asked, so that nobody is found or asked by strangers. It
tells that person the asker's pseudonym, and the asker nothing before the yes.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from gradus.accounts.models import User
from gradus.friends.models import CODE_LETTERS, FriendCode, Friendship, new_code
from gradus.refusal import Refused, wrong

# Of a learner, with requests in both directions. Whoever has a code that went round cannot fill the list without end.
MOST = 200


@dataclass(frozen=True)
class Friend:
    """A friendship as one of the two sees it. `name` is the other's pseudonym, empty while it is not to be known."""

    row: Friendship
    name: str


@dataclass(frozen=True)
class Friends:
    """What there is between a learner and others.

    `asking` wait for this learner's answer, `asked` for that of others; `refused` are those to whom it said no.
    """

    friends: list[Friend]
    asking: list[Friend]
    asked: list[Friend]
    refused: list[Friend]


def code_of(user: User) -> str:
    """Returns the learner's code, which is empty until the learner has one made."""
    return FriendCode.objects.filter(user=user).values_list("code", flat=True).first() or ""


def renew_code(user: User) -> str:
    """Gives the learner a code, or another one. Nobody can ask by the earlier one from now on."""
    return FriendCode.objects.update_or_create(user=user, defaults={"code": new_code(), "made_at": timezone.now()})[
        0
    ].code


def everybody(user: User) -> Friends:
    """Returns the learner's friends and requests, the newest first."""
    rows = Friendship.objects.of(user).select_related("asker", "asked").order_by("-pk")
    found = Friends([], [], [], [])
    for row in rows:
        mine = row.asker_id == user.pk
        other = row.asked if mine else row.asker
        if row.agreed_at:
            found.friends.append(Friend(row, other.name_on_boards))
        elif mine:
            found.asked.append(Friend(row, ""))
        else:
            (found.refused if row.refused_at else found.asking).append(Friend(row, other.name_on_boards))
    return found


def circle(user: User) -> set[int]:
    """Returns the ids of the learner and of all friends."""
    pairs = Friendship.objects.of(user).agreed().values_list("asker_id", "asked_id")
    return {user.pk}.union(*pairs)


@transaction.atomic
def ask(code: str, *, by: User) -> Friendship:
    """Asks the person with this code. If that person has asked already, both have said yes.

    Raises:
        Refused: 403, a visitor without an account; 404, nobody has the code; 409, they are friends already, the request
            waits, it was refused, or there are too many.
    """
    if by.is_guest:
        raise Refused("account_needed", _("Sign in or sign up to have friends on leaderboards."), 403)
    code = "".join(code.split()).lower().replace("-", "")
    known = FriendCode.objects.filter(user__is_active=True)
    found = known.filter(code=code).first() if set(code) <= set(CODE_LETTERS) else None
    if found is None:
        said = _("Nobody has this code: it is mistyped, or was replaced. Ask for the newest one.")
        raise wrong("code", said, "code_unknown", 404)
    if found.user_id == by.pk:
        raise wrong("code", _("This is your own code. Give it to a friend."), "own_code", 409)
    # Two who ask each other at the same time wait for one another here, in one order.
    list(User.objects.select_for_update(no_key=True).filter(pk__in=(by.pk, found.user_id)).order_by("pk"))
    before = Friendship.objects.of(by).filter(Q(asker=found.user_id) | Q(asked=found.user_id)).first()
    if before is not None and before.agreed_at:
        raise wrong("code", _("You are friends already."), "friends_already", 409)
    if before is not None and before.asker_id == by.pk:
        if before.refused_at:
            said = _("This person has said no to your request. Only they can ask you now.")
            raise wrong("code", said, "request_refused", 409)
        raise wrong("code", _("You have asked this person already. The request waits."), "asked_already", 409)
    if before is not None and before.refused_at is None:
        return agree(before.pk, by=by)
    if before is not None:
        before.delete()
    for person in (by.pk, found.user_id):
        if Friendship.objects.of(person).count() >= MOST:
            said = _("One of you has %(most)s friends and requests, and cannot have more. End one first.")
            raise wrong("code", said % {"most": MOST}, "too_many_friends", 409)
    return Friendship.objects.create(asker=by, asked_id=found.user_id)


def agree(key: int, *, by: User) -> Friendship:
    """Says yes to a request. Raises `Refused`, 409, unless it waits for this person."""
    _answer(key, by, "agreed_at")
    return Friendship.objects.get(pk=key)


def refuse(key: int, *, by: User) -> None:
    """Says no to a request: the same person cannot ask again. Raises `Refused`, 409, unless it waits for this one."""
    _answer(key, by, "refused_at")


def _answer(key: int, by: User, field: str) -> None:
    if not Friendship.objects.waiting().filter(pk=key, asked=by).update(**{field: timezone.now()}):
        raise _gone()


def end(key: int, *, by: User) -> None:
    """Ends a friendship, takes back a request, or lets somebody ask again to whom this person has said no.

    Raises:
        Refused: 409, there is no such thing of this person. Whoever was refused cannot remove the no.
    """
    own = Friendship.objects.of(by).exclude(asker=by, refused_at__isnull=False)
    if not own.filter(pk=key).delete()[0]:
        raise _gone()


def forget(user: User) -> None:
    """Removes the person's code, friendships and requests."""
    FriendCode.objects.filter(user=user).delete()
    Friendship.objects.of(user).delete()


def move(source: User, target: User) -> None:
    """Gives the friendships and requests of an account to another of the same person, which keeps its own ones.

    Call it in a transaction that holds both accounts. The code of `source` goes.
    """
    FriendCode.objects.filter(user=source).delete()
    known = {target.pk}.union(*Friendship.objects.of(target).values_list("asker_id", "asked_id"))
    for row in Friendship.objects.of(source).order_by("pk"):
        side, other = ("asker", row.asked_id) if row.asker_id == source.pk else ("asked", row.asker_id)
        if other in known:
            row.delete()
        else:
            Friendship.objects.filter(pk=row.pk).update(**{side: target})


def _gone() -> Refused:
    return Refused("no_request", _("This is over already, so nothing was changed."), 409)
