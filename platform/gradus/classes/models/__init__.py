"""The models of classes: members, managed places, labels, dates, granted attempts, release rules, announcements."""

from gradus.classes.models.announcements import TEXT_CHARS, Announcement, AnnouncementQuerySet
from gradus.classes.models.dates import GRANTED_MAX, REASON_CHARS, DateRule, Grant
from gradus.classes.models.managed import SOURCE_CHARS, Managed
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
    "SOURCE_CHARS",
    "TEXT_CHARS",
    "TITLE_CHARS",
    "Announcement",
    "AnnouncementQuerySet",
    "Class",
    "ClassQuerySet",
    "DateRule",
    "Grant",
    "Label",
    "Managed",
    "Member",
    "MemberQuerySet",
    "ReleaseRule",
    "ReleaseRuleQuerySet",
    "known_timezone",
]
