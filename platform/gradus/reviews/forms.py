from collections.abc import Iterator
from typing import Any

from django import forms

from challenges import marks as table
from challenges.kinds.rubric import Criterion
from gradus.reviews.evidence import Case, Line
from gradus.reviews.models import GoldRow
from gradus.validators import allowed_characters

NAMES = {"met": "Met", "partial": "Half", "not_met": "Not met"}


class DecisionForm(forms.Form):
    """One choice per criterion and why; preset with the blind marks, else with the machine's where they may show."""

    reason = forms.CharField(
        required=False,
        max_length=2000,
        validators=[allowed_characters],
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="For staff; the learner sees your marks, not this. Needed where a final grade goes down.",
    )

    def __init__(self, case: Case, data: Any = None) -> None:
        super().__init__(data)
        self.lines = case.lines
        own = case.review.blind_marks or {}
        for line in case.lines:
            allowed = table.allowed(line.criterion)
            preset = own.get(line.criterion.id, line.mark)
            self.fields[field_of(line.criterion)] = forms.ChoiceField(
                label=line.criterion.label,
                choices=[(mark, NAMES[mark]) for mark in allowed],
                widget=forms.RadioSelect,
                initial=preset if preset in allowed else None,
            )

    def rows(self) -> Iterator[tuple[Line, forms.BoundField]]:
        """Each criterion beside its field."""
        for line in self.lines:
            yield line, self[field_of(line.criterion)]

    def marks(self) -> dict[str, str]:
        """Of a valid form, by criterion id."""
        return {line.criterion.id: self.cleaned_data[field_of(line.criterion)] for line in self.lines}


class GoldForm(forms.Form):
    """What a gold row will be used for."""

    role = forms.ChoiceField(
        choices=[
            (GoldRow.Role.CALIBRATION, "calibration: to measure the grader"),
            (GoldRow.Role.PROMPT, "prompt: an example for the judge"),
            (GoldRow.Role.TEST, "test: kept apart from both"),
        ]
    )


def field_of(criterion: Criterion) -> str:
    return f"mark-{criterion.id}"


def machine_data(case: Case, reason: str) -> dict[str, str]:
    """What the form would hold if the machine's marks were chosen."""
    return {"reason": reason, **{field_of(line.criterion): line.mark for line in case.lines}}
