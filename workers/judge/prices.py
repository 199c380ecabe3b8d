"""The prices of the judge's tokens. They are settings, because no protocol reports them."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from workers.judge.contract import JudgeMisconfigured

CURRENCY = "USD"


@dataclass(frozen=True)
class Prices:
    """The prices of 1,000,000 tokens sent and received, in `currency`. None means unknown, which is not zero."""

    sent: Decimal | None = None
    received: Decimal | None = None
    currency: str = CURRENCY

    @property
    def are_known(self) -> bool:
        """Whether both prices are set."""
        return self.sent is not None and self.received is not None

    def micros(self, sent: int, received: int) -> int | None:
        """The price of the tokens in millionths of the currency's unit, rounded up; None if a price is unknown."""
        if self.sent is None or self.received is None:
            return None
        return math.ceil(sent * self.sent + received * self.received)


UNKNOWN = Prices()


def from_environment(environment: Mapping[str, str] = os.environ) -> Prices:
    """Reads GRADUS_JUDGE_PRICE_INPUT, GRADUS_JUDGE_PRICE_OUTPUT and GRADUS_JUDGE_CURRENCY.

    Raises JudgeMisconfigured for an invalid price or currency, and if only one of the two prices is set.
    """
    sent = _price("GRADUS_JUDGE_PRICE_INPUT", environment.get("GRADUS_JUDGE_PRICE_INPUT", ""))
    received = _price("GRADUS_JUDGE_PRICE_OUTPUT", environment.get("GRADUS_JUDGE_PRICE_OUTPUT", ""))
    currency = environment.get("GRADUS_JUDGE_CURRENCY", "") or CURRENCY
    if not re.fullmatch(r"[A-Z]{3}", currency):
        raise JudgeMisconfigured("GRADUS_JUDGE_CURRENCY is not a currency. Set it to three capitals, such as USD.")
    if (sent is None) != (received is None):
        raise JudgeMisconfigured(
            "Only one of GRADUS_JUDGE_PRICE_INPUT and GRADUS_JUDGE_PRICE_OUTPUT is set. Set both, or neither where "
            "the price is unknown, and restart the workers."
        )
    return Prices(sent, received, currency)


def _price(name: str, text: str) -> Decimal | None:
    if not text.strip():
        return None
    try:
        price = Decimal(text.strip())
    except InvalidOperation:
        price = Decimal("NaN")
    if not price.is_finite() or not 0 <= price <= 1_000_000:
        raise JudgeMisconfigured(
            f"{name} is not a price. Set it to what 1,000,000 tokens cost, such as 0.15, and restart the workers."
        )
    return price
