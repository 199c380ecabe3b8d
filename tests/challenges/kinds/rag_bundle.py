"""Copies of the minimal bundle with documents that `docs/examples` holds, for tests to change."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import yaml

from challenges.bundle import ChallengeBundle
from challenges.reading import read_challenge
from tests.challenges.factory import write_yaml

EXAMPLE = Path(__file__).resolve().parents[3] / "docs/examples/ask-the-library"
GOOD: dict[str, Any] = yaml.safe_load((EXAMPLE / "baselines/good.yaml").read_text())


def write_rag_challenge(root: Path, **changes: Any) -> Path:
    """The example with other keys in its `challenge.yaml`; a key that is None is left out."""
    shutil.copytree(EXAMPLE, root)
    spec = yaml.safe_load((root / "challenge.yaml").read_text())
    write_yaml(root / "challenge.yaml", {k: v for k, v in {**spec, **changes}.items() if v is not None})
    return root


def rag_bundle() -> ChallengeBundle:
    """The example as it is."""
    return read_challenge(EXAMPLE)
