"""The forms with which people who teach a class give a roster, and add one person by hand."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from challenges.characters import cleaned
from gradus.accounts.addresses import EMAIL_CHARS
from gradus.classes.class_roles import NAMES
from gradus.classes.models import NAME_CHARS
from gradus.classes.roster.faults import UnreadableRoster
from gradus.classes.roster.people import LABELS_CHARS, Roster, parse
from gradus.classes.roster.reading import BYTES_MAX, ENCODINGS, decoded, read
from gradus.refusal import Refused
from gradus.teach.class_forms import ROLES
from gradus.teach.forms import ServiceForm, text
from gradus.validators import allowed_characters

# The fields of which one says who the person is.
IDENTIFYING = ("email", "registrationnumber", "login")
# Where a fault of the whole file stands that another field can mend.
FIELDS = {"bad_domain": "domain", "wrong_encoding": "encoding"}


class RosterForm(forms.Form):
    """A form that is valid has a `roster`. `seen` names the preview that is applied; it is empty for a preview."""

    file = forms.FileField(
        label=_("A file"),
        required=False,
        allow_empty_file=True,
        widget=forms.FileInput(attrs={"accept": ".csv,.tsv,.txt,text/csv"}),
    )
    encoding = forms.ChoiceField(
        label=_("The encoding of the file"),
        help_text=_("Choose one if the preview shows letters such as ä, é or ł wrongly."),
        required=False,
        choices=[("", _("As the file says")), *ENCODINGS.items()],
    )
    text = forms.CharField(
        label=_("Or its text"),
        help_text=_("Paste the cells as your spreadsheet copies them, or a list of email addresses, one in each line."),
        required=False,
        strip=False,
        max_length=BYTES_MAX,
        validators=[allowed_characters],
        widget=forms.Textarea(attrs={"rows": 6, "class": "mono", "spellcheck": "false", "lang": ""}),
    )
    domain = forms.CharField(
        label=_("The domain of logins"),
        help_text=_("If the table has no email addresses: with example.org, the login anna is anna@example.org."),
        required=False,
        max_length=253,
        validators=[allowed_characters],
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
    )
    sync = forms.BooleanField(
        label=_("Also remove learners who are not in the roster"),
        help_text=_("Their work, grades and extensions stay, and come back with them. People who teach stay."),
        required=False,
    )
    seen = forms.RegexField("^[0-9a-f]{64}$", required=False, widget=forms.HiddenInput)
    roster: Roster
    sent = ""
    rows: dict[int, list[str]] = {}

    def clean(self) -> dict[str, Any]:
        """Reads the roster. `sent` is its text, without what a page cannot hold."""
        if not self.errors:
            file, pasted = self.cleaned_data["file"], self.cleaned_data["text"]
            try:
                data = file.read() if file else pasted.encode()
                encoding = self.cleaned_data["encoding"] if file else ""
                self.roster = parse(data, self.cleaned_data["domain"], encoding)
                self.sent = cleaned(decoded(data, encoding)[1])
                self.rows = dict(read(data, encoding).rows)
            except UnreadableRoster as refused:
                for fault in refused.faults:
                    field = FIELDS.get(fault.code) or ("file" if file or not pasted else "text")
                    self.add_error(field, _said(fault.row, str(fault)))
        return self.cleaned_data


def _said(row: int | None, message: str) -> str:
    return message if row is None else gettext("Row %(row)d: %(message)s") % {"row": row, "message": message}


class PersonForm(ServiceForm):
    """One person, by the headings of a roster."""

    email = text(
        _("Email address"),
        EMAIL_CHARS,
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
        help_text=_("Needed for somebody who is new. For somebody in the class, a login or number is enough."),
    )
    firstname = text(_("First name"), NAME_CHARS)
    lastname = text(_("Last name"), NAME_CHARS)
    registrationnumber = text(_("Registration number"), NAME_CHARS)
    login = text(_("Login"), NAME_CHARS)
    labels = text(_("Labels"), LABELS_CHARS, help_text=_("With commas, such as: Section 1, Extra time"))
    role = forms.ChoiceField(label=_("Role"), choices=[(NAMES[level], name) for level, name in ROLES])

    def __init__(self, data: Any = None) -> None:
        super().__init__(data, auto_id="person-%s")

    def clean(self) -> dict[str, Any]:
        if not self.errors and not any(self.cleaned_data[name] for name in IDENTIFYING):
            self.add_error("email", gettext("Write the email address of this person."))
        return self.cleaned_data

    def refuse(self, refused: Refused) -> None:
        if [problem["code"] for problem in refused.problems or ()] == ["not_found"]:
            said = gettext(
                "Nobody in the class has this login or number. To add somebody new, write the email address."
            )
            self.add_error("email", said)
        else:
            super().refuse(refused)
