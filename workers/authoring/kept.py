"""Stores on this machine what `gradus challenge prove` and `gradus challenge test` ran, so that they run it once."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, get_args

from challenges.bundle import Baseline, ChallengeBundle
from challenges.files.writing import write_whole
from challenges.findings.digest import outcome_digest, run_digest
from challenges.findings.runs import Repetition
from challenges.findings.spec import CostName
from challenges.kinds import registry as kinds
from challenges.metrics import metrics
from graders.findings import Outputs
from workers.authoring.baselines import Outcome
from workers.engine.model_files import data_dir

RUNS, OUTCOMES = "findings", "baselines"
"""Folders of the data folder."""
PRIVATE = 0o600
SCORES = ("public_scores", "hidden_scores")


class KeptRuns:
    """Stores each run in a private file (mode 0600) outside of any bundle, because it holds outputs on hidden rows.

    A file is named by a digest of everything that determines the outputs. It is written completely or not at all.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or data_dir() / RUNS

    def get(self, repetition: Repetition) -> Outputs | None:
        """The outputs of the run, or None if they are not stored or the file is damaged."""
        try:
            data = json.loads(self._file(repetition).read_bytes())
        except (OSError, ValueError, RecursionError):
            return None
        bundle = repetition.bundle
        public, hidden = (_texts(data, name) for name in ("public", "hidden"))
        if len(public) != len(bundle.public) or len(hidden) != len(bundle.hidden):
            return None
        scores, cost = [_scores(data, name) for name in SCORES], _cost(data)
        if metrics()[bundle.challenge.metric.name].of_documents:
            whole = list(map(len, scores)) == [len(public), len(hidden)]
            return Outputs(public, hidden, scores[0], scores[1], cost) if whole else None
        return Outputs(public, hidden, cost=cost)

    def put(self, repetition: Repetition, outputs: Outputs) -> None:
        """Stores the outputs of a finished run; they are on the disk when this returns."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        text = json.dumps({name: kept for name, kept in asdict(outputs).items() if kept}, ensure_ascii=False)
        write_whole(self._file(repetition), text.encode(), mode=PRIVATE)

    def forget(self, repetition: Repetition) -> None:
        """Deletes the outputs of the run, if they are stored."""
        self._file(repetition).unlink(missing_ok=True)

    def _file(self, repetition: Repetition) -> Path:
        return self.folder / f"{run_digest(repetition)}.json"


def _texts(data: Any, name: str) -> tuple[str, ...]:
    texts = data.get(name) if isinstance(data, dict) else None
    return tuple(texts) if isinstance(texts, list) and all(isinstance(text, str) for text in texts) else ()


def _scores(data: Any, name: str) -> tuple[float, ...]:
    scores = data.get(name) if isinstance(data, dict) else None
    return tuple(scores) if isinstance(scores, list) and all(isinstance(one, float) for one in scores) else ()


def _cost(data: Any) -> dict[CostName, float]:
    """What a run took; empty for runs that were stored before it was kept."""
    cost = data.get("cost") if isinstance(data, dict) else None
    known = cost if isinstance(cost, dict) else {}
    return {name: known[name] for name in get_args(CostName) if isinstance(known.get(name), float)}


class KeptOutcomes:
    """Stores each outcome in a private file (mode 0600) outside of any bundle, because it holds scores of hidden rows.

    A file is named by a digest of all that decides the outcome, except the engine. Texts, marks and bounds do not.
    Outcomes of answers in free text are not stored, because the judge decides them.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or data_dir() / OUTCOMES

    def get(self, bundle: ChallengeBundle, baseline: Baseline) -> Outcome | None:
        """The outcome, compared with the baseline's present bounds; None if it is not stored or the file is damaged."""
        try:
            data = json.loads(self._file(bundle, baseline).read_bytes())
            outcome = Outcome(**{**data, "rows": tuple(data["rows"])})
        except (OSError, ValueError, RecursionError, TypeError, KeyError):
            return None
        problem = baseline.ref.missed(outcome.score)
        return replace(outcome, file=baseline.ref.file, ok=not problem, problem=problem)

    def put(self, bundle: ChallengeBundle, baseline: Baseline, outcome: Outcome) -> None:
        """Stores an outcome that has a score and that no judge decided; it is on the disk when this returns."""
        if outcome.score is not None and not kinds.find(baseline.payload.kind).is_judged:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_whole(self._file(bundle, baseline), json.dumps(asdict(outcome)).encode(), mode=PRIVATE)

    def _file(self, bundle: ChallengeBundle, baseline: Baseline) -> Path:
        return self.folder / f"{outcome_digest(bundle, baseline)}.json"
