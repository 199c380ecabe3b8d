"""Sends notices by mail from the reconciler, a few in each round, so that mails never delay the recovery of jobs."""

from __future__ import annotations

import time

import structlog

from gradus.notices import mails

log = structlog.get_logger(__name__)
A_ROUND = 10
# How long mails rest after the mail server could not be reached.
REST_SECONDS = 300.0


class Round:
    """Sends what is due, and rests for some minutes after the mail server could not be reached."""

    def __init__(self) -> None:
        self.due = 0.0

    def __call__(self) -> int:
        if time.monotonic() < self.due:
            return 0
        try:
            return mails.send_due(A_ROUND)
        except mails.MailServerAway as away:
            self.due = time.monotonic() + REST_SECONDS
            log.warning("mail_server_away", reason=str(away))
            return 0


send_some = Round()
