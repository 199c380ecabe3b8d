"""The kind `echo`, as another package would bring it: the learner writes a pattern, and each row is put into it."""

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import Field

from challenges.field_checks import FieldProblem
from challenges.kinds.base import Kind
from challenges.lint.subject import Subject
from challenges.payloads import Submitted
from challenges.spec import Challenge, Keys

PATTERN_CHARS = 1000


class EchoKeys(Keys):
    """`most` is the greatest length of a pattern, in characters."""

    most: int = Field(60, ge=1)


class EchoPayload(Submitted):
    kind: Literal["echo"] = "echo"
    pattern: str = Field(description="What is said to each row; {input} stands for the row.", max_length=PATTERN_CHARS)
    times: int = Field(1, ge=1, le=3, description="How often it is said.")


class EchoKind(Kind):
    name = "echo"
    title = "Echo"
    noun = "a pattern"
    payload = EchoPayload
    keys = EchoKeys
    needs_model = False
    has_costs = False
    text_field = "pattern"
    approaches = {"echo": "Echo"}
    lint = "tests.kinds.echo.description:lint"
    scaffold = "tests.kinds.echo.scaffold:SCAFFOLD"

    def check(self, challenge: Challenge, payload: EchoPayload) -> Iterator[FieldProblem]:
        most = most_of(challenge)
        if len(payload.pattern) > most:
            message = f"The pattern has {len(payload.pattern)} characters; {most} are allowed. Shorten it."
            yield FieldProblem("too_long", "pattern", message)

    def prose(self, payload: EchoPayload) -> str:
        return payload.pattern

    def shown_keys(self, challenge: Challenge) -> dict[str, Any]:
        return {"most": most_of(challenge)}


def most_of(challenge: Challenge) -> int:
    keys = challenge.keys_of("echo")
    assert isinstance(keys, EchoKeys)
    return keys.most


def lint(subject: Subject) -> None:
    if most_of(subject.challenge) > PATTERN_CHARS:
        subject.spec("`most` is more than a pattern can have", f"give {PATTERN_CHARS} or less", "most")


KIND = EchoKind()
