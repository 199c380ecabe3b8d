"""The forms with which operators register learning platforms, and say which class a course of one is."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from gradus.classes.models import Class
from gradus.lti.models import ID_CHARS, TITLE_CHARS, URL_CHARS, Context, Platform
from gradus.teach.forms import ServiceForm, text
from gradus.teach.widgets import NamesSelect


def _address(label: Any, help_text: Any) -> forms.CharField:
    attributes = {"inputmode": "url", "autocomplete": "off", "spellcheck": "false"}
    return text(label, URL_CHARS, required=True, help_text=help_text, widget=forms.TextInput(attrs=attributes))


class AddressesForm(ServiceForm):
    """What can be changed later."""

    title = text(
        _("Name"), TITLE_CHARS, required=True, help_text=_("As people call it, such as “Moodle of the faculty”.")
    )
    auth_url = _address(
        _("Authentication request URL"), _("Canvas and Open edX also call it the OIDC authorization URL.")
    )
    token_url = _address(_("Access token URL"), _("This site asks there before it sends grades."))
    keys_url = _address(_("Public keyset URL"), _("Also called JWKS URL. It is asked for at once."))
    hosts = text(
        _("More hosts of its services"),
        URL_CHARS,
        help_text=_("Where grades go to a host that is in none of its addresses, as with Canvas. Separated by spaces."),
    )

    @classmethod
    def of(cls, platform: Platform, data: Any = None) -> AddressesForm:
        names = ("title", "auth_url", "token_url", "keys_url", "hosts")
        return cls(data, initial={name: getattr(platform, name) for name in names})


class PlatformForm(AddressesForm):
    issuer = text(
        _("Issuer"), ID_CHARS, required=True, help_text=_("Also called platform ID. It cannot be changed later.")
    )
    client_id = text(
        _("Client id"), ID_CHARS, required=True, help_text=_("The platform gives it. It cannot be changed later.")
    )
    field_order = ("title", "issuer", "client_id", "auth_url", "token_url", "keys_url", "hosts")


class ClassOfContextForm(ServiceForm):
    """Which class a course of the platform is. Each form of the page has ids of its own."""

    of_class = forms.ModelChoiceField(
        label=_("Class"), queryset=Class.objects.none(), required=False, widget=NamesSelect("")
    )

    def __init__(self, context: Context, data: Any = None) -> None:
        super().__init__(data, initial={"of_class": context.of_class_id}, auto_id=f"context-{context.pk}-%s")
        field: Any = self.fields["of_class"]
        free = Class.objects.filter(context=None) | Class.objects.filter(context=context)
        field.queryset = free.select_related("course").order_by("-pk")
        field.empty_label = _("None: nobody can come from this course")
        field.label_from_instance = lambda one: f"{one.title} · {one.course.title}"
