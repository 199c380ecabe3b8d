"""The models of learning platforms: registrations, deployments, contexts, accounts, launches, keys, grades to send.

`docs/teaching/platforms.md` explains the terms. Everything here is LTI 1.3's, and called as its specification calls it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from gradus.classes.models import Class
from gradus.courses.models import Challenge
from gradus.stored_json import JSONField

TITLE_CHARS = 120
# The specification allows 255 ASCII characters for an issuer's `sub` and for a deployment.
ID_CHARS = 255
URL_CHARS = 500
REFUSAL_CHARS = 500


class Platform(models.Model):
    """A registration: the platform and its client id for this site. One platform may have several.

    `keys` is the platform's set of public keys as it was last fetched, and `refusal` the last launch that was refused.
    """

    title = models.CharField(_("name"), max_length=TITLE_CHARS)
    issuer = models.CharField(_("issuer"), max_length=ID_CHARS)
    client_id = models.CharField(_("client id"), max_length=ID_CHARS)
    auth_url = models.CharField(_("authentication request URL"), max_length=URL_CHARS)
    token_url = models.CharField(_("access token URL"), max_length=URL_CHARS)
    keys_url = models.CharField(_("public keyset URL"), max_length=URL_CHARS)
    hosts = models.CharField(_("more hosts of its services"), max_length=URL_CHARS, blank=True, default="")
    is_open = models.BooleanField(_("people may come from it"), default=True)
    keys = JSONField(null=True, blank=True, editable=False)
    keys_at = models.DateTimeField(null=True, blank=True, editable=False)
    asked_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When its keys were last asked for"
    )
    keys_fault = models.CharField(max_length=REFUSAL_CHARS, blank=True, editable=False)
    launched_at = models.DateTimeField(null=True, blank=True, editable=False)
    refused_at = models.DateTimeField(null=True, blank=True, editable=False)
    refusal = models.CharField(max_length=REFUSAL_CHARS, blank=True, editable=False)
    rests = models.PositiveSmallIntegerField(default=0, editable=False, help_text="How often it failed in a row")
    rest_until = models.DateTimeField(null=True, blank=True, editable=False, help_text="No grade is sent before")
    rest_fault = models.CharField(max_length=REFUSAL_CHARS, blank=True, default="", editable=False)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(default=now, editable=False)

    # By how many seconds its clock was ahead, where it has just been asked and said the time.
    skew: float | None = None

    class Meta:
        ordering = ["title", "pk"]
        constraints = [
            models.UniqueConstraint(
                name="one_platform_of_a_client_id",
                fields=["issuer", "client_id"],
                violation_error_message=_("There is a platform with this issuer and this client id already."),
            ),
            models.CheckConstraint(
                name="platform_is_complete",
                condition=~Q(title="") & ~Q(issuer="") & ~Q(client_id="") & ~Q(auth_url="") & ~Q(keys_url=""),
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_resting(self) -> bool:
        """True while no grade is sent to it, because it did not answer or has too many requests."""
        return self.rest_until is not None and self.rest_until > now()

    @property
    def waits(self) -> bool:
        """True if it has registered itself, and no operator has approved that yet."""
        found: RegistrationLink | None = getattr(self, "registration", None)
        return found is not None and found.approved_at is None


def source_of(platform: Platform) -> str:
    """The name under which the platform's places in classes are managed."""
    return f"lti:{platform.pk}"


class Deployment(models.Model):
    """An installation of the tool at a platform. It is noted when it first sends somebody, and works once approved."""

    platform = models.ForeignKey(Platform, models.CASCADE, related_name="deployments")
    deployment_id = models.CharField(max_length=ID_CHARS)
    seen_at = models.DateTimeField(default=now)
    approved_at = models.DateTimeField(null=True, blank=True)
    approved_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(name="one_deployment_of_an_id", fields=["platform", "deployment_id"]),
            models.CheckConstraint(name="deployment_has_an_id", condition=~Q(deployment_id="")),
        ]

    def __str__(self) -> str:
        return self.deployment_id

    @property
    def is_open(self) -> bool:
        """True if people may come from it, and this site asks the platform for rosters and sends it grades."""
        return self.approved_at is not None and self.platform.is_open


