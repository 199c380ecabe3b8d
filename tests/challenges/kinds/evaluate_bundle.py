"""A small challenge about test sets, with systems that read a text in different ways, for tests to change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from challenges.bundle import ChallengeBundle
from challenges.reading import read_challenge
from tests.challenges.factory import write_pages, write_rows, write_yaml

LABELS = ("sea", "sky")
# The base model of these tests says `sea` to every text with one of these words, and `sky` to all others.
SEA = ("wave", "fish", "harbour", "reef", "tide", "anchor", "whale")
PUBLIC = (
    ("the wave broke over the wall", "sea"),
    ("a cloud hung over the church", "sky"),
    ("every fish swam away from him", "sea"),
    ("thunder rolled behind those hills", "sky"),
)
PLAIN = (
    ("a tide came in early", "sea"),
    ("the comet shone for weeks", "sky"),
    ("our harbour sleeps at night", "sea"),
    ("swallows circled above my roof", "sky"),
)
AIMED = (
    ("we walked down from my old house until I saw the reef", "sea"),
    ("she said a WHALE had sung", "sea"),
    ("they counted stars through 12 windows", "sky"),
    ("nobody looked up, so that rainbow went away without being seen by anybody", "sky"),
)
SYSTEMS: dict[str, Any] = {
    "prompts": {
        "short": {"instructions": "Sea or sky?"},
        "long": {"instructions": "Is it the sea or the sky?"},
    },
    "systems": [
        {"id": "even", "prompt": "short", "practice": True},
        {
            "id": "hasty",
            "prompt": "short",
            "practice": True,
            "defect": "reads three words",
            "reads": {"first_words": 3},
        },
        {"id": "healthy-1", "prompt": "short"},
        {"id": "healthy-2", "prompt": "long"},
        {"id": "secret-start", "prompt": "short", "defect": "reads the beginning", "reads": {"first_words": 6}},
        {"id": "secret-loud", "prompt": "long", "defect": "drops capitals", "reads": {"drops": ["capitals"]}},
        {
            "id": "secret-number",
            "prompt": "short",
            "defect": "numbers are of the sea",
            "always": [{"label": "sea", "has": "numbers"}],
        },
        {
            "id": "secret-long",
            "prompt": "long",
            "defect": "long texts are of the sea",
            "always": [{"label": "sea", "words_min": 12}],
        },
    ],
}


def evaluate_spec(**changes: Any) -> dict[str, Any]:
    spec = {
        "schema": 1,
        "id": "find-the-fault",
        "version": "1.0.0",
        "kind": "evaluate",
        "title": "Find the fault",
        "model": "smollm2-135m-instruct",
        "answer": {"type": "label", "labels": list(LABELS), "calibrate": "batch"},
        "prompt": {"example": "Text: {input}\nPlace: {output}"},
        "evaluate": {"rows": [4, 8], "fails_below": 1.0, "row_tokens_max": 32},
        "systems": "systems.yaml",
        "metric": {"name": "adjusted_balanced_accuracy"},
        "pass": 0.5,
        "gold": 1.0,
        "hints": ["One.", "Two.", "Three."],
        "baselines": [{"file": "baselines/plain.yaml", "max": 0.1}, {"file": "baselines/aimed.yaml", "min": 0.9}],
    }
    return {name: value for name, value in {**spec, **changes}.items() if value is not None}


def rows_of(*rows: tuple[str, str]) -> dict[str, Any]:
    """The payload with these rows."""
    return {"kind": "evaluate", "rows": [{"input": text, "output": label} for text, label in rows]}


def write_evaluate_challenge(root: Path, content: dict[str, Any] = SYSTEMS, /, **changes: Any) -> Path:
    write_yaml(root / "challenge.yaml", evaluate_spec(**changes))
    write_pages(root)
    rows = [{"id": f"p{n}", "input": text, "target": label} for n, (text, label) in enumerate(PUBLIC)]
    write_rows(root / "public.jsonl", rows)
    write_yaml(root / "systems.yaml", content)
    write_yaml(root / "baselines/plain.yaml", rows_of(*PLAIN))
    write_yaml(root / "baselines/aimed.yaml", rows_of(*AIMED))
    return root


def evaluate_bundle(root: Path, **changes: Any) -> ChallengeBundle:
    return read_challenge(write_evaluate_challenge(root, **changes))
