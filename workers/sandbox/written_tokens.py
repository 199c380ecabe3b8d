"""Reports the tokens of a text while the engine writes it, each with its probability and what else was likely."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

RIVALS = 4
# What a byte that is not a whole character decodes to.
UNFINISHED = "\ufffd"


def reporter(on_event: Callable[[dict[str, Any]], None]) -> Callable[..., None]:
    """What `Watch.on_tokens` calls. An event says where its tokens stand in the text, because tied tokens are decided
    again later. A token is `[text, probability, [[text, probability], ...]]`; the end of an answer is an empty text.
    """

    def report(job: Any, row: Any, before: int, states: Tensor) -> None:
        new = row.tokens[before:]
        if not new:
            return
        shares = job.model.get_output_embeddings()(states[: len(new)]).float().softmax(-1)
        likely = shares.topk(RIVALS, -1)
        at = before - row.context
        tokens = [
            [piece(job.base, row.said, at + n), _rounded(shares[n, token]), _rivals(job.base, likely, n)]
            for n, token in enumerate(new)
        ]
        on_event({"type": "tokens", "at": at, "tokens": tokens})

    return report


def piece(reader: Any, said: list[int], n: int) -> str:
    """What the token at place `n` adds to the text: nothing where it is only a part of a character."""
    return _whole(reader, said[: n + 1])[len(_whole(reader, said[:n])) :]


def _whole(reader: Any, said: list[int]) -> str:
    text: str = reader.decode(said)
    return text.rstrip(UNFINISHED)


def _rivals(base: Any, likely: Any, n: int) -> list[list[Any]]:
    rivals = zip(likely.indices[n].tolist(), likely.values[n], strict=True)
    return [[base.decode([token]), _rounded(share)] for token, share in rivals]


def _rounded(share: Tensor) -> float:
    return round(float(share), 4)
