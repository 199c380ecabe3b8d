"""Points in the life of a submission, and of a grade on its way to a learning platform, where a test can kill, stop or
break a process.

They do nothing unless `GRADUS_FAILPOINTS` names a folder with tokens, which is refused in production. A token is a file
named `POINT-kill-N`, `POINT-error-N` or `POINT-stop:SECONDS-N`. The first process that reaches the point removes the
file and does what its name says, so each token acts only once.
"""

import os
import signal
import subprocess
from pathlib import Path

import structlog
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError

log = structlog.get_logger(__name__)
POINTS = (
    "submit.uncommitted",
    "submit.committed",
    "claim.uncommitted",
    "claim.committed",
    "grade.started",
    "grade.computed",
    "record.uncommitted",
    "record.committed",
    "sweep.requeued",
)
# Those of a grade that is sent to a learning platform.
OF_SENDING = (
    "send.uncommitted",
    "send.fixed",
    "send.permitted",
    "send.answered",
    "sent.uncommitted",
    "sent.committed",
)
FOLDER = os.environ.get("GRADUS_FAILPOINTS", "")
if FOLDER and settings.PRODUCTION:
    raise ImproperlyConfigured("GRADUS_FAILPOINTS is for tests. Do not set it together with GRADUS_PRODUCTION.")


def reach(point: str) -> None:
    """Does nothing, unless a test has written a token for this point.

    Raises:
        OperationalError: the token says `error`.
    """
    if FOLDER:
        for token in sorted(Path(FOLDER).glob(f"{point}-*")):
            if _take(token):
                _act(point, token.name.split("-")[1])
                return


def _take(token: Path) -> bool:
    try:
        token.unlink()
    except FileNotFoundError:
        return False
    return True


def _act(point: str, action: str) -> None:
    log.warning("failpoint", point=point, action=action)
    kind, _, seconds = action.partition(":")
    match kind:
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "stop":
            _stop(seconds)
        case _:
            raise OperationalError(f"failpoint {point}")


def _stop(seconds: str) -> None:
    """Stops all threads of the process, so that no heartbeat is sent. Another process continues it after `seconds`."""
    again = ("/bin/sh", "-c", 'sleep "$0"; kill -CONT "$1"', seconds, str(os.getpid()))
    subprocess.Popen(again, start_new_session=True)
    os.kill(os.getpid(), signal.SIGSTOP)
