"""Runs a challenge's baselines on the base model and compares their scores with their bounds and with each other."""

from __future__ import annotations

import itertools
import math
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from challenges.bundle import Baseline, ChallengeBundle
from challenges.kinds import registry as kinds
from challenges.payloads import Submitted
from challenges.texts import several
from graders.base import Assignment, Grade, Grading, Rejected
from graders.differences import paired_test
from graders.registry import grade
from workers.execute import Judging, Running, baseline_seconds, execute, expect_packages
from workers.remote.calls import EngineMisconfigured
from workers.sandbox.supervisor import Runner

CHANCE = 0.98  # 1.96 standard errors of a share of one half, times the root of the number of rows.


@dataclass(frozen=True)
class Outcome:
    """The result of one baseline.

    `rows` holds the score of each hidden row, for paired tests; it is never written to a file. If several seeds ran,
    `by_seed` holds the raw score of each, and all other fields belong to the first seed.
    """

    file: str
    kind: str
    approach: str
    score: float | None
    ok: bool
    problem: str = ""
    cost: dict[str, float] = field(default_factory=dict)
    training: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    by_seed: dict[int, float] = field(default_factory=dict)
    rows: tuple[float, ...] = ()

    def record(self) -> dict[str, Any]:
        """The entry in `measured.json`: the raw score, which pages round down, and the cost on public samples."""
        return {
            "file": self.file,
            "kind": self.kind,
            "approach": self.approach,
            "score": None if self.score is None else round(self.score, 4),
            "ok": self.ok,
            "cost": self.cost,
            "training": {name: round(value, 6) for name, value in self.training.items()},
            "seconds": round(self.seconds),
            "by_seed": {str(seed): round(score, 4) for seed, score in sorted(self.by_seed.items())},
        }


def run(
    bundle: ChallengeBundle,
    baseline: Baseline,
    runner: Runner,
    judge: Judging,
    *,
    on_event: Callable[[dict[str, Any]], None],
    adapter_to: Path | None = None,
    on_grade: Callable[[Grade], None] = lambda grade: None,
) -> Outcome:
    """Grades one baseline on the hidden rows, as a submission; `adapter_to` is a folder for the trained adapter."""
    started = time.perf_counter()
    file, kind, approach = baseline.ref.file, baseline.payload.kind, approach_of(baseline)
    try:
        result = graded(bundle, baseline.payload, runner, judge, on_event=on_event)
    except Rejected as rejected:
        spent = time.perf_counter() - started
        return Outcome(file, kind, approach, None, False, f"rejected: {rejected.code}", seconds=spent)
    except EngineMisconfigured as error:
        return Outcome(file, kind, approach, None, False, str(error), seconds=time.perf_counter() - started)
    on_grade(result)
    if adapter_to is not None and result.adapter_files:
        keep(Path(result.adapter_files), adapter_to)
    problem = baseline.ref.missed(result.score)
    return Outcome(
        file=file,
        kind=kind,
        approach=approach,
        score=result.score,
        ok=not problem,
        problem=problem,
        cost=result.cost,
        training=result.training,
        seconds=time.perf_counter() - started,
        rows=tuple(row.score for row in result.hidden),
    )


def graded(
    bundle: ChallengeBundle,
    payload: Submitted,
    runner: Running,
    judge: Judging | None,
    *,
    on_event: Callable[[dict[str, Any]], None],
) -> Grade:
    """Grades a payload on public and hidden rows. Raises what `workers.execute.execute` raises."""
    expect_packages(payload.kind)
    return carried_out(grade(Assignment(bundle, payload, hidden=True)), bundle, payload, runner, judge, on_event)


def carried_out(
    grading: Grading,
    bundle: ChallengeBundle,
    payload: Submitted,
    runner: Running,
    judge: Judging | None,
    on_event: Callable[[dict[str, Any]], None],
) -> Grade:
    """Carries out a grading within the limit of the payload. Raises what `workers.execute.execute` raises."""
    return execute(grading, runner, judge, on_event, lambda: False, baseline_seconds(bundle.challenge, payload))


def seeded(bundle: ChallengeBundle, count: int) -> list[tuple[int, ChallengeBundle]]:
    """Pairs of a training seed and the bundle with it: the bundle's own seed and the next `count - 1`."""
    return [(seed, bundle.with_seed(seed)) for seed in range(bundle.seed, bundle.seed + count)]


def merged(by_seed: dict[int, Outcome]) -> Outcome:
    """The outcome of the first seed with the scores of all seeds; it is ok only if the score of each seed is."""
    first = next(iter(by_seed.values()))
    missed = {seed: outcome.problem for seed, outcome in by_seed.items() if not outcome.ok}
    return replace(
        first,
        ok=not missed,
        problem="; ".join(f"seed {seed} {problem}" for seed, problem in missed.items()),
        by_seed={seed: outcome.score for seed, outcome in by_seed.items() if outcome.score is not None},
    )


def approach_of(baseline: Baseline) -> str:
    """The approach under which the leaderboard lists the baseline, such as `zero-shot`, `few-shot` or `lora`."""
    return kinds.find(baseline.payload.kind).approach(baseline.payload)


def _approaches() -> list[str]:
    return [name for kind in kinds.every() for name in kind.approaches]


def keep(files: Path, folder: Path) -> None:
    """Copies what was trained to `folder`, which is made if it does not exist."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in sorted(file.name for file in files.iterdir()):
        shutil.copyfile(files / name, folder / name)


def steps(outcomes: Sequence[Outcome]) -> Iterator[tuple[str, str, float, float]]:
    """Compares the best baseline of each approach with that of the next approach.

    Yields both files, the difference of their mean row scores, and the p-value of a paired test.
    """
    best = [max(rows, key=_score) for name in _approaches() if (rows := [o for o in outcomes if o.approach == name])]
    for low, high in itertools.pairwise([outcome for outcome in best if outcome.rows]):
        mean = (sum(high.rows) - sum(low.rows)) / len(low.rows)
        yield low.file, high.file, mean, paired_test(low.rows, high.rows)


def advice(bundle: ChallengeBundle, outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Says what the scores mean for an author: marks that lint refuses, attempts in the wrong order, and chance.

    Chance is half a 95 % confidence interval of a share of the hidden rows at its widest, which is that of one half.
    """
    scores = {outcome.file: outcome.score for outcome in outcomes if outcome.score is not None}
    refs = [baseline.ref for baseline in bundle.baselines if baseline.ref.file in scores]
    weak = [(ref, ref.max) for ref in refs if ref.min is None and ref.max is not None]
    for ref, most in weak:
        if most >= bundle.challenge.pass_:
            marks = f"max ({most:g}) is not below pass ({bundle.challenge.pass_:g})"
            yield f"{Path(ref.file).name}: {marks}, which lint refuses: raise pass, or lower max."
    for ref, _ in weak:
        for good in refs:
            if good.min is not None and scores[ref.file] >= scores[good.file]:
                low, high = (f"{Path(one.file).name} ({scores[one.file]:.3f})" for one in (ref, good))
                yield (
                    f"Your weak attempt {low} does no worse than your good attempt {high}. Improve the good attempt, "
                    "or change the task until a weak attempt fails, before you set pass and gold."
                )
    if refs and bundle.hidden:
        rows, moved = several(len(bundle.hidden), "hidden row"), CHANCE / math.sqrt(len(bundle.hidden))
        yield f"With {rows}, chance alone moves a score by up to about {moved:.2f}. More rows make it less."


def _score(outcome: Outcome) -> float:
    return -1.0 if outcome.score is None else outcome.score
