"""The result of a check, and the function that runs all checks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Literal

Level = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Result:
    """The result of one check. `hint` says how to fix a problem.

    Level `fail` means that something does not work, `warn` that it works, but less well or less safely.
    """

    level: Level
    name: str
    text: str
    hint: str = ""

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


Check = Callable[[], Iterable[Result]]


def ok(name: str, text: str) -> Result:
    return Result("ok", name, text)


def warn(name: str, text: str, hint: str) -> Result:
    return Result("warn", name, text, hint)


def fail(name: str, text: str, hint: str) -> Result:
    return Result("fail", name, text, hint)


def run_checks(checks: Iterable[Check]) -> list[Result]:
    """Runs the checks and returns their results. A check that crashes gives a result `fail` instead of a traceback."""
    found: list[Result] = []
    for check in checks:
        try:
            found.extend(check())
        except Exception as error:
            name = check.__name__.replace("_", " ")
            found.append(fail(name, f"could not be checked: {type(error).__name__}: {error}", "Report this."))
    return found
