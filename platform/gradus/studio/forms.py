"""The forms of the studio."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from challenges.kinds import registry as kinds
from challenges.spec import SLUG, VERSION
from challenges.translation import translated
from gradus.courses.models import ID_CHARS
from gradus.teach.forms import SeenForm, ServiceForm, text

ID_HELP = _("Lower-case words joined by “-”, such as sea-or-sky.")


def an_id(label: Any) -> forms.RegexField:
    return forms.RegexField(
        SLUG,
        label=label,
        max_length=ID_CHARS,
        help_text=ID_HELP,
        error_messages={
            "invalid": _("An id is lower-case words (a to z and digits) joined by “-”, such as sea-or-sky.")
        },
    )


class CourseForm(ServiceForm):
    """A new course, which begins from the template."""

    course = an_id(_("Id of the course"))
    lesson = an_id(_("Id of its first lesson"))


class FileForm(SeenForm):
    """The text of a file. `text` keeps its white space, which means something in a file."""

    text = forms.CharField(
        label=_("Text"),
        required=False,
        strip=False,
        widget=forms.Textarea(
            attrs={"rows": 24, "lang": "", "spellcheck": "false", "class": "form-control font-monospace"}
        ),
    )

    def __init__(self, path: str, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        suffix = path.rpartition(".")[2]
        self.fields["text"].widget.attrs["data-editor"] = suffix if suffix in ("json", "jsonl") else "lines"


class AddForm(ServiceForm):
    """A challenge from its kind's template, a lesson, or a file with no content yet."""

    what = forms.ChoiceField(
        label=_("What"),
        choices=[("challenge", _("A challenge")), ("lesson", _("A lesson")), ("file", _("A file"))],
    )
    name = text(_("Id, or path of the file"), 400, required=True)
    lesson = forms.ChoiceField(label=_("In the lesson"), required=False)
    kind = forms.ChoiceField(label=_("Kind of the challenge"), required=False)
    labels = text(_("Labels, with commas between them"), 1000, help_text=_("Only where answers are labels."))

    def __init__(self, lessons: list[str], *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.fields["lesson"].choices = [(one, one) for one in lessons]  # type: ignore[attr-defined]
        known = [(one.name, translated(one.title)) for one in kinds.every() if one.scaffold]
        self.fields["kind"].choices = known  # type: ignore[attr-defined]


class ImportForm(ServiceForm):
    """A table whose rows become the public, hidden and training rows of a challenge."""

    table = forms.FileField(label=_("Table"), help_text=_("CSV, JSON Lines or JSON, of at most 5 MB."))
    challenge = forms.ChoiceField(label=_("For the challenge"))
    column = text(_("Column with the texts"), 200, required=True)
    label = text(_("Column with the answers"), 200, required=True)
    split = forms.RegexField(
        r"(0?\.\d+/){1,2}0?\.\d+",
        label=_("Shares of public, hidden and training rows"),
        required=False,
        help_text=_("Such as 0.2/0.6/0.2. Empty: as the kind of challenge usually has them."),
        error_messages={"invalid": _("Write shares such as 0.2/0.6/0.2, or 0.25/0.75 without training rows.")},
    )
    afresh = forms.BooleanField(
        label=_("Divide all rows again"),
        required=False,
        help_text=_("Without this, each present row stays in its part, so that no hidden row becomes public."),
    )

    def __init__(self, challenges: list[str], *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.fields["challenge"].choices = [(one, one) for one in challenges]  # type: ignore[attr-defined]


class UploadForm(SeenForm):
    """The folder of a course as a zip archive. `seen` is the digest of the draft that the person saw."""

    archive = forms.FileField(
        label=_("Zip of the folder of the course"),
        help_text=_("At most 6 MB. Leave out what is larger, such as files of adapters."),
    )
    note = text(_("What changes"), 300, help_text=_("For your colleagues; learners do not see it."))


class TryForm(ServiceForm):
    """A submission that is run on public rows: a baseline, or what was typed in the form of one."""

    baseline = forms.ChoiceField(label=_("Submission"), required=False)
    text = forms.CharField(
        label=_("Your own, in YAML"),
        required=False,
        strip=False,
        max_length=200_000,
        help_text=_("As in the file of a baseline: “kind: prompt”, then “instructions”, for example."),
        widget=forms.Textarea(attrs={"rows": 10, "spellcheck": "false", "class": "form-control font-monospace"}),
    )

    def __init__(self, baselines: list[str], *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        choices = [*((one, one) for one in baselines), ("", _("What is written below"))]
        self.fields["baseline"].choices = choices  # type: ignore[attr-defined]


class RowForm(SeenForm):
    """One row of a file of rows, as JSON. `number` is its line, or empty for a new one."""

    number = forms.IntegerField(min_value=1, required=False, widget=forms.HiddenInput)
    row = forms.CharField(
        label=_("Row, as JSON"),
        strip=False,
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false", "data-editor": "json"}),
    )


class EarlierForm(ServiceForm):
    """The earlier version that becomes a draft."""

    version = forms.RegexField(
        VERSION,
        label=_("Earlier version"),
        max_length=20,
        error_messages={"invalid": _("A version is three numbers with dots between them, such as 1.0.0.")},
    )


class NoteForm(ServiceForm):
    note = text(_("What was changed"), 300, help_text=_("For your colleagues; learners do not see it."))
