"""What a learner has written into the form of the kind `tune`."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gradus.learn.kinds.base import Draft


@dataclass(frozen=True)
class TuneDraft(Draft):
    """`data` are the training rows as they arrived; in `rows`, bytes that are not UTF-8 are shown as such."""

    instructions: str = ""
    rows: str = ""
    data: bytes = b""
    hyperparameters: Mapping[str, str] = field(default_factory=dict)
