"""The form in which anybody can have a receipt checked: pasted, or as a file."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from gradus.receipts import services, signing
from gradus.receipts.statement import Statement, statement
from gradus.validators import allowed_characters

# A receipt has less than 2,000 characters.
MOST = 20_000


class ReceiptForm(forms.Form):
    """A form that is valid has a receipt of this site; `statement` holds what it states."""

    text = forms.CharField(
        label=_("The receipt"),
        help_text=_("Paste all that is in the file."),
        required=False,
        max_length=MOST,
        validators=[allowed_characters],
        widget=forms.Textarea(attrs={"rows": 8, "class": "mono", "spellcheck": "false", "lang": ""}),
    )
    file = forms.FileField(
        label=_("Or its file"), required=False, widget=forms.FileInput(attrs={"accept": ".json,application/json"})
    )
    statement: Statement

    def clean(self) -> dict[str, Any]:
        """Adds each problem beside the field that it is about, which gets the focus."""
        if not self.errors:
            self._check(self.cleaned_data["file"], self.cleaned_data["text"])
        for name in list(self.errors)[:1]:
            self.fields[name].widget.attrs["autofocus"] = True
        return self.cleaned_data

    def _check(self, file: UploadedFile[bytes] | None, text: str) -> None:
        field = "file" if file else "text"
        if file and (file.size or 0) > MOST:
            self.add_error(field, gettext("This file is too large for a receipt. Choose the file that you got."))
        elif not file and not text:
            self.add_error(field, gettext("Paste a receipt, or choose its file."))
        else:
            self._read(field, file.read() if file else text.encode())

    def _read(self, field: str, data: bytes) -> None:
        try:
            self.statement = statement(services.verified(signing.parsed(data)))
        except signing.NotValid as problem:
            self.add_error(field, str(problem))
        except ValueError:
            said = gettext("This is not JSON that can be read. Give the whole file, from the first brace to the last.")
            self.add_error(field, said)
