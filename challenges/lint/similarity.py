"""Finds near-duplicate rows by sentence embeddings. It needs numpy, which the `worker` extra installs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from challenges.bundle import ChallengeBundle
from challenges.kinds import registry as kinds
from challenges.problems import Problem
from challenges.rows import AnyRow, Sample
from challenges.texts import normal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.float32]

Embed = Callable[[Sequence[str]], Any]
NEAR, SAME = 0.90, 0.95
WITHIN_FILE_MAX, ACROSS_MAX = 0.05, 0.02


def similarity(challenge: ChallengeBundle, embed: Embed) -> list[Problem]:
    """The problems of near-duplicates within a file, and of hidden rows that resemble public or training rows.

    `embed` takes n texts and returns n unit vectors (an array or nested lists). By cosine: fewer than 5 % of a
    file's rows may have a neighbour above 0.90 in it; no hidden row may lie above 0.95 to a public or training
    row, and fewer than 2 % above 0.90. Files are relative to the challenge; lines suppose no blank ones.
    """
    files = (("public.jsonl", challenge.public), ("hidden.jsonl", challenge.hidden), ("train.jsonl", challenge.train))
    vectors = {name: _embed(rows, embed) for name, rows in files if rows}
    problems = [problem for name, matrix in vectors.items() for problem in _within(name, matrix)]
    if "hidden.jsonl" not in vectors:
        return problems
    for name in ("public.jsonl", "train.jsonl"):
        if name in vectors:
            texts = [row.input for row in dict(files)[name]]
            problems += _across(challenge.hidden, vectors["hidden.jsonl"], name, texts, vectors[name])
    return problems + _submitted(challenge, vectors["hidden.jsonl"], embed)


def _submitted(challenge: ChallengeBundle, hidden: Matrix, embed: Embed) -> list[Problem]:
    """The problems of baselines whose examples or rows nearly repeat a hidden row, except rows from train.jsonl."""
    import numpy as np

    elsewhere = {row.input for row in challenge.train}
    given = [
        (baseline.ref.file, number, text)
        for baseline in challenge.baselines
        for number, text in enumerate(kinds.find(baseline.payload.kind).inputs(baseline.payload), 1)
        if text not in elsewhere
    ]
    if not given:
        return []
    cosine = np.asarray(embed([text for _, _, text in given]), dtype=np.float32) @ hidden.T
    return [
        Problem(
            file,
            None,
            f"its example or row {number} is nearly the same as hidden.jsonl:{int(cosine[n].argmax()) + 1} "
            f"(cosine {cosine[n].max():.2f}), so it was tuned on hidden rows",
            "take a row of your own",
        )
        for n, (file, number, _) in enumerate(given)
        if cosine[n].max() > SAME
    ]


def _embed(rows: Sequence[Sample] | Sequence[AnyRow], embed: Embed) -> Matrix:
    import numpy as np

    return np.asarray(embed([row.input for row in rows]), dtype=np.float32)


def _within(name: str, matrix: Matrix) -> list[Problem]:
    import numpy as np

    cosine = matrix @ matrix.T
    np.fill_diagonal(cosine, -1.0)
    near = np.flatnonzero(cosine.max(axis=1) > NEAR)
    if len(near) == 0 or len(near) / len(matrix) < WITHIN_FILE_MAX:
        return []
    what = f"{len(near)} of {len(matrix)} rows nearly repeat another one here (cosine above {NEAR:g})"
    return [Problem(name, None, what, f"rewrite some: for instance lines {_pairs(near, cosine, '', '')}")]


def _across(samples: Sequence[Sample], hidden: Matrix, name: str, texts: Sequence[str], other: Matrix) -> list[Problem]:
    """The hidden rows that resemble rows of another file. Equal texts are left out, because `lint_rows` tells them."""
    import numpy as np

    cosine = hidden @ other.T
    best = cosine.max(axis=1)
    shown = set(map(normal, texts))
    best[[normal(sample.input) in shown for sample in samples]] = -1.0
    problems = [
        Problem(
            "hidden.jsonl",
            int(row) + 1,
            f"nearly the same as {name}:{int(cosine[row].argmax()) + 1} (cosine {best[row]:.2f})",
            "remove or rewrite one of them",
        )
        for row in np.flatnonzero(best > SAME)
    ]
    near = np.flatnonzero(best > NEAR)
    if len(near) > len(problems) and len(near) / len(hidden) >= ACROSS_MAX:
        what = f"{len(near)} of {len(hidden)} rows are close to rows of {name} (cosine above {NEAR:g})"
        problems.append(
            Problem("hidden.jsonl", None, what, f"rewrite some: {_pairs(near, cosine, 'hidden.jsonl:', f'{name}:')}")
        )
    return problems


def _pairs(rows: Any, cosine: Matrix, file: str, other: str) -> str:
    """The first few rows with their nearest neighbour, as line numbers behind the names of their files."""
    return ", ".join(f"{file}{int(row) + 1} and {other}{int(cosine[row].argmax()) + 1}" for row in rows[:8])
