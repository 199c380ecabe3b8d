"""Keeps a judge's usable replies in a private file, so that a run that was interrupted does not pay for them again."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

FOLDER = "judge"
"""The folder of the data folder, unless the user names another."""


class RepliesNotKept(Exception):
    """The file of the kept replies cannot be read or written. The message says why and what to do."""


@dataclass(frozen=True)
class KeptReply:
    """A usable reply: the model that gave it, the response format that was asked for, its tokens and its seconds."""

    key: str
    reply: dict[str, Any]
    model: str
    rung: str
    prompt_tokens: int
    completion_tokens: int
    seconds: float


class KeptReplies:
    """The replies of the model `model` at `base_url`, by the key of the call (see `JudgeClient.cache_key`).

    One line of JSON is one reply; with two for one key the later counts. A reply quotes the author's graded answers, so
    only the user can read the file (mode 0600), and the folder if it is made here (0700); the mode of a folder that is
    there stays as it is. A line that is not whole, because a process was killed while it wrote, is passed over. With
    `fresh` the replies of earlier runs are not read, but stay in the file. Raises RepliesNotKept.
    """

    def __init__(self, folder: Path, base_url: str | None, model: str, *, fresh: bool = False) -> None:
        digest = hashlib.sha256(json.dumps([base_url or "", model]).encode()).hexdigest()[:12]
        self.file = folder / f"{re.sub(r'[^A-Za-z0-9.-]+', '-', model)[:60]}-{digest}.jsonl"
        self._lock = threading.Lock()
        try:
            self._replies = {} if fresh else {reply.key: reply for reply in _read(self.file)}
        except OSError as error:
            raise self._not_kept("read", error) from None

    def __len__(self) -> int:
        return len(self._replies)

    def get(self, key: str) -> KeptReply | None:
        return self._replies.get(key)

    def put(self, reply: KeptReply) -> None:
        """Appends a reply; it is on the disk when this returns. Raises RepliesNotKept."""
        with self._lock:
            self._replies[reply.key] = reply
            try:
                self._append(json.dumps(asdict(reply), ensure_ascii=False).encode() + b"\n")
            except OSError as error:
                raise self._not_kept("written", error) from None

    def _append(self, line: bytes) -> None:
        self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(self.file, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(handle, "r+b", buffering=0) as file:
            # What a killed process left of a line ends here, so that it does not spoil this one.
            file.write(line if _ends_a_line(file) else b"\n" + line)
            os.fsync(file.fileno())

    def _not_kept(self, what: str, error: OSError) -> RepliesNotKept:
        return RepliesNotKept(
            f"The judge's replies are kept in {self.file}, which cannot be {what}: {error.strerror}. Make room or give "
            "yourself access, or name another folder with --keep. What is in the file already is not asked again."
        )

    @property
    def replies(self) -> list[KeptReply]:
        return list(self._replies.values())


def _ends_a_line(file: Any) -> bool:
    size = file.seek(0, os.SEEK_END)
    if not size:
        return True
    file.seek(size - 1)
    return bool(file.read(1) == b"\n")


def _read(file: Path) -> Iterator[KeptReply]:
    try:
        lines = file.read_bytes().splitlines()
    except FileNotFoundError:
        return
    for line in lines:
        try:
            reply = KeptReply(**json.loads(line))
        except (ValueError, TypeError, RecursionError):
            continue
        texts, numbers = (
            (reply.key, reply.model, reply.rung),
            (reply.prompt_tokens, reply.completion_tokens, reply.seconds),
        )
        if (
            isinstance(reply.reply, dict)
            and all(isinstance(text, str) for text in texts)
            and all(isinstance(number, int | float) and 0 <= number < math.inf for number in numbers)
        ):
            yield reply
