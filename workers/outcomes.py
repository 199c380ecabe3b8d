"""From a grade to what is kept: what the learner sees, what stays private, and the adapter as a zip."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import asdict, astuple
from importlib.metadata import version
from pathlib import Path
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import storages

from challenges import kinds
from challenges.feedback import floor_to_step
from graders.base import Grade
from gradus.submissions.models import Evaluation
from gradus.submissions.services import Outcome
from workers import language
from workers.assignments import on_hidden_rows
from workers.sandbox import adapter_files


def outcome(evaluation: Evaluation, grade: Grade, overlap: int = 0) -> Outcome:
    """Writes raw rows and the adapter to storage under (evaluation, fence), so that a zombie overwrites nothing.

    `overlap` is how much hidden material the payload holds, which staff alone may read. Of a baseline nothing is kept
    but its score, which goes to the version, and what was measured on public rows.
    """
    notes = notes_of(evaluation, grade)
    return Outcome(
        result=visible(evaluation, grade),
        score=grade.score if on_hidden_rows(evaluation) else None,
        private_score=grade.private_score,
        provisional=grade.provisional,
        review=grade.review,
        grader_version=f"gradus {version('gradus')}",
        raw=_save_raw(evaluation, grade, notes) if evaluation.submission_id else "",
        judge=astuple(grade.judge) if grade.judge else None,
        artifact=_save_adapter(evaluation, grade) if grade.adapter_files and not is_baseline(evaluation) else "",
        notes=notes,
        overlap=overlap if evaluation.submission_id else 0,
    )


def is_baseline(evaluation: Evaluation) -> bool:
    return evaluation.submission_id is None and on_hidden_rows(evaluation)


def notes_of(evaluation: Evaluation, grade: Grade) -> dict[str, Any]:
    """What reviews keep beside a free-text grade: the judge's calls by id, and the language of the answer."""
    submission = evaluation.submission
    if submission is None or not kinds.find(submission.kind).is_judged:
        return {}
    return {"calls": list(grade.private.get("calls", [])), "language": language.detect(submission.payload["answer"])}


def visible(evaluation: Evaluation, grade: Grade) -> dict[str, Any]:
    """From public samples and the learner's own words only; hidden metrics where the challenge declares them.

    These are floored to the step as the score is, and left out where a ladder shows nothing of most attempts.
    """
    return {
        "public": {
            "score": grade.public_score,
            "metrics": grade.public_metrics,
            "rows": [asdict(row) for row in grade.public],
        },
        "metrics": _declared(evaluation, grade),
        "cost": grade.cost,
        "marks": [asdict(mark) for mark in grade.marks],
        "training": grade.training,
    }


def _declared(evaluation: Evaluation, grade: Grade) -> dict[str, float]:
    spec = evaluation.version.parsed
    names = () if spec.feedback.mode == "ladder" or is_baseline(evaluation) else spec.public_metrics
    return {name: floor_to_step(grade.metrics[name], spec.feedback.step) for name in names if name in grade.metrics}


def _save_raw(evaluation: Evaluation, grade: Grade, notes: dict[str, Any]) -> str:
    raw = {
        "score": grade.score,
        "metrics": grade.metrics,
        "hidden": [asdict(row) for row in grade.hidden],
        "review": list(grade.review),
        "private": grade.private,
        "notes": notes,
    }
    name = f"raw/{evaluation.pk}/{evaluation.fence}.json"
    return storages["private"].save(name, ContentFile(json.dumps(raw, ensure_ascii=False, default=str).encode()))


def _save_adapter(evaluation: Evaluation, grade: Grade) -> str:
    assert grade.adapter_files is not None
    files, buffer = adapter_files.read(Path(grade.adapter_files)), io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        archive.writestr("README.md", model_card(evaluation, grade))
    name = f"{evaluation.pk}/{evaluation.fence}/adapter.zip"
    return storages["artifacts"].save(name, ContentFile(buffer.getvalue()))


def model_card(evaluation: Evaluation, grade: Grade) -> str:
    """What it is, what it was trained on, how to load it. From the learner's own data only."""
    spec = evaluation.version.parsed
    knobs = evaluation.submission.payload["hyperparameters"] if evaluation.submission else {}
    knob_lines = "\n".join(f"- `{name}`: {value}" for name, value in knobs.items())
    steps, share = grade.training.get("steps", 0), grade.training.get("trainable_share", 0)
    return f"""# LoRA adapter for “{spec.title}”

Trained on Gradus for the challenge `{spec.id}` {spec.version}, over the base model `{spec.model}`.
{steps:.0f} steps; {share:.2%} of the weights were trained.

{knob_lines}

```python
from peft import PeftModel
from transformers import AutoModelForCausalLM

model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained("BASE"), "THIS_FOLDER")
```
"""
