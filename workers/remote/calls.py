"""Requests to a vLLM server: which are tried again, and what its refusals mean.

Prompts contain hidden rows, so no part of a request or a reply may go into the text of an exception.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from threading import Event
from typing import Any

import openai

from workers.engine.watch import Stopped
from workers.judge import endpoints
from workers.judge.contract import Postpone

ATTEMPTS = 4
BACKOFF_SECONDS = 1.0
PATIENCE_SECONDS = 5.0
# A request has several rows, and a server on a CPU is slow.
TIMEOUT = 300.0
# For what needs no model.
SHORT_TIMEOUT = 5.0


class EngineMisconfigured(Exception):
    """The server permanently refuses our requests. The message tells staff what to set."""


class EngineSlow(Exception):
    """The server took longer than the time limit of the job."""


class Refused(Exception):
    """The server refuses a request; it is not tried again."""

    def __init__(self, status: int) -> None:
        super().__init__(f"refused: {status}")
        self.status = status


@dataclass(frozen=True)
class Served:
    """The address of a server, and the name that the base model has there."""

    base_url: str
    name: str


class Server:
    """One vLLM server, as one worker asks it."""

    def __init__(self, where: Served, api_key: str, timeout: float = TIMEOUT) -> None:
        self.where = where
        self.client = endpoints.client(where.base_url, api_key, timeout)

    def post(
        self,
        path: str,
        body: Mapping[str, Any],
        over: Event,
        *,
        attempts: int = ATTEMPTS,
        final: Collection[int] = (),
        timeout: float | None = None,
    ) -> Any:
        """Sends a request up to `attempts` times: again after 429, 5xx and a broken connection, until `over` is set.

        Returns the reply, which is parsed if it is JSON.

        Raises:
            Refused: with any other status, or one of `final`.
            Postpone: the server cannot answer now.
            Stopped: `over` is set.
        """
        options: Any = {} if timeout is None else {"timeout": timeout}
        for attempt in range(1, attempts + 1):
            if over.is_set():
                raise Stopped
            pause = BACKOFF_SECONDS * 2 ** (attempt - 1)
            try:
                return self.client.post(path, body=dict(body), cast_to=object, options=options)
            except openai.APIConnectionError:
                code = "engine_connection"
            except openai.APIStatusError as error:
                status = error.status_code
                if status in final or (status != 429 and status < 500):
                    raise Refused(status) from None
                pause, code = endpoints.retry_after(error.response.headers) or pause, f"engine_{status}"
            if attempt == attempts or pause > PATIENCE_SECONDS:
                raise Postpone(max(pause, 1.0), code) from None
            over.wait(pause)
        raise AssertionError("unreachable")

    def names(self) -> set[str] | None:
        """The models and adapters that the server says it has; None if it cannot say."""
        try:
            return {model.id for model in self.client.models.list(timeout=SHORT_TIMEOUT)}
        except openai.OpenAIError:
            return None


def refusal(status: int) -> str:
    """What staff should do about a refused request for answers."""
    too_long = (
        " Or the server has a shorter context than the model has in our catalogue: raise it there (--max-model-len)."
    )
    return (
        f"The remote engine refuses our requests ({status}). GRADUS_REMOTE_ENGINES must name the address of a vLLM "
        "server (0.32 or newer) up to /v1, and the model's name there; GRADUS_REMOTE_API_KEY must be its key. Fix "
        f"both and restart the workers.{too_long if status == 400 else ''}"
    )
