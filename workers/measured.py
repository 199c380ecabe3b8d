"""`measured.json` beside a lesson: what its baselines reached, on which machine, for which content."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path

from challenges.bundle import ChallengeBundle
from workers.baselines import Outcome, steps

FIGURES = ("trainable_share", "adapter_bytes", "train_loss", "valid_loss", "seconds")


def write(folder: Path, bundle: ChallengeBundle, outcomes: list[Outcome]) -> Path:
    """Replaces the challenge's part of the file; other challenges' parts stay. Returns the file."""
    path = folder / "measured.json"
    measured = json.loads(path.read_text()) if path.exists() else {}
    name, step = bundle.challenge.id, bundle.challenge.feedback.step
    measured.setdefault("baselines", {})[name] = {
        "digest": bundle.digest,
        "machine": machine(),
        "results": [outcome.public(step) for outcome in outcomes],
        "steps": [
            {"from": low, "to": high, "difference": round(mean, 3), "p": float(f"{p:.1g}")}
            for low, high, mean, p in steps(outcomes)
        ],
    }
    kept = {key: value for key, value in measured.get("figures", {}).items() if not key.startswith(f"{name}.")}
    measured["figures"] = {**kept, **figures(name, step, outcomes)}
    path.write_text(json.dumps(measured, indent=2, sort_keys=True) + "\n")
    return path


def figures(name: str, step: float, outcomes: list[Outcome]) -> dict[str, float]:
    """Numbers by `challenge.baseline.figure`, the keys that a lesson's figures name."""
    found = {}
    for outcome in outcomes:
        shown, prefix = outcome.public(step), f"{name}.{Path(outcome.file).stem}"
        if shown["score"] is not None:
            found[f"{prefix}.score"] = shown["score"]
        found |= {f"{prefix}.{key}": value for key, value in outcome.cost.items()}
        found |= {f"{prefix}.train_{key}": outcome.training[key] for key in FIGURES if key in outcome.training}
        if "adapter_bytes" in outcome.training:
            found[f"{prefix}.adapter_megabytes"] = round(outcome.training["adapter_bytes"] / 1e6, 2)
    return found


def machine() -> str:
    """The CPU by name, and how many of its cores this process may use."""
    return f"{_cpu()}, {len(os.sched_getaffinity(0))} cores"


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
