"""Prints what each method costs on a challenge."""

from __future__ import annotations

from typing import Any

from gradus.cli.output import number, out, table

METHODS = ("Method", "Attempt", "Score", "Tokens", "Time", "Training", "1,000 requests", "with caching")
VOLUMES = ("Method", "Attempt", "in money", "with caching", "in computing time")


def costs(found: dict[str, Any]) -> None:
    """Prints the answer of `GET /challenges/ID/costs`."""
    prices = found["prices"]
    unit = prices["currency"]
    out.print(
        f"Prices in {unit}: {prices['input']:g} per million tokens read, {prices['cached']:g} from the cache, "
        f"{prices['output']:g} written; {prices['training']:g} per hour of training.",
        markup=False,
    )
    table(f"What each method costs in {unit}", METHODS, [_cost(one) for one in found["costs"]])
    if found["break_even"]:
        title = f"Requests until training has paid, beside {found['compared_with']}"
        table(title, VOLUMES, [_volumes(one) for one in found["break_even"]])


def _cost(one: dict[str, Any]) -> list[str]:
    ends = f" ({number(one['low'])}-{number(one['high'])})" if one["low"] is not None else ""
    tokens, spent = one["tokens_read"], one["training_seconds"]
    return [
        one["title"],
        one["name"],
        number(one["score"]) + ends,
        f"{tokens['value']:.0f}" if tokens else "?",
        f"{one['ms']['value']:.1f} ms" if one["ms"] else "?",
        f"{spent[0]} s" if spent else "",
        _money(one["per_thousand"]),
        _money(one["per_thousand_cached"]),
    ]


def _money(spread: dict[str, Any] | None) -> str:
    return f"{spread['value']:.4f}" if spread else "?"


def _volumes(one: dict[str, Any]) -> list[str]:
    return [one["title"], one["name"], *(_volume(one, name) for name in ("money", "money_cached", "time"))]


def _volume(one: dict[str, Any], name: str) -> str:
    if name not in one["known"]:
        return "?"
    volume = one[name]
    if volume is None:
        return "never"
    if volume["low"] is None:
        return f"{volume['requests']:,}"
    high = "more" if volume["high"] is None else f"{volume['high']:,}"
    return f"{volume['requests']:,} ({volume['low']:,} to {high})"
