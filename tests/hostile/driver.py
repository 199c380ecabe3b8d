"""Sends a case to the site, lets a worker grade an accepted one, and returns the outcome."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass, field
from html import escape
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client

from gradus.accounts.models import ApiToken, User
from gradus.submissions.models import Submission
from gradus.submissions.states import CODES
from tests import factories
from tests.conftest import logged_in
from tests.hostile.case import Case, Send
from workers.work import Worker

LANES = ("grade", "train", "judge")
SECONDS = 1.0
NUMBERS = itertools.count(1)
ENDS = ("scored", "review", "rejected")


@dataclass
class Ending:
    """The outcome of a request.

    `seconds` is processor time, which does not depend on other processes. `text` is the body of the response. `state`
    and `code` belong to the evaluation, and are empty if nothing was stored. `page` is the text of the result pages.
    """

    status: int
    text: str
    content_type: str
    seconds: float
    submission: Submission | None = None
    state: str = ""
    code: str = ""
    page: str = ""

    @property
    def is_refused(self) -> bool:
        return 400 <= self.status < 500 or self.state == "rejected"


@dataclass
class Driver:
    """Sends cases to the site, and has a worker for each lane."""

    workers: dict[str, Worker] = field(default_factory=dict)

    def send(self, case: Case, channel: str, request: Send) -> Ending:
        """Sends a request as a new learner, so that no limit used up by an earlier case applies."""
        name = f"hostile-{next(NUMBERS)}"
        user = User.objects.create(username=name, email=f"{name}@example.org", pseudonym=name)
        client = logged_in(user)
        if request.twice:
            factories.grade(self._first(user, case, request), 0.1)
        started = time.process_time()
        response = self._post(client, user, case, channel, request)
        ending = Ending(
            response.status_code,
            response.content.decode(errors="replace"),
            response.get("Content-Type", ""),
            time.process_time() - started,
        )
        made = Submission.objects.filter(user=user).order_by("-pk").first()
        if made is not None and not request.twice:
            self._grade(client, made, ending)
        return ending

    def _first(self, user: User, case: Case, send: Send) -> Submission:
        from gradus.submissions import services

        key = send.headers.get("Idempotency-Key") or dict(send.form)["key"].decode()
        other = {**factories.PROMPT, "instructions": "Another payload"}
        made, _ = services.submit(user, factories.challenge(case.slug), other, idempotency_key=key)
        return made

    def _post(self, client: Client, user: User, case: Case, channel: str, send: Send) -> HttpResponse:
        if channel == "api":
            _, secret = ApiToken.issue(user, "hostile")
            headers = {"Authorization": f"Bearer {secret}", **send.headers}
            path = f"/api/v1/challenges/{case.slug}/submissions"
            return Client(raise_request_exception=False).generic(
                "POST", path, send.body or b"", send.content_type or "application/json", headers=headers
            )
        client.raise_request_exception = False
        path = f"/challenges/{case.slug}/submit"
        if send.body is not None:
            return client.generic("POST", path, send.body, send.content_type, headers=dict(send.headers))
        data: dict[str, Any] = {}
        for name, value in send.form:
            data.setdefault(name, []).append(value)
        for field_name, file_name, content, file_type in send.files:
            data[field_name] = named(file_name, content, file_type)
        return client.post(path, data, headers=dict(send.headers))

    def _grade(self, client: Client, made: Submission, ending: Ending) -> None:
        lane = made.current.lane
        started = time.process_time()
        assert self.workers[lane].step()
        ending.seconds = max(ending.seconds, time.process_time() - started)
        ending.submission = made
        evaluation = made.current
        ending.state, ending.code = evaluation.state, evaluation.error_code
        page = client.get(f"/submissions/{made.uuid}/")
        assert page.status_code == 200
        ending.page = page.content.decode() + client.get(f"/challenges/{made.challenge.slug}/").content.decode()


def named(name: str, content: bytes, content_type: str) -> SimpleUploadedFile:
    """An uploaded file with exactly this name; Django's class would shorten it."""
    file = SimpleUploadedFile("rows.jsonl", content, content_type)
    file._name = name
    return file


def escaped(text: str) -> str:
    return escape(text, quote=True)


__all__ = ["CODES", "ENDS", "LANES", "SECONDS", "Driver", "Ending", "escaped"]
