"""Accounts and guests, roles in courses, API tokens, networks without limits, rate limits, and the log of staff."""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.contrib.auth.models import UserManager as DjangoUserManager
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext as now_in_words
from django.utils.translation import gettext_lazy as _

from gradus.accounts.merges import Merge as Merge
from gradus.accounts.pseudonyms import check_name
from gradus.accounts.token_rules import LEARNER, TOKEN_DAYS, Content, LearnerData, Scope, at_least, rank
from gradus.stored_json import JSONField

EVERYTHING = Scope(Content.OWNER, LearnerData.EDITOR)
"""What staff of the site may do in every course."""


READING_HIDDEN_ROWS = at_least(Content.EDITOR)
"""The levels that read hidden rows, so that such people have no rank in the course."""


def new_pseudonym() -> str:
    """Returns a random name for leaderboards, which does not identify the person."""
    return f"learner-{secrets.token_hex(4)}"


class UserManager(DjangoUserManager["User"]):
    def create_guest(self) -> "User":
        guest = self.model(username=f"guest-{secrets.token_hex(8)}", is_guest=True, last_visit=timezone.now())
        guest.set_unusable_password()
        guest.save(using=self._db)
        return guest


class User(AbstractUser):
    """A person. A guest is a visitor without an account; signing up turns the same row into an account."""

    is_guest = models.BooleanField(default=False)
    pseudonym = models.CharField(max_length=40, unique=True, default=new_pseudonym)
    may_create_courses = models.BooleanField(
        default=False, db_default=False, help_text=_("May push a course that does not exist yet, and owns it then")
    )
    last_visit = models.DateTimeField(null=True, blank=True, editable=False, help_text="Of a guest, up to an hour old")
    # Both without a default: SQLite would make the table anew, which triggers of other tables do not allow.
    deletion_due_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When it is to be deleted; none once that is done"
    )
    deleted_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="From then on the row names nobody and keeps only its ranks"
    )
    second_factor_due_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When staff's pages begin to need a second factor"
    )
    lost_email = models.EmailField(  # noqa: DJ001  # a default would make SQLite write the table anew
        null=True, blank=True, editable=False,
        help_text=_("An address that its owner has confirmed elsewhere; the password still signs in with it"),
    )  # fmt: skip
    merged_into = models.ForeignKey(
        "self", models.CASCADE, null=True, blank=True, editable=False, related_name="merged_accounts",
        help_text="The account that has everything of this one, which is closed for good",
    )  # fmt: skip

    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        indexes = [
            models.Index(name="guests_by_visit", fields=["last_visit"], condition=models.Q(is_guest=True)),
            models.Index(
                name="deletions_by_time",
                fields=["deletion_due_at"],
                condition=models.Q(deletion_due_at__isnull=False),
            ),
            models.Index(name="lost_addresses", fields=["lost_email"], condition=models.Q(lost_email__isnull=False)),
        ]
        constraints = [
            models.CheckConstraint(
                name="guest_has_no_staff_rights",
                condition=models.Q(is_guest=False) | models.Q(is_staff=False, is_superuser=False),
            ),
            models.CheckConstraint(
                name="guest_creates_no_courses",
                condition=models.Q(is_guest=False) | models.Q(may_create_courses=False),
                violation_error_message=_("A visitor without an account cannot create courses."),
            ),
            models.CheckConstraint(
                name="guest_has_no_email",
                condition=models.Q(is_guest=False) | models.Q(email=""),
                violation_error_message=_("A visitor has no email address: it comes with the sign-up."),
            ),
        ]

    def __str__(self) -> str:
        return self.email or self.pseudonym

    def clean(self) -> None:
        """Refuses a new name that looks like another one. A name that the account has already stays valid."""
        super().clean()
        if self.merged_into_id is not None and (self.is_active or self.is_staff or self.is_superuser):
            raise ValidationError(_("This account was merged into another one, and is closed for good."))
        before = type(self).objects.filter(pk=self.pk).first()
        for field in ("username", "pseudonym"):
            if (name := getattr(self, field)) != getattr(before, field, None):
                try:
                    check_name(name)
                except ValidationError as error:
                    raise ValidationError({field: error.messages}) from None

    @property
    def name_on_boards(self) -> str:
        """Returns the pseudonym, or the words that stand in place of one whose account was deleted."""
        return now_in_words("Deleted account") if self.deleted_at else self.pseudonym

    @property
    def is_reviewer(self) -> bool:
        """True if the person may see answers and grades of others in at least one course."""
        return self._highest_levels.includes(Scope(learner_data=LearnerData.VIEWER))

    @property
    def has_role(self) -> bool:
        """True if the person may do more than learn, in at least one course."""
        return self.widest_scope != LEARNER

    @cached_property
    def widest_scope(self) -> Scope:
        """The widest scope that the person's API tokens may have: on each axis, the highest level in any course.

        Who may create courses may have both highest levels, because a created course gives them to its creator. What
        the person may do in one course is asked of `roles`.
        """
        if self.may_create_courses and self.is_active and not self.is_guest:
            return EVERYTHING
        return self._highest_levels

    @cached_property
    def _highest_levels(self) -> Scope:
        if self.is_guest or not self.is_active:
            return LEARNER
        if self.is_staff:
            return EVERYTHING
        scopes = [LEARNER, *(Scope(Content(one), LearnerData(two)) for one, two in self._levels)]
        content = max((one.content for one in scopes), key=rank)
        return Scope(content, max((one.learner_data for one in scopes), key=rank))

    @property
    def takes_part(self) -> bool:
        """True if the person has a role in a course, or is a member of a class."""
        return self.is_staff or bool(self._levels)

    @cached_property
    def _levels(self) -> list[tuple[str, str]]:
        """Returns the distinct pairs of levels of the person's roles in courses and classes, except as a learner."""
        in_courses = self.enrolments.values_list("content", "learner_data")
        none = models.Value(str(Content.NONE), output_field=models.CharField())
        in_classes = self.memberships.filter(state="active").values_list(none, "learner_data")
        return list(in_courses.union(in_classes))


