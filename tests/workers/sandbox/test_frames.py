import os
import struct
import threading
from contextlib import suppress
from dataclasses import asdict

import pytest

from graders.base import Embed, Generate, Score, Scored, Train
from workers.sandbox.frames import (
    FRAME_BYTES,
    Channel,
    Closed,
    FrameError,
    SendTimeout,
    item_message,
    pack,
    read_item,
    read_outcome,
)


@pytest.fixture
def ends():
    """A channel, and the pipe ends of the other side."""
    read_fd, peer_writes = os.pipe()
    peer_reads, write_fd = os.pipe()
    channel = Channel(read_fd, write_fd)
    yield channel, peer_reads, peer_writes
    channel.close()
    for fd in (peer_reads, peer_writes):
        with suppress(OSError):
            os.close(fd)


ITEMS = [
    Score("m", "p", ("a", "b"), ("x", "y"), "adapter", "stage"),
    Generate("m", "p", ("a",), 8, ("json",)),
    Train("m", (("a", "b"),), (), 8, 16, 1e-3, 3, 16, 17),
    Embed(("text \ud800",)),
]


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: type(item).__name__)
def test_items_survive_the_pipe(ends, item):
    channel, _, peer_writes = ends
    os.write(peer_writes, pack(item_message(3, item)))
    message = channel.receive(1)
    assert message["job"] == 3
    assert read_item(message) == item


def test_messages_larger_than_a_pipe_pass(ends):
    channel, peer_reads, peer_writes = ends
    other = Channel(os.dup(peer_reads), os.dup(peer_writes))
    message = {"type": "x", "text": "é" * 500_000}
    thread = threading.Thread(target=channel.send, args=(message, 10))
    thread.start()
    assert other.receive(10) == message
    thread.join()
    other.close()


def test_results_are_checked_for_their_shape_and_numbers_that_are_none_are_not_sent():
    item, scored = ITEMS[0], Scored([[-1.0, -2.0]], [3], 0.1)
    assert read_outcome(item, asdict(scored)) == scored
    for wrong in (None, [], {"logprobs": "x"}, {**asdict(scored), "logprobs": [["a"]]}):
        with pytest.raises(ValueError):
            read_outcome(item, wrong)
    with pytest.raises(FrameError):
        pack({"type": "x", "value": float("nan")})


def test_nothing_to_read_is_none_and_a_closed_pipe_is_told(ends):
    channel, _, peer_writes = ends
    assert channel.receive(0) is None
    os.close(peer_writes)
    with pytest.raises(Closed):
        channel.receive(1)


def test_a_peer_that_does_not_read_is_late_and_one_that_left_is_closed(ends):
    channel, peer_reads, _ = ends
    with pytest.raises(SendTimeout):
        channel.send({"type": "x", "text": "x" * 1_000_000}, 0.1)
    os.close(peer_reads)
    with pytest.raises(Closed):
        channel.send({"type": "x"}, 0.1)


@pytest.mark.parametrize(
    "frame",
    [
        struct.pack(">I", FRAME_BYTES + 1),
        struct.pack(">I", 3) + b"nop",
        struct.pack(">I", 2) + b"[]",
        struct.pack(">I", 2) + b"{}",
        struct.pack(">I", 200_000 % 60_000) + b"[" * (200_000 % 60_000),
        struct.pack(">I", 4) + b"\x80\x04K\x01",
    ],
)
def test_nonsense_is_refused(ends, frame):
    channel, _, peer_writes = ends
    os.write(peer_writes, frame)
    with pytest.raises(FrameError):
        channel.receive(1)
