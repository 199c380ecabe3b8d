"""The forms of a review: a mark for each criterion, and the use of a gold row."""

from collections.abc import Iterator
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from challenges import marks as table
from challenges.kinds.rubric import Criterion
from gradus.reviews.evidence import Case, Line
from gradus.reviews.models import COMMENT_CHARS, GoldRow
from gradus.validators import allowed_characters

NAMES = {"met": _("Met"), "partial": _("Half"), "not_met": _("Not met")}


class DecisionForm(forms.Form):
    """A mark for each criterion, a comment and a reason.

    The blind marks are chosen in advance, or the machine's if they are visible.
    """

    reason = forms.CharField(
        label=_("Reason"),
        required=False,
        max_length=2000,
        validators=[allowed_characters],
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Only staff can read this. It is required if you lower a final grade."),
    )

    comment = forms.CharField(
        label=_("Comment for the learner"),
        required=False,
        max_length=COMMENT_CHARS,
        validators=[allowed_characters],
        widget=forms.Textarea(attrs={"rows": 3, "data-snippets-into": ""}),
        help_text=_("The learner reads it with the marks. It cannot be changed afterwards."),
    )

    def __init__(self, case: Case, data: Any = None, *, auto_id: str = "id_%s", comment: str = "") -> None:
        super().__init__(data, auto_id=auto_id, initial={"comment": comment})
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
        """Yields each criterion with its field."""
        for line in self.lines:
            yield line, self[field_of(line.criterion)]

    def marks(self) -> dict[str, str]:
        """Returns the marks of a valid form by the criterion's id."""
        return {line.criterion.id: self.cleaned_data[field_of(line.criterion)] for line in self.lines}


class GoldForm(forms.Form):
    """The use of a gold row."""

    role = forms.ChoiceField(
        label=_("Use"),
        choices=[
            (GoldRow.Role.CALIBRATION, _("Calibration: it measures how well a judge agrees with people")),
            (GoldRow.Role.PROMPT, _("Prompt: it is an example that the judge sees")),
            (GoldRow.Role.TEST, _("Test: it is used for neither of the two, so it can check both")),
        ],
    )


def field_of(criterion: Criterion) -> str:
    return f"mark-{criterion.id}"


def machine_data(case: Case, reason: str, comment: str) -> dict[str, str]:
    """Returns the data of a form in which the machine's marks are chosen."""
    return {"reason": reason, "comment": comment, **{field_of(line.criterion): line.mark for line in case.lines}}
