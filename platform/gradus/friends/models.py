"""Learners who have agreed to find each other's pseudonym among "friends" on leaderboards."""

from __future__ import annotations

import secrets
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Greatest, Least
from django.utils import timezone

# Without letters that are taken for others. Nobody can guess 20 of them.
CODE_LETTERS, CODE_CHARS = "abcdefghjkmnpqrstuvwxyz23456789", 20


def new_code() -> str:
    return "".join(secrets.choice(CODE_LETTERS) for _letter in range(CODE_CHARS))


class FriendCode(models.Model):
    """The private code by which others can ask a learner, until a new one takes its place."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, related_name="friend_code")
    code = models.CharField(max_length=20, unique=True, default=new_code)
    made_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return f"code of {self.user}"


class FriendshipQuerySet(models.QuerySet["Friendship"]):
    def of(self, user: Any) -> Self:
        return self.filter(Q(asker=user) | Q(asked=user))

    def agreed(self) -> Self:
        return self.filter(agreed_at__isnull=False)

    def waiting(self) -> Self:
        return self.filter(agreed_at=None, refused_at=None)

    def refused(self) -> Self:
        return self.filter(refused_at__isnull=False)


class Friendship(models.Model):
    """A request of one learner to another, and what the other said: nothing yet, yes or no.

    There is one row at most for two people. Triggers refuse a row that begins with a yes, a yes after a no, and guests
    and deleted accounts on either side. A row is deleted when somebody ends it; a no stays, so that the same person
    cannot ask again.
    """

    asker = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="asked_friends")
    asked = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="asking_friends")
    asked_at = models.DateTimeField(default=timezone.now, editable=False)
    agreed_at = models.DateTimeField(null=True, blank=True)
    refused_at = models.DateTimeField(null=True, blank=True)

    objects = FriendshipQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(name="friends_are_two_people", condition=~Q(asker=F("asked"))),
            models.CheckConstraint(
                name="a_friend_says_yes_or_no", condition=Q(agreed_at__isnull=True) | Q(refused_at__isnull=True)
            ),
            models.UniqueConstraint(Least("asker", "asked"), Greatest("asker", "asked"), name="one_friendship_of_two"),
        ]

    def __str__(self) -> str:
        return f"{self.asker_id} asks {self.asked_id}"
