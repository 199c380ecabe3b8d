"""The models of classes: members, labels, dates, granted attempts, release rules and announcements."""

from gradus.classes.models.announcements import TEXT_CHARS, Announcement, AnnouncementQuerySet
from gradus.classes.models.dates import GRANTED_MAX, REASON_CHARS, DateRule, Grant
from gradus.classes.models.members import (
    LABEL_CHARS,
    NAME_CHARS,
    TITLE_CHARS,
    Class,
    ClassQuerySet,
    Label,
    Member,
    MemberQuerySet,
    known_timezone,
)
from gradus.classes.models.releases import ReleaseRule, ReleaseRuleQuerySet

__all__ = [
    "GRANTED_MAX",
    "LABEL_CHARS",
    "NAME_CHARS",
    "REASON_CHARS",
    "TEXT_CHARS",
    "TITLE_CHARS",
    "Announcement",
    "AnnouncementQuerySet",
    "Class",
    "ClassQuerySet",
    "DateRule",
    "Grant",
    "Label",
    "Member",
    "MemberQuerySet",
    "ReleaseRule",
    "ReleaseRuleQuerySet",
    "known_timezone",
]
