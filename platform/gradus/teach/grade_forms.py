"""The forms of the gradebook: which learners it shows, what is set in a cell, and what challenges are worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from gradus.classes.changes import version_of
from gradus.classes.models import REASON_CHARS, Class, Label
from gradus.courses.models import Challenge
from gradus.gradebook import services
from gradus.gradebook.queries import PAGE, SIZES, Wanted
from gradus.gradebook.table import Column
from gradus.teach.forms import ServiceForm, text

SEARCH_CHARS = 100
FOR_STAFF = _(
    "For people who see the gradebook. Learners never read it, only that a person set the grade: tell them yourself "
    "what they should know."
)


class FilterForm(forms.Form):
    """Which learners the gradebook shows. What cannot be understood is left out, because an address may be old."""

    label = forms.ModelChoiceField(Label.objects.none(), label=_("Label"), empty_label=_("All"), required=False)
    search = text(
        _("Name, address or number"),
        SEARCH_CHARS,
        widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off"}),
    )
    left = forms.BooleanField(label=_("Also those who have left"), required=False)
    size = forms.TypedChoiceField(
        label=_("Learners on a page"),
        choices=[(one, one) for one in SIZES],
        coerce=int,
        required=False,
    )

    def __init__(self, of_class: Class, data: Any) -> None:
        super().__init__(data, auto_id="filter-%s")
        label = self.fields["label"]
        assert isinstance(label, forms.ModelChoiceField)
        label.queryset = of_class.labels.all()
        # Labels are the words of the people who teach, in whatever language.
        label.widget.attrs["lang"] = ""
        self.full_clean()
        # The paginator takes any text.
        self.page = data.get("page", "")

    @property
    def wanted(self) -> Wanted:
        label = self.cleaned_data.get("label")
        search, left = self.cleaned_data.get("search", ""), self.cleaned_data.get("left", False)
        return Wanted(label=label.pk if label else None, search=search, left=left)

    @property
    def page_size(self) -> int:
        return int(self.cleaned_data.get("size") or PAGE)


class OverrideForm(ServiceForm):
    value = text(_("Points"), 20, widget=forms.TextInput(attrs={"inputmode": "decimal"}))
    reason = text(
        _("Reason"),
        REASON_CHARS,
        help_text=FOR_STAFF,
        widget=forms.Textarea(attrs={"rows": 2}),
    )

    def __init__(self, data: Any = None) -> None:
        super().__init__(data, auto_id="override-%s")
        self.label_suffix = ""


class ExcuseForm(ServiceForm):
    """Excuses all who have a label from one challenge."""

    label = forms.ModelChoiceField(Label.objects.none(), label=_("Everybody with the label"))
    challenge = forms.ModelChoiceField(Challenge.objects.none(), label=_("from the challenge"))
    reason = text(_("Reason"), REASON_CHARS, required=True, help_text=FOR_STAFF)

    def __init__(self, of_class: Class, columns: Sequence[Column], data: Any = None) -> None:
        super().__init__(data, auto_id="excuse-%s")
        label, challenge = self.fields["label"], self.fields["challenge"]
        assert isinstance(label, forms.ModelChoiceField) and isinstance(challenge, forms.ModelChoiceField)
        label.queryset = of_class.labels.all()
        label.widget.attrs["lang"], challenge.widget.attrs["lang"] = "", "en"
        challenge.queryset = Challenge.objects.filter(pk__in=[one.challenge for one in columns])
        challenge.choices = [(one.challenge, one.title) for one in columns]


class WorthForm(ServiceForm):
    """A field for each challenge, named by its key.

    `changing` has how many grades that learners see the points of a challenge change, by the same key.
    """

    def __init__(self, columns: Sequence[Column], data: Any = None, *, changing: Mapping[int, int]) -> None:
        super().__init__(data, auto_id="worth-%s")
        for one in columns:
            count = changing.get(one.challenge, 0)
            said = ngettext("Changes %(count)d released grade.", "Changes %(count)d released grades.", count)
            self.fields[str(one.challenge)] = text(
                format_html('<span lang="en">{}</span>', one.title),
                20,
                required=True,
                initial=f"{one.worth.normalize():f}",
                help_text=said % {"count": count} if count else _("Changes no released grade."),
                widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
            )
        self.seen = version_of(services.worths_seen(columns))

    @property
    def given(self) -> dict[int, str]:
        return {int(name): self.data[name] for name in self.fields if name in self.data}
