"""Lints broken bundles as the command does, with sentence embeddings that need no model, and judges the messages."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

from challenges.authoring.archive import unpack
from challenges.bundle import ChallengeBundle
from challenges.lint.run import Linted, inspect, lint
from challenges.lint.similarity import similarity
from challenges.problems import Problem
from challenges.reading import BundleErrors
from tests.hostile.bundles import course
from tests.hostile.bundles.breaking import Broken

NOBODY = 65534
LONGEST = 420
"""Characters of a message: about three lines of a wide terminal."""


def broken(case: Broken, folder: Path) -> Path:
    """Writes the course into `folder` and breaks it."""
    root = course.write(folder / "coast")
    case.breaks(root)
    return root


def linted(root: Path, case: Broken | None = None) -> Linted:
    """What lint finds, the similarity of rows included; for somebody else than root where the case needs that."""
    if case is not None and case.needs_permission:
        with without_privileges():
            return inspect(root, similar)
    return inspect(root, similar)


def similar(bundle: ChallengeBundle) -> list[Problem]:
    """The rule about near-duplicates, with texts that are near if they share most of their triples of letters."""
    return similarity(bundle, _embedded)


def _embedded(texts: Sequence[str]) -> Any:
    vectors = np.zeros((len(texts), 512), dtype=np.float32)
    for vector, text in zip(vectors, texts, strict=True):
        for place in range(len(text) - 2):
            vector[crc32(text[place : place + 3].encode(errors="replace")) % len(vector)] += 1
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)


@contextmanager
def without_privileges() -> Iterator[None]:
    """Whoever runs the tests may read only what its mode allows, as root does not."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def problems_of(data: bytes, folder: Path) -> list[Problem]:
    """What unpacking the archive, or linting what is in it, finds wrong."""
    try:
        unpack(io.BytesIO(data), folder)
    except BundleErrors as errors:
        return errors.problems
    return lint(folder)


def unclear(problems: Iterable[Problem]) -> list[Problem]:
    """The messages that are not whole, not on one line, too long, or that repeat a hidden row."""
    return [one for one in problems if not (one.file and one.what and one.fix) or not _is_readable(str(one))]


def _is_readable(message: str) -> bool:
    return message.isprintable() and len(message) <= LONGEST and course.SECRET not in message
