"""The author's starter rows in a learner's form: what they cost there, and with how many epochs they fit."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from challenges.check import training_steps
from challenges.lengths import row_tokens
from challenges.payloads import Hyperparameters
from challenges.spec import Challenge, Lora, TrainRow
from gradus.courses.models import ChallengeVersion
from gradus.learn import forms, knobs
from gradus.submissions.services import Refused
from gradus.submissions.services.payload import counter

EPOCHS = "num_train_epochs"


@dataclass(frozen=True)
class Cost:
    """What training on the starter rows takes. `most` is the number of epochs that fits at most, `asked` the choice."""

    rows: int
    epochs: int
    asked: int
    most: int
    tokens: int
    tokens_max: int

    @property
    def lowered(self) -> bool:
        return self.epochs < self.asked

    @property
    def fits(self) -> bool:
        return self.epochs <= self.most


def text_of(version: ChallengeVersion) -> str:
    return forms.json_lines(version.train)


def would_overwrite(version: ChallengeVersion, draft: forms.Draft) -> int:
    """How many lines of the learner's own the starter rows would take the place of."""
    if draft.rows.strip() == text_of(version).strip():
        return 0
    return sum(bool(line.strip()) for line in draft.rows.splitlines())


def put_in(version: ChallengeVersion, draft: forms.Draft) -> tuple[forms.Draft, Cost]:
    """The starter rows in `draft`, with as many of the chosen epochs as the challenge's limits allow (at least one)."""
    spec = version.parsed
    chosen = _chosen(spec, draft)
    cost = _cost(spec, version.train, draft.instructions, chosen)
    epochs = {**draft.hyperparameters, EPOCHS: knobs.shown(cost.epochs)}
    return replace(forms.with_rows(draft, version.train), hyperparameters=epochs), cost


def _chosen(spec: Challenge, draft: forms.Draft) -> dict[str, Any]:
    """The form's hyper-parameters; the author's where one of them is not a number, which Run and Submit will say."""
    try:
        return knobs.numbers(draft.hyperparameters)
    except Refused:
        return knobs.starting(spec)


def _cost(spec: Challenge, train: list[dict[str, Any]], instructions: str, chosen: Mapping[str, Any]) -> Cost:
    lora = spec.lora or Lora()
    rows = [TrainRow.model_validate(row) for row in train]
    # Instructions that are too long are refused in any case, and are not worth the time to count them.
    shared = instructions if len(instructions) <= spec.limits.instructions_chars else ""
    tokens = sum(row_tokens(spec, counter(spec), shared, rows))
    steps = training_steps(len(rows), Hyperparameters(**{**chosen, EPOCHS: 1}))
    most = min(lora.tokens_max // max(tokens, 1), lora.steps_max // max(steps, 1))
    least, highest = lora.knobs.num_train_epochs
    asked = min(chosen[EPOCHS], highest)
    epochs = max(least, min(asked, most))
    return Cost(len(rows), epochs, asked, most, tokens * epochs, lora.tokens_max)
