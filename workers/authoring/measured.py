"""Writes `measured.json` beside a lesson: the results of baselines, the machine, and the digest of the content."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from challenges.bundle import ChallengeBundle
from challenges.lesson.demo import DemoRecord
from challenges.texts import several
from workers.authoring.baselines import Outcome, steps
from workers.engine import hardware
from workers.engine.choice import cpu_name

FIGURES = ("trainable_share", "adapter_bytes", "train_loss", "valid_loss", "seconds")


def write(folder: Path, bundle: ChallengeBundle, outcomes: list[Outcome]) -> Path:
    """Replaces the challenge's part of the file and returns the file's path; the parts of other challenges stay.

    If only some baselines ran and the content has not changed, the other baselines keep their results, and the paired
    tests stay as they are.
    """
    path = folder / "measured.json"
    measured = json.loads(path.read_text()) if path.exists() else {}
    name = bundle.challenge.id
    before = measured.setdefault("baselines", {}).get(name, {})
    kept = before if before.get("digest") == bundle.digest and len(outcomes) < len(bundle.baselines) else {}
    ran = {outcome.file: outcome.record() for outcome in outcomes}
    measured["baselines"][name] = {
        "digest": bundle.digest,
        "machine": machine(),
        "results": list(({row["file"]: row for row in kept.get("results", [])} | ran).values()),
        "steps": kept.get("steps") or _steps(outcomes),
    }
    others = tuple(f"{name}.{Path(row['file']).stem}." for row in kept.get("results", []))
    figures_before = measured.get("figures", {}).items()
    stay = {key: value for key, value in figures_before if not key.startswith(f"{name}.") or key.startswith(others)}
    measured["figures"] = {**stay, **figures(name, outcomes)}
    path.write_text(json.dumps(measured, indent=2, sort_keys=True) + "\n")
    return path


def write_calibration(folder: Path, bundle: ChallengeBundle, report: dict[str, Any]) -> Path:
    """Adds a judge's calibration to those of other judges on the same content; returns the file's path."""
    path = folder / "measured.json"
    measured = json.loads(path.read_text()) if path.exists() else {}
    before = measured.setdefault("calibration", {}).get(bundle.challenge.id, {})
    others = [
        other
        for other in (before.get("judges", []) if before.get("digest") == bundle.digest else [])
        if (other["model"], other["template"]) != (report["model"], report["template"])
    ]
    measured["calibration"][bundle.challenge.id] = {"digest": bundle.digest, "judges": [*others, report]}
    path.write_text(json.dumps(measured, indent=2, sort_keys=True) + "\n")
    return path


def write_demo(folder: Path, record: DemoRecord) -> Path:
    """Replaces the recorded answers of the lesson's demo; returns the file's path."""
    path = folder / "measured.json"
    measured = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({**measured, "demo": record.model_dump(mode="json")}, indent=2, sort_keys=True) + "\n")
    return path


def _steps(outcomes: list[Outcome]) -> list[dict[str, Any]]:
    return [
        {"from": low, "to": high, "difference": round(mean, 3), "p": float(f"{p:.1g}")}
        for low, high, mean, p in steps(outcomes)
    ]


def figures(name: str, outcomes: list[Outcome]) -> dict[str, float]:
    """The measured numbers by `challenge.baseline.figure`, the names that a lesson's text refers to."""
    figures = {}
    for outcome in outcomes:
        shown, prefix = outcome.record(), f"{name}.{Path(outcome.file).stem}"
        if shown["score"] is not None:
            figures[f"{prefix}.score"] = shown["score"]
        figures |= {f"{prefix}.{key}": value for key, value in outcome.cost.items()}
        figures |= {f"{prefix}.train_{key}": outcome.training[key] for key in FIGURES if key in outcome.training}
        if "adapter_bytes" in outcome.training:
            figures[f"{prefix}.adapter_megabytes"] = round(outcome.training["adapter_bytes"] / 1e6, 2)
    return figures


def machine() -> str:
    """The name of the CPU and the number of cores that this process may use, as text."""
    return f"{cpu_name()}, {several(hardware.cores(), 'core')}"
