"""The tokens with which the workers of other machines join the site over HTTPS, and what these machines measure."""

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import F, Func, Q, TextField, Value
from django.db.models.functions import Cast, Length, Now
from django.db.models.lookups import Exact, In, LessThanOrEqual
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from challenges.kinds.base import Lane
from gradus.stored_json import JSONField

NAME_CHARS, NAME_MAX = "abcdefghijklmnopqrstuvwxyz0123456789-", 40
MACHINE_MAX = 64
# The judge's key and its budgets stay on the site's own machines.
LANES = (Lane.INTERACTIVE.value, Lane.GRADE.value, Lane.TRAIN.value)
# Each selection in its one order, as both databases write it: so a constraint can compare texts.
LANE_LISTS = (
    '["interactive"]',
    '["grade"]',
    '["train"]',
    '["interactive", "grade"]',
    '["interactive", "train"]',
    '["grade", "train"]',
    '["interactive", "grade", "train"]',
)


def _only(field: str, characters: str) -> Exact:
    """A condition that the text has no other characters, which both databases can check."""
    return Exact(Func(F(field), Value(characters), function="TRIM", output_field=TextField()), Value(""))


class WorkerTokenQuerySet(models.QuerySet["WorkerToken"]):
    def live(self) -> Self:
        """Returns the tokens that work now: neither revoked nor ended."""
        return self.filter(revoked_at=None, ends_at__gt=timezone.now())


class WorkerToken(models.Model):
    """A machine whose workers ask the site for jobs over HTTPS. `triggers` has the rules about changes.

    Of its secret, only a SHA-256 digest is stored. Its workers are called `<name>:<lane>:<number>` in
    `WorkerStatus.name` and `Evaluation.worker`. `machine` is what the first machine that used the token calls itself.
    `report` is what the machine last said: its `device`, its `version` of Gradus, its memory.
    """

    name = models.CharField(max_length=NAME_MAX, unique=True)
    digest = models.CharField(max_length=64, unique=True)
    lanes = JSONField(default=list, help_text=_("The lanes whose jobs it may claim"))
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False, related_name="+")
    made_at = models.DateTimeField(default=timezone.now, editable=False)
    ends_at = models.DateTimeField()
    machine = models.CharField(max_length=MACHINE_MAX, blank=True, default="")
    bound_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    is_draining = models.BooleanField(default=False, help_text=_("It gets no new jobs"))
    report = JSONField(default=dict, blank=True)
    reported_at = models.DateTimeField(null=True, blank=True)

    objects = WorkerTokenQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                name="a_worker_token_is_named",
                condition=Q(_only("name", NAME_CHARS)) & ~Q(name="") & ~Q(name__startswith="-"),
            ),
            # SQLite does not limit the length of a text by itself.
            models.CheckConstraint(
                name="a_worker_tokens_texts_are_short",
                condition=Q(LessThanOrEqual(Length("name"), NAME_MAX))
                & Q(LessThanOrEqual(Length("machine"), MACHINE_MAX)),
            ),
            models.CheckConstraint(
                name="a_worker_token_has_a_digest",
                condition=Q(Exact(Length("digest"), 64)) & Q(_only("digest", "0123456789abcdef")),
            ),
            models.CheckConstraint(
                name="a_worker_token_has_lanes", condition=Q(In(Cast("lanes", TextField()), LANE_LISTS))
            ),
            models.CheckConstraint(name="a_worker_token_ends_after_it_was_made", condition=Q(ends_at__gt=F("made_at"))),
            models.CheckConstraint(
                name="a_bound_worker_token_has_a_machine",
                condition=Q(machine="", bound_at=None) | (~Q(machine="") & Q(bound_at__isnull=False)),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ChoiceProposal(models.Model):
    """How a machine with a token has measured that the engine computes a base model best. It is no `EngineChoice` yet:
    the site does not take what one machine says for all others.
    """

    token = models.ForeignKey(WorkerToken, models.CASCADE, related_name="proposals")
    key = models.CharField(max_length=64, help_text=_("Digest of the place"))
    digest = models.CharField(max_length=12)
    place = JSONField()
    choice = JSONField()
    made_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(name="one_proposal_of_a_machine", fields=["token", "key"])]

    def __str__(self) -> str:
        return f"{self.digest} of {self.token}"
