"""The bell in the header of each page, and the titles of challenges in notices."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django import template
from django.db.models import Count, Exists, Subquery
from django.db.models.functions import Coalesce
from django.utils.html import format_html
from django.utils.safestring import SafeString

from gradus.accounts.models import User
from gradus.classes.models import Announcement, Member
from gradus.notices import announcements
from gradus.notices.models import Notice
from gradus.submissions.budgets import limits
from gradus.submissions.models import Slot

register = template.Library()


@dataclass(frozen=True)
class Bell:
    """How many notices are new, and whether something of the learner's is going on, so that one may come soon."""

    unseen: int
    waits: bool


def _bell(user: User) -> Bell:
    """Asks the database once, because every page has the bell."""
    unseen = Notice.objects.of(user).unseen().order_by().values("user").annotate(n=Count("pk")).values("n")
    is_open = Exists(Slot.objects.of(*limits.UNTIL_THE_END).filter(user=user))
    counts = User.objects.filter(pk=user.pk).values_list(Coalesce(Subquery(unseen), 0), is_open)
    number, waits = counts.first() or (0, False)
    return Bell(number, waits)


@register.simple_tag(takes_context=True)
def bell_of(context: Mapping[str, Any]) -> Bell | None:
    """What the bell shows the learner; None for a visitor who has done nothing."""
    user = context.get("learner")
    return _bell(user) if user else None


@register.simple_tag
def announcements_of(member: Member) -> list[Announcement]:
    """What a member of a class reads of it, the newest first."""
    return list(announcements.shown_to(member))


@register.filter
def english(title: str) -> SafeString:
    """A title of a course, marked as English so that screen readers read it with the right voice."""
    return format_html('<span lang="en">{}</span>', title)