class Enrolment(models.Model):
    """A person's role in a course: a level on each of the two axes. A learner has none on both."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="enrolments")
    course = models.ForeignKey("courses.Course", models.CASCADE, related_name="enrolments")
    content = models.CharField(_("course content"), max_length=9, choices=Content, default=Content.NONE)
    learner_data = models.CharField(_("learner data"), max_length=6, choices=LearnerData, default=LearnerData.NONE)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name, verbose_name_plural = "role in a course", "roles in courses"
        constraints = [
            models.UniqueConstraint(name="one_role_in_a_course", fields=["user", "course"]),
            models.CheckConstraint(name="role_content_is_a_level", condition=models.Q(content__in=Content.values)),
            models.CheckConstraint(
                name="role_learner_data_is_a_level", condition=models.Q(learner_data__in=LearnerData.values)
            ),
        ]

        # Boards look for these few people.
        indexes = [
            models.Index(
                name="people_without_rank",
                fields=["course", "user"],
                condition=models.Q(content__in=READING_HIDDEN_ROWS),
            )
        ]

    def __str__(self) -> str:
        return f"{self.user} has content:{self.content}, learner_data:{self.learner_data} in {self.course}"

    @property
    def scope(self) -> Scope:
        return Scope(Content(self.content), LearnerData(self.learner_data))


def digest_of(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def live(self) -> Self:
        """Returns the tokens that work now: neither revoked nor expired."""
        return self.filter(revoked_at=None, expires_at__gt=timezone.now())

    def matching(self, secret: str) -> Self:
        """Returns the token with this secret unless it was revoked. It may have expired."""
        return self.filter(revoked_at=None, digest=digest_of(secret)).select_related("user")


def usual_end() -> datetime:
    """Returns when a token that is made now expires, unless its maker chooses another time."""
    return timezone.now() + timedelta(days=TOKEN_DAYS)


class ApiToken(models.Model):
    """A bearer token. Only a SHA-256 digest is stored; 32 random bytes cannot be guessed, so no slow hash is needed."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=80)
    digest = models.CharField(max_length=64, unique=True)
    prefix = models.CharField(max_length=12)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(default=usual_end)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    content = models.CharField(max_length=9, choices=Content, default=Content.NONE)
    learner_data = models.CharField(max_length=6, choices=LearnerData, default=LearnerData.NONE)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        verbose_name = "API token"
        constraints = [
            models.CheckConstraint(name="token_content_is_a_level", condition=models.Q(content__in=Content.values)),
            models.CheckConstraint(
                name="token_learner_data_is_a_level", condition=models.Q(learner_data__in=LearnerData.values)
            ),
            models.CheckConstraint(
                name="token_ends_after_it_was_made", condition=models.Q(expires_at__gt=models.F("created_at"))
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @property
    def scope(self) -> Scope:
        return Scope(Content(self.content), LearnerData(self.learner_data))

    @classmethod
    def issue(cls, user: "User", name: str, scope: Scope = LEARNER, days: int = TOKEN_DAYS) -> tuple["ApiToken", str]:
        """Creates a token. Returns its row and its secret, which is shown once and not stored."""
        secret, now = f"gradus_{secrets.token_urlsafe(32)}", timezone.now()
        token = cls.objects.create(
            user=user,
            name=name[:80],
            digest=digest_of(secret),
            prefix=secret[:12],
            created_at=now,
            expires_at=now + timedelta(days=days),
            **vars(scope),
        )
        return token, secret

    def revoke(self) -> bool:
        """Revokes the token. Returns False if it was revoked already."""
        return type(self).objects.filter(pk=self.pk, revoked_at=None).update(revoked_at=timezone.now()) == 1


class ExemptNetwork(models.Model):
    """A network from which sign-ups and new visitors are not counted, so that a class behind one address can join."""

    network = models.CharField(
        max_length=43, unique=True, help_text=_("An address, or a network in CIDR notation such as 203.0.113.0/24")
    )
    until = models.DateTimeField(help_text=_("From then on the usual limits hold again"))
    note = models.CharField(max_length=200, help_text=_("Whose network this is, and for which class"))
    added_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False, related_name="+")

    def __str__(self) -> str:
        return self.network


class LimitCount(models.Model):
    """A count of requests that a rate limit needs while Redis is away. Django's database cache reads and writes it.

    The key is a keyed hash, because what is counted is named by addresses of visitors. See `gradus.redis_cache`.
    """

    cache_key = models.CharField(max_length=255, primary_key=True)
    value = models.TextField()
    expires = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"a count until {self.expires:%Y-%m-%d %H:%M}"


def known_acts() -> list[tuple[str, Any]]:
    """Returns the choices of `StaffAction.what`. A migration names this function, so a new act needs none."""
    return StaffAction.What.choices


class StaffAction(models.Model):
    """An action of staff on a page, over the API or in a shell. The database refuses to change or remove the row.

    The row holds the account's name and id instead of a foreign key, because it must outlive the account.
    """

    class What(models.TextChoices):
        COURSE_IMPORTED = "course_imported", _("Course imported")
        COURSE_CHANGED = "course_changed", _("Course published, hidden, listed or frozen")
        DRAFT_PUSHED = "draft_pushed", _("Draft of a course pushed")
        DRAFT_PUBLISHED = "draft_published", _("Draft of a course published")
        DRAFT_DISCARDED = "draft_discarded", _("Draft of a course discarded")
        COURSE_ROLLED_BACK = "course_rolled_back", _("Course rolled back")
        BOARD_BEGUN = "board_begun", _("Leaderboard of a new version begun")
        SEASON_BEGUN = "season_begun", _("Season of a leaderboard begun")
        ENTRY_FLAGGED = "entry_flagged", _("Entry of a leaderboard flagged")
        FLAG_CLEARED = "flag_cleared", _("Flag of an entry cleared")
        ENTRY_HIDDEN = "entry_hidden", _("Entry of a leaderboard hidden")
        ENTRY_RESTORED = "entry_restored", _("Hidden entry restored")
        ANSWER_READ = "answer_read", _("Answer about a hidden entry read")
        ATTEMPT_ANNULLED = "attempt_annulled", _("Attempt annulled")
        ANNULMENT_ENDED = "annulment_ended", _("Annulment of an attempt ended")
        ATTEMPT_RERUN = "attempt_rerun", _("Attempt run again to verify its score")
        BUDGET_SET = "budget_set", _("Budget of a course or class set")
        HIDDEN_ROWS_READ = "hidden_rows_read", _("Hidden rows of a challenge read")
        COURSE_PULLED = "course_pulled", _("Course downloaded with its hidden rows")
        RIGHTS_CHANGED = "rights_changed", _("Rights changed")
        PASSWORD_SET = "password_set", _("Password set for somebody")
        DELETION_ASKED = "deletion_asked", _("Deletion of an account asked for")
        ACCOUNT_KEPT = "account_kept", _("Account kept that was to be deleted")
        ACCOUNT_DELETED = "account_deleted", _("Account deleted")
        MERGE_PROPOSED = "merge_proposed", _("Merge of two accounts proposed")
        MERGE_AGREED = "merge_agreed", _("Merge of two accounts agreed to")
        MERGE_TAKEN_BACK = "merge_taken_back", _("Consent to a merge taken back")
        MERGE_ENDED = "merge_ended", _("Merge of two accounts refused or withdrawn")
        ACCOUNTS_MERGED = "accounts_merged", _("Two accounts merged")
        CLASS_CREATED = "class_created", _("Class created")
        CLASS_CHANGED = "class_changed", _("Class changed")
        RELEASE_CHANGED = "release_changed", _("Release of grades changed")
        GRADES_RELEASED = "grades_released", _("Grades released")
        MEMBERS_CHANGED = "members_changed", _("Members of a class changed")
        DATES_CHANGED = "dates_changed", _("Dates of a class changed")
        ATTEMPTS_GRANTED = "attempts_granted", _("Attempts granted")
        ATTEMPTS_WITHDRAWN = "attempts_withdrawn", _("Granted attempts withdrawn")
        GRADE_OVERRIDDEN = "grade_overridden", _("Grade of a class set by a person")
        GRADE_EXCUSED = "grade_excused", _("Learner excused from a challenge")
        OVERRIDE_CLEARED = "override_cleared", _("Grade set by a person cleared")
        GRADE_SENT = "grade_sent", _("Grade sent to a learning platform again")
        WEIGHTS_CHANGED = "weights_changed", _("Points of challenges changed")
        PLATFORM_CHANGED = "platform_changed", _("Learning platform registered or changed")
        WORKER_TOKEN_CHANGED = "worker_token_changed", _("Token of a worker's machine made, changed or revoked")
        ANNOUNCED = "announced", _("Announcement written, changed or withdrawn")
        VIEWED_AS = "viewed_as", _("Site viewed as a learner")
        ROLE_CHANGED = "role_changed", _("Role in a course changed")
        PERSON_INVITED = "person_invited", _("Person invited to a course")
        INVITATION_WITHDRAWN = "invitation_withdrawn", _("Invitation withdrawn")
        INVITATION_ACCEPTED = "invitation_accepted", _("Invitation accepted")
        REMOVED = "removed", _("Removed")
        TOKEN_REVOKED = "token_revoked", _("Token revoked")
        NETWORK_EXEMPTED = "network_exempted", _("Network exempted from limits")
        STANDINGS_REBUILT = "standings_rebuilt", _("Standings rebuilt")
        GRADE_DECIDED = "grade_decided", _("Grade decided")
        AUDIT_MARKED = "audit_marked", _("Audit marked")
        LOCK_BROKEN = "lock_broken", _("Answer taken from another reviewer")
        QUESTION_CHANGED = "question_changed", _("Setting of a question changed")
        GOLD_KEPT = "gold_kept", _("Answer kept as a gold row")
        REGRADE_STARTED = "regrade_started", _("Regrade started")
        REGRADE_APPROVED = "regrade_approved", _("Regrade approved")
        REGRADE_DISCARDED = "regrade_discarded", _("Regrade discarded")
        BACKUP_TAKEN = "backup_taken", _("Backup taken")
        BACKUP_RESTORED = "backup_restored", _("Backup restored")
        ADMIN_FORM = "admin_form", _("Form of the admin")
        DATA_EXPORTED = "data_exported", _("Data exported")
        REPORT_ANSWERED = "report_answered", _("Report answered")

    class Via(models.TextChoices):
        PAGE = "page", _("Page")
        API = "api", _("API")
        SHELL = "shell", _("Shell")

    at = models.DateTimeField(db_default=Now(), editable=False)
    user_id = models.BigIntegerField(null=True, db_index=True)
    who = models.CharField(max_length=200)
    via = models.CharField(max_length=5, choices=Via.choices)
    what = models.CharField(max_length=20, choices=known_acts)
    about = models.CharField(max_length=200)
    details = JSONField(default=dict)
    request = models.CharField(max_length=40, blank=True, help_text=_("The request's id in the logs"))

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.who}: {self.get_what_display()}, {self.about}"
