"""What lint asks of the labels. As long as one of them is wrong, lint says nothing of rows that do not fit them."""

from __future__ import annotations

from collections.abc import Iterator

from challenges.characters import unwanted
from challenges.spec import Answer, Label
from challenges.texts import normal


def faults(answer: Label) -> Iterator[tuple[int, str, str]]:
    """What is wrong with each label and how to fix it, with its place in the list."""
    for index, label in enumerate(answer.labels):
        if label != label.strip():
            yield index, f"the label `{label}` has a space around it, such as a no-break space", "remove the space"
        elif (character := unwanted(label, unseen=True)) is not None:
            yield index, f"a label holds the unseen character {character}", "remove it"
        elif normal(label) in map(normal, answer.labels[:index]):
            fix = "remove one, or rename it: capitals, spaces and punctuation do not tell labels apart"
            yield index, f"the label `{label}` stands twice", fix


def are_usable(answer: Answer | None) -> bool:
    """Whether rows can be compared with the labels; True where the answer has none."""
    return not isinstance(answer, Label) or not any(faults(answer))
