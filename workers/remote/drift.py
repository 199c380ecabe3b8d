"""Whether a remote engine still answers as it did: six log-probabilities, kept at the first check, compared at each
start of a worker and after each failure of the engine.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

import structlog

from graders.base import Score, Scored
from workers.engine.watch import Stopped
from workers.judge.contract import Postpone
from workers.remote.calls import EngineMisconfigured, EngineSlow
from workers.remote.engine import RemoteEngine

log = structlog.get_logger(__name__)
# In nats. vLLM on a CPU repeats its values to the last digit. When it computed the built-in model in bfloat16 instead
# of float32, one of the six was off by 0.13.
DRIFT = 0.1
# Seconds until an engine that failed the check is checked again, and in which it has to answer.
PAUSE_SECONDS, CHECK_SECONDS = 60.0, 60.0
SUFFIXES = (" The winter was long and", " Nobody in the house had seen")
LABELS = (" cold", " the", " it")

ShouldStop = Callable[[], bool]


def probe(model: str) -> Score:
    """The item whose six log-probabilities are kept."""
    return Score(model, "A short story.", SUFFIXES, LABELS, stage="warm", exact=True)


class Checks:
    """Which of a worker's remote engines have to pass the check before anything more is claimed for them."""

    def __init__(self, engines: Mapping[str, RemoteEngine], folder: Path) -> None:
        self._engines, self._folder = engines, folder
        waiting = "The remote engine of {} has not been checked yet."
        self._closed = {model: (waiting.format(model), 0.0) for model in engines}

    def closed(self) -> dict[str, str]:
        """The base models for which nothing may be claimed, each with a sentence for staff."""
        return {model: reason for model, (reason, _) in self._closed.items()}

    def doubt(self, model: str | None) -> None:
        """Has the engine of a model checked again, because it failed in a job."""
        if model in self._engines:
            self._closed[str(model)] = (f"The remote engine of {model} failed in a job, and is checked again.", 0.0)

    def run(self, should_stop: ShouldStop) -> None:
        """Carries out the checks that are due. Raises `Stopped`."""
        for model, (_, due) in list(self._closed.items()):
            if due > time.monotonic():
                continue
            problem = self._problem(model, should_stop)
            if not problem:
                self._closed.pop(model, None)
                continue
            log.warning("remote_engine_closed", model=model, reason=problem)
            self._closed[model] = (problem, time.monotonic() + PAUSE_SECONDS)

    def _problem(self, model: str, should_stop: ShouldStop) -> str:
        until = time.monotonic() + 2 * CHECK_SECONDS

        def give_up() -> bool:
            """Also where other workers ask the server all the time: this one has other work."""
            return should_stop() or time.monotonic() > until

        try:
            found = self._engines[model].run(
                probe(model), on_event=_unheard, should_stop=give_up, seconds=CHECK_SECONDS, attempts=1
            )
        except EngineMisconfigured as error:
            return str(error)
        except (Postpone, EngineSlow, Stopped) as error:
            if should_stop():
                raise
            reason = getattr(error, "code", "engine_slow")
            return f"The remote engine of {model} does not answer ({reason}). Nothing is claimed for it until it does."
        assert isinstance(found, Scored)
        return self._drifted(model, [value for row in found.logprobs for value in row])

    def _drifted(self, model: str, values: list[float]) -> str:
        """What staff should know if the values are not those that are kept; keeps them if none are."""
        file = self._folder / f"{model}.json"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            if not file.exists():
                _keep(file, values)
            kept = json.loads(file.read_text())["logprobs"]
            off = max(abs(now - then) for now, then in zip(values, kept, strict=True))
        except OSError as error:
            return f"The values of the remote engine of {model} cannot be kept in {file} ({error.strerror})."
        except (LookupError, TypeError, ValueError):
            return (
                f"The file {file} does not hold the values of the remote engine of {model}. Nothing is claimed for it. "
                "Delete the file: the values of the next check are kept."
            )
        if off <= DRIFT:
            return ""
        return (
            f"The remote engine of {model} answers otherwise than before: a log-probability is off by {off:.2f}. "
            f"Nothing is claimed for it. Give it the former weights and precision again, or delete {file} on each "
            "worker's machine to accept the new answers."
        )


def _keep(file: Path, values: list[float]) -> None:
    """Keeps the values, whole or not at all, unless another worker of this machine was faster. Raises OSError."""
    with NamedTemporaryFile("w", dir=file.parent, suffix=".part") as new:
        json.dump({"logprobs": values}, new)
        new.flush()
        with suppress(FileExistsError):
            os.link(new.name, file)


def _unheard(event: object) -> None:
    """Nobody follows the progress of a check."""
