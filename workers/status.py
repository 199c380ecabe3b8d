"""What a worker says of itself to the site, and why it cannot claim work."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from challenges.models.catalogue import MODELS
from challenges.training_methods import METHODS
from workers.engine import model_files
from workers.engine.choice import only_plain
from workers.sandbox import capabilities
from workers.training import chosen
from workers.transport.site import Report, Site

if TYPE_CHECKING:
    from workers.sandbox.supervisor import Runner

NEEDS_MODEL = ("interactive", "grade", "train")
NO_REMOTES: Mapping[str, bool] = MappingProxyType({})
LONGEST_REMOTES = 48


class Reporting(Protocol):
    """The attributes of a `workers.worker.Worker` that its status shows."""

    name: str
    lane: str
    profile: str
    runner: Runner

    other_weights: dict[str, str]

    @property
    def problem(self) -> str: ...

    @property
    def stopped(self) -> str: ...


def digests() -> dict[str, str]:
    """The digests of the base models that this machine can compute with, by the model's name."""
    places = {name: _folder(name) / model_files.DIGEST for name in MODELS}
    held = {name: file.read_text().strip() for name, file in places.items() if file.is_file()}
    return {name: digest for name, digest in held.items() if not model_files.are_damaged(_folder(name))}


def damaged() -> dict[str, str]:
    """The base models whose weights have changed since they were stored, each with a sentence that says what to do.

    The weights are read once, and again when the file has changed.
    """
    said = (
        "The weights of the base model {name} do not have the digest that was stored with them, so nothing is graded "
        "with them. Run `python -m workers.engine.fetch {name}`, which stores them again."
    )
    return {name: said.format(name=name) for name in MODELS if model_files.are_damaged(_folder(name))}


def other_weights(site: Site, worker: str) -> dict[str, str]:
    """The base models with which a worker that reported before this one grades with other weights, each with a
    sentence that says what to do. Two of a challenge's attempts must not be graded by different models.
    """
    own = digests()
    said = (
        "The weights of the base model {name} have the digest {ours} here and {theirs} at {other}, so nothing is "
        "graded with them here. Run `python -m workers.engine.fetch {name}` on the machine that has the wrong ones, "
        "and restart its workers."
    )
    return {
        name: said.format(name=name, ours=own[name][:12], theirs=theirs[:12], other=other)
        for name, (other, theirs) in site.other_weights(worker, own).items()
        if name in own
    }


def _folder(name: str) -> Path:
    return model_files.models_dir() / name


def problem(lane: str) -> str:
    """Why this machine cannot work on the lane, or "" if it can. Evaluations of the lane wait meanwhile."""
    if lane in NEEDS_MODEL and not digests():
        return next(
            iter(damaged().values()), "No model files. Run `make models` (or `python -m workers.engine.fetch`)."
        )
    return ""


def lacks(lane: str, runner: Runner) -> dict[str, str]:
    """Why this machine cannot carry out a training method, by `method/base model`; what it can do is left out.

    How much memory a GPU has, only the runner finds out.
    """
    if lane not in ("interactive", "train"):
        return {}
    folder, room = model_files.models_dir(), Path(tempfile.gettempdir())
    device, memory = runner.device, capabilities.UNKNOWN
    if device == "cpu":
        memory = min(runner.memory_bytes, capabilities.memory(free=False))
    reasons = {
        f"{method}/{name}": capabilities.lacking(method, folder / name, room, device, memory)
        for name in digests()
        for method in METHODS
    }
    return {need: reason for need, reason in reasons.items() if reason}


def judge() -> str:
    """The name of the judge model in this process's environment, or "" if none is set."""
    return os.environ.get("GRADUS_JUDGE_MODEL", "")


def profile(runner: Runner, remotes: Mapping[str, bool] = NO_REMOTES) -> str:
    """The engine profile: device, training dtype, threads, `plain`, `trl` and remotely served models, joined by `/`.

    `remotes` says of each such model whether answers with adapters come from there too. Many models are told apart by
    their digest, because the database stores a short text.

    A retry is claimed by a worker of the same profile, so that a near-tie between two labels is decided the same way.
    Workers of one profile on one kind of CPU also find the same choice of the engine in the database.
    """
    ways = ["plain"] * only_plain() + ["trl"] * chosen.may_be_trl(runner.device)
    own = [runner.device, runner.dtype, str(runner.threads), *ways]
    elsewhere = "/".join(f"remote{'+lora' if lora else ''}:{name}" for name, lora in sorted(remotes.items()))
    if len(elsewhere) > LONGEST_REMOTES:
        elsewhere = f"remote:{hashlib.sha256(elsewhere.encode()).hexdigest()[:16]}"
    return "/".join([*own, *filter(None, [elsewhere])])


def report(worker: Reporting, *, busy_with: int | None = None) -> Report:
    """What a worker says of itself, each second while it is idle and at both ends of a job."""
    return Report(
        name=worker.name,
        lane=worker.lane,
        device=worker.runner.device,
        profile=worker.profile,
        # Without those that it claims nothing for because another worker has other weights.
        base_models={} if worker.stopped else {n: d for n, d in digests().items() if n not in worker.other_weights},
        judge=judge() if worker.lane == "judge" else "",
        problem=worker.problem,
        lacks=lacks(worker.lane, worker.runner),
        busy_with=busy_with,
    )