class Context(models.Model):
    """A course of the platform. It is one class here, and a class is one context.

    `roster_due_at` is when its roster is to be fetched, `roster_tried_at` when that was last begun, and `roster_at`
    when it last came. `roster_found` counts its people: all, new, changed and left. While a process fetches it, it is
    due again `HELD` after that began, in case the process stops.
    """

    HELD = timedelta(minutes=10)

    deployment = models.ForeignKey(Deployment, models.CASCADE, related_name="contexts")
    context_id = models.CharField(max_length=ID_CHARS)
    title = models.CharField(max_length=ID_CHARS, blank=True)
    of_class = models.OneToOneField(Class, models.SET_NULL, null=True, blank=True, related_name="context")
    seen_at = models.DateTimeField(default=now)
    roster_url = models.CharField(max_length=URL_CHARS, blank=True, default="", editable=False)
    roster_due_at = models.DateTimeField(null=True, blank=True, editable=False, db_index=True)
    roster_tried_at = models.DateTimeField(null=True, blank=True, editable=False)
    roster_at = models.DateTimeField(null=True, blank=True, editable=False)
    roster_found = JSONField(default=dict, blank=True, editable=False)
    roster_fault = models.CharField(max_length=REFUSAL_CHARS, blank=True, default="", editable=False)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(name="one_context_of_an_id", fields=["deployment", "context_id"]),
            models.CheckConstraint(name="context_has_an_id", condition=~Q(context_id="")),
        ]

    def __str__(self) -> str:
        return self.title or self.context_id

    @property
    def is_being_fetched(self) -> bool:
        """True while a process fetches the roster, or has stopped less than `HELD` ago while it did."""
        began, due = self.roster_tried_at, self.roster_due_at
        return began is not None and due == began + self.HELD and due > now()


class Link(models.Model):
    """The account of a person of the platform, whom the platform calls `sub`. Nobody is ever found by an address."""

    platform = models.ForeignKey(Platform, models.CASCADE, related_name="links")
    sub = models.CharField(max_length=ID_CHARS)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="platform_links")
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="one_account_of_a_sub", fields=["platform", "sub"]),
            models.CheckConstraint(name="link_has_a_sub", condition=~Q(sub="")),
        ]

    def __str__(self) -> str:
        return f"{self.sub} of {self.platform}"


class DeletedPerson(models.Model):
    """Somebody of the platform whose account here was deleted: no roster brings the person back, only a launch does.

    `digest` is of the platform's id of the person, with a key that is derived from the site's secret.
    """

    platform = models.ForeignKey(Platform, models.CASCADE, related_name="+")
    digest = models.CharField(max_length=64)

    class Meta:
        constraints = [models.UniqueConstraint(name="one_deleted_person_of_a_digest", fields=["platform", "digest"])]

    def __str__(self) -> str:
        return f"somebody of {self.platform}"


class LaunchQuerySet(models.QuerySet["Launch"]):
    def waiting(self, at: datetime | None = None) -> Self:
        """Returns the launches whose browser has not come yet, and still may."""
        return self.filter(entered_at=None, enter_until__gt=at or now())


class Launch(models.Model):
    """An `id_token` that was accepted. Its nonce is kept as long as the token could be sent again.

    The platform's message waits in `message` until the browser that began the launch comes for it, and is then removed.
    """

    platform = models.ForeignKey(Platform, models.CASCADE, related_name="launches")
    nonce = models.CharField(max_length=64, unique=True, help_text="A digest")
    secret = models.CharField(max_length=64, unique=True, help_text="A digest of what the browser brings")
    browser = models.CharField(max_length=64, help_text="A digest of the browser's cookie")
    message = JSONField(null=True, blank=True)
    created_at = models.DateTimeField(default=now)
    enter_until = models.DateTimeField()
    entered_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(db_index=True)

    objects = LaunchQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="launch_is_kept_while_it_can_be_entered", condition=Q(expires_at__gte=F("enter_until"))
            ),
            models.CheckConstraint(
                name="launch_forgets_its_message", condition=Q(entered_at__isnull=True) | Q(message__isnull=True)
            ),
        ]

    def __str__(self) -> str:
        return f"a launch from {self.platform} at {self.created_at:%Y-%m-%d %H:%M}"


