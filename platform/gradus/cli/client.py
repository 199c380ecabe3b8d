"""The client of the site's HTTP API: its address, the user's token, and its errors. It does not use Django."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import httpx

from challenges.problems import Problem

DEFAULT_URL = "http://localhost:8000"
# A stream sends a heartbeat every 15 seconds. After 60 seconds without one, the client connects again.
TIMEOUT = httpx.Timeout(30, read=60)
TRIES = 3
REFUSED, WRONG_NAME, UNREACHABLE, NOT_SIGNED_IN = 1, 2, 4, 5


class Failure(Exception):
    """A command failed. `code` is the exit status: 1 refused, 2 a wrong name, 4 the site does not answer, 5 not signed
    in.

    `reason` is the code of the site's problem details, empty if the site gave none, and `details` are their `problems`.
    `retry_after` is in seconds.
    """

    def __init__(
        self,
        message: str,
        code: int = REFUSED,
        problems: tuple[str, ...] = (),
        reason: str = "",
        details: tuple[dict[str, Any], ...] = (),
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.problems = problems
        self.reason = reason
        self.details = details
        self.retry_after = retry_after


@dataclass(frozen=True)
class Config:
    """The address of the site and the token: from GRADUS_URL and GRADUS_TOKEN, or from the file of `gradus login`."""

    url: str = DEFAULT_URL
    token: str = ""

    @classmethod
    def load(cls) -> Config:
        """Reads the configuration. Raises `Failure` if the file is not valid TOML."""
        try:
            kept = tomllib.loads(path().read_text()) if path().exists() else {}
        except tomllib.TOMLDecodeError as error:
            raise Failure(f"{path()}: {error}. Fix the file, or delete it and run `gradus login`.") from error
        url = os.environ.get("GRADUS_URL") or kept.get("url") or DEFAULT_URL
        return cls(str(url).rstrip("/"), os.environ.get("GRADUS_TOKEN") or str(kept.get("token", "")))

    def save(self) -> Path:
        """Writes the file, which only its owner can read. Returns its path."""
        file = path()
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.chmod(0o600)
        # A JSON string of printable ASCII characters is also a valid TOML string.
        file.write_text(f"url = {json.dumps(self.url)}\ntoken = {json.dumps(self.token)}\n")
        return file


def path() -> Path:
    """Returns the path of the configuration file."""
    base = os.environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "gradus" / "config.toml"


@dataclass(frozen=True)
class Event:
    """A server-sent event. `id` is 0 if the event has none."""

    type: str
    data: dict[str, Any]
    id: int = 0


@dataclass
class Api:
    config: Config
    http: httpx.Client = field(init=False)
    asked: str = field(init=False, default="")
    """The path of the last request."""

    def __post_init__(self) -> None:
        headers = {"Authorization": f"Bearer {self.config.token}"} if self.config.token else {}
        self.http = httpx.Client(base_url=f"{self.config.url}/api/v1/", headers=headers, timeout=TIMEOUT)

    def __enter__(self) -> Api:
        return self

    def __exit__(self, *exc: object) -> None:
        self.http.close()

    def get(self, path: str, **params: Any) -> Any:
        """Sends a GET request. Returns the JSON of the response. Raises `Failure` for an error."""
        return self._send("GET", path, params=params).json()

    def post(
        self, path: str, data: Any = None, *, key: str | None = None, seconds: float | None = None, **params: Any
    ) -> Any:
        """Sends a POST request. Returns the JSON of the response. Raises `Failure` for an error.

        With an idempotency `key`, a broken connection is tried again, because the site then makes only one submission.
        `seconds` is how long the answer may take, if that is longer than usual.
        """
        headers = {"Idempotency-Key": key} if key else {}
        timeout = TIMEOUT if seconds is None else httpx.Timeout(30, read=seconds)
        for _ in range(TRIES - 1 if key else 0):
            try:
                return self._send("POST", path, json=data, headers=headers, params=params).json()
            except Failure as failure:
                if failure.code != UNREACHABLE:
                    raise
        response = self._send("POST", path, json=data, headers=headers, timeout=timeout, params=params)
        return None if response.status_code == 204 else response.json()

    def put(self, path: str, data: Any) -> Any:
        """Sends a PUT request. Returns the JSON of the response. Raises `Failure` for an error."""
        return self._send("PUT", path, json=data).json()

    def delete(self, path: str, **params: Any) -> Any:
        """Sends a DELETE request. Returns the JSON of the response, or None. Raises `Failure` for an error."""
        response = self._send("DELETE", path, params=params)
        return None if response.status_code == 204 else response.json()

    def put_octets(self, path: str, data: bytes, seconds: float) -> Any:
        """Sends bytes with a PUT request that may take so many seconds. Returns the JSON of the response."""
        headers = {"Content-Type": "application/octet-stream"}
        return self._send("PUT", path, content=data, headers=headers, timeout=httpx.Timeout(30, write=seconds)).json()

    def post_octets(self, path: str, data: bytes, seconds: float, **params: Any) -> Any:
        """Sends bytes with a POST request that times out after `seconds`. Returns the JSON of the response."""
        headers = {"Content-Type": "application/octet-stream"}
        timeout = httpx.Timeout(30, read=seconds, write=seconds)
        return self._send("POST", path, content=data, headers=headers, params=params, timeout=timeout).json()

    def content(self, path: str) -> bytes:
        """Returns what a GET request answers, such as a file. Raises `Failure` for an error."""
        return self._send("GET", path).content

    def download(self, path: str, to: IO[bytes], **params: Any) -> None:
        """Writes what a GET request answers into a file, piece by piece. Raises `Failure` for an error."""
        self.asked = path.lstrip("/")
        with self._reaching(), self.http.stream("GET", self.asked, params=given(params)) as response:
            if response.is_error:
                response.read()
            for piece in checked(response).iter_bytes():
                to.write(piece)

    def _send(self, method: str, path: str, params: dict[str, Any] | None = None, **more: Any) -> httpx.Response:
        self.asked = path.lstrip("/")
        with self._reaching():
            return checked(self.http.request(method, self.asked, params=given(params or {}), **more))

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        try:
            yield
        except httpx.UnsupportedProtocol as error:
            told = f"The address {self.config.url} of the site must begin with https:// or http://. GRADUS_URL sets it."
            raise Failure(told, UNREACHABLE) from error
        except httpx.TransportError as error:
            where = f"{self.config.url} does not answer ({type(error).__name__})."
            raise Failure(f"{where} Is the site running? Set GRADUS_URL to its address.", UNREACHABLE) from error

    def events(self, path: str) -> Iterator[Event]:
        """Yields events until `finished`. It connects again if the connection breaks. Raises `Failure`."""
        last, silent = 0, 0
        while silent < TRIES:
            silent += 1
            try:
                for event in self._stream(path, last):
                    last, silent = event.id or last, 0
                    yield event
                    if event.type == "finished":
                        return
            except httpx.TransportError:
                continue
        raise Failure("The connection broke several times. Run `gradus logs -f` again.", UNREACHABLE)

    def _stream(self, path: str, last: int) -> Iterator[Event]:
        headers = {"Last-Event-ID": str(last)} if last else {}
        with self.http.stream("GET", path.lstrip("/"), headers=headers) as response:
            if response.is_error:
                response.read()
            checked(response)
            yield from parsed(response.iter_lines())


def given(params: dict[str, Any]) -> dict[str, Any]:
    """Returns the parameters of a query that have a value."""
    return {key: value for key, value in params.items() if value is not None}


def parsed(lines: Iterator[str]) -> Iterator[Event]:
    """Yields the server-sent events in these lines. Comments and unknown fields are ignored."""
    fields: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        if name:
            fields[name] = value.removeprefix(" ")
        elif not line:
            if "data" in fields:
                yield Event(fields.get("event", "message"), json.loads(fields["data"]), int(fields.get("id", 0)))
            fields = {}


def checked(response: httpx.Response) -> httpx.Response:
    """Returns the response, or raises `Failure` with the message of its problem details if it is an error."""
    if not response.is_error:
        return response
    problems: list[dict[str, Any]] = []
    reason = ""
    try:
        body = response.json()
        detail, problems, reason = str(body["detail"]), body.get("problems", []), str(body.get("code", ""))
    except (ValueError, KeyError, TypeError):
        detail = f"The site answered {response.status_code}. Does the address end before /api?"
        if response.status_code in (502, 503, 504):
            # A proxy answers in place of a site that is away.
            raise Failure(detail, UNREACHABLE) from None
    if response.status_code == 401:
        how = "" if "`gradus login`" in detail else " Run `gradus login` to sign in, or set GRADUS_TOKEN."
        raise Failure(detail + how, NOT_SIGNED_IN, reason=reason)
    after = response.headers.get("Retry-After")
    again = f" Try again in {after} s." if after else ""
    lines = tuple(worded(problem) for problem in problems if _says_more(problem, detail))
    wait = float(after) if after and after.isdecimal() else None
    raise Failure(detail + again, REFUSED, lines, reason, tuple(problems), wait)


def _says_more(problem: dict[str, Any], detail: str) -> bool:
    """Whether a problem holds something that the message of the error does not say already."""
    message = str(problem.get("message") or "")
    return bool(problem.get("what") or problem.get("line")) or not message or message not in detail


def worded(problem: dict[str, Any]) -> str:
    """Returns a problem as `field: line: message`, without the parts that it does not have; one of a course's folder as
    `file:line: what: fix`.
    """
    if problem.get("what"):
        return str(Problem(problem.get("file") or "", problem.get("line"), problem["what"], problem.get("fix") or ""))
    parts = (problem.get("field"), problem.get("line"), problem.get("message"))
    return ": ".join(str(part) for part in parts if part)
