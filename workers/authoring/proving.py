"""Runs the experiments of a lesson's findings and writes their records."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from challenges.bundle import ChallengeBundle
from challenges.files.writing import write_whole
from challenges.findings.controls import SFT, chosen_alone
from challenges.findings.digest import finding_digest, run_digest
from challenges.findings.runs import Arms, Repetition, experiment_runs
from challenges.findings.spec import Finding, FindingRecord, Records, dump_records
from challenges.kinds.tune import TunePayload
from challenges.reading import GatheredLesson
from challenges.rows import TrainRow
from graders import linear
from graders.base import Grade, Rejected
from graders.findings import Outputs, Run, experiment_record, outputs_of
from workers.authoring.baselines import carried_out, graded
from workers.authoring.kept import KeptRuns
from workers.authoring.measured import machine
from workers.execute import Running
from workers.sandbox.supervisor import RunnerDied, RunnerFailed, RunnerTimeout

OnEvent = Callable[[dict[str, Any]], None]


def _graded(repetition: Repetition, runner: Running, on_event: OnEvent) -> Grade:
    """Grades a repetition on public and hidden rows: its submission, or what its control makes of the rows."""
    bundle, payload = repetition.bundle, repetition.payload
    if repetition.control is None:
        return graded(bundle, payload, runner, None, on_event=on_event)
    assert isinstance(payload, TunePayload)
    if repetition.control == SFT:
        return graded(bundle, chosen_alone(bundle.challenge, payload), runner, None, on_event=on_event)
    rows = [row for row in payload.rows if isinstance(row, TrainRow)]
    return carried_out(linear.grade(bundle, rows, repetition.seed), bundle, payload, runner, None, on_event)


class NoResult(Exception):
    """A run ended without outputs. The message names the run and the reason."""


@dataclass
class Prover:
    """Proves the findings of one lesson. `kept` holds the outputs of earlier runs, also of unfinished experiments."""

    folder: Path
    bundles: Mapping[str, ChallengeBundle]
    arms: Arms
    records: Records
    kept: KeptRuns = field(default_factory=KeptRuns)

    @classmethod
    def of(cls, folder: Path, gathered: GatheredLesson) -> Prover:
        """The prover of the lesson in `folder`, without the challenges that cannot be read."""
        bundles = {name: bundle for name, bundle in gathered.challenges if bundle is not None}
        return cls(folder, bundles, gathered.arms, gathered.records)

    def is_fresh(self, finding: Finding) -> bool:
        """Whether the record belongs to the present content. False if a challenge or an arm cannot be read."""
        record = self.records.findings.get(finding.id)
        try:
            return record is not None and record.digest == finding_digest(finding, self.bundles, self.arms)
        except KeyError:
            return False

    def runs(self, finding: Finding) -> list[Repetition]:
        """All runs of a finding, without duplicates."""
        return list({run_digest(run): run for run in self._repetitions(finding)}.values())

    def _repetitions(self, finding: Finding) -> Iterator[Repetition]:
        for experiment in finding.experiments:
            for runs_of_arms in experiment_runs(experiment, self.bundles[experiment.challenge], self.arms).values():
                yield from runs_of_arms

    def missing(self, finding: Finding) -> list[Repetition]:
        """The runs whose outputs are not stored yet."""
        return [run for run in self.runs(finding) if self.kept.get(run) is None]

    def forget(self, finding: Finding) -> None:
        """Deletes the record and the stored runs, so that all runs are repeated, even after an interruption."""
        for run in self.runs(finding):
            self.kept.forget(run)
        self._write({name: one for name, one in self.records.findings.items() if name != finding.id})

    def run(self, repetition: Repetition, runner: Running, on_event: OnEvent) -> None:
        """Runs one repetition and stores its outputs. Raises `NoResult`."""
        where = f"the run {repetition.arm}, {repetition.name} on {repetition.bundle.challenge.id} gave no result"
        try:
            grade = _graded(repetition, runner, on_event)
        except Rejected as rejected:
            raise NoResult(f"{where} (rejected: {rejected.code})") from rejected
        except (RunnerDied, RunnerFailed) as error:
            raise NoResult(f"{where} ({error})") from error
        except RunnerTimeout as error:
            raise NoResult("it took far longer than the challenge's limits allow") from error
        self.kept.put(repetition, outputs_of(grade, repetition.bundle.challenge))

    def record(self, finding: Finding, known: set[str]) -> FindingRecord:
        """Computes and writes the record of a finding whose runs are all stored.

        `known` are the ids of all findings of the lesson; records of others are deleted. Raises `NoResult`.
        """
        record = FindingRecord(
            digest=finding_digest(finding, self.bundles, self.arms),
            machine=machine(),
            day=f"{datetime.now(UTC):%Y-%m-%d}",
            experiments=tuple(
                experiment_record(finding, experiment, self._with_outputs(finding, experiment.challenge, n))
                for n, experiment in enumerate(finding.experiments)
            ),
        )
        others = {name: one for name, one in self.records.findings.items() if name in known}
        self._write({**others, finding.id: record})
        return record

    def _with_outputs(self, finding: Finding, challenge: str, number: int) -> dict[str, list[Run]]:
        runs_of_arms = experiment_runs(finding.experiments[number], self.bundles[challenge], self.arms)
        return {arm: [Run(one, self._outputs(one)) for one in runs] for arm, runs in runs_of_arms.items()}

    def _outputs(self, repetition: Repetition) -> Outputs:
        outputs = self.kept.get(repetition)
        if outputs is None:
            raise NoResult(f"the stored outputs of the run {repetition.arm}, {repetition.name} are gone")
        return outputs

    def _write(self, findings: dict[str, FindingRecord]) -> None:
        self.records = Records(findings=dict(sorted(findings.items())))
        text = json.dumps(dump_records(self.records), indent=2, ensure_ascii=False, allow_nan=False)
        write_whole(self.folder / "findings.json", f"{text}\n".encode())
