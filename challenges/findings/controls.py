"""The controls that a sceptic asks for: what a plainer method makes of the rows with which an arm trains.

A control is an arm of a finding and no kind of challenge: learners cannot submit it.
"""

from __future__ import annotations

from challenges.bundle import ChallengeBundle
from challenges.findings.spec import Control
from challenges.kinds.tune import Hyperparameters, TunePayload
from challenges.kinds.tune_keys import held_out, tune
from challenges.payloads import Submitted
from challenges.rows import PreferenceRow, TrainRow
from challenges.spec import Challenge, Label
from challenges.training_methods import LORA, PREFERENCE
from challenges.translation import gettext_noop

LINEAR: Control = "linear"
SFT: Control = "sft"
TITLES = {
    LINEAR: gettext_noop("Embeddings and logistic regression"),
    SFT: gettext_noop("Fine-tuning on the chosen answers"),
}

# The inverse strengths of the penalty among which cross-validation chooses, from the strongest penalty on, and its
# number of folds. Changing one makes the records stale.
INVERSE_STRENGTHS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
FOLDS = 5


def public_rows(bundle: ChallengeBundle) -> TunePayload | None:
    """The rows that a challenge shows to everybody: its training rows, or its public ones if it has none.

    None where these are no inputs with outputs.
    """
    public = [TrainRow(input=one.input, output=one.target) for one in bundle.public if isinstance(one.target, str)]
    rows = bundle.train or public
    return TunePayload(rows=tuple(rows)) if rows and all(isinstance(row, TrainRow) for row in rows) else None


def chosen_alone(challenge: Challenge, payload: TunePayload) -> TunePayload:
    """The training run on the chosen answers of those preferences that DPO would be trained on, with its settings."""
    trained, _ = held_out(tune(challenge), payload.method, payload.rows)
    rows = [TrainRow(input=row.prompt, output=row.chosen) for row in trained if isinstance(row, PreferenceRow)]
    settings = payload.hyperparameters.model_dump(exclude=set(PREFERENCE))
    return payload.model_copy(
        update={"method": LORA, "rows": tuple(rows), "hyperparameters": Hyperparameters(**settings)}
    )


def refusal(control: Control, payload: Submitted, challenge: Challenge) -> tuple[str, str] | None:
    """Why a control can do nothing with a payload, and how to mend it; None if it can."""
    rows = payload.rows if isinstance(payload, TunePayload) else ()
    if control == SFT:
        if rows and all(isinstance(row, PreferenceRow) for row in rows):
            return None
        return "has no preferences, so there are no chosen answers to train on", "name a file with preferences"
    answer = challenge.answer
    if not isinstance(answer, Label):
        return "needs labels, and the answers here are none", "compare it on a challenge whose answer is a label"
    outputs = {row.output for row in rows if isinstance(row, TrainRow)}
    if len(outputs) < 2 or not all(isinstance(row, TrainRow) for row in rows):
        return "needs training rows of at least two labels", "name a file with such rows"
    if unknown := sorted(outputs - set(answer.labels)):
        return f"has rows whose output is no label, such as `{unknown[0][:40]}`", "correct these rows"
    return None
