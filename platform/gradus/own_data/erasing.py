"""Deletes a person with an account: everything that was written goes, ranks and statistics stay without a name.

What stays is a row without a name, which is called by a random pseudonym that nothing links to the person: its
attempts with their scores, its places in classes with their grades, and its name in the log of staff actions.
`document` lists what the site knows of a person; what is listed there is removed or made nameless here.

The work is done in steps, and each can be repeated: a process that is killed between two of them loses nothing, because
the request stays until all are done, and the next round begins again. The first step closes the account for good.
Triggers refuse whatever a request that began before still wants to store.
"""

from __future__ import annotations

import hashlib
import io
import json
from datetime import datetime

import structlog
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.contrib.sessions.models import Session
from django.core.files.base import File
from django.core.files.storage import storages
from django.db import connection, transaction
from django.utils import timezone

from gradus import private_files
from gradus.accounts import staff_actions as staff
from gradus.accounts.models import ApiToken, Enrolment, Merge, StaffAction, User, new_pseudonym
from gradus.accounts.triggers import ERASED
from gradus.challenge_health import row_scores
from gradus.chats.models import ChatMessage
from gradus.classes.models import DateRule, Grant, Managed, Member
from gradus.classes.name_order import name_key
from gradus.courses.models import Upload
from gradus.django_internals import delete_without_signals
from gradus.friends import services as friends
from gradus.gradebook.models import Override
from gradus.laboratory.models import Contribution
from gradus.lti import accounts as of_platforms
from gradus.notices.models import MailWish, Notice
from gradus.own_data import log_names
from gradus.preferences.models import PairChoice
from gradus.questions.models import Answer, ReadStep
from gradus.refusal import Refused
from gradus.reports.models import ProblemReport
from gradus.reviews.services import forgetting as of_reviews
from gradus.submissions.services import forgetting as of_attempts
from gradus.submissions.services.forgetting import File as StoredFile
from gradus.teach import people
from gradus.teach.models import Invitation

log = structlog.get_logger(__name__)
# The list of who was deleted, in private storage: one file for each, with nothing that names somebody.
LIST = "deleted-accounts/"


def erase(key: int, *, waits: bool = False) -> bool:
    """Deletes the account with this key, whose time has come. Returns False if somebody else does, or has kept it.

    Args:
        waits: Wait for rows that others hold. Without it, they are left for the next round.

    Raises:
        Refused: 409, the account is the only owner of a course.
    """
    user = _close(key, waits=waits)
    if user is None:
        return False
    for one in (user, *merged_into(user)):
        _note_in_list(one)
    of_attempts.stop_gradings(user)
    end_sessions(user)
    return _erase(key, waits=waits)


@transaction.atomic
def _close(key: int, *, waits: bool) -> User | None:
    """Closes the account for good, with all its roles, unless it is no longer to be deleted."""
    people.hold_courses_of(key)
    user = _held(key, waits=waits, no_key=True)
    if user is None or user.deletion_due_at is None or user.deletion_due_at > timezone.now():
        return None
    if user.deleted_at is None:
        if said := people.needs_other_owner(user):
            raise Refused("last_owner", said, 409)
        of_attempts.keep_without_rank(user)
        closed = {"is_active": False, "is_staff": False, "is_superuser": False, "may_create_courses": False}
        User.objects.filter(pk=key).update(deleted_at=timezone.now(), **closed)
        delete_without_signals(Enrolment.objects.filter(user=user))
        delete_without_signals(ApiToken.objects.filter(user=user))
    return User.objects.get(pk=key)


def _held(key: int, *, waits: bool, no_key: bool = False) -> User | None:
    skips = not waits and connection.features.has_select_for_update_skip_locked
    return User.objects.select_for_update(skip_locked=skips, no_key=no_key).filter(pk=key).first()


def end_sessions(user: User) -> None:
    """Deletes the sessions of the account, which hold its address. Their content has no column to search by."""
    for session in Session.objects.filter(expire_date__gt=timezone.now()).iterator(1000):
        if session.get_decoded().get("_auth_user_id") == str(user.pk):
            session.delete()


@transaction.atomic
def _erase(key: int, *, waits: bool) -> bool:
    # The lock waits for every transaction that stores a row about the person, so that none is missed.
    user = _held(key, waits=waits)
    if user is None or user.deletion_due_at is None:
        return False
    if of_attempts.open_evaluations(user).exists():
        # A regrade has begun just now. It is ended in the next round.
        return False
    person, alias = log_names.Person.of(user), new_pseudonym()
    of_reviews.end_waiting(user)
    of_reviews.forget(user)
    _delete_rows(user)
    files = of_attempts.forget(user)
    row_scores.forget_answers(user)
    _leave_classes(user, person.addresses)
    log_names.forget(person, alias)
    _delete_merged(user)
    _forget_account(user, alias)
    staff.note(StaffAction.What.ACCOUNT_DELETED, user, user=user.pk)
    transaction.on_commit(lambda: _finish(user.pk, files))
    return True


