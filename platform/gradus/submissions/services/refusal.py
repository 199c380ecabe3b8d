from dataclasses import dataclass, field
from typing import Any


@dataclass
class Refused(Exception):
    """What was sent cannot be taken; nothing was stored and no attempt spent. `status` is an HTTP status."""

    code: str
    message: str
    status: int = 422
    problems: list[dict[str, Any]] = field(default_factory=list)
    retry_after: int | None = None

    def __str__(self) -> str:
        return self.message
