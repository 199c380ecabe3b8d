"""The calls with which teachers announce something to a class. Members find announcements among their notices."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from ninja import Router, Schema, Status
from pydantic import Field

from gradus.accounts.roles import DECIDES, SEES_ANSWERS
from gradus.api.auth import Request, caller, requires
from gradus.api.names import Name, Pseudonym
from gradus.api.teaching.shared import Moment, Seen, SeenOut, class_of, label_named
from gradus.classes import changes, times
from gradus.classes.models import LABEL_CHARS, TEXT_CHARS, TITLE_CHARS, Announcement
from gradus.notices import announcements as services

LISTED = 100


class AnnouncementIn(Schema):
    title: str = Field(max_length=TITLE_CHARS)
    text: str = Field(description=f"In Markdown, at most {TEXT_CHARS} characters")
    label: str = Field("", max_length=LABEL_CHARS, description="Only the members with this label get the announcement")
    publish_at: Moment | None = Field(
        None,
        description="When it is published; at once if omitted. A time without an offset is in the zone of the class",
    )
    by_mail: bool = Field(
        True, strict=True, description="Whether members who asked for notices by mail get it by mail as well"
    )


class AnnouncementChangeIn(Schema):
    """Changes to an announcement. Omitted keys keep their values.

    Once the members have been told, only the title and the text can be changed.
    """

    title: str = Field("", max_length=TITLE_CHARS)
    text: str = Field("", description=f"In Markdown, at most {TEXT_CHARS} characters")
    label: str = Field(
        "", max_length=LABEL_CHARS, description="The members who get it; empty for everybody in the class"
    )
    publish_at: Moment | None = None
    by_mail: bool = Field(True, strict=True)
    seen: Seen = ""


class AnnouncementOut(Schema):
    id: int
    title: str
    text: str
    label: Name | None
    publish_at: datetime
    by_mail: bool
    state: Literal["scheduled", "published", "withdrawn"]
    by: Pseudonym | None = Field(description="The pseudonym of the author")
    seen: SeenOut

    @staticmethod
    def resolve_state(announcement: Announcement) -> str:
        return "withdrawn" if announcement.withdrawn_at else "published" if announcement.sent_at else "scheduled"

    @staticmethod
    def resolve_seen(announcement: Announcement) -> str:
        return changes.version_of(services.settings_of(announcement))


router = Router(tags=["classes"])


@router.get("/classes/{int:id}/announcements", response=list[AnnouncementOut], auth=requires(SEES_ANSWERS))
def class_announcements(request: Request, id: int) -> QuerySet[Announcement]:
    """Returns the newest 100 announcements of the class, including scheduled and withdrawn ones."""
    return class_of(request, id).announcements.select_related("label", "by")[:LISTED]


@router.post("/classes/{int:id}/announcements", response={201: AnnouncementOut}, auth=requires(DECIDES))
def class_announce(request: Request, id: int, given: AnnouncementIn) -> Status[Announcement]:
    """Writes an announcement, and tells the members at once unless its time is later."""
    found = class_of(request, id, DECIDES)
    fields = times.read_all(given.model_dump(exclude={"label"}), found.timezone)
    made = services.announce(found, by=caller(request), label=label_named(found, given.label), **fields)
    return Status(201, made)


@router.patch("/classes/{int:id}/announcements/{int:announcement}", response=AnnouncementOut, auth=requires(DECIDES))
def class_announcement_change(
    request: Request, id: int, announcement: int, given: AnnouncementChangeIn
) -> Announcement:
    """Changes an announcement. Members who have been told are not told again."""
    of_class = class_of(request, id, DECIDES)
    found = get_object_or_404(of_class.announcements, pk=announcement)
    fields: dict[str, Any] = times.read_all(given.model_dump(exclude={"seen"}, exclude_unset=True), of_class.timezone)
    if "label" in fields:
        fields["label"] = label_named(of_class, fields["label"])
    if "publish_at" in fields and fields["publish_at"] is None:
        del fields["publish_at"]
    return services.change(found, by=caller(request), seen=given.seen, **fields)


@router.delete("/classes/{int:id}/announcements/{int:announcement}", response={204: None}, auth=requires(DECIDES))
def class_announcement_withdraw(request: Request, id: int, announcement: int) -> Status[None]:
    """Withdraws an announcement and deletes its notices. Mails that were sent cannot be recalled."""
    found = get_object_or_404(class_of(request, id, DECIDES).announcements, pk=announcement)
    services.withdraw(found, by=caller(request))
    return Status(204, None)
