"""Uploads of courses: an archive is sent in parts, then pushed. One that broke off goes on from its offset."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import Router, Schema, Status
from pydantic import Field

from gradus.accounts.allauth_internals import count, seconds_left
from gradus.accounts.rate_limits import in_words
from gradus.accounts.token_rules import Content, Scope
from gradus.api.auth import Request, caller, requires
from gradus.api.publishing import VersionOut, version_out
from gradus.courses import uploads
from gradus.courses.models import Upload
from gradus.refusal import Refused
from gradus.request_bodies import PART_BYTES


class UploadIn(Schema):
    bytes: int = Field(ge=1, description="The size of the whole archive")
    sha256: str = Field(pattern="^[0-9a-f]{64}$", description="The digest of the whole archive in hexadecimal")


class UploadOut(Schema):
    id: UUID
    offset: int = Field(description="The byte from which on the next part is expected")
    bytes: int
    chunk_bytes: int = Field(description="The most bytes of a part")
    expires_at: datetime


OCTETS: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
router = Router(tags=["publishing"], auth=requires(Scope(Content.EDITOR)))


class PushIn(Schema):
    base: str = Field(
        "", pattern="^([0-9a-f]{64})?$", description="The digest of the live content that the author knows"
    )
    force: bool = Field(False, strict=True, description="Push although something else is live by now")
    note: str = Field("", max_length=300, description="What changes, in a few words")


def upload_out(upload: Upload) -> UploadOut:
    values = {key: getattr(upload, key) for key in ("offset", "bytes", "expires_at")}
    return UploadOut(id=upload.uuid, chunk_bytes=PART_BYTES, **values)


def own(request: Request, uuid: UUID) -> Upload:
    return get_object_or_404(Upload, uuid=uuid, user=caller(request), expires_at__gt=timezone.now())


@router.post("/courses/{slug:id}/uploads", response={200: UploadOut, 201: UploadOut})
def upload_start(request: Request, id: str, given: UploadIn) -> Status[UploadOut]:
    """Starts to upload a zip archive of a course's folder. Answers 200 if this archive has been begun already."""
    upload, is_new = uploads.begin(caller(request), id, size=given.bytes, sha256=given.sha256)
    return Status(201 if is_new else 200, upload_out(upload))


@router.get("/uploads/{uuid:uuid}", response=UploadOut)
def upload(request: Request, uuid: UUID) -> UploadOut:
    """Returns how much of an archive has arrived."""
    return upload_out(own(request, uuid))


@router.put("/uploads/{uuid:uuid}/{int:offset}", response=UploadOut, openapi_extra=OCTETS)
def upload_part(request: Request, uuid: UUID, offset: int) -> UploadOut:
    """Sends the next part of an archive, as octets. Every part but the last has at least 256 KiB."""
    return upload_out(uploads.add_part(own(request, uuid), offset, request.body))


@router.post("/uploads/{uuid:uuid}/push", response={200: VersionOut, 201: VersionOut})
def upload_push(request: Request, uuid: UUID, given: PushIn) -> Status[VersionOut]:
    """Checks an archive that has arrived and makes it the draft of its course. Answers 200 if nothing is new in it."""
    upload, person = own(request, uuid), str(caller(request).pk)
    if wait := seconds_left(request, "draft", person):
        said = _("You have pushed too many drafts. Wait for %(time)s, and push again.") % {"time": in_words(wait)}
        raise Refused("too_many_drafts", said, 429, retry_after=wait)
    pushed = uploads.push(upload, base=given.base, force=given.force, note=given.note)
    if pushed.is_new:
        count(request, "draft", person)
    return Status(201 if pushed.is_new else 200, version_out(pushed.version, caller(request)))
