"""Services for announcements of classes: written, changed, withdrawn, and told to the members when their time comes.

One transaction sets `sent_at` and writes a notice for each member. The mails are those of the notices.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import structlog
from django.db import DatabaseError, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from gradus.accounts import roles
from gradus.accounts.models import StaffAction, User
from gradus.classes import access, changes, membership
from gradus.classes.models import Announcement, AnnouncementQuerySet, Class, Label, Member
from gradus.courses.models import Course
from gradus.notices.models import Notice
from gradus.refusal import Refused, wrong

log = structlog.get_logger(__name__)
SETTINGS = ("label_id", "title", "text", "publish_at", "by_mail")
# A round of a reconciler tells the members of at most this many announcements.
BATCH = 20


def settings_of(announcement: Announcement) -> dict[str, Any]:
    return {name: getattr(announcement, name) for name in SETTINGS}


@transaction.atomic
def announce(
    of_class: Class,
    *,
    by: User,
    title: str,
    text: str,
    label: Label | None = None,
    publish_at: datetime | None = None,
    by_mail: bool = True,
) -> Announcement:
    """Writes an announcement, and tells the members at once unless `publish_at` is later.

    Raises:
        Http404, Refused: 403, the person may not; 422, a field is wrong.
    """
    held = changes.hold(of_class)
    membership.refuse_unless(by, held, roles.DECIDES)
    made = Announcement(of_class=held, by=by)
    _write(made, title=title, text=text, label=label, publish_at=publish_at or timezone.now(), by_mail=by_mail)
    changes.note(StaffAction.What.ANNOUNCED, held, by, {}, _noted(made))
    tell(made.pk)
    made.refresh_from_db()
    return made


@transaction.atomic
def change(announcement: Announcement, *, by: User, seen: str = "", **settings: Any) -> Announcement:
    """Changes an announcement. Once the members have been told, its time, label and mails stay as they are.

    Args:
        seen: `version_of(settings_of(...))` of what the person saw, or empty.
        settings: `title`, `text`, `label`, `publish_at` and `by_mail`; what is missing stays.

    Raises:
        Http404, Refused: 403, the person may not; 409, it is withdrawn, or `changed_meanwhile`; 422, a field is wrong.
    """
    now = _held(announcement, by)
    before = _noted(now)
    changes.refuse_changed(seen, settings_of(now))
    if now.sent_at is not None:
        settings = {name: settings[name] for name in ("title", "text") if name in settings}
    _write(now, **settings)
    if (after := _noted(now)) != before:
        changes.note(StaffAction.What.ANNOUNCED, now.of_class, by, before, after)
    tell(now.pk)
    now.refresh_from_db()
    return now


@transaction.atomic
def withdraw(announcement: Announcement, *, by: User) -> None:
    """Takes an announcement away, with its notices. Mails that have gone out stay where they are.

    Raises:
        Http404, Refused: 403, the person may not; 409, it is withdrawn already.
    """
    now = _held(announcement, by)
    now.withdrawn_at = timezone.now()
    now.save(update_fields=["withdrawn_at"])
    Notice.objects.filter(announcement=now).delete()
    before, after = {"withdrawn_at": None}, {"title": now.title, "withdrawn_at": now.withdrawn_at}
    changes.note(StaffAction.What.ANNOUNCED, now.of_class, by, before, after)


def tell_due() -> int:
    """Tells the members about each announcement whose time has come. Returns the number of announcements."""
    return sum(map(_tell_or_wait, Announcement.objects.due().order_by("pk").values_list("pk", flat=True)[:BATCH]))


def _tell_or_wait(pk: int) -> bool:
    try:
        return tell(pk)
    except DatabaseError:
        raise
    except Exception as error:  # whatever is wrong with this one: all others are told
        log.exception("announcement_failed", announcement=pk, reason=type(error).__name__)
        return False


@transaction.atomic
def tell(pk: int) -> bool:
    """Tells the members about an announcement, if its time has come and no other process does. Returns whether it did.

    A row that another process holds is left out, because a reconciler never waits for one: its turn comes again.
    """
    free = Announcement.objects.due().filter(pk=pk).select_for_update(skip_locked=True, no_key=True)
    if not list(free) or not Announcement.objects.due().filter(pk=pk).update(sent_at=timezone.now()):
        return False
    announcement = Announcement.objects.select_related("of_class").get(pk=pk)
    people = addressees(announcement).exclude(user=None).values_list("user", flat=True)
    notices = (Notice(user_id=one, kind=Notice.Kind.ANNOUNCED, announcement=announcement) for one in people)
    Notice.objects.bulk_create(notices, batch_size=500, ignore_conflicts=True)
    return True


def addressees(announcement: Announcement) -> QuerySet[Member]:
    """Returns the active members for whom it is, also those who teach the class."""
    members = announcement.of_class.members.active().filter(user__deleted_at=None)
    return members.filter(labels=announcement.label) if announcement.label_id else members


def classes_of(user: membership.Person, course: Course | None = None) -> list[Member]:
    """Returns the person's active memberships or, in "view as", the one as which the site is looked at.

    The membership of a label is in no table.
    """
    if (viewed := access.viewed()) is not None:
        return [viewed.member or Member(of_class=viewed.of_class)]
    return list(membership.active(user, course))


def shown_to(member: Member) -> AnnouncementQuerySet:
    """Returns what a member reads, the newest first, at the time that is looked at."""
    viewed, at = access.viewed(), access.moment()
    if viewed is not None and viewed.member is None:
        return Announcement.objects.of(viewed.of_class, viewed.labels).published(at)
    return Announcement.objects.of(member.of_class, member.labels.all()).published(at)


def _noted(announcement: Announcement) -> dict[str, Any]:
    """Returns the settings as the log of staff actions has them, with the name of the label."""
    settings = settings_of(announcement)
    del settings["label_id"]
    return {**settings, "label": announcement.label.name if announcement.label else None}


def unknown_label() -> Refused:
    return wrong("label", _("The class has no label of this name."), "no_such_label")


def _held(announcement: Announcement, by: User) -> Announcement:
    held = changes.hold(announcement.of_class_id)
    membership.refuse_unless(by, held, roles.DECIDES)
    now = Announcement.objects.select_for_update(no_key=True).get(pk=announcement.pk)
    now.of_class = held
    if now.withdrawn_at is not None:
        raise wrong("", _("This announcement is withdrawn. Write another one."), "withdrawn", 409)
    return now


def _write(announcement: Announcement, **settings: Any) -> None:
    for name, value in settings.items():
        setattr(announcement, name, value)
    announcement.title = " ".join(announcement.title.split())
    announcement.text = announcement.text.replace("\r\n", "\n").strip()
    label = announcement.label
    if label is not None and label.of_class_id != announcement.of_class_id:
        raise unknown_label()
    changes.clean(announcement)
    announcement.save()