def _finish(key: int, files: list[StoredFile]) -> None:
    of_attempts.delete_files(files)
    log.info("account_deleted", user=key)


def merged_into(user: User) -> list[User]:
    """Returns the accounts that are closed because everything of theirs is with this one, the last ones first."""
    found = list(User.objects.filter(merged_into=user).order_by("pk"))
    return [one for each in found for one in (*merged_into(each), each)]


def _delete_merged(user: User) -> None:
    """Deletes the accounts that were merged into this one: no row names them, except those about merges."""
    for one in merged_into(user):
        log_names.forget(log_names.Person.of(one), new_pseudonym())
        Merge.objects.of(one).delete()
        EmailAddress.objects.filter(user=one).delete()
        delete_without_signals(User.objects.filter(pk=one.pk))
    Merge.objects.of(user).delete()


def _delete_rows(user: User) -> None:
    """Deletes what the person has written, chosen and been told."""
    ChatMessage.objects.filter(user=user).delete()
    Notice.objects.filter(user=user).delete()
    MailWish.objects.filter(user=user).delete()
    ProblemReport.objects.filter(user=user).delete()
    PairChoice.objects.filter(user=user).delete()
    Answer.objects.filter(user=user).delete()
    ReadStep.objects.filter(user=user).delete()
    Contribution.objects.filter(user=user).delete()
    Upload.objects.filter(user=user).delete()
    of_platforms.forget(user)
    friends.forget(user)


def _leave_classes(user: User, addresses: frozenset[str]) -> None:
    """Learners keep their places and grades without a name, so that no rank and no mean of a class moves."""
    hers = Member.objects.filter(user=user)
    Managed.objects.filter(member__in=hers).delete()
    DateRule.objects.filter(member__in=hers).exclude(reason="").update(reason=ERASED)
    Grant.objects.filter(member__in=hers).update(reason=ERASED)
    Grant.objects.filter(member__in=hers).exclude(withdrawn_reason="").update(withdrawn_reason=ERASED)
    Override.objects.filter(member__in=hers).update(reason=ERASED)
    left = {"state": Member.State.LEFT, "left_at": timezone.now()}
    hers.active().exclude(pk__in=hers.learners().values("pk")).update(**left)
    hers.update(email="", login="", registration_number="", first_name="", last_name="", name_key=name_key("", "", ""))
    Invitation.objects.filter(accepted_by=user).delete()
    confirmed = EmailAddress.objects.filter(user=user, verified=True).values_list("email", flat=True)
    for address in {one.lower() for one in confirmed}:
        Invitation.objects.filter(email__iexact=address).delete()
        Member.objects.filter(user=None, email=address).delete()


def _forget_account(user: User, alias: str) -> None:
    EmailAddress.objects.filter(user=user).delete()
    Authenticator.objects.filter(user=user).delete()
    SocialAccount.objects.filter(user=user).delete()
    User.groups.through._default_manager.filter(user=user).delete()
    User.user_permissions.through._default_manager.filter(user=user).delete()
    user.set_unusable_password()
    user.username = user.pseudonym = alias
    user.email = user.first_name = user.last_name = ""
    user.lost_email = user.last_login = user.last_visit = user.deletion_due_at = user.second_factor_due_at = None
    # When somebody registered says who it was.
    user.date_joined = user.deleted_at or timezone.now()
    User.objects.filter(pk=user.pk).update(
        **{
            name: getattr(user, name)
            for name in (
                *("password", "username", "pseudonym", "email", "lost_email", "first_name", "last_name"),
                *("last_login", "last_visit", "date_joined", "deletion_due_at", "second_factor_due_at"),
            )
        }
    )


# --- the list that a restored backup is compared with ------------------------------------------------------------


def _note_in_list(user: User) -> None:
    """Notes that the account is deleted where no restored database overwrites it."""
    store, name = storages["private"], LIST + _mark(user.pk, user.date_joined)
    if not store.exists(name):
        store.save(name, File(io.BytesIO(json.dumps({"user": user.pk}).encode())))


def _mark(key: int, joined: datetime) -> str:
    """Returns what tells an account from all others, those with the same key in another restored database included."""
    return hashlib.sha256(f"{key} {joined.timestamp():.6f}".encode()).hexdigest()


def delete_again() -> int:
    """Deletes the accounts of a restored database that had been deleted after the backup. Returns their number."""
    done = 0
    for file in private_files.walk(storages["private"], LIST):
        with storages["private"].open(file.name) as listed:
            key = json.load(listed)["user"]
        user = User.objects.filter(pk=key, deleted_at=None).first()
        if user is None or LIST + _mark(key, user.date_joined) != file.name:
            continue
        User.objects.filter(pk=key).update(deletion_due_at=timezone.now())
        done += erase(key, waits=True)
    return done
