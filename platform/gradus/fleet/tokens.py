"""Makes, checks, releases, drains and revokes the tokens with which the workers of other machines join the site.

Only these services write tokens. Whatever staff does is recorded; a secret is shown once, and nothing holds it.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

import structlog
from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from challenges.characters import broken
from gradus.accounts import staff_actions as staff
from gradus.accounts.models import StaffAction, User
from gradus.fleet.models import LANES, MACHINE_MAX, NAME_MAX, WorkerToken
from gradus.refusal import Refused, wrong
from gradus.submissions import services
from gradus.submissions.models import WorkerStatus

log = structlog.get_logger(__name__)
PREFIX = "gradus-worker-"
USUAL_DAYS, DAYS_MAX = 180, 730
NAME = re.compile(rf"[a-z0-9][a-z0-9-]{{0,{NAME_MAX - 1}}}")
CHANGED = StaffAction.What.WORKER_TOKEN_CHANGED


class TokenRefused(Refused):
    """A token opens nothing. `code` is one of `token_wrong`, `token_revoked`, `token_expired` (status 401) and
    `token_of_another_machine` (status 403); the message says what to do.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message, status=403 if code == "token_of_another_machine" else 401)


def digest_of(secret: str) -> str:
    """Returns the SHA-256 digest in hex: 32 random bytes cannot be guessed, so no slow hash is needed."""
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()


def make(name: str, lanes: Iterable[str], ends_at: datetime, by: User | None) -> tuple[WorkerToken, str]:
    """Makes the token of a machine. Returns its row and its secret, which is not stored.

    `by` is None in a shell.

    Raises:
        Refused: 422, with the field `name`, `lanes` or `ends_at` in `problems`.
    """
    chosen = [lane for lane in LANES if lane in set(lanes)]
    _check(name, chosen, set(lanes), ends_at)
    secret = f"{PREFIX}{secrets.token_urlsafe(32)}"
    given = {"lanes": chosen, "ends_at": ends_at, "made_by": by, "digest": digest_of(secret)}
    try:
        with transaction.atomic():
            token = WorkerToken.objects.create(name=name, **given)
            staff.note(CHANGED, name, by=by, change="made", lanes=chosen, ends_at=ends_at.isoformat())
    except IntegrityError:
        raise _taken(name) from None
    return token, secret


def _check(name: str, lanes: list[str], asked: set[str], ends_at: datetime) -> None:
    if not NAME.fullmatch(name):
        said = _("A name has 1 to %(most)d of the characters a-z, 0-9 and “-”, and does not begin with “-”.")
        raise wrong("name", said % {"most": NAME_MAX})
    if WorkerToken.objects.filter(name=name).exists():
        raise _taken(name)
    if WorkerStatus.objects.filter(name__istartswith=f"{name}:").exists():
        said = _("Workers of the site itself run on a machine called “%(name)s”. Choose another name.")
        raise wrong("name", said % {"name": name})
    if not lanes or asked - set(LANES):
        raise wrong("lanes", _("Choose one or more of the lanes %(lanes)s.") % {"lanes": ", ".join(LANES)})
    # A form sends whole days, so that the last moment of the last day is allowed.
    if not timezone.now() < ends_at <= timezone.now() + timedelta(days=DAYS_MAX + 1):
        said = _("A token ends in the future, after at most %(days)d days.")
        raise wrong("ends_at", said % {"days": DAYS_MAX})


def _taken(name: str) -> Refused:
    said = _("There is a token called “%(name)s” already, and old ones keep their names. Choose another name.")
    return wrong("name", said % {"name": name}, "taken")


def of_request(secret: str, machine: str) -> WorkerToken:
    """Returns the token with this secret for a request of `machine`, as that machine calls itself (1 to 64 characters).

    The first machine that uses a token binds it. Only that one may use it from then on, until it is released.

    Raises:
        TokenRefused: no such token works, or not for this machine.
    """
    token = WorkerToken.objects.filter(digest=digest_of(secret)).first()
    _refuse_ended(token)
    assert token is not None
    if not 1 <= len(machine) <= MACHINE_MAX or broken(machine) is not None:
        said = _(
            "The request does not say from which machine it comes, in 1 to %(most)d characters. Update Gradus there."
        )
        raise TokenRefused("token_of_another_machine", said % {"most": MACHINE_MAX})
    if not token.machine:
        _bind(token, machine)
    if token.machine != machine:
        said = _(
            "The token “%(name)s” belongs to the machine that used it first. Ask an operator of the site to release it "
            "on the page Workers, or to make a token for this machine."
        )
        raise TokenRefused("token_of_another_machine", said % {"name": token.name})
    return token


def _refuse_ended(token: WorkerToken | None) -> None:
    if token is None:
        said = _("This token is not one of this site. Copy it again, or ask an operator of the site for a new one.")
        raise TokenRefused("token_wrong", said)
    if token.revoked_at is not None:
        said = _("The token “%(name)s” was revoked. Ask an operator of the site for a new one.")
        raise TokenRefused("token_revoked", said % {"name": token.name})
    if token.ends_at <= timezone.now():
        said = _("The token “%(name)s” has ended. Ask an operator of the site for a new one.")
        raise TokenRefused("token_expired", said % {"name": token.name})


def _bind(token: WorkerToken, machine: str) -> None:
    """Binds the token unless another request has done so or has ended the token, and reads what it is then."""
    free = WorkerToken.objects.live().filter(pk=token.pk, machine="")
    if free.update(machine=machine, bound_at=Now()):
        log.info("worker_token_bound", token=token.name)
    token.refresh_from_db()
    _refuse_ended(token)


@transaction.atomic
def release(token: WorkerToken, *, by: User | None = None) -> bool:
    """Frees the token from its machine, so that the next machine that uses it binds it.

    What the machine computes goes back to the queue. Returns False if the token has no machine.
    """
    if not WorkerToken.objects.filter(pk=token.pk).exclude(machine="").update(machine="", bound_at=None):
        return False
    _end_work(token, "released", by)
    return True


@transaction.atomic
def revoke(token: WorkerToken, *, by: User | None = None) -> bool:
    """Ends the token for good. What its machine computes goes back to the queue. Returns False if it was revoked."""
    if not WorkerToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=Now()):
        return False
    _end_work(token, "revoked", by)
    return True


def _end_work(token: WorkerToken, change: str, by: User | None) -> None:
    returned = services.end_leases(token.name)
    services.forget_workers(token.name)
    staff.note(CHANGED, token.name, by=by, change=change, jobs_returned=returned)
    token.refresh_from_db()


@transaction.atomic
def drain(token: WorkerToken, on: bool, *, by: User | None = None) -> bool:
    """With `on`, the machine gets no new jobs, and ends those that it has. Returns False if nothing changed."""
    if not WorkerToken.objects.filter(pk=token.pk, is_draining=not on).update(is_draining=on):
        return False
    staff.note(CHANGED, token.name, by=by, change="draining" if on else "takes jobs again")
    token.refresh_from_db()
    return True
