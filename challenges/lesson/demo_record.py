"""The recorded answers of a lesson's demo to its first example: the entry `demo` in `measured.json`.

`gradus challenge demo --record` writes it, so that a page can show a real answer without asking the model.
"""

from pydantic import Field

from challenges.spec import Share, Spec


class PanelRecord(Spec):
    """`tokens` is the length of the prompt that the model read; `probabilities` are as the model gave them."""

    tokens: float = Field(ge=0)
    probabilities: dict[str, Share] = Field(min_length=2)


class DemoRecord(Spec):
    """`reads` are the tokens of `input`, which joined give it; `digest` changes with all that decides the answers."""

    digest: str
    input: str
    reads: tuple[str, ...]
    machine: str
    panels: dict[str, PanelRecord]
