"""Every training method on the tickets, three seeds each: `python -m benchmarks.tickets --json FILE`.

The challenge is *Turn e-mails into tickets* with its first 125 starter rows and its hidden set. DPO gets the same
e-mails: the chosen answer is the right ticket, the rejected one says the priority and category of another e-mail.
`--public` grades on public rows alone and is for choosing settings (`--rates`); hidden rows are for the settings that
were chosen. A call goes on where an earlier one with the same file stopped.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean, median
from typing import Any

import challenges
from benchmarks.figures import machines
from challenges import payloads
from challenges.bundle import ChallengeBundle
from challenges.kinds.tune_keys import Tune, TuneKeys
from challenges.payloads import Submitted
from challenges.reading import read_challenge
from challenges.rows import TrainRow
from challenges.training_methods import METHODS
from graders.base import Assignment, Grade
from graders.registry import grade
from workers.authoring.local_runner import own_runner
from workers.execute import execute
from workers.sandbox.supervisor import Runner

TICKETS = Path(challenges.__file__).parent / "library/fine-tuning-vs-prompting/email-to-ticket"
ADAPTER = {"r": 8, "lora_alpha": 16}
COMMON = {"num_train_epochs": 2, "per_device_train_batch_size": 8}
CHOSEN: dict[str, dict[str, Any]] = {
    "lora": {**ADAPTER, **COMMON, "learning_rate": 1e-3},
    "qlora": {**ADAPTER, **COMMON, "learning_rate": 1e-3},
    "full": {**COMMON, "learning_rate": 1e-4},
    "dpo": {**ADAPTER, **COMMON, "learning_rate": 1e-3, "beta": 0.1, "rpo_alpha": 1.0},
}
SEEDS = (17, 18, 19)
ROWS = 125
SECONDS = 3 * 60 * 60.0
HEADINGS = (
    "method",
    "settings",
    "rows",
    "score by seed",
    "mean",
    "trained share",
    "size, MB",
    "peak memory, GB",
    "training, s",
    "ms a request",
)


@dataclass(frozen=True)
class Run:
    """A training run with its score. `cost` was measured on public rows, and `training` while the model was trained."""

    machine: str
    method: str
    settings: dict[str, Any]
    seed: int
    public: bool
    score: float
    cost: dict[str, float]
    training: dict[str, float]

    @property
    def key(self) -> tuple[Any, ...]:
        return self.method, json.dumps(self.settings, sort_keys=True), self.seed, self.public


def variant(bundle: ChallengeBundle, method: str, seed: int) -> ChallengeBundle:
    """The tickets with a method that their challenge does not allow, over all rows."""
    rows = "preferences" if METHODS[method].compares else "pairs"
    section = Tune.model_validate({"methods": [method], "rows": rows, "hold_out_every": 0, "row_tokens_max": 512})
    challenge = bundle.challenge.with_keys("tune", TuneKeys(tune=section))
    return ChallengeBundle(
        challenge, bundle.statement, bundle.solution, bundle.public, bundle.hidden, bundle.train
    ).with_seed(seed)


def payload(bundle: ChallengeBundle, method: str, settings: dict[str, Any]) -> Submitted:
    rows = [(row.input, row.output) for row in bundle.train[:ROWS] if isinstance(row, TrainRow)]
    given = [{"input": mail, "output": ticket} for mail, ticket in rows]
    if METHODS[method].compares:
        given = [
            {
                "prompt": mail,
                "chosen": ticket,
                "rejected": mistaken(ticket, [other for _, other in rows[at + 1 :] + rows]),
            }
            for at, (mail, ticket) in enumerate(rows)
        ]
    return payloads.parse({"kind": "tune", "method": method, "rows": given, "hyperparameters": settings})


def mistaken(ticket: str, others: Sequence[str]) -> str:
    """The ticket with the priority and category of the first other one in which both differ."""
    fields = json.loads(ticket)
    for other in map(json.loads, others):
        if other["priority"] != fields["priority"] and other["category"] != fields["category"]:
            return json.dumps({**fields, "priority": other["priority"], "category": other["category"]})
    raise ValueError("no ticket differs in priority and category")


def run(bundle: ChallengeBundle, method: str, settings: dict[str, Any], seed: int, public: bool, runner: Runner) -> Run:
    changed = variant(bundle, method, seed)
    if public:
        changed = ChallengeBundle(changed.challenge, "", "", changed.public, changed.public, changed.train)
    submitted = payload(changed, method, settings)
    found: Grade = execute(
        grade(Assignment(changed, submitted, hidden=True)), runner, None, lambda event: None, lambda: False, SECONDS
    )
    assert found.score is not None
    return Run(machines.name(), method, settings, seed, public, found.score, found.cost, found.training)


def table(runs: Sequence[Run]) -> Iterator[str]:
    """Markdown: a line for each method and its settings."""
    yield f"| {' | '.join(HEADINGS)} |"
    yield f"|{' --- |' * len(HEADINGS)}"
    groups: dict[tuple[Any, ...], list[Run]] = {}
    for one in runs:
        groups.setdefault((one.method, one.key[1], one.public), []).append(one)
    for (method, _, public), ones in groups.items():
        ones.sort(key=lambda one: one.seed)
        first = ones[0]
        said = ", ".join(f"{name} {value:g}" for name, value in first.settings.items())
        cells = [
            METHODS[method].title,
            said,
            "public" if public else "hidden",
            ", ".join(f"{one.score:.3f}" for one in ones),
            f"{fmean(one.score for one in ones):.3f}",
            f"{first.training['trainable_share']:.2%}",
            f"{first.training['adapter_bytes'] / 1e6:.1f}",
            f"{median(one.training.get('peak_bytes', 0) for one in ones) / 1e9:.2f}",
            f"{median(one.training['seconds'] for one in ones):.0f}",
            f"{median(one.cost['ms'] for one in ones):.0f}",
        ]
        yield f"| {' | '.join(cells)} |"


def kept(file: Path | None) -> list[Run]:
    return [Run(**one) for one in json.loads(file.read_text())] if file and file.exists() else []


def main(argv: Sequence[str] | None = None) -> None:
    given = arguments(argv)
    bundle, runs = read_challenge(TICKETS), kept(given.json)
    done = {one.key for one in runs}
    runner = own_runner()
    try:
        for seed in given.seeds:
            for method in given.methods.split(","):
                for rate in given.rates or [CHOSEN[method]["learning_rate"]]:
                    settings = {**CHOSEN[method], "learning_rate": rate}
                    if (method, json.dumps(settings, sort_keys=True), seed, given.public) in done:
                        continue
                    runs.append(run(bundle, method, settings, seed, given.public, runner))
                    print(*list(table(runs[-1:]))[2:], flush=True)
                    if given.json:
                        given.json.write_text(json.dumps([asdict(one) for one in runs], indent=1) + "\n")
    finally:
        runner.close()
    print("\n".join(table(runs)))


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--methods", default=",".join(CHOSEN), help=f"some of {', '.join(METHODS)}, with commas")
    made.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    made.add_argument("--rates", type=float, nargs="+", help="learning rates to try in place of the chosen one")
    made.add_argument("--public", action="store_true", help="grade on public rows, to choose settings")
    made.add_argument("--json", type=Path, help="keeps each run in this file as soon as it has ended")
    return made.parse_args(argv)


if __name__ == "__main__":
    main()
