"""What a look found, and the list of looks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Literal

Level = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Finding:
    """`fail`: something does not work. `warn`: it works, but less well or less safely. `mend` says what to do."""

    level: Level
    name: str
    text: str
    mend: str = ""

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


Look = Callable[[], Iterable[Finding]]


def ok(name: str, text: str) -> Finding:
    return Finding("ok", name, text)


def warn(name: str, text: str, mend: str) -> Finding:
    return Finding("warn", name, text, mend)


def fail(name: str, text: str, mend: str) -> Finding:
    return Finding("fail", name, text, mend)


def examine(looks: Iterable[Look]) -> list[Finding]:
    """Everything that the looks find; a look that breaks is a finding, not a traceback."""
    found: list[Finding] = []
    for look in looks:
        try:
            found.extend(look())
        except Exception as error:
            name = look.__name__.replace("_", " ")
            found.append(fail(name, f"could not be checked: {type(error).__name__}: {error}", "Report this."))
    return found
