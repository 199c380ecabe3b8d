"""The site over HTTPS: for workers on other machines, which have a token and nothing else of the site's.

Each call is tried again while the site is away, as long as the job's lease may still be held. What a job reads is kept
in memory, or in a file without a name, and is gone with the job.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path
from typing import IO, Any, TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import structlog
from pydantic import TypeAdapter, ValidationError

from challenges import distribution
from challenges.bundle import ChallengeBundle
from challenges.files.writing import write_whole
from challenges.jobs import BundleMissing, Item, Job, LeaseLost, Outcome, StoredFile
from workers.engine import model_files
from workers.engine.choice import Choice, Place
from workers.sandbox import capabilities
from workers.sandbox.choosing import Choices, FileChoices
from workers.transport.site import Judging, Report

log = structlog.get_logger(__name__)
PROTOCOL = 1
TOKEN = "GRADUS_WORKER_TOKEN"  # noqa: S105 - the variable's name
CONNECT_SECONDS, ANSWER_SECONDS = 10.0, 60.0
# While it waits for a job, the site sends white space each five seconds.
SILENT_SECONDS = 20.0
# Between two tries of a call, doubled each time.
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 30.0
# How long what does not belong to a job is tried, and how often what may be old is asked again.
PATIENCE_SECONDS, REPORT_SECONDS, WAITS_SECONDS = 20.0, 30.0, 5.0
PART_BYTES, IN_MEMORY_BYTES = 4 * 2**20, 16 * 2**20
REFUSALS = ("other_protocol", "lane", "no_such_call")
JOBS = TypeAdapter(Job)
Answer = TypeVar("Answer")


class SiteAway(OSError):
    """The site does not answer, or not now."""


class SiteRefuses(Exception):
    """The site does not want this machine's calls: its token, its release. The message says what to do."""


class NotTaken(Exception):
    """The site does not take what was sent: it has another form than its release expects."""


class WrongAnswer(SiteAway):
    """Something answers at the address that is no site of Gradus, or a site of another release."""


def expect_address(url: str) -> str:
    """The address without a slash at its end. Raises `SiteRefuses` unless it is HTTPS, or leads to this machine."""
    parts = urlsplit(url.strip())
    host = parts.hostname or ""
    is_here = host == "localhost" or _is_loopback(host)
    if not host or not (parts.scheme == "https" or (parts.scheme == "http" and is_here)) or parts.query:
        raise SiteRefuses(
            f"{url!r} is not an address that a token may be sent to. Give the site's address as in the browser, such "
            "as https://learn.example.org; plain http is for a site on this machine alone."
        )
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def token_from(file: Path | None, environment: Mapping[str, str] = os.environ) -> str:
    """The token in the file, or in the environment. Raises `SiteRefuses` where there is none, or others may read it."""
    if file is None:
        if token := environment.get(TOKEN, "").strip():
            return token
        raise SiteRefuses(f"There is no token. Name its file with --token-file, or set {TOKEN}.")
    try:
        if file.stat().st_mode & 0o077:
            raise SiteRefuses(f"Other users of this machine can read {file}. Run: chmod 600 {file}")
        token = file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SiteRefuses(f"The token cannot be read from {file} ({type(error).__name__}).") from None
    if not token.isprintable() or not token.isascii() or not token:
        raise SiteRefuses(f"{file} does not hold a token. Copy it from the page Workers again.")
    return token


def machine_id(folder: Path | None = None) -> str:
    """What this machine calls itself to the site: made once, and kept in the data folder."""
    file = (folder or model_files.data_dir()) / "worker-machine"
    with suppress(OSError):
        if kept := file.read_text().strip():
            return kept
    file.parent.mkdir(parents=True, exist_ok=True)
    made = uuid4().hex
    write_whole(file, made.encode(), mode=0o600)
    return file.read_text().strip()


