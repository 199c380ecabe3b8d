"""The choices of learners between two answers to one prompt."""

from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from challenges.documents import ID_CHARS
from gradus.courses.models import Challenge


class Side(models.IntegerChoices):
    """Which answer was chosen, as it was shown."""

    NEITHER = 0
    FIRST = 1
    SECOND = 2


class PairChoiceQuerySet(models.QuerySet["PairChoice"]):
    def of(self, user: Any, challenge: Any) -> Self:
        """In the order in which the choices were made."""
        return self.filter(user=user, user__isnull=False, challenge=challenge).order_by("chosen_at", "pk")


class PairChoice(models.Model):
    """One click. It holds the texts as they were shown, in their order, because an author may change them later."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="pair_choices")
    challenge = models.ForeignKey(Challenge, models.CASCADE, related_name="+")
    pair = models.CharField(max_length=ID_CHARS, help_text="The candidate's id")
    prompt = models.TextField()
    first = models.TextField()
    second = models.TextField()
    chosen = models.PositiveSmallIntegerField(choices=Side.choices)
    chosen_at = models.DateTimeField(default=timezone.now)

    objects = PairChoiceQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="one_choice_of_a_pair", fields=["user", "challenge", "pair"]),
            models.CheckConstraint(name="a_side_is_chosen_or_neither", condition=Q(chosen__in=Side.values)),
            models.CheckConstraint(name="two_answers_differ", condition=~Q(first=F("second"))),
        ]

    def __str__(self) -> str:
        return f"{self.pair} by {self.user}"
