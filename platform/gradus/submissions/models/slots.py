"""Numbered slots, which limit how often or how many at a time. Each is unique, so parallel requests cannot share it."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from gradus.courses.models import Challenge, ChallengeVersion
from gradus.submissions.models.evaluations import Run, Submission


class QuotaSlot(models.Model):
    """One attempt of a day, in the course's time zone. The unique key is what settles parallel submits."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    challenge = models.ForeignKey(Challenge, models.CASCADE, related_name="+")
    day = models.DateField()
    slot = models.PositiveSmallIntegerField()
    allowed = models.PositiveSmallIntegerField()
    submission = models.OneToOneField(Submission, models.CASCADE, related_name="quota_slot")

    class Meta:
        constraints = [
            models.UniqueConstraint(name="one_attempt_in_a_slot", fields=["user", "challenge", "day", "slot"]),
            models.CheckConstraint(name="slot_within_allowed", condition=Q(slot__gte=1, slot__lte=F("allowed"))),
        ]

    def __str__(self) -> str:
        return f"{self.slot} of {self.allowed} on {self.day}"


class GuestSlot(models.Model):
    """One of the submissions that a guest has in all."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    slot = models.PositiveSmallIntegerField()
    allowed = models.PositiveIntegerField()
    submission = models.OneToOneField(Submission, models.CASCADE, related_name="guest_slot")

    class Meta:
        constraints = [
            models.UniqueConstraint(name="one_submission_in_a_guest_slot", fields=["user", "slot"]),
            models.CheckConstraint(name="guest_slot_within_limit", condition=Q(slot__gte=1, slot__lte=F("allowed"))),
        ]

    def __str__(self) -> str:
        return f"guest slot {self.slot} of {self.allowed}"


class InFlight(models.Model):
    """An open submission. A learner has only so many at a time; the slot is freed when the grading ends."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    slot = models.PositiveSmallIntegerField()
    allowed = models.PositiveIntegerField()
    submission = models.OneToOneField(Submission, models.CASCADE, related_name="in_flight")

    class Meta:
        verbose_name = "submission in flight"
        verbose_name_plural = "submissions in flight"
        constraints = [
            models.UniqueConstraint(name="one_open_submission_in_a_slot", fields=["user", "slot"]),
            models.CheckConstraint(
                name="in_flight_slot_within_limit", condition=Q(slot__gte=1, slot__lte=F("allowed"))
            ),
        ]

    def __str__(self) -> str:
        return f"open {self.slot} of {self.allowed}"


class RunSlot(models.Model):
    """An open run. A learner has only so many at a time; the slot is freed when the run ends.

    Chats have slots of their own, so that a chat takes no place of a trial.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    is_chat = models.BooleanField(default=False, db_default=False)
    slot = models.PositiveSmallIntegerField()
    allowed = models.PositiveSmallIntegerField()
    run = models.OneToOneField(Run, models.CASCADE, related_name="slot")

    class Meta:
        constraints = [
            models.UniqueConstraint(name="one_open_run_in_a_slot", fields=["user", "is_chat", "slot"]),
            models.CheckConstraint(name="run_slot_within_allowed", condition=Q(slot__gte=1, slot__lte=F("allowed"))),
            models.CheckConstraint(name="one_chat_at_a_time", condition=Q(is_chat=False) | Q(allowed=1)),
        ]

    def __str__(self) -> str:
        return f"open run {self.slot} of {self.allowed}"


class CancelSlot(models.Model):
    """An attempt that its learner cancelled and got back. A day, in the course's zone, has only so many.

    Attempts that waited have slots of their own: they cost the site less than those that ran.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    day = models.DateField()
    was_running = models.BooleanField(default=True, db_default=True)
    slot = models.PositiveSmallIntegerField()
    allowed = models.PositiveSmallIntegerField()
    submission = models.OneToOneField(Submission, models.CASCADE, related_name="cancel_slot")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="one_cancelled_attempt_in_a_slot", fields=["user", "day", "was_running", "slot"]
            ),
            models.CheckConstraint(name="cancel_slot_within_allowed", condition=Q(slot__gte=1, slot__lte=F("allowed"))),
        ]

    def __str__(self) -> str:
        return f"given back {self.slot} of {self.allowed} on {self.day}"


class MeasurementSlot(models.Model):
    """A measurement of costs that a learner has started. A day, in the course's zone, has only so many."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    day = models.DateField()
    slot = models.PositiveSmallIntegerField()
    allowed = models.PositiveIntegerField()
    run = models.OneToOneField(Run, models.CASCADE, related_name="measurement_slot")

    class Meta:
        constraints = [
            models.UniqueConstraint(name="one_measurement_in_a_slot", fields=["user", "day", "slot"]),
            models.CheckConstraint(
                name="measurement_slot_within_allowed", condition=Q(slot__gte=1, slot__lte=F("allowed"))
            ),
        ]

    def __str__(self) -> str:
        return f"measurement {self.slot} of {self.allowed} on {self.day}"


class OpenMeasurement(models.Model):
    """A measurement of costs that has not ended: of an attempt, or without one, of the baseline in `label`.

    The unique keys let parallel requests start only one of the same thing. The row goes when the measurement ends.
    """

    version = models.ForeignKey(ChallengeVersion, models.CASCADE, related_name="+")
    measures = models.ForeignKey(Submission, models.CASCADE, null=True, related_name="+")
    label = models.CharField(max_length=80, blank=True)
    run = models.OneToOneField(Run, models.CASCADE, related_name="open_measurement")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="one_measurement_of_an_attempt",
                fields=["version", "measures"],
                condition=Q(measures__isnull=False),
            ),
            models.UniqueConstraint(
                name="one_measurement_of_a_baseline",
                fields=["version", "label"],
                condition=Q(measures__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"open measurement of {self.measures or self.label}"


class NetworkSlot(models.Model):
    """One of the attempts at a challenge that are graded in a day, in the course's zone, for all visitors of a network.

    `network` is a keyed hash that is another one each day; see `accounts.networks`. Old rows are deleted.
    """

    network = models.CharField(max_length=64)
    challenge = models.ForeignKey(Challenge, models.CASCADE, related_name="+")
    day = models.DateField(db_index=True)
    slot = models.PositiveIntegerField()
    allowed = models.PositiveIntegerField()
    submission = models.OneToOneField(Submission, models.CASCADE, related_name="network_slot")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="one_attempt_in_a_network_slot", fields=["network", "challenge", "day", "slot"]
            ),
            models.CheckConstraint(
                name="network_slot_within_allowed", condition=Q(slot__gte=1, slot__lte=F("allowed"))
            ),
        ]

    def __str__(self) -> str:
        return f"network's {self.slot} of {self.allowed} on {self.day}"
