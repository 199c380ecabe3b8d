"""Stores what finished baselines gave on this machine, so that `gradus challenge test` runs nothing twice."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

from challenges import kinds
from challenges.bundle import Baseline, ChallengeBundle
from challenges.findings.digest import outcome_digest
from workers.authoring.baselines import Outcome
from workers.authoring.kept_runs import write_whole
from workers.engine.places import data_dir

FOLDER = "baselines"


class KeptOutcomes:
    """Stores each outcome in a private file (mode 0600) outside of any bundle, because it holds scores of hidden rows.

    A file is named by a digest of all that decides the outcome, except the engine. Texts, marks and bounds do not.
    Outcomes of answers in free text are not stored, because the judge decides them.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or data_dir() / FOLDER

    def get(self, bundle: ChallengeBundle, baseline: Baseline) -> Outcome | None:
        """The outcome, compared with the baseline's present bounds; None if it is not stored or the file is damaged."""
        try:
            data = json.loads(self._file(bundle, baseline).read_bytes())
            found = Outcome(**{**data, "rows": tuple(data["rows"])})
        except (OSError, ValueError, RecursionError, TypeError, KeyError):
            return None
        problem = baseline.ref.missed(found.score)
        return replace(found, file=baseline.ref.file, ok=not problem, problem=problem)

    def put(self, bundle: ChallengeBundle, baseline: Baseline, outcome: Outcome) -> None:
        """Stores an outcome that has a score and that no judge decided; it is on the disk when this returns."""
        if outcome.score is not None and not kinds.find(baseline.payload.kind).is_judged:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_whole(self._file(bundle, baseline), json.dumps(asdict(outcome)), private=True)

    def _file(self, bundle: ChallengeBundle, baseline: Baseline) -> Path:
        return self.folder / f"{outcome_digest(bundle, baseline)}.json"
