"""The parts of the `gradus` command that need torch: `challenge test`, and the similarity check of lint."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from challenges.bundle import Baseline, ChallengeBundle
from challenges.findings.runs import Repetition
from challenges.kinds import registry as kinds
from challenges.kinds.rubric import marks_missing
from challenges.lint import similarity as rules
from challenges.problems import Problem
from challenges.reading import BundleErrors, read_challenge
from challenges.texts import several
from graders.base import Grade
from graders.findings import outputs_of
from workers.authoring import baselines, measured
from workers.authoring.kept import KeptOutcomes, KeptRuns
from workers.authoring.local_runner import bars, own_runner, reporter
from workers.authoring.prove_report import problem_as_json
from workers.engine.embeddings import embed as embed_texts
from workers.engine.watch import Watch
from workers.judge.client import JudgeClient
from workers.judge.ledger import Ledger
from workers.sandbox.supervisor import Runner

HUNDREDTH = 0.01


def similarity(challenge: ChallengeBundle, embed: Any = None) -> list[Problem]:
    """Returns the problems of near-duplicate rows, found by sentence embeddings; see `challenges.lint.similarity`."""
    return rules.similarity(challenge, embed or (lambda texts: embed_texts(texts, Watch())))


def test(
    path: Annotated[Path, typer.Argument(help="The folder of a challenge, a lesson or a course.")],
    only: Annotated[list[str] | None, typer.Option(help="Run only this baseline, such as lora.yaml.")] = None,
    seeds: Annotated[
        int, typer.Option(min=1, max=10, help="Train each LoRA baseline that has a min with this many seeds.")
    ] = 1,
    record: Annotated[bool, typer.Option(help="Write the results to measured.json beside the lesson.")] = False,
    save_adapter: Annotated[
        Path | None, typer.Option(help="Save the adapter that a baseline trains in this folder.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Run everything again.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object, and nothing else.")] = False,
) -> None:
    """Run every baseline on this machine and compare its score with its bounds.

    A baseline that ran before is not run again. It is if a row, a setting or the model has changed, or with --force.
    Answers in free text are graded each time, because the judge may be another one.
    Bounds of a question that people grade are not held against it.
    Exit status: 0 all scores are within their bounds, 1 a score is not, or the bundle has errors.
    """
    console = Console(stderr=json)
    folders = sorted(file.parent for file in path.rglob("challenge.yaml"))
    if not folders:
        console.print(f"{path}: no challenge.yaml here or below: name the folder of a challenge, lesson or course")
        raise typer.Exit(1)
    runner = own_runner()
    try:
        how = (runner, only or [], seeds, record, save_adapter, force)
        results = [_test_one(console, folder, *how) for folder in folders]
    finally:
        runner.close()
    if json:
        typer.echo(
            jsonlib.dumps({"challenges": [result.as_json() for result in results]}, indent=2, ensure_ascii=False)
        )
    raise typer.Exit(0 if all(result.ok for result in results) else 1)


@dataclass(frozen=True)
class Tested:
    """What came of one folder: its challenge with the outcomes of the baselines, or the problems of the folder."""

    folder: Path
    bundle: ChallengeBundle | None = None
    outcomes: Sequence[baselines.Outcome] = ()
    problems: Sequence[Problem] = ()

    @property
    def ok(self) -> bool:
        """Whether all baselines are within their bounds. In pilot mode people grade, so bounds say nothing yet."""
        if self.bundle is None:
            return False
        is_pilot = _is_pilot(self.bundle)
        return all(outcome.ok or (is_pilot and outcome.score is not None) for outcome in self.outcomes)

    def as_json(self) -> dict[str, Any]:
        """The result as a JSON object. Scores are raw, not rounded down."""
        spec = self.bundle.challenge if self.bundle else None
        return {
            "folder": str(self.folder),
            "challenge": spec.id if spec else None,
            "version": spec.version if spec else None,
            "pass": spec.pass_ if spec else None,
            "ok": self.ok,
            "baselines": [{**outcome.record(), "problem": outcome.problem} for outcome in self.outcomes],
            "problems": [problem_as_json(problem) for problem in self.problems],
        }


def _is_pilot(bundle: ChallengeBundle) -> bool:
    return kinds.find(bundle.challenge.kind).is_judged and marks_missing(bundle.gold) > 0


def _test_one(
    console: Console,
    folder: Path,
    runner: Runner,
    only: list[str],
    seeds: int,
    record: bool,
    save_adapter: Path | None,
    force: bool,
) -> Tested:
    try:
        bundle = read_challenge(folder)
    except BundleErrors as errors:
        for problem in errors.problems:
            console.print(str(problem), highlight=False)
        return Tested(folder, problems=errors.problems)
    chosen = [b for b in bundle.baselines if not only or Path(b.ref.file).name in only]
    judge = JudgeClient.from_environment(Ledger())
    outcomes, taken = [], 0
    with bars(console) as progress:
        for baseline in chosen:
            count = seeds if kinds.find(baseline.payload.kind).is_trained and baseline.ref.min is not None else 1
            by_seed = {}
            for seed, variant in baselines.seeded(bundle, count):
                name = f"{bundle.challenge.id} {Path(baseline.ref.file).name}" + (f" seed {seed}" if count > 1 else "")
                bar = progress.add_task(name, total=None)
                adapter_to = save_adapter if variant is bundle else None
                kept = None if force or adapter_to else KeptOutcomes().get(variant, baseline)
                taken += kept is not None
                by_seed[seed] = kept or baselines.run(
                    variant,
                    baseline,
                    runner,
                    judge,
                    on_event=reporter(progress, bar),
                    adapter_to=adapter_to,
                    on_grade=_keeper(variant, baseline),
                )
                KeptOutcomes().put(variant, baseline, by_seed[seed])
                progress.update(bar, total=1, completed=1)
            outcomes.append(baselines.merged(by_seed) if count > 1 else by_seed[seed])
    _print(console, bundle, outcomes)
    if taken:
        console.print(f"{several(taken, 'run')} kept from before; --force runs everything again", highlight=False)
    if record:
        console.print(f"written: {measured.write(folder.parent, bundle, outcomes)}")
    return Tested(folder, bundle, outcomes)


def _keeper(bundle: ChallengeBundle, baseline: Baseline) -> Callable[[Grade], None]:
    """A function that stores a run for `gradus challenge prove`, which then need not run the same payload again."""
    run = Repetition(baseline.ref.file, "baseline", baseline.ref.file, bundle, baseline.payload)

    def keep(grade: Grade) -> None:
        if kinds.find(baseline.payload.kind).has_samples:
            KeptRuns().put(run, outputs_of(grade, bundle.challenge))

    return keep


def _print(console: Console, bundle: ChallengeBundle, outcomes: list[baselines.Outcome]) -> None:
    spec = bundle.challenge
    table = Table(title=f"{spec.id} {spec.version}: pass {spec.pass_:.2f}", title_justify="left")
    for heading in ("baseline", "kind", "score", "within bounds", "prompt tokens", "ms a request", "seconds"):
        table.add_column(heading)
    for outcome in outcomes:
        table.add_row(
            Path(outcome.file).name,
            outcome.kind,
            _scores(outcome),
            "yes" if outcome.ok else outcome.problem,
            *(f"{outcome.cost[name]:.0f}" if name in outcome.cost else "-" for name in ("prompt_tokens", "ms")),
            f"{outcome.seconds:.0f}",
        )
    console.print(table)
    if _is_pilot(bundle):
        missing = several(marks_missing(bundle.gold), "marked answer")
        console.print(
            f"{spec.id}: people grade this question until a judge has passed its gate, for which gold.jsonl lacks "
            f"{missing} with the role calibration. The scores here are only a machine's estimate, so a bound that is "
            "missed is no failure.",
            highlight=False,
        )
    for line in (*differences(outcomes), *baselines.advice(bundle, outcomes)):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def differences(outcomes: Sequence[baselines.Outcome]) -> Iterator[str]:
    """Says by how much the shown scores differ from one approach to the next, and whether chance may have done it."""
    scores = {outcome.file: outcome.score or 0.0 for outcome in outcomes}
    for low, high, _, p in baselines.steps(outcomes):
        tries = "fewer than 1" if p < HUNDREDTH else f"about {100 * p:.0f}"
        by_chance = f"Equally good attempts would differ this much on these rows in {tries} of 100 cases"
        yield f"{low} -> {high}: score {scores[high] - scores[low]:+.3f}. {by_chance} (paired test, p = {p:.2g})."


def _scores(outcome: baselines.Outcome) -> str:
    scores: list[float | None] = [*outcome.by_seed.values()] or [outcome.score]
    return ", ".join("-" if score is None else f"{score:.3f}" for score in scores)
