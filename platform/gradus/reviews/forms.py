from collections.abc import Iterator
from typing import Any

from django import forms

from challenges.spec import Challenge, Criterion
from gradus.reviews.evidence import Line

NAMES = {"met": "Met", "partial": "Half", "not_met": "Not met"}


class DecisionForm(forms.Form):
    """One choice per criterion, preset with the machine's mark, and why."""

    reason = forms.CharField(
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="For staff; the learner sees your marks, not this.",
    )

    def __init__(self, challenge: Challenge, lines: list[Line], data: Any = None) -> None:
        super().__init__(data)
        self.lines = lines
        for line in lines:
            self.fields[field_of(line.criterion)] = forms.ChoiceField(
                label=line.criterion.label,
                choices=choices(line.criterion),
                widget=forms.RadioSelect,
                initial=line.mark if line.mark in NAMES else None,
            )

    def rows(self) -> Iterator[tuple[Line, forms.BoundField]]:
        """Each criterion beside its field."""
        for line in self.lines:
            yield line, self[field_of(line.criterion)]

    def marks(self) -> dict[str, str]:
        """Of a valid form, by criterion id."""
        return {line.criterion.id: self.cleaned_data[field_of(line.criterion)] for line in self.lines}


def field_of(criterion: Criterion) -> str:
    return f"mark-{criterion.id}"


def choices(criterion: Criterion) -> list[tuple[str, str]]:
    return [(mark, name) for mark, name in NAMES.items() if mark != "partial" or criterion.partial != "none"]


def machine_data(lines: list[Line], reason: str) -> dict[str, str]:
    """What the form would hold if the machine's marks were chosen."""
    return {"reason": reason, **{field_of(line.criterion): line.mark for line in lines}}
