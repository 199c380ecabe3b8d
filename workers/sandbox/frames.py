"""Sends messages between a worker and its runner: JSON of bounded size after a four-byte length, never pickle."""

from __future__ import annotations

import json
import math
import os
import select
import struct
import time
from dataclasses import asdict
from typing import Any

from pydantic import TypeAdapter

from graders.base import (
    Embed,
    Embedded,
    Generate,
    Generated,
    Retrieve,
    Retrieved,
    Score,
    Scored,
    Train,
    Trained,
)
from workers.engine.choice import DEFAULT, Choice

Message = dict[str, Any]
Item = Score | Generate | Train | Embed | Retrieve
Outcome = Scored | Generated | Trained | Embedded | Retrieved

FRAME_BYTES = 64 * 1024 * 1024
_HEADER = struct.Struct(">I")
_CHUNK = 1 << 16
TIMINGS, TIMING_NAME = 64, 120
_ITEMS: dict[str, type[Item]] = {kind.__name__: kind for kind in (Score, Generate, Train, Embed, Retrieve)}
_OUTCOMES: dict[type[Item], type[Outcome]] = {
    Score: Scored,
    Generate: Generated,
    Train: Trained,
    Embed: Embedded,
    Retrieve: Retrieved,
}


class FrameError(Exception):
    """The other side sent something that is not a valid message."""


class Closed(Exception):
    """The other side has closed its pipes."""


class SendTimeout(Exception):
    """The other side did not read a message in time."""


def pack(message: Message) -> bytes:
    """The message as bytes with its length. Raises `FrameError` beyond `FRAME_BYTES` or if a number is not finite."""
    try:
        body = json.dumps(message, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode()
    except ValueError as error:
        raise FrameError("not JSON") from error
    if len(body) > FRAME_BYTES:
        raise FrameError(f"a message of {len(body)} bytes")
    return _HEADER.pack(len(body)) + body


def item_message(job: int, item: Item, choice: Choice | None = None) -> Message:
    """The message that starts a job. `choice` says how to compute its base model, if it needs one."""
    message = {"type": "run", "job": job, "kind": type(item).__name__, "item": asdict(item)}
    return message if choice is None else {**message, "choice": choice.as_json()}


def choose_message(job: int, model: str, *, allow_bf16: bool) -> Message:
    """The message that has the ways of computing a base model timed. `allow_bf16=False` leaves out bf16."""
    return {"type": "choose", "job": job, "model": model, "allow_bf16": allow_bf16}


def read_item(message: Message) -> Item:
    """The work item of a `run` message. Raises `ValueError` if it has another shape."""
    return TypeAdapter(_ITEMS[message["kind"]]).validate_python(message["item"])


def item_choice(message: Message) -> Choice:
    """The choice of a `run` message. Raises `ValueError` if it has another shape."""
    return Choice.from_json(message["choice"]) if "choice" in message else DEFAULT


def read_choice(data: Any, *, allow_bf16: bool) -> Choice:
    """The choice that a runner has measured. Raises `ValueError` if it is not one that can be kept and shown."""
    timings = data.get("timings") if isinstance(data, dict) else None
    if not isinstance(timings, dict) or len(timings) > TIMINGS or not all(map(_is_timing, timings.items())):
        raise ValueError("the timings of a choice are not seconds by name")
    choice = Choice.from_json(data)
    if choice.dtype == "bfloat16" and not allow_bf16:
        raise ValueError("a choice of bf16, which was left out")
    return choice


def _is_timing(timing: tuple[Any, Any]) -> bool:
    name, seconds = timing
    named = isinstance(name, str) and name.isascii() and name.isprintable() and 0 < len(name) <= TIMING_NAME
    # A huge integer cannot become a float, so it must not reach `isfinite`.
    return named and type(seconds) in (int, float) and 0 <= seconds < 1e6 and math.isfinite(seconds)


def read_outcome(item: Item, data: Any) -> Outcome:
    """The result of `item` from JSON. Raises `ValueError` if it has another shape."""
    return TypeAdapter(_OUTCOMES[type(item)]).validate_python(data)


class Channel:
    """One end of a pair of pipes. Every wait has a time limit, so that a hung process does not block the other."""

    def __init__(self, read_fd: int, write_fd: int) -> None:
        self.read_fd, self.write_fd = read_fd, write_fd
        os.set_blocking(read_fd, False)
        os.set_blocking(write_fd, False)
        self._buffer = bytearray()

    def send(self, message: Message, seconds: float) -> None:
        """Sends a message. Raises `SendTimeout` after `seconds`, `Closed` or `FrameError`."""
        data, end = memoryview(pack(message)), time.monotonic() + seconds
        while data:
            if not select.select([], [self.write_fd], [], max(0.0, end - time.monotonic()))[1]:
                raise SendTimeout
            try:
                data = data[os.write(self.write_fd, data[:_CHUNK]) :]
            except BlockingIOError:
                continue
            except OSError as error:
                raise Closed from error

    def receive(self, seconds: float) -> Message | None:
        """The next message, or None if none arrives within `seconds`. Raises `Closed` or `FrameError`."""
        end = time.monotonic() + seconds
        while (message := self._take()) is None:
            if not select.select([self.read_fd], [], [], max(0.0, end - time.monotonic()))[0]:
                return None
            data = os.read(self.read_fd, _CHUNK)
            if not data:
                raise Closed
            self._buffer += data
        return message

    def close(self) -> None:
        """Closes both pipes."""
        os.close(self.read_fd)
        os.close(self.write_fd)

    def _take(self) -> Message | None:
        if len(self._buffer) < _HEADER.size:
            return None
        (size,) = _HEADER.unpack_from(self._buffer)
        if size > FRAME_BYTES:
            raise FrameError(f"a message of {size} bytes")
        if len(self._buffer) < _HEADER.size + size:
            return None
        body = bytes(self._buffer[_HEADER.size : _HEADER.size + size])
        del self._buffer[: _HEADER.size + size]
        return _parse(body)


def _parse(body: bytes) -> Message:
    try:
        message = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise FrameError("not JSON") from error
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise FrameError("not a message")
    return message
