"""Checks of the providers of sign-in: whether they answer, their keys and clocks, and what went wrong last."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings

from challenges.texts import several
from gradus.accounts import second_factor
from gradus.accounts.allauth_adapter import can_send_mails
from gradus.id_tokens import LEEWAY_SECONDS
from gradus.operations.doctor.results import Result, fail, ok, warn
from gradus.sign_in.refusals import Refusal, advice
from gradus.sign_in.status import Answer, Status, ask, statuses

# How many people without a second factor are named.
NAMED = 10
# A clock that differs by more is told before it differs by too much.
SKEW_SECONDS = LEEWAY_SECONDS / 2


def providers() -> Iterator[Result]:
    """Asks each provider of GRADUS_OIDC, and says what to do where something is wrong."""
    if settings.ACCOUNT_LOGIN_BY_CODE_ENABLED and not can_send_mails():
        yield warn("sign-in codes", "GRADUS_MAIL_CODES is on, but the site has no mail server", "Set EMAIL_URL.")
    for one in statuses():
        yield from _provider(one)


def second_factors() -> Iterator[Result]:
    """Names people with more rights who have no second factor, and sign in with no provider that asks for one."""
    name = "second factor"
    if not settings.SECOND_FACTOR:
        if settings.PRODUCTION:
            yield warn(name, "GRADUS_SECOND_FACTOR is off: a password opens staff's pages", "Remove the setting.")
        return
    without = list(second_factor.without().order_by("pk")[: NAMED + 1])
    if without:
        named = ", ".join(map(str, without[:NAMED])) + (" and others" if len(without) > NAMED else "")
        yield warn(name, f"not set up by {named}", "Ask them to set it up on their profile; see sign-in.md.")
    else:
        yield ok(name, "set up by everybody who is staff or has a role in a course")


def _provider(one: Status) -> Iterator[Result]:
    name = f"sign-in {one.provider.id}"
    try:
        answer = ask(one.provider)
    except Refusal as refusal:
        yield fail(name, refusal.detail, advice(refusal.code))
        return
    if answer.skew is not None and abs(answer.skew) > SKEW_SECONDS:
        yield warn(name, f"its clock and this server's are {abs(answer.skew):.0f} seconds apart", advice("clock"))
    if one.unknown_classes:
        numbers = ", ".join(map(str, one.unknown_classes))
        yield warn(name, f"its rules name classes that do not exist: {numbers}", "Correct GRADUS_OIDC.")
    if one.refusal is not None and one.is_refused:
        at = f"{one.refusal.at:%Y-%m-%d %H:%M} UTC"
        yield warn(name, f"nobody has signed in since {at}, when it failed: {one.refusal.detail}", one.advice)
    yield ok(name, _works(one, answer))


def _works(one: Status, answer: Answer) -> str:
    last = f"last sign-in {one.last_log_in:%Y-%m-%d %H:%M} UTC" if one.last_log_in else "no sign-in yet"
    clock = "its clock is not known" if answer.skew is None else f"clocks {abs(answer.skew):.0f} seconds apart"
    return f"answers, {several(answer.keys, 'key')}, {clock}, {several(one.accounts, 'account')}, {last}"
