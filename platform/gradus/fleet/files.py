"""Files of jobs for the workers of other machines: each has an address, signed for one claim, one name and one size.

Where the site keeps its files in a bucket, the address is the bucket's. Else the site sends the file, and takes it in
parts: what has arrived lies beside its place until all of it is there and has the digest that the worker named.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from django.core import signing
from django.core.files.storage import FileSystemStorage, storages
from django.utils.translation import gettext as _

from challenges.jobs import ADAPTER, RAW, TRAINED, Job, LeaseLost, StoredFile
from gradus.fleet.jobs import place_of
from gradus.fleet.models import WorkerToken
from gradus.refusal import Refused
from gradus.submissions.models import Evaluation
from gradus.submissions.states import State

# How long an address is valid: a large file may take this long on a slow line.
SECONDS = 3600
# In bytes: what S3 takes in one request, and more than any private rows of a job have.
FILE_MOST, RAW_MOST = 5 * 1024**3, 64 * 1024**2
SALT = "gradus.fleet.files"
PIECE = 2**20


class DiskFull(OSError):
    """What was sent could not be kept. It can be sent again once there is room."""


def to_read(token: WorkerToken, job: Job, store: str, name: str) -> dict[str, Any]:
    """Returns `url`, `size` in bytes, and the file's `sha256`, "" where a bucket has it.

    Raises:
        Refused: 404, the file is not one of the job's, or is not there.
    """
    allowed = {job.content, *job.files}
    kept = str((job.trained or {}).get("file"))
    if re.fullmatch(rf"trained/{job.id}/\d+(?:_\w+)?\.zip", kept):
        allowed.add(StoredFile("private", kept))
    if StoredFile(store, name) not in allowed or not storages[store].exists(name):
        raise Refused("no_such_file", _("The job has no such file."), status=404)
    place: Any = storages[store]
    if not isinstance(place, FileSystemStorage):
        return {"url": _of_bucket(place, name, None), "size": place.size(name), "sha256": ""}
    with place.open(name) as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    signed = _signed(token, job.id, job.fence, store, name, None)
    return {"url": f"/api/workers/v1/files/{signed}", "size": place.size(name), "sha256": digest}


def to_write(token: WorkerToken, evaluation: Evaluation, what: str, size: int) -> dict[str, Any]:
    """Returns `url`, and `offset`, from which byte on the file is to be sent; None where it is sent in one piece."""
    _expect_size(what, size)
    store, name = place_of(evaluation.pk, evaluation.fence, what)
    place: Any = storages[store]
    if not isinstance(place, FileSystemStorage):
        return {"url": _of_bucket(place, name, size), "offset": None}
    part = _part(place, name)
    there = part.stat().st_size if part.exists() else 0
    signed = _signed(token, evaluation.pk, evaluation.fence, store, name, size)
    return {"url": f"/api/workers/v1/files/{signed}", "offset": there if there <= size else 0}


def _expect_size(what: str, size: int) -> None:
    most = RAW_MOST if what == RAW else FILE_MOST
    if size > most:
        said = _("The file has %(size)d bytes; %(most)d are allowed.")
        raise Refused("too_large", said % {"size": size, "most": most})


def take(token: WorkerToken, signed: str, offset: int, content: bytes) -> int:
    """Keeps a part of a file. Returns from which byte on the next one is to be sent.

    Raises:
        LeaseLost: the claim is over.
        DiskFull: there is no room; what was there before stays.
        Refused: the address is not one for this token, or is too old.
    """
    store, name, size = opened(token, signed)
    if size is None:
        raise _wrong_address()
    part = _part(storages[store], name)
    part.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "r+b") as file:
        # Two requests may send the same part.
        fcntl.flock(file, fcntl.LOCK_EX)
        there = file.seek(0, os.SEEK_END)
        if offset != there or there + len(content) > size:
            return there
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        except OSError as error:
            with suppress(OSError):
                os.truncate(part, there)
            raise DiskFull(error.errno, "no room for the file") from error
        return there + len(content)


def keep(evaluation: Evaluation, what: str, size: int, sha256: str) -> dict[str, Any]:
    """Puts what was sent in its place, and returns its name.

    Raises:
        Refused: 409, `incomplete`, bytes are missing; `wrong_digest`, it is another file, which is gone now.
    """
    store, name = place_of(evaluation.pk, evaluation.fence, what)
    place: Any = storages[store]
    is_folder = isinstance(place, FileSystemStorage)
    if is_folder and place.exists(name) and _digest(place.open(name)) == sha256:
        # The answer to the same request was lost.
        return {"name": name}
    part = _part(place, name) if is_folder else None
    if not (part.exists() if part else place.exists(name)):
        raise _incomplete(0)
    there = part.stat().st_size if part else place.size(name)
    if there != size:
        raise _incomplete(there)
    if _digest(part.open("rb") if part else place.open(name)) != sha256:
        part.unlink() if part else place.delete(name)
        raise Refused("wrong_digest", _("The file arrived with another digest. Send it again."), status=409)
    if part:
        part.replace(place.path(name))
    return {"name": name}


def is_kept(evaluation: Evaluation, what: str, name: str) -> bool:
    """Whether this is the claim's own file of that kind, and was kept."""
    store, own = place_of(evaluation.pk, evaluation.fence, what)
    return name == own and storages[store].exists(name)


def forget(evaluation: Evaluation) -> None:
    """Deletes parts of files that the claim has begun to send."""
    for what in (RAW, ADAPTER, TRAINED):
        store, name = place_of(evaluation.pk, evaluation.fence, what)
        if isinstance(storages[store], FileSystemStorage):
            with suppress(OSError):
                _part(storages[store], name).unlink()


def opened(token: WorkerToken, signed: str) -> tuple[str, str, int | None]:
    """Returns store, name and size of a signed address; the size is None where the file is read.

    Raises:
        LeaseLost: the claim is over.
        Refused: 404, the address is not one for this token, or is too old.
    """
    try:
        given = signing.loads(signed, salt=SALT, max_age=SECONDS)
        owner, pk, fence, store, name, size = given
    except (signing.BadSignature, ValueError, TypeError):
        raise _wrong_address() from None
    if owner != token.pk:
        raise _wrong_address()
    held = Evaluation.objects.filter(pk=pk, fence=fence, state=State.RUNNING, worker__startswith=f"{token.name}:")
    if not held.exists():
        raise LeaseLost
    return store, name, size


def _signed(token: WorkerToken, pk: int, fence: int, store: str, name: str, size: int | None) -> str:
    return signing.dumps([token.pk, pk, fence, store, name, size], salt=SALT)


def _wrong_address() -> Refused:
    return Refused("wrong_address", _("This address has ended or is not one of this token. Ask for it again."), 404)


def _incomplete(there: int) -> Refused:
    said = _("Only %(there)d bytes of the file have arrived. Send the others.")
    return Refused("incomplete", said % {"there": there}, status=409)


def _part(place: Any, name: str) -> Path:
    path = Path(place.path(name))
    return path.with_name(f".{path.name}.part")


def _digest(file: IO[bytes]) -> str:
    digest = hashlib.sha256()
    with file:
        while piece := file.read(PIECE):
            digest.update(piece)
    return digest.hexdigest()


def _of_bucket(place: Any, name: str, size: int | None) -> str:
    what = {"Bucket": place.bucket.name, "Key": f"{place.location.strip('/')}/{name}"}
    return str(
        place.bucket.meta.client.generate_presigned_url(
            "get_object" if size is None else "put_object",
            Params=what if size is None else {**what, "ContentLength": size},
            ExpiresIn=SECONDS,
        )
    )
