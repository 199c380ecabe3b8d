"""Lints a challenge from its stored bundle instead of its folder, on a worker that has the embeddings and tokenizers.

All checks of one challenge are made: those of `gradus challenge lint`, by the same functions. A problem with a row
names the line that the row has in a file without blank lines, and a problem with a key of a YAML file names no line.
What concerns several challenges, and the lesson, was checked when the folder was read.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from challenges.bundle import ChallengeBundle
from challenges.files.source import Source
from challenges.lint.run import Linted, Similarity, lint_challenge, linted
from challenges.lint.spec import lint_payload
from challenges.lint.subject import Subject
from challenges.payloads import Submitted


class _NoFiles(Source):
    """A folder without files: nothing is read, and no file is missed."""

    def has(self, rel: str) -> bool:
        return False

    def data(self, rel: str, limit: int, *, needed: bool = True) -> bytes | None:
        return None


class _Stored(Subject):
    """A challenge whose rows stand on the lines 1, 2, 3, ... of their files."""

    def _good_lines(self, name: str) -> list[int]:
        rows = getattr(self.bundle, name.removesuffix(".jsonl"))
        return list(range(1, len(rows) + 1))


def inspect_stored(bundle: ChallengeBundle, arms: Mapping[str, Submitted], similarity: Similarity) -> Linted:
    """Everything that must be corrected in the challenge; files are relative to its folder.

    `arms` are the submissions of findings' arms on this challenge, by file, which keep away from hidden rows as well.
    """
    source = _NoFiles(Path())
    subject = _Stored(source, "", bundle)
    lint_challenge(subject, arms, similarity)
    for file, payload in arms.items():
        lint_payload(subject, file, payload)
    return linted(source)
