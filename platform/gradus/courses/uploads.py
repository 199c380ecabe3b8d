"""Services that take the archive of a course part by part, and push it when it is whole.

Each part is a file of its own in private storage, because a bucket cannot append to one. A part counts when the row's
offset moves past it, by an UPDATE that only the first of two requests with the same part can make.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import IO

from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _
from pydantic import TypeAdapter, ValidationError

from challenges.authoring.archive import ARCHIVE_MAX, sha256_of, unpack
from challenges.reading import BundleErrors
from challenges.spec import Slug
from gradus import retention
from gradus.accounts import roles
from gradus.accounts.models import User
from gradus.courses import publishing
from gradus.courses.models import Course, Upload
from gradus.courses.versions import VersionRefused
from gradus.refusal import Refused
from gradus.request_bodies import PART_BYTES

FOLDER = "uploads/"
ID: TypeAdapter[str] = TypeAdapter(Slug)
# Small parts suit slow lines. With smaller ones than this, an archive could have more parts than a row should name.
PART_MIN = 256 * 1024
# An upload to which nothing was added for so long gives way to another one of the same person.
IDLE = timedelta(minutes=10)
# Longer than a push takes: after it, a push whose process has died no longer counts.
PUSH_SECONDS = 300
TRIES = 3


def begin(user: User, course_slug: str, *, size: int, sha256: str) -> tuple[Upload, bool]:
    """Returns the person's upload of this archive of `size` bytes, and True if it is a new one.

    Raises:
        Refused: the person may not push this course (403, 404 or 409), the archive is too large (413), or too many
            uploads of the person are under way (429).
    """
    check_role(user, course_slug)
    if size > ARCHIVE_MAX:
        said = _(
            "The archive has %(size)s bytes; %(most)s are allowed. Move out of the folder what is not of the course."
        )
        raise Refused("too_large", said % {"size": f"{size:,}", "most": f"{ARCHIVE_MAX:,}"}, 413)
    Upload.objects.filter(user=user, expires_at__lte=timezone.now()).delete()
    for _try in range(TRIES):
        found = Upload.objects.filter(user=user, course_slug=course_slug, sha256=sha256).first()
        if found is not None and found.bytes == size:
            return found, False
        try:
            with transaction.atomic():
                if found is not None:
                    delete(found)
                end = timezone.now() + retention.UPLOADS.time
                return Upload.objects.create(
                    user=user, course_slug=course_slug, sha256=sha256, bytes=size, slot=_slot(user), expires_at=end
                ), True
        except IntegrityError:
            # Another request of this person was faster.
            continue
    raise _too_many()


def _slot(user: User) -> int:
    """Returns a free slot. Where none is, one that is whole makes room, whose push was refused; or else the one that
    waited longest for its next part. None makes room while it is pushed.
    """
    moment = timezone.now()
    taken = {one.slot: one for one in Upload.objects.filter(user=user)}
    free = [slot for slot in range(1, Upload.OPEN_MAX + 1) if slot not in taken]
    if free:
        return free[0]
    idle = [one for one in taken.values() if one.pushing_until is None or one.pushing_until <= moment]
    over = [one for one in idle if one.offset == one.bytes or one.expires_at - retention.UPLOADS.time <= moment - IDLE]
    if not over:
        raise _too_many()
    oldest = min(over, key=lambda one: (one.offset < one.bytes, one.expires_at))
    if not Upload.objects.filter(_not_pushed(moment), pk=oldest.pk).delete()[0]:
        # Its push began meanwhile.
        raise _too_many()
    _delete_parts_later(oldest)
    return oldest.slot


def _not_pushed(moment: datetime) -> Q:
    return Q(pushing_until=None) | Q(pushing_until__lte=moment)


def _too_many() -> Refused:
    said = _("You are uploading %(most)d other archives. Wait until one is pushed, or for %(minutes)d minutes.")
    minutes = int(IDLE.total_seconds() // 60)
    return Refused(
        "too_many_uploads", said % {"most": Upload.OPEN_MAX, "minutes": minutes}, 429, retry_after=60 * minutes
    )


def check_role(user: User, course_slug: str) -> None:
    """Raises an exception unless the person may push a course with this id: one of hers, or a new one.

    Raises:
        Refused: 403 for too low a role; 404 with the ids of her courses if she may not create one; 409 if the id is
            that of another course.
    """
    course = Course.objects.filter(slug=course_slug).first()
    may_create = user.is_staff or user.may_create_courses
    if course is None and may_create:
        _check_id(course_slug)
        return
    try:
        if course is None:
            raise Http404
        roles.refuse_unless(user, course, roles.EDITS)
    except Http404:
        if may_create:
            raise publishing.name_taken(course_slug) from None
        raise _no_course(user, course_slug) from None


def _check_id(course_slug: str) -> None:
    try:
        ID.validate_python(course_slug)
    except ValidationError:
        said = _("“%(id)s” cannot be the id of a course: write lower-case words joined by hyphens, of 64 characters.")
        raise Refused("bad_id", said % {"id": course_slug[:100]}) from None


def _no_course(user: User, course_slug: str) -> Refused:
    known = Course.objects.filter(roles.reach(user, roles.EDITS)).order_by("slug").values_list("slug", flat=True)
    said = _("You have no course with the id “%(id)s”, and may not create one. Ask the staff of the site.")
    problems = [{"code": "known", "field": "course", "message": slug} for slug in known]
    return Refused("no_course", said % {"id": course_slug}, 404, problems)


def add_part(upload: Upload, offset: int, data: bytes) -> Upload:
    """Stores the bytes of an archive from `offset` on. Returns the upload with its new offset.

    Raises:
        Refused: the upload expects another offset, which `problems` names (409), or has ended (409); the part reaches
            beyond the end, or is too small (422).
    """
    check_role(upload.user, upload.course_slug)
    end = offset + len(data)
    if offset != upload.offset:
        raise _wrong_offset(upload)
    if end > upload.bytes or len(data) > PART_BYTES:
        raise Refused("too_long", _("The part reaches beyond the end of the archive. Send what was announced."))
    if end < upload.bytes and len(data) < PART_MIN:
        said = _("Every part but the last must have at least %(least)d bytes. Send a larger one.")
        raise Refused("part_too_small", said % {"least": PART_MIN})
    store = storages["private"]
    # Two requests with the same part write two files, whatever the storage does with a name that is taken.
    name = store.save(f"{FOLDER}{upload.uuid}/{offset}-{secrets.token_hex(4)}", ContentFile(data))
    moment = timezone.now()
    moved = Upload.objects.filter(pk=upload.pk, offset=offset, expires_at__gt=moment).update(
        offset=end, parts=[*upload.parts, name], expires_at=moment + retention.UPLOADS.time
    )
    if not moved:
        store.delete(name)
    now = Upload.objects.filter(pk=upload.pk, expires_at__gt=moment).first()
    if now is None:
        raise _ended()
    if not moved:
        raise _wrong_offset(now)
    return now


def _wrong_offset(upload: Upload) -> Refused:
    said = _("The next part of this upload begins at byte %(offset)d. Send it from there.") % {"offset": upload.offset}
    problems = [{"code": "wrong_offset", "field": "offset", "message": str(upload.offset)}]
    return Refused("wrong_offset", said, 409, problems)


def _ended() -> Refused:
    return Refused("upload_ended", _("This upload was pushed already, or has expired. Begin a new one."), 409)


def delete(upload: Upload) -> None:
    """Deletes an upload, and its parts as soon as that is committed."""
    Upload.objects.filter(pk=upload.pk).delete()
    _delete_parts_later(upload)


def _delete_parts_later(upload: Upload) -> None:
    transaction.on_commit(lambda: _delete_parts(upload.parts))


def _delete_parts(names: list[str]) -> None:
    for name in names:
        storages["private"].delete(name)


def push(upload: Upload, *, base: str = "", force: bool = False, note: str = "") -> publishing.Pushed:
    """Pushes a whole archive as `publishing.push` does. The upload then goes, and also where its files are refused.

    Raises:
        BundleErrors, VersionRefused: as `publishing.push` does.
        Refused: bytes are missing, the upload is being pushed or has ended, or something else was published meanwhile
            (409); the archive has another digest than was announced (422).
    """
    check_role(upload.user, upload.course_slug)
    if upload.offset < upload.bytes:
        raise _wrong_offset(upload)
    _claim(upload)
    try:
        with _joined(upload) as archive, TemporaryDirectory() as folder:
            unpack(archive, Path(folder))
            pushed = publishing.push(
                Path(folder), archive, by=upload.user, course_slug=upload.course_slug, base=base, force=force, note=note
            )
    except (BundleErrors, VersionRefused):
        # Only another archive can be right. After `moved`, this one may be pushed again, with `force`.
        delete(upload)
        raise
    finally:
        Upload.objects.filter(pk=upload.pk).update(pushing_until=None)
    delete(upload)
    return pushed


def _claim(upload: Upload) -> None:
    """Raises `Refused` unless this push is the only one of the upload."""
    moment = timezone.now()
    until = moment + timedelta(seconds=PUSH_SECONDS)
    if not Upload.objects.filter(_not_pushed(moment), pk=upload.pk).update(pushing_until=until):
        if not Upload.objects.filter(pk=upload.pk).exists():
            raise _ended()
        raise Refused("busy", _("This upload is being pushed at the moment. Try again."), 409, retry_after=5)


@contextmanager
def _joined(upload: Upload) -> Iterator[IO[bytes]]:
    """Yields the archive as one temporary file, which has the announced digest."""
    store = storages["private"]
    with TemporaryFile() as archive:
        for name in upload.parts:
            try:
                with store.open(name) as part:
                    shutil.copyfileobj(part, archive)
            except FileNotFoundError:
                # It has expired, or a push that took too long was made again and has ended.
                raise _ended() from None
        if sha256_of(archive) != upload.sha256:
            delete(upload)
            said = _("The archive has another SHA-256 digest than was announced. Upload it again.")
            raise Refused("wrong_digest", said)
        archive.seek(0)
        yield archive
