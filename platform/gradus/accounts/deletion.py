"""Deletes people: guests some time after their last visit, and in time whoever deletes an account."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import structlog
from django.db import IntegrityError, connection, models, transaction
from django.db.models import ProtectedError
from django.utils import timezone

from gradus.accounts.guests import NOTED_EVERY
from gradus.accounts.models import User, new_pseudonym

log = structlog.get_logger(__name__)
# As many guests are deleted in one round, each in a transaction of its own.
AT_ONCE = 50


def delete_guests(kept_for: timedelta) -> int:
    """Deletes guests whose last visit was longer than `kept_for` ago, and returns their number."""
    # A later visit within an hour of the noted one is not written.
    gone = User.objects.filter(is_guest=True, last_visit__lt=timezone.now() - kept_for - NOTED_EVERY)
    deleted = 0
    for pk in gone.order_by("last_visit", "pk").values_list("pk", flat=True)[:AT_ONCE]:
        try:
            deleted += _delete_guest(gone.filter(pk=pk))
        except IntegrityError:
            log.exception("guest_not_deleted", user=pk)
    return deleted


@transaction.atomic
def _delete_guest(rows: models.QuerySet[User]) -> int:
    """Deletes the guest unless another transaction holds the row: a visit, a sign-up, or another reconciler."""
    can = connection.features.has_select_for_update_skip_locked
    guest = (rows.select_for_update(skip_locked=True) if can else rows).first()
    if guest is not None:
        delete_account(guest)
    return guest is not None


@transaction.atomic
def delete_account(user: User) -> bool:
    """Deletes a person with everything that is theirs, and returns whether the row itself could go.

    Attempts go with their grades, reviews, judge calls, standings and places in limits; so do runs, chats, answers,
    choices, sets of findings with their predictions, reports, notices and tokens. Stored files that no row names any
    more are deleted within a day. Gold rows that were collected by consent go too, because nobody has looked whether
    they name somebody. What stays names nobody: gold rows that staff have made of an answer, and counts of what judges
    cost. A receipt that somebody has downloaded stays valid, because the site keeps nothing of it.

    A person who has graded or answered others stays as a row without a name, because the decisions are never changed.
    The log of staff actions stays as it was written, and notes which account went; a guest's is not noted. So before
    learners can delete their accounts themselves, somebody has to decide what that log may say of them.
    """
    try:
        with transaction.atomic():
            user.delete()
    except ProtectedError:
        _delete_work(user)
        _forget(user)
        return False
    return True


def _delete_work(user: User) -> None:
    """Deletes all rows that would go with the account, and frees those that would only lose it.

    What others must not outlive goes last.
    """
    for relation in _relations(User):
        if relation.on_delete is models.SET_NULL:
            held = relation.related_model._default_manager.filter(**{relation.field.name: user})
            held.update(**{relation.field.name: None})
    theirs = [relation for relation in _relations(User) if relation.on_delete is models.CASCADE]
    for relation in sorted(theirs, key=lambda one: _is_needed(one.related_model)):
        relation.related_model._default_manager.filter(**{relation.field.name: user}).delete()


def _is_needed(model: type[models.Model]) -> bool:
    return any(relation.on_delete is models.RESTRICT for relation in _relations(model))


def _relations(model: type[models.Model]) -> list[Any]:
    """Keys of other tables to this one, also those without a name here."""
    fields: list[Any] = model._meta.get_fields(include_hidden=True)
    return [one for one in fields if one.auto_created and not one.concrete and (one.one_to_many or one.one_to_one)]


def _forget(user: User) -> None:
    user.set_unusable_password()
    user.username = user.pseudonym = new_pseudonym()
    user.email = user.first_name = user.last_name = ""
    user.is_active = user.is_staff = user.is_superuser = user.may_create_courses = False
    user.last_login = user.last_visit = None
    user.save()
    # Only now, because the log of staff actions notes it with the name.
    user.groups.clear()
    user.user_permissions.clear()
