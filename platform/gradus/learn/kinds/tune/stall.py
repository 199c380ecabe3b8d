"""Says that the loss of a training run has hardly moved, and which setting to change first.

A trial makes at most twenty steps, so what it measured is carried on to the steps of an attempt.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from challenges.kinds.tune import TunePayload, training_steps
from challenges.kinds.tune_keys import held_out, tune
from challenges.spec import Challenge
from gradus.learn.kinds.fields import shown
from gradus.learn.kinds.tune import knobs

RATE, BATCH, EPOCHS = "learning_rate", "per_device_train_batch_size", "num_train_epochs"
# A loss that an attempt lowers by less than this share has hardly moved.
MOVED = 0.05
# Batches differ, so that their mean at both ends is compared, of at most so many.
WINDOW = 5
# A model that is surprised by less than this, in nats for each token, had hardly anything to learn.
LEARNED = 0.1
ADVICE: dict[str, Promise] = {
    RATE: gettext_lazy("Raise the learning rate, which is %(value)s."),
    BATCH: gettext_lazy("Choose a smaller batch size than %(value)s, so that the same rows make more steps."),
    EPOCHS: gettext_lazy("Choose more epochs than %(value)s, so that the rows make more steps."),
}
LOWER = gettext_lazy("Lower the learning rate, which is %(value)s.")


@dataclass(frozen=True)
class Stall:
    """`first` and `last` are means of the training loss, in nats. `made` steps of the `planned` ones were made.

    `setting` is the name of the setting to change first, and `advice` says how.
    """

    first: float
    last: float
    made: int
    planned: int
    setting: str
    advice: str

    @property
    def is_trial(self) -> bool:
        return self.made < self.planned

    @property
    def has_risen(self) -> bool:
        return self.last > self.first * (1 + MOVED)


def stall_of(spec: Challenge, payload: Mapping[str, Any], points: Sequence[Mapping[str, Any]]) -> Stall | None:
    """What kept a run from learning, by its payload and the points of its loss; None where the loss fell."""
    losses = [float(loss) for point in points if isinstance(loss := point.get("train_loss"), int | float)]
    if len(losses) < 2 or not all(map(math.isfinite, losses)):
        return None
    first, last = _ends(losses)
    sent = TunePayload.model_validate(payload)
    planned = max(_planned(spec, sent), len(losses))
    if first < LEARNED or (first - last) / first * planned / len(losses) >= MOVED:
        return None
    has_risen = last > first * (1 + MOVED)
    setting = RATE if has_risen else _to_change(spec, sent)
    value = shown(getattr(sent.hyperparameters, setting))
    advice = (LOWER if has_risen else ADVICE[setting]) % {"value": value}
    return Stall(first, last, len(losses), planned, setting, advice)


def _ends(losses: Sequence[float]) -> tuple[float, float]:
    count = max(1, min(WINDOW, len(losses) // 2))
    return sum(losses[:count]) / count, sum(losses[-count:]) / count


def _planned(spec: Challenge, sent: TunePayload) -> int:
    trained, _ = held_out(tune(spec), sent.method, sent.rows)
    return training_steps(len(trained), sent.hyperparameters)


def _to_change(spec: Challenge, sent: TunePayload) -> str:
    """A rate below the method's usual one, else what makes more steps, as far as the challenge allows it."""
    allowed, chosen = tune(spec).knobs.of(sent.method), sent.hyperparameters
    if chosen.learning_rate < min(knobs.defaults(sent.method)[RATE], allowed[RATE][1]):
        return RATE
    if chosen.per_device_train_batch_size > min(allowed[BATCH]):
        return BATCH
    return EPOCHS if chosen.num_train_epochs < allowed[EPOCHS][1] else RATE