class ToolKey(models.Model):
    """A key pair of this site. Its public half is published from the start, and it signs a day later.

    The private half is encrypted with a key that is derived from the site's secret. The first key signs at once,
    because no platform has an older set.
    """

    kid = models.CharField(max_length=64, unique=True)
    public = JSONField()
    private = models.TextField(help_text="Encrypted")
    created_at = models.DateTimeField(default=now)
    signs_from = models.DateTimeField()
    retired_at = models.DateTimeField(null=True, blank=True, help_text="From then on it is not published")

    class Meta:
        ordering = ["-signs_from", "-pk"]
        constraints = [
            models.CheckConstraint(name="tool_key_signs_once_made", condition=Q(signs_from__gte=F("created_at"))),
            models.CheckConstraint(
                name="tool_key_retires_after_signing",
                condition=Q(retired_at__isnull=True) | Q(retired_at__gt=F("signs_from")),
            ),
        ]

    def __str__(self) -> str:
        return self.kid


class RegistrationLink(models.Model):
    """A link by which a platform registers itself, once. What it has registered waits for approval by an operator."""

    secret = models.CharField(max_length=64, unique=True, help_text="A digest")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(default=now, editable=False)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    platform = models.OneToOneField(Platform, models.CASCADE, null=True, blank=True, related_name="registration")
    approved_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="registration_uses_its_link", condition=Q(platform__isnull=True) | Q(used_at__isnull=False)
            ),
            models.CheckConstraint(
                name="registration_approves_a_platform",
                condition=Q(approved_at__isnull=True) | Q(platform__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"a link of {self.created_at:%Y-%m-%d %H:%M}"


class LineItem(models.Model):
    """A column of the platform's gradebook for a challenge, whose address the platform has given in a launch.

    `looked_at` is when it was last compared with the grades that are released here.
    """

    context = models.ForeignKey(Context, models.CASCADE, related_name="line_items")
    challenge = models.ForeignKey(Challenge, models.CASCADE, related_name="+")
    url = models.CharField(max_length=URL_CHARS, unique=True)
    created_at = models.DateTimeField(default=now, editable=False)
    looked_at = models.DateTimeField(null=True, blank=True, db_index=True)

    class Meta:
        constraints = [models.CheckConstraint(name="line_item_has_an_address", condition=~Q(url=""))]

    def __str__(self) -> str:
        return f"{self.challenge} in {self.context}"


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def due(self, at: datetime | None = None) -> Self:
        """Returns the grades to send now: the course is a class, and the platform is open and does not rest."""
        at = at or now()
        rests = Q(line_item__context__deployment__platform__rest_until__gt=at)
        is_open = Q(
            line_item__context__deployment__platform__is_open=True,
            line_item__context__deployment__approved_at__isnull=False,
            line_item__context__of_class__isnull=False,
        )
        return self.filter(is_open, due_at__lte=at).exclude(rests)


class Delivery(models.Model):
    """What a learner's cell in a line item should say, what it says as far as is known, and what is under way.

    `wanted`, `sending` and `delivered` hold `given` and `maximum`, or nothing where there is no grade (any more).
    `body` is fixed with its timestamp before it is sent, and sent again as it was until an answer is certain.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("Waits to be sent")
        DELIVERED = "delivered", _("Sent")
        REFUSED = "refused", _("Not taken by the platform")

    line_item = models.ForeignKey(LineItem, models.CASCADE, related_name="deliveries")
    link = models.ForeignKey(Link, models.CASCADE, related_name="deliveries")
    state = models.CharField(max_length=9, choices=State, default=State.WAITING)
    wanted = JSONField(default=dict)
    sending = JSONField(null=True, blank=True)
    body = JSONField(null=True, blank=True)
    delivered = JSONField(null=True, blank=True)
    stamp = models.BigIntegerField(default=0, help_text="The newest timestamp, in milliseconds")
    tries = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(null=True, blank=True, db_index=True)
    fault = models.CharField(max_length=REFUSAL_CHARS, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="one_delivery_of_a_learner", fields=["line_item", "link"]),
            models.CheckConstraint(
                name="delivery_sends_what_has_a_body",
                condition=Q(body__isnull=True, sending__isnull=True) | Q(body__isnull=False, sending__isnull=False),
            ),
            models.CheckConstraint(
                name="delivery_is_due_unless_sent",
                condition=Q(state="delivered", due_at__isnull=True, body__isnull=True)
                | (~Q(state="delivered") & Q(due_at__isnull=False)),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.line_item}, {self.link}: {self.state}"

    @property
    def tone(self) -> str:
        """How the table colours the state, beside its words."""
        return {self.State.WAITING: "busy", self.State.REFUSED: "warn"}.get(self.State(self.state), "")
