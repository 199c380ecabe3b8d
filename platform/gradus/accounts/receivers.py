"""Records each change of rights, passwords and roles as a `StaffAction`, whether a page, a command or a shell made it.

It also takes an address that somebody confirms from the accounts that have not confirmed it.

Signal handlers; `apps.py` connects them.
"""

from typing import Any

from allauth.account.models import EmailAddress
from django.contrib.admin.models import LogEntry
from django.db.models import Model, QuerySet

from gradus.accounts import addresses
from gradus.accounts import staff_actions as staff
from gradus.accounts.models import ApiToken, Enrolment, ExemptNetwork, StaffAction, User
from gradus.accounts.token_rules import LEARNER

What = StaffAction.What
BEFORE = "_rights_before"
RIGHTS = ("is_staff", "is_superuser", "is_active", "may_create_courses")
NO_RIGHTS = {"is_staff": False, "is_superuser": False, "is_active": True, "may_create_courses": False}


def before_save(sender: type[User], instance: User, raw: bool = False, **extra: Any) -> None:
    """Remembers the rights and the password before the change, for `after_save`."""
    known = None if raw else User.objects.filter(pk=instance.pk).values(*RIGHTS, "password").first()
    instance.__dict__[BEFORE] = known or {**NO_RIGHTS, "password": None}


def after_save(sender: type[User], instance: User, created: bool, raw: bool = False, **extra: Any) -> None:
    before: dict[str, Any] = instance.__dict__[BEFORE]
    now = {name: getattr(instance, name) for name in RIGHTS}
    changed = {name: value for name, value in now.items() if value != before[name]}
    if changed and not raw:
        staff.note(What.RIGHTS_CHANGED, instance, **changed)
    if not created and before["password"] != instance.password and staff.is_for_another(instance):
        staff.note(What.PASSWORD_SET, instance)


def after_address(sender: type[EmailAddress], instance: EmailAddress, raw: bool = False, **extra: Any) -> None:
    """Accounts that have not confirmed an address give way to the one that does, by whichever way."""
    if instance.verified and not raw:
        addresses.give_way(instance.email.lower(), instance.user)


def after_groups(sender: object, instance: Any, action: str, pk_set: set[int] | None, **extra: Any) -> None:
    if action in ("post_add", "post_remove", "post_clear") and isinstance(instance, User):
        details: dict[str, Any] = {action.removeprefix("post_"): sorted(pk_set or ())}
        staff.note(What.RIGHTS_CHANGED, instance, **details)


def after_enrolment(
    sender: type[Enrolment], instance: Enrolment, created: bool, raw: bool = False, **extra: Any
) -> None:
    if not raw and (instance.scope != LEARNER or not created):
        levels: dict[str, Any] = {axis: str(level) for axis, level in vars(instance.scope).items()}
        staff.note(What.ROLE_CHANGED, instance, user=instance.user_id, **levels)


def after_exemption(sender: type[ExemptNetwork], instance: ExemptNetwork, raw: bool = False, **extra: Any) -> None:
    if not raw:
        staff.note(What.NETWORK_EXEMPTED, instance, until=instance.until.isoformat(), note=instance.note)


def after_delete(sender: type[Model], instance: Any, origin: Any = None, **extra: Any) -> None:
    """Records the rows that a person deleted, but no rows deleted by cascade, and no guests."""
    meant = origin.model if isinstance(origin, QuerySet) else type(origin)
    if meant is sender and not getattr(instance, "is_guest", False):
        staff.note(What.REMOVED, f"{sender._meta.verbose_name}: {instance}", id=instance.pk)


def after_admin_form(sender: type[LogEntry], instance: LogEntry, created: bool, **extra: Any) -> None:
    details: dict[str, Any] = {"change": instance.get_change_message(), "object": instance.object_id}
    if created:
        staff.note(What.ADMIN_FORM, f"{instance.content_type}: {instance.object_repr}", **details)


# Models whose deletion is recorded.
RECORDED_DELETIONS = (User, Enrolment, ApiToken, ExemptNetwork)
