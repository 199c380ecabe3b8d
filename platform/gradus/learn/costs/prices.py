"""The prices that the page calculates with: those that a learner has typed, else the site's, else examples."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django import forms
from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from gradus.learn.costs.money import Prices

KEPT = "prices"
MOST = 1_000_000
EXAMPLES = Prices(input=1.0, cached=0.1, output=4.0, training=2.0)
TYPED, SITE, EXAMPLE = "typed", "site", "example"


class AmountField(forms.FloatField):
    """An amount of money. The message also says how to correct one that is negative or too large."""

    widget = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off", "size": 8})
    default_error_messages = {"invalid": _("Type an amount from 0 to 1,000,000, such as 0.15.")}

    def validate(self, value: Any) -> None:
        super().validate(value)
        if value is not None and not 0 <= value <= MOST:
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid")


class PriceForm(forms.Form):
    """Amounts in the site's currency; what is left empty keeps the price that it had."""

    input = AmountField(required=False, label=_("Tokens read"))
    cached = AmountField(required=False, label=_("Cached tokens read"))
    output = AmountField(required=False, label=_("Tokens written"))
    training = AmountField(required=False, label=_("Training"))


def of_site() -> Prices:
    """The site's prices; where the operator has set none, an example."""
    given = {name: amount for name, amount in settings.PRICES.items() if amount is not None}
    return EXAMPLES.changed(given)


def chosen(request: HttpRequest) -> tuple[Prices, PriceForm, str]:
    """The prices to calculate with, the form that shows them, and whose they are: `typed`, `site` or `example`.

    What was typed is kept in the session once all of it can be read. Until then the form says what is wrong.
    """
    if "reset" in request.GET:
        request.session.pop(KEPT, None)
        return _shown(request)
    if not any(name in request.GET for name in PriceForm.base_fields):
        return _shown(request)
    form = PriceForm(request.GET)
    before, _form, whose = _shown(request)
    if not form.is_valid():
        return before, form, whose
    given = {name: amount for name, amount in form.cleaned_data.items() if amount is not None}
    request.session[KEPT] = asdict(before.changed(given))
    return _shown(request)


def _shown(request: HttpRequest) -> tuple[Prices, PriceForm, str]:
    kept = request.session.get(KEPT)
    has_own = any(amount is not None for amount in settings.PRICES.values())
    prices = Prices(**kept) if kept else of_site()
    whose = TYPED if kept else SITE if has_own else EXAMPLE
    return prices, PriceForm(initial={name: f"{amount:g}" for name, amount in asdict(prices).items()}), whose


def currency() -> str:
    return str(settings.CURRENCY)
