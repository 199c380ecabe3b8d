"""What a worker says of itself in `worker_status`, and why it may not claim."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from django.conf import settings
from django.db.models.functions import Now

from challenges.catalogue import MODELS
from gradus.submissions.models import WorkerStatus

if TYPE_CHECKING:
    from workers.sandbox.supervisor import Runner

NEEDS_MODEL = ("interactive", "grade", "train")


class Reporting(Protocol):
    """The attributes of a `workers.work.Worker` that its status shows."""

    name: str
    lane: str
    profile: str
    fault: str
    runner: Runner


def digests() -> dict[str, str]:
    """Digest by name of the base models whose files are here."""
    found = {}
    for name in MODELS:
        path = settings.DATA_DIR / "models" / name / "digest.txt"
        if path.exists():
            found[name] = path.read_text().strip()
    return found


def problem(lane: str) -> str:
    """Why this lane cannot work here; empty where it can. Its evaluations wait."""
    if lane in NEEDS_MODEL and not digests():
        return "No model files. Run `make models` (or `python -m workers.engine.fetch`)."
    return ""


def judge() -> str:
    """The judge model that this process was set up with; empty where it has none."""
    return os.environ.get("GRADUS_JUDGE_MODEL", "")


def profile(runner: Runner, remotes: Sequence[str] = ()) -> str:
    """Device, dtype, threads, models computed elsewhere: a retry claims on the same, so that no near-tie changes."""
    return "/".join([runner.device, runner.dtype, str(runner.threads), *(f"remote:{name}" for name in remotes)])


def report(worker: Reporting, *, busy_with: int | None = None) -> None:
    values = {
        "lane": worker.lane,
        "device": worker.runner.device,
        "profile": worker.profile,
        "base_models": digests(),
        "judge": judge() if worker.lane == "judge" else "",
        "problem": problem(worker.lane) or worker.fault,
        "busy_with": busy_with,
        "last_seen": Now(),
    }
    # One statement: said twice for each evaluation, and each second by who has nothing to do.
    if not WorkerStatus.objects.filter(name=worker.name).update(**values):
        WorkerStatus.objects.update_or_create(name=worker.name, defaults=values)
