"""Signal handlers of allauth, which `apps.py` connects: what a provider says about classes counts at each log-in."""

from __future__ import annotations

from typing import Any

from gradus.accounts.models import User
from gradus.classes import managed
from gradus.classes.class_roles import level_of
from gradus.sign_in.configuration import SOURCE


def after_login(sender: object, user: User, sociallogin: Any = None, **extra: Any) -> None:
    if sociallogin is not None:
        _follow(user, sociallogin.account)


def after_added(sender: object, sociallogin: Any, **extra: Any) -> None:
    _follow(sociallogin.user, sociallogin.account)


def after_removed(sender: object, socialaccount: Any, **extra: Any) -> None:
    managed.follow(socialaccount.user, SOURCE.format(socialaccount.provider), [])


def _follow(user: User, account: Any) -> None:
    places = [
        managed.Place(one["class"], level_of(one["role"]), (one["label"],) if one["label"] else ())
        for one in account.extra_data.get("places", [])
    ]
    managed.follow(user, SOURCE.format(account.provider), places)
