"""The model of what a provider of sign-in or a learning platform gives a member of a class, beside what people give."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.timezone import now

from gradus.accounts.token_rules import LearnerData
from gradus.classes.models.members import Label, Member

SOURCE_CHARS = 60


class Managed(models.Model):
    """The role and the labels that a member has from one source, such as a provider of sign-in.

    `source` names a provider of sign-in, such as `oidc:university`, or a learning platform, such as `lti:4`.
    `own_learner_data` is the role that people have given the member, which is the same in all rows of a member; the
    role that counts is the highest one. `labels` has only those that the member would not have without a source.
    """

    member = models.ForeignKey(Member, models.CASCADE, related_name="managed")
    source = models.CharField(max_length=SOURCE_CHARS)
    learner_data = models.CharField(max_length=6, choices=LearnerData, default=LearnerData.NONE)
    own_learner_data = models.CharField(max_length=6, choices=LearnerData, default=LearnerData.NONE)
    made_member = models.BooleanField(default=False, help_text="Whether the person is in the class because of it alone")
    labels = models.ManyToManyField(Label, related_name="+", blank=True)
    changed_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="one_managed_place_of_a_source", fields=["member", "source"]),
            models.CheckConstraint(name="managed_place_has_a_source", condition=~Q(source="")),
            models.CheckConstraint(name="managed_role_is_a_level", condition=Q(learner_data__in=LearnerData.values)),
            models.CheckConstraint(
                name="managed_own_role_is_a_level", condition=Q(own_learner_data__in=LearnerData.values)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.member} from {self.source}"
