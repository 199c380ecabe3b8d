"""What a learner has written into the form of the kind `tune`."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from challenges.training_methods import LORA
from gradus.learn.kinds.base import Draft


@dataclass(frozen=True)
class TuneDraft(Draft):
    """`method` is what was chosen, perhaps none that there is, and `hyperparameters` are its settings.

    `data` are the training rows as they arrived; in `rows`, bytes that are not UTF-8 are shown as such.
    """

    method: str = LORA
    instructions: str = ""
    rows: str = ""
    data: bytes = b""
    hyperparameters: Mapping[str, str] = field(default_factory=dict)