class OverHttp:
    """Implements `workers.transport.site.Site` for the workers of this machine; each lane has an object of its own.

    `name` is the token's, where it is known. `number` tells workers of one lane on this machine apart. Once
    `ending` is set, nothing is waited for any more. `transport` takes the place of the network in tests.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        name: str = "",
        number: int = 0,
        ending: threading.Event | None = None,
        waits: bool = True,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.url, self.number, self.waits = url, number, waits
        self.ending = ending or threading.Event()
        headers = {
            "Authorization": f"Bearer {token}",
            "Gradus-Machine": machine_id(),
            "Gradus-Protocol": str(PROTOCOL),
            "Gradus-Release": distribution.release(),
        }
        timeout = httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)
        self.http = httpx.Client(headers=headers, timeout=timeout, follow_redirects=False, transport=transport)
        # The bucket gets no token.
        self.bucket = httpx.Client(timeout=timeout, follow_redirects=False, transport=transport)
        self.judging: Judging | None = None
        self.choices: Choices = ProposedChoices(self, FileChoices(model_files.data_dir() / "engine-choices.json"))
        self._name = name
        self._reported: tuple[float, Report | None] = (0.0, None)
        self._others: dict[str, tuple[str, str]] = {}
        self._waiting = (0.0, False)
        self._is_unsure = False

    # --- the calls of a worker --------------------------------------------------------------------------------------

    def hello(self) -> dict[str, Any]:
        """What the site says of itself and of the token."""
        answer = self.call("hello", {}, 0)
        self._name = str(answer["name"])
        return answer

    def name_of(self, lane: str) -> str:
        return f"{self._name or self.hello()['name']}:{lane}:{self.number}"

    def claim(self, lane: str, worker: str, profile: str, without: Collection[str]) -> Job | None:
        asked = {"lane": lane, "number": self.number, "profile": profile, "without": sorted(without)}
        asked |= {"wait": self.waits, "again": self._is_unsure}
        # Until an answer has come, the site may have given a job that has not arrived.
        self._is_unsure = True
        answer = self._asked("claim", asked, silent=SILENT_SECONDS)
        if answer is None:
            return None
        self._is_unsure = False
        if answer["job"] is None:
            return None
        try:
            job: Job = JOBS.validate_python({**answer["job"]})
        except ValidationError as error:
            self._is_unsure = True
            raise WrongAnswer("The site gives a job of another form. Install its release on this machine.") from error
        return job

    def learner_waits(self, lane: str, profile: str, without: Collection[str]) -> bool:
        asked_at, waits = self._waiting
        if time.monotonic() - asked_at >= WAITS_SECONDS:
            sent = {"lane": lane, "number": self.number, "profile": profile, "without": sorted(without)}
            with suppress(SiteAway):
                waits = bool(self.call("waits", sent, 0)["waits"])
            self._waiting = (time.monotonic(), waits)
        return waits

    def renew(self, job: Job, worker: str) -> bool:
        try:
            return bool(self.call("renew", _key(job), 0)["held"])
        except SiteRefuses:
            return False

    def append_events(self, job: Job, items: Sequence[Item]) -> None:
        with suppress(LeaseLost):
            self.call("events", {**_key(job), "items": list(items)}, 0)

    def bundle(self, job: Job) -> ChallengeBundle:
        try:
            with self.read(job, job.content) as file:
                bundle = ChallengeBundle.from_json(file.read().decode())
        except FileNotFoundError as error:
            raise BundleMissing(f"private storage lacks {job.content.name}; import the course again") from error
        except (ValueError, KeyError) as error:
            raise WrongAnswer("The content of a job has another form.") from error
        if bundle.digest != job.digest:
            raise WrongAnswer("The content of a job has another digest.")
        return bundle

    def read(self, job: Job, file: StoredFile) -> IO[bytes]:
        try:
            place = self.call("read", {**_key(job), "store": file.store, "name": file.name}, job.lease_seconds)
        except _NoSuchFile as error:
            raise FileNotFoundError(file.name) from error
        content = tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES)  # noqa: SIM115 - the caller closes it
        try:
            self._patiently(lambda: self._read_on(place, content), job.lease_seconds)
            content.seek(0)
            digest = hashlib.file_digest(content, "sha256").hexdigest()
            if place["sha256"] not in ("", digest):
                raise SiteAway("A file arrived with another digest.")
        except BaseException:
            content.close()
            raise
        content.seek(0)
        return content

    def write(self, job: Job, what: str, content: IO[bytes]) -> str:
        digest = _digest(content)
        file = {**_key(job), "what": what, "size": content.seek(0, os.SEEK_END), "sha256": digest}

        def send() -> str:
            place = self.call("write", file, 0)
            if place["offset"] is None:
                self._send_whole(place["url"], content, int(file["size"]))
            else:
                self._send_parts(place["url"], content, int(place["offset"]), int(file["size"]))
            return str(self.call("written", file, 0)["name"])

        return self._patiently(send, job.lease_seconds)

    def keep_trained(self, job: Job, trained: dict[str, Any]) -> None:
        self.call("keep", {**_key(job), "trained": trained}, job.lease_seconds)

    def record(self, job: Job, outcome: Outcome, last: Sequence[Item]) -> None:
        sent = {**_key(job), "outcome": asdict(outcome), "items": list(last)}
        self.call("record", sent, job.lease_seconds)

    def reject(self, job: Job, code: str, result: dict[str, Any] | None) -> None:
        self.call("reject", {**_key(job), "code": code, "result": result}, job.lease_seconds)

    def give_back(self, job: Job, *, broken: bool = False) -> bool:
        try:
            return bool(self.call("give-back", {**_key(job), "broken": broken}, PATIENCE_SECONDS)["held"])
        except LeaseLost:
            return False

    def retry(self, job: Job, after_seconds: float) -> None:
        with suppress(LeaseLost):
            self.call("retry", {**_key(job), "seconds": after_seconds}, job.lease_seconds)

    def postpone(self, job: Job, seconds: float, reason: str) -> None:
        self.call("postpone", {**_key(job), "seconds": seconds, "reason": reason}, job.lease_seconds)

    def another_can(self, job: Job, worker: str) -> bool:
        return bool(self.call("another-can", _key(job), PATIENCE_SECONDS)["can"])

    def others_at_work(self, job: Job, since: datetime) -> bool:
        """The site gives no measurements to other machines."""
        return True

    def report(self, report: Report) -> None:
        said_at, said = self._reported
        if replace(report, name="") == said and time.monotonic() - said_at < REPORT_SECONDS:
            return
        values = asdict(report)
        del values["name"], values["judge"]
        more = {"number": self.number, "version": distribution.release(), "memory_gb": _gigabytes()}
        self._reported = (time.monotonic(), replace(report, name=""))
        with suppress(SiteAway):
            others = self.call("report", values | more, 0)["other_weights"]
            self._others = {name: (str(other), str(digest)) for name, (other, digest) in others.items()}

    def other_weights(self, worker: str, held: Mapping[str, str]) -> dict[str, tuple[str, str]]:
        """As the site has answered the last report."""
        return self._others

    def leave(self, lane: str) -> None:
        """Says that the worker ends. The site takes back what it may hold."""
        with suppress(SiteAway, SiteRefuses):
            self.call("leave", {"lane": lane, "number": self.number}, 0)

    def is_away(self, error: BaseException) -> bool:
        return isinstance(error, OSError)

    def refusal(self, error: BaseException) -> str:
        return str(error) if isinstance(error, SiteRefuses) else ""

    def hang_up(self) -> None:
        """The client makes a new connection by itself."""

    def close(self) -> None:
        self.http.close()
        self.bucket.close()

    # --- requests ---------------------------------------------------------------------------------------------------

    def call(self, name: str, sent: Mapping[str, Any], patience: float) -> dict[str, Any]:
        """The site's answer; a site that is away is asked again for so many seconds. Raises `SiteAway`, `SiteRefuses`,
        `LeaseLost`.
        """
        return self._patiently(lambda: self._asked(name, sent) or {}, patience)

    def _patiently(self, ask: Callable[[], Answer], patience: float) -> Answer:
        end, pause = time.monotonic() + patience, FIRST_PAUSE_SECONDS
        while True:
            try:
                return ask()
            except SiteAway as error:
                if time.monotonic() + pause > end or self.ending.is_set():
                    raise
                log.info("site_away", reason=str(error))
            self.ending.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def _asked(self, name: str, sent: Mapping[str, Any], silent: float | None = None) -> dict[str, Any] | None:
        """One request. None where the worker ends before the answer has come. `silent` is how long the site may send
        nothing, not even white space.
        """
        body = json.dumps(sent, ensure_ascii=False, allow_nan=False).encode()
        timeout = httpx.Timeout(silent or ANSWER_SECONDS, connect=CONNECT_SECONDS)
        request: dict[str, Any] = {"content": body, "timeout": timeout, "headers": {"Content-Type": "application/json"}}
        try:
            with self.http.stream("POST", f"{self.url}/api/workers/v1/{name}", **request) as answer:
                text = b""
                for piece in answer.iter_bytes():
                    text += piece
                    if silent and self.ending.is_set() and not text.strip():
                        return None
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise SiteAway(f"{self.url} does not answer ({type(error).__name__}).") from error
        return self._understood(answer.status_code, text)

    def _understood(self, status: int, text: bytes) -> dict[str, Any]:
        try:
            said = json.loads(text)
        except ValueError:
            said = None
        if status == 200 and isinstance(said, dict):
            return said
        problem = said if isinstance(said, dict) else {}
        code, detail = str(problem.get("code", "")), str(problem.get("detail", ""))
        if code == "lease_lost":
            raise LeaseLost
        if code == "no_such_file":
            raise _NoSuchFile(detail)
        if code in ("incomplete", "wrong_digest", "wrong_address") or status in (408, 429) or status >= 500:
            raise SiteAway(detail or f"{self.url} answers {status}.")
        if code in REFUSALS or status in (401, 403):
            raise SiteRefuses(detail or f"{self.url} answers {status}.")
        if code:
            raise NotTaken(f"{code}: {detail}")
        raise WrongAnswer(f"{self.url} answers {status}, and not as a site of Gradus does.")

    def _address(self, url: str) -> tuple[httpx.Client, str]:
        return (self.http, f"{self.url}{url}") if url.startswith("/") else (self.bucket, url)

    def _read_on(self, place: Mapping[str, Any], content: Any) -> None:
        """Reads what is missing of a file."""
        client, url = self._address(str(place["url"]))
        there = content.seek(0, os.SEEK_END)
        if there >= place["size"]:
            return
        try:
            with client.stream(
                "GET", url, headers={"Range": f"bytes={there}-", "Accept-Encoding": "identity"}
            ) as answer:
                if answer.status_code not in (200, 206):
                    answer.read()
                    self._understood(answer.status_code, answer.content)
                if there and answer.status_code == 200:
                    content.seek(0)
                    content.truncate()
                for piece in answer.iter_raw():
                    content.write(piece)
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise SiteAway(f"A file broke off ({type(error).__name__}).") from error
        if content.tell() != place["size"]:
            raise SiteAway("A file broke off.")

    def _send_parts(self, url: str, content: IO[bytes], offset: int, size: int) -> None:
        while offset < size:
            content.seek(offset)
            part = content.read(PART_BYTES)
            try:
                answer = self.http.put(f"{self.url}{url}", content=part, headers={"Upload-Offset": str(offset)})
            except httpx.HTTPError as error:
                raise SiteAway(f"A file broke off ({type(error).__name__}).") from error
            reached = int(self._understood(answer.status_code, answer.content)["offset"])
            if reached == offset:
                raise SiteAway("The site has not kept a part of a file.")
            offset = reached

    def _send_whole(self, url: str, content: IO[bytes], size: int) -> None:
        def pieces() -> Any:
            content.seek(0)
            while piece := content.read(2**20):
                yield piece

        try:
            answer = self.bucket.put(url, content=pieces(), headers={"Content-Length": str(size)})
        except httpx.HTTPError as error:
            raise SiteAway(f"The bucket does not answer ({type(error).__name__}).") from error
        if not answer.is_success:
            raise SiteAway(f"The bucket answers {answer.status_code}.")


class _NoSuchFile(Exception):
    """The job has no such file, or it is not there."""


class ProposedChoices:
    """Implements `Choices`: the site's choices come first, and what this machine has measured serves it meanwhile."""

    def __init__(self, site: OverHttp, own: FileChoices) -> None:
        self.site, self.own = site, own

    def find(self, place: Place) -> Choice | None:
        answer: dict[str, Any] = {}
        with suppress(SiteAway):
            answer = self.site.call("find-choice", {"key": place.key}, PATIENCE_SECONDS)
        return _choice(answer) or self.own.find(place)

    def keep(self, place: Place, choice: Choice) -> Choice:
        answer: dict[str, Any] = {}
        sent = {"key": place.key, "place": asdict(place), "digest": choice.digest, "choice": choice.as_json()}
        with suppress(SiteAway):
            answer = self.site.call("propose-choice", sent, PATIENCE_SECONDS)
        return _choice(answer) or self.own.keep(place, choice)


def _choice(answer: Mapping[str, Any]) -> Choice | None:
    """A choice that this release cannot read counts as none."""
    with suppress(ValueError, LookupError, TypeError):
        return Choice.from_json(answer["choice"])
    return None


def _gigabytes() -> float:
    return round(min(capabilities.memory(free=False), 10**15) / 1e9, 1)


def _key(job: Job) -> dict[str, Any]:
    return {"id": job.id, "fence": job.fence}


def _digest(content: IO[bytes]) -> str:
    content.seek(0)
    digest = hashlib.sha256()
    while piece := content.read(2**20):
        digest.update(piece)
    return digest.hexdigest()
