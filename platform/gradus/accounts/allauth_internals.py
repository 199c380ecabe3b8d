"""All that Gradus uses of django-allauth without allauth documenting it: its counters behind the rate limits.

Tried with django-allauth 65.21.1. `tests/structure/test_private_interfaces.py` fails when another release series is
installed.

allauth counts each action of ACCOUNT_RATE_LIMITS in Django's cache. The functions here count one more, forget a count,
and say how long a visitor has to wait. `LoginAttemptLimits` counts wrong passwords for each account and address.
"""

from __future__ import annotations

import math
import time
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.internal import ratelimit
from django.core.cache import cache
from django.http import HttpRequest

APP = "allauth.account"


def count(request: HttpRequest, action: str, key: str | None = None, *, limit_get: bool = False) -> Any:
    """Counts one more `action`. Returns allauth's record, which can be undone, or None if the limit is reached.

    A GET is counted only with `limit_get`: a page that shows a form must not count as what the form does.
    """
    return ratelimit.consume(request, app=APP, action=action, key=key, limit_get=limit_get)


def forget(request: HttpRequest, action: str, key: str | None = None) -> None:
    """Sets the count of `action` back to zero."""
    ratelimit.clear(request, app=APP, action=action, key=key)


def seconds_left(request: HttpRequest, action: str, key: str | None = None) -> int:
    """Returns how long it takes until `action` is allowed again, in seconds; 0 if it is allowed now."""
    waits = [0.0]
    for rate in ratelimit.get_rates(app=APP, action=action):
        # The times of what was counted, the newest first.
        counted = cache.get(ratelimit.get_cache_key(request, app=APP, action=action, rate=rate, key=key), [])
        if len(counted) >= rate.amount:
            waits.append(counted[rate.amount - 1] + rate.duration - time.time())
    return math.ceil(max(waits))


class LoginAttemptLimits(DefaultAccountAdapter):  # type: ignore[misc]
    """Limits wrong passwords: first for one account from one address, and much later for the account from anywhere.

    An attempt that is refused for its address does not count against the account, so that a single address cannot
    lock the owner out. A browser in which the account has signed in before is counted apart, by that alone.
    """

    def known_device(self, request: HttpRequest, name: str) -> str:
        """Returns the number of a browser in which the account of this name has signed in before, or ""."""
        raise NotImplementedError

    def too_many_attempts(self, seconds: int) -> Exception:
        """Returns the error to raise when the next attempt is allowed in `seconds`."""
        raise NotImplementedError

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Counts an attempt before the password is looked at. allauth undoes the count if the password is right.

        Raises:
            Exception: what `too_many_attempts` returns, if a limit is reached.
        """
        used = ratelimit.RateLimitUsage([])
        for action, key in self._login_limits(request, **credentials).items():
            usage = count(request, action, key)
            if usage is None:
                raise self.too_many_attempts(seconds_left(request, action, key))
            used.usage += usage.usage
        self._login_failed_rl_usage = used

    def _login_limits(self, request: HttpRequest, **credentials: Any) -> dict[str, str | None]:
        """Returns the cache key of each limit on wrong passwords, in the order in which the limits are checked."""
        account = self._get_login_attempts_cache_key(request, **credentials)
        device = self.known_device(request, credentials.get("email") or credentials.get("username") or "")
        return {"password_failed": f"{account} {device}"} if device else self._limits_elsewhere(request, account)

    def _limits_elsewhere(self, request: HttpRequest, account: str) -> dict[str, str | None]:
        by_address = f"{account} {ratelimit.get_ip(request)}"
        return {"password_failed_address": None, "password_failed": by_address, "password_failed_account": account}

    def _delete_login_attempts_cached_email(self, request: HttpRequest, **credentials: Any) -> None:
        """Forgets the wrong passwords. allauth calls this after a password was reset by email."""
        account = self._get_login_attempts_cache_key(request, **credentials)
        elsewhere, here = self._limits_elsewhere(request, account), self._login_limits(request, **credentials)
        for action, key in (*elsewhere.items(), *here.items()):
            if key is not None:
                forget(request, action, key)
