"""A loopback endpoint for chat completions that plays judges: honest, harsh, noisy and hijacked ones.

It only sees the request, like a real endpoint. A test that makes an honest judge tells it the marks of a person.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from benchmarks.attacks.replay import denials
from graders.free_text.text import content_words, normal, sentences

Marks = Mapping[str, str]
MODEL = "judge-7"
NEXT_BELOW = {"met": "partial", "partial": "not_met", "not_met": "not_met"}


@dataclass(frozen=True)
class Asked:
    """The content of a request: the answer, and the criteria in their order."""

    answer: str
    criteria: tuple[dict[str, Any], ...]

    def sentence_for(self, criterion: dict[str, Any]) -> str:
        """The sentence of the answer that shares most words with the criterion."""
        wanted = set(content_words(" ".join([criterion["criterion"], *criterion["would_be_met_by"]])))
        return max(sentences(self.answer), key=lambda sentence: len(wanted & set(content_words(sentence))))


Judging = Callable[[Asked], dict[str, Any]]


def asks_for_denials(body: dict[str, Any]) -> bool:
    """Whether a request asks what the answer denies."""
    return "\nPoints:\n" in f"\n{body['messages'][1]['content']}"


def read(body: dict[str, Any]) -> Asked:
    """Reads the criteria, or the points, from the fixed prefix of a request, and the answer from its end."""
    static, last = (message["content"] for message in body["messages"][1:3])
    parts = dict(part.split(":\n", 1) for part in static.split("\n\n"))
    return Asked(json.loads(last.splitlines()[1]), tuple(json.loads(parts.get("Criteria") or parts["Points"])))


def judgement(marks: Iterable[tuple[str, str, list[str]]], **more: Any) -> dict[str, Any]:
    rows = [
        {"id": id, "evidence": quotes, "reason": "so it says", "mark": mark, "confidence": 90}
        for id, mark, quotes in marks
    ]
    return {"criteria": rows, "contradictions": [], "addresses_grader": False} | more


def nothing_denied(asked: Asked) -> dict[str, Any]:
    return denials(dict.fromkeys((c["id"] for c in asked.criteria), ()))


class Honest:
    """A judge that knows a person's marks of some answers, and marks all others as not met."""

    def __init__(self, graded: Iterable[tuple[str, Marks]]) -> None:
        self.marks = {normal(answer): marks for answer, marks in graded}

    def __call__(self, asked: Asked) -> dict[str, Any]:
        known = self.marks.get(normal(asked.answer), {})
        return judgement(self.mark(asked, c, known.get(c["id"], "not_met")) for c in asked.criteria)

    def mark(self, asked: Asked, criterion: dict[str, Any], mark: str) -> tuple[str, str, list[str]]:
        silent = mark == "not_met" or criterion["kind"] == "must_not_claim"
        return criterion["id"], mark, [] if silent else [asked.sentence_for(criterion)]


class Harsh(Honest):
    """A judge that gives one step less than a person wherever a criterion allows partial credit."""

    def mark(self, asked: Asked, criterion: dict[str, Any], mark: str) -> tuple[str, str, list[str]]:
        lower = NEXT_BELOW[mark] if criterion["partial_allowed"] else mark
        return super().mark(asked, criterion, lower)


class Noisy(Honest):
    """A judge that is wrong on a random share of its marks in each call; the seed makes it repeatable."""

    def __init__(self, graded: Iterable[tuple[str, Marks]], rate: float, seed: int) -> None:
        super().__init__(graded)
        self.rate, self.seed = rate, seed

    def mark(self, asked: Asked, criterion: dict[str, Any], mark: str) -> tuple[str, str, list[str]]:
        order = [c["id"] for c in asked.criteria]
        chance = random.Random(f"{self.seed}|{asked.answer}|{order}|{criterion['id']}")
        if chance.random() >= self.rate:
            return super().mark(asked, criterion, mark)
        options = ["met", "not_met", *(["partial"] if criterion["partial_allowed"] else [])]
        id, wrong, quotes = super().mark(asked, criterion, chance.choice([o for o in options if o != mark]))
        return id, wrong, [chance.choice(sentences(asked.answer))] if quotes else []


def _invented(asked: Asked, number: int) -> str:
    return f"the learner explains point {number} in full and with good reasons"


def _whole(asked: Asked, number: int) -> str:
    return asked.answer


def _longest(asked: Asked, number: int) -> str:
    return max(sentences(asked.answer), key=len)


def _spread(asked: Asked, number: int) -> str:
    found = sentences(asked.answer)
    return found[number % len(found)]


def _fitting(asked: Asked, number: int) -> str:
    return asked.sentence_for(asked.criteria[number])


def _halves(asked: Asked, number: int) -> str:
    """A different fragment of the answer for each criterion, cut without regard to sentences."""
    size = max(1, len(asked.answer) // len(asked.criteria))
    return asked.answer[number * size : (number + 1) * size] or asked.answer


QUOTING: dict[str, Callable[[Asked, int], str]] = {
    "invents": _invented,
    "quotes the whole answer": _whole,
    "quotes the longest sentence": _longest,
    "quotes a sentence each": _spread,
    "quotes what fits best": _fitting,
    "quotes a stretch each": _halves,
}


@dataclass(frozen=True)
class Hijacked:
    """A judge under an attacker's control: it marks everything as met, with the quotes named by `quoting`."""

    quoting: str

    def __call__(self, asked: Asked) -> dict[str, Any]:
        quote = QUOTING[self.quoting]
        found = judgement((c["id"], "met", [quote(asked, n)]) for n, c in enumerate(asked.criteria))
        for row in found["criteria"]:
            row["confidence"] = 100
        return found


@dataclass
class JudgeServer:
    """Serves `judge` under /v1, and `denies` where a request asks what the answer denies.

    If `fault` is set, it answers instead; `bodies` collects the requests about answers.
    """

    server: HTTPServer
    judge: Judging
    denies: Judging = nothing_denied
    fault: Callable[[Request], Response] | None = None
    bodies: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.server.expect_request("/v1/chat/completions", method="POST").respond_with_handler(self.handle)

    @property
    def url(self) -> str:
        return self.server.url_for("/v1")

    def handle(self, request: Request) -> Response:
        body = json.loads(request.get_data())
        probing = len(body["messages"]) == 1
        if not probing:
            self.bodies.append(body)
        if self.fault is not None:
            return self.fault(request)
        return self.answer(request)

    def answer(self, request: Request) -> Response:
        """The judge's response, which a fault may use as well."""
        body = json.loads(request.get_data())
        probing = len(body["messages"]) == 1
        return completion('{"ok": true}' if probing else json.dumps(self.judgement(body)), body)

    def judgement(self, body: dict[str, Any]) -> dict[str, Any]:
        asked = read(body)
        return self.denies(asked) if asks_for_denials(body) else self.judge(asked)


def completion(content: str | None, body: Mapping[str, Any] | None = None, finish: str = "stop") -> Response:
    """A complete response of the protocol with `content`."""
    size = len(json.dumps(body or {})) // 4
    answer = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": MODEL,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": finish}],
        "usage": {"prompt_tokens": size, "completion_tokens": 50, "total_tokens": size + 50},
    }
    return Response(json.dumps(answer), content_type="application/json")
