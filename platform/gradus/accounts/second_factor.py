"""Decides who has to give a second factor for the pages of staff, and asks for it.

Staff are those of the site, people with a role in a course, and who decides about or sees other people's answers in a
class. What counts is the session: a factor that was switched on later was not given where somebody signed in before.
GRADUS_SECOND_FACTOR switches all of this on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from allauth.account.authentication import get_authentication_records
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode

from gradus.accounts.models import Enrolment, User
from gradus.accounts.token_rules import LEARNER

# How long somebody may still work without a factor, from the first page on that needs one. The account keeps the end.
GRACE = timedelta(days=1)
FACTORS = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]
# The routes of staff's pages, which no visitor needs, and one of them that only takes rights away.
ROUTES = ("admin/", "teach/", "reviews/", "leaderboards/<slug:slug>/begin/")
FREE = "teach/view-as/stop"
# In the session: the account whose first factor was switched on in it, and the one that a learning platform signed in.
SWITCHED_ON, FROM_PLATFORM = "second_factor_switched_on", "signed_in_by_platform"


@dataclass(frozen=True)
class Lack:
    """A second factor that is missing in a session. `due_at` is none where the account has one, and may give it now."""

    due_at: datetime | None

    @property
    def may_wait(self) -> bool:
        return self.due_at is not None and self.due_at > timezone.now()


def has_factor(user: User) -> bool:
    """Returns True if the account has an authenticator app or a security key."""
    return bool(is_mfa_enabled(user, FACTORS))


def needs(user: User) -> bool:
    """Returns True if the setting asks this person for a second factor."""
    return bool(settings.SECOND_FACTOR) and (user.is_staff or user.is_superuser or user.has_role)


def without() -> QuerySet[User]:
    """Returns people with rights on the site or in a course who have no factor, here or at a provider that asks."""
    in_course = Enrolment.objects.exclude(**vars(LEARNER)).values("user")
    staff = Q(is_staff=True) | Q(is_superuser=True) | Q(pk__in=in_course)
    asking = SocialAccount.objects.filter(provider__in=_asking()).values("user")
    found = User.objects.filter(staff, is_active=True, is_guest=False)
    return found.exclude(authenticator__type__in=FACTORS).exclude(pk__in=asking)


def is_overdue(user: User) -> bool:
    """Returns True if the account has no second factor and must not wait longer, however the person signs in."""
    return needs(user) and not has_factor(user) and not Lack(_due_at(user)).may_wait


def lack_of(request: HttpRequest) -> Lack | None:
    """Returns what is missing in the session of this request, or None."""
    user = request.user
    if not isinstance(user, User) or not needs(user) or _asked_elsewhere(request, user) or _vouched(request, user):
        return None
    if has_factor(user):
        return None if _was_given(request, user) else Lack(None)
    return Lack(_due_at(user))


def is_missing(request: HttpRequest) -> bool:
    """Returns True if staff's pages are closed to the session of this request."""
    lack = lack_of(request)
    return lack is not None and not lack.may_wait


def _was_given(request: HttpRequest, user: User) -> bool:
    """Returns True if the person gave this site a factor in this session, or switched the first one on in it."""
    records = get_authentication_records(request, user)
    return any(one["method"] == "mfa" for one in records) or request.session.get(SWITCHED_ON) == user.pk


def _asked_elsewhere(request: HttpRequest, user: User) -> bool:
    """Returns True if the person signed in with a provider that asks its people for a second factor."""
    return any(one.get("provider") in _asking() for one in get_authentication_records(request, user))


def _asking() -> set[str]:
    return {one.id for one in settings.SIGN_IN_PROVIDERS if one.second_factor}


def _vouched(request: HttpRequest, user: User) -> bool:
    """Returns True for a teacher by class roles alone whom a learning platform signed in, and who teaches by its word.

    A factor here would protect nothing: a platform can make anybody a teacher of its class.
    """
    if request.session.get(FROM_PLATFORM) != user.pk or user.is_staff or user.is_superuser or user.may_create_courses:
        return False
    return not any(one.scope != LEARNER for one in user.enrolments.all())


def _due_at(user: User) -> datetime:
    """Returns the end of the grace, which begins now if it never began, and never begins again."""
    if user.second_factor_due_at is None:
        begun = User.objects.filter(pk=user.pk, second_factor_due_at=None)
        begun.update(second_factor_due_at=timezone.now() + GRACE)
        user.refresh_from_db(fields=["second_factor_due_at"])
    assert user.second_factor_due_at is not None
    return user.second_factor_due_at


def note_switched_on(sender: object, request: HttpRequest, user: User, authenticator: Any, **extra: Any) -> None:
    """Counts an account's first factor as given in the session in which it was switched on: the person just used it."""
    if authenticator.type in FACTORS and Authenticator.objects.filter(user=user, type__in=FACTORS).count() == 1:
        request.session[SWITCHED_ON] = user.pk


class AskForSecondFactor:
    """Middleware that opens the pages of staff only with a second factor, where the setting says so."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *view: Any) -> HttpResponse | None:
        route = request.resolver_match.route if request.resolver_match else ""
        if not settings.SECOND_FACTOR or not route.startswith(ROUTES) or route == FREE:
            return None
        lack = lack_of(request)
        if lack is None or lack.may_wait:
            vars(request)["second_factor_due_at"] = lack and lack.due_at
            return None
        return _ask(request, lack)


def _ask(request: HttpRequest, lack: Lack) -> HttpResponse:
    """Leads to the page that asks for the factor. Says what to do where there is none, or where nothing may be lost."""
    user = request.user
    there = ""
    if lack.due_at is None:
        name = "mfa_reauthenticate" if is_mfa_enabled(user, FACTORS[:1]) else "mfa_reauthenticate_webauthn"
        there = f"{reverse(name)}?{urlencode({'next': request.get_full_path() if request.method == 'GET' else '/'})}"
        if request.method == "GET" and not request.headers.get("HX-Request"):
            return redirect(there)
    unconfirmed = EmailAddress.objects.filter(user=user, verified=False).exists()
    context = {"there": there, "must_confirm": unconfirmed and not there}
    return render(request, "account/second_factor.html", context, status=403)
