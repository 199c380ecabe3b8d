"""Held-out losses of trained adapters, kept from call to call: a training for its loss need not be timed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from workers.engine import model_files


class Losses:
    """By a key that names everything that a loss depends on; nats a token."""

    def __init__(self, file: Path | None = None) -> None:
        self.file = file or model_files.data_dir() / "losses.json"

    def keep(self, key: str, loss: float) -> float:
        """The newest one counts."""
        self.file.write_text(json.dumps(self._read() | {key: loss}, indent=2) + "\n")
        return loss

    def of(self, keys: Sequence[str]) -> list[float]:
        """All of them, or none where one is missing."""
        kept = self._read()
        return [kept[key] for key in keys] if all(key in kept for key in keys) else []

    def _read(self) -> dict[str, float]:
        found: dict[str, float] = json.loads(self.file.read_text()) if self.file.is_file() else {}
        return found
