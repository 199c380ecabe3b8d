"""The models of classes, labels and members. A class is one offering of a course to a group of learners."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Self
from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils.functional import cached_property
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from gradus.accounts.addresses import EMAIL_CHARS
from gradus.accounts.models import User
from gradus.accounts.token_rules import LearnerData
from gradus.classes.class_roles import TITLES
from gradus.classes.name_order import KEY_CHARS, name_key
from gradus.courses.models import Course
from gradus.stored_json import JSONField

TITLE_CHARS = 120
LABEL_CHARS = 40
NAME_CHARS = 120


def known_timezone(name: str) -> None:
    """Raises ValidationError unless `name` is an IANA name such as `Europe/Vienna`."""
    if name not in available_timezones():
        raise ValidationError(_("There is no such time zone. Write a name such as Europe/Vienna."), code="timezone")


class ClassQuerySet(models.QuerySet["Class"]):
    def running(self, at: datetime | None = None) -> Self:
        """Returns the classes that have begun and not ended at the time `at`, which defaults to now."""
        at = at or now()
        begun, goes_on = Q(begins_at=None) | Q(begins_at__lte=at), Q(ends_at=None) | Q(ends_at__gt=at)
        return self.filter(begun & goes_on)


class Class(models.Model):
    """One offering of a course. It runs from `begins_at`, inclusive, to `ends_at`, exclusive. Null means no limit."""

    class Points(models.TextChoices):
        """How the gradebook turns a shown score into points."""

        SHARE = "share", _("The share of the best possible score")
        PASS = "pass", _("All points for passing, and none otherwise")
        STEPS = "steps", _("Steps of your own")

    class Board(models.TextChoices):
        """Who sees the leaderboard of the class."""

        OFF = "off", _("Nobody")
        STAFF = "staff", _("Only the people who teach the class")
        MEMBERS = "members", _("Everybody in the class")

    course = models.ForeignKey(Course, models.PROTECT, related_name="classes")
    title = models.CharField(_("title"), max_length=TITLE_CHARS)
    timezone = models.CharField(_("time zone"), max_length=64, validators=[known_timezone])
    begins_at = models.DateTimeField(_("begin"), null=True, blank=True)
    ends_at = models.DateTimeField(_("end"), null=True, blank=True)
    join_code = models.CharField(max_length=20, unique=True, null=True, blank=True, help_text="None is off")
    join_code_until = models.DateTimeField(null=True, blank=True)
    points = models.CharField(max_length=5, choices=Points, default=Points.SHARE)
    steps = JSONField(default=list, blank=True, help_text="Objects with `from`, a score, and `points`, a share")
    board = models.CharField(max_length=7, choices=Board, default=Board.OFF)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(default=now, editable=False)

    objects = ClassQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "classes"
        constraints = [
            models.CheckConstraint(
                name="class_ends_after_it_begins",
                condition=Q(begins_at=None) | Q(ends_at=None) | Q(ends_at__gt=F("begins_at")),
                violation_error_message=_("The class would end before it begins."),
            ),
            models.CheckConstraint(name="class_has_a_title", condition=~Q(title="")),
            models.CheckConstraint(
                name="class_join_code_has_an_end",
                condition=Q(join_code=None, join_code_until=None)
                | Q(join_code__isnull=False, join_code_until__isnull=False),
            ),
            models.CheckConstraint(name="class_join_code_is_not_empty", condition=~Q(join_code="")),
            models.CheckConstraint(name="class_points_is_a_choice", condition=Q(points__in=["share", "pass", "steps"])),
            models.CheckConstraint(name="class_board_is_a_choice", condition=Q(board__in=["off", "staff", "members"])),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    def runs(self, at: datetime | None = None) -> bool:
        """Returns True if the class has begun and not ended at the time `at`, which defaults to now."""
        at = at or now()
        return not self.is_over(at) and (self.begins_at is None or self.begins_at <= at)

    def is_over(self, at: datetime | None = None) -> bool:
        return self.ends_at is not None and self.ends_at <= (at or now())

    @cached_property
    def teacher_names(self) -> dict[int | None, str]:
        """The names in the roster of those who teach the class, by account. Those without a name are left out."""
        teaching = self.members.exclude(learner_data=LearnerData.NONE).exclude(user=None)
        return {one.user_id: one.full_name for one in teaching if one.full_name}

    def name_of(self, teacher: User) -> str:
        """Returns the name under which people of the class know somebody who teaches it."""
        return self.teacher_names.get(teacher.pk) or teacher.get_full_name() or teacher.pseudonym


class Label(models.Model):
    """A label of members of a class, such as a section or extra time."""

    of_class = models.ForeignKey(Class, models.CASCADE, related_name="labels")
    name = models.CharField(_("name"), max_length=LABEL_CHARS)

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(
                Lower("name"),
                "of_class",
                name="one_label_of_a_name",
                violation_error_message=_("The class has a label of this name."),
            ),
            models.CheckConstraint(name="label_has_a_name", condition=~Q(name="")),
        ]

    def __str__(self) -> str:
        return self.name


class MemberQuerySet(models.QuerySet["Member"]):
    def active(self) -> Self:
        return self.filter(state=Member.State.ACTIVE)

    def learners(self) -> Self:
        """Returns the members who learn, without those who teach."""
        return self.filter(learner_data=LearnerData.NONE)

    def by_name(self) -> Self:
        """Returns the members sorted by name. Members without a name come last, sorted by address."""
        return self.order_by("name_key", "pk")

    def bulk_update(self, objs: Iterable[Member], fields: Iterable[str], batch_size: int | None = None) -> int:
        """Updates the given fields of all members, and `name_key` with them."""
        members = list(objs)
        for member in members:
            member.name_key = member.key_of_name()
        return super().bulk_update(members, {*fields, "name_key"}, batch_size)

    def matching(self, search: str) -> Self:
        """Returns the members for whom each word of `search` is in a name, address, login, number or pseudonym."""
        found = self
        for word in search.split():
            either = Q(user__email__icontains=word) | Q(user__pseudonym__icontains=word)
            for name in ("first_name", "last_name", "email", "login", "registration_number"):
                either |= Q(**{f"{name}__icontains": word})
            found = found.filter(either)
        return found


class NameKeyField(models.CharField[str, str]):
    """What members are sorted by. It is computed from the names whenever a member is saved."""

    def pre_save(self, model_instance: models.Model, add: bool) -> str:
        assert isinstance(model_instance, Member)
        model_instance.name_key = model_instance.key_of_name()
        return model_instance.name_key

    def deconstruct(self) -> Any:
        """Migrations know it as the CharField that it is in the database."""
        name, _path, args, kwargs = super().deconstruct()
        return name, "django.db.models.CharField", args, kwargs


class Member(models.Model):
    """A person in a class, known by account or, until an account confirms the address, by email address only.

    The row of a member who leaves is kept with all rows that refer to it, and becomes active again on return.
    """

    class State(models.TextChoices):
        ACTIVE = "active", _("Active")
        LEFT = "left", _("Left")

    class Via(models.TextChoices):
        CODE = "code", _("Code")
        INVITATION = "invitation", _("Invitation")
        ROSTER = "roster", _("Roster")
        HAND = "hand", _("By hand")

    of_class = models.ForeignKey(Class, models.CASCADE, related_name="members")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, blank=True, related_name="memberships"
    )
    email = models.CharField(_("email address"), max_length=EMAIL_CHARS, blank=True, help_text="In lower case")
    login = models.CharField(_("login"), max_length=NAME_CHARS, blank=True)
    registration_number = models.CharField(_("registration number"), max_length=NAME_CHARS, blank=True)
    first_name = models.CharField(_("first name"), max_length=NAME_CHARS, blank=True)
    last_name = models.CharField(_("last name"), max_length=NAME_CHARS, blank=True)
    name_key = NameKeyField(max_length=KEY_CHARS, blank=True, editable=False, default="", db_default="")
    learner_data = models.CharField(_("role"), max_length=6, choices=LearnerData, default=LearnerData.NONE)
    labels = models.ManyToManyField(Label, related_name="members", blank=True)
    state = models.CharField(max_length=6, choices=State, default=State.ACTIVE)
    joined_via = models.CharField(max_length=10, choices=Via, default=Via.HAND)
    joined_at = models.DateTimeField(default=now)
    left_at = models.DateTimeField(null=True, blank=True)
    invited_at = models.DateTimeField(null=True, blank=True, help_text="When the last invitation was mailed")
    invited_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")

    objects = MemberQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="one_membership_of_an_account", fields=["of_class", "user"]),
            models.UniqueConstraint(
                name="one_membership_of_an_address", fields=["of_class", "email"], condition=~Q(email="")
            ),
            models.CheckConstraint(
                name="member_has_an_account_or_an_address", condition=Q(user__isnull=False) | ~Q(email="")
            ),
            models.CheckConstraint(name="member_email_is_lower_case", condition=Q(email=Lower("email"))),
            models.CheckConstraint(
                name="member_learner_data_is_a_level", condition=Q(learner_data__in=LearnerData.values)
            ),
            models.CheckConstraint(
                name="member_state_and_time_agree",
                condition=Q(state="active", left_at=None) | Q(state="left", left_at__isnull=False),
            ),
            models.CheckConstraint(
                name="member_joined_in_some_way", condition=Q(joined_via__in=["code", "invitation", "roster", "hand"])
            ),
        ]
        indexes = [models.Index(name="active_members", fields=["user", "of_class"], condition=Q(state="active"))]

    def __str__(self) -> str:
        return self.name

    def save(self, *, update_fields: Iterable[str] | None = None, **options: Any) -> None:
        if update_fields is not None:
            update_fields = {*update_fields, "name_key"}
        super().save(update_fields=update_fields, **options)

    def key_of_name(self) -> str:
        """Returns what this member is sorted by."""
        return name_key(self.first_name, self.last_name, self.email or self.login)

    @property
    def name(self) -> str:
        """Returns the name for teachers: the name in the roster, or else another text that identifies the person."""
        return self.full_name or self.email or self.login or str(self.user)

    @property
    def full_name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip()

    @property
    def address(self) -> str:
        """Returns the address in the roster, or else the address of the account, which may be unconfirmed."""
        return self.email or (self.user.email if self.user else "")

    @property
    def known_address(self) -> str:
        """Returns the address in the roster, or else the confirmed address of the account in lower case, or "".

        Only this address may identify the person in other systems, because anybody can sign up with a foreign address.
        For many members, prefetch `user__emailaddress_set`.
        """
        if self.email or self.user is None:
            return self.email
        own = self.user.email.lower()
        # allauth's relation on accounts has no types.
        user: Any = self.user
        confirmed = {one.email.lower() for one in user.emailaddress_set.all() if one.verified}
        return own if own in confirmed else ""

    @property
    def role_title(self) -> str:
        """Returns the name of the role in the class, for people."""
        return str(TITLES[LearnerData(self.learner_data)])

    @property
    def teaches(self) -> bool:
        return self.learner_data != LearnerData.NONE

    @property
    def is_active(self) -> bool:
        return self.state == self.State.ACTIVE
