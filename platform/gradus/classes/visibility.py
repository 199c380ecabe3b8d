"""Decides who may open a course, and who finds it in lists. Every page and every call of the API goes through here.

A course that is *listed* is for everybody. One that is *unlisted* may be opened by whoever has its address, and is in
no list but those of people who have a role in it, are in one of its classes, or have submitted something in it. One
*for classes only* is there for the members of its classes and for people with a role in it; for all others no page of
it is there. A published course is meant throughout: what is not published nobody opens.

`catalogue.now()` leaves out what the person who sends the request may not open, and `catalogue.found()` what the person
does not find. Attempts, runs and their results belong to whoever made them, and stay readable for that person.
"""

from __future__ import annotations

from collections.abc import Callable

from django.db.models import Q
from django.http import HttpRequest, HttpResponseBase

from gradus.accounts import roles
from gradus.accounts.guests import learner
from gradus.accounts.models import User
from gradus.classes.membership import Person
from gradus.classes.models import Member
from gradus.courses import catalogue
from gradus.courses.models import Course

Listing = Course.Listing
Rule = Callable[[Person], Q]


def opens(user: Person) -> Q:
    """Returns the condition for courses that the person may open."""
    return Q(listing__in=(Listing.LISTED, Listing.UNLISTED)) | _belongs(user)


def finds(user: Person) -> Q:
    """Returns the condition for courses that the person finds in lists, searches and on the own path."""
    return Q(listing=Listing.LISTED) | _belongs(user) | (Q(listing=Listing.UNLISTED) & _begun(user))


def may_open(user: Person, course: Course | int) -> bool:
    """Returns True if the person may open the course as it is in the database now."""
    key = course.pk if isinstance(course, Course) else course
    return Course.objects.filter(opens(user), pk=key).exists()


def person_of(request: HttpRequest) -> User | None:
    """Returns the caller of the API, or who looks at a page."""
    if hasattr(request, "auth"):
        return request.auth if isinstance(request.auth, User) else None
    return learner(request) if hasattr(request, "user") else None


def _belongs(user: Person) -> Q:
    """Courses in which the person has any role, or is in a class, whether or not it has begun or ended."""
    if not isinstance(user, User) or user.is_guest or not user.is_active:
        return Q(pk__in=[])
    # `reach` gives an empty condition to staff, which would vanish beside another one.
    with_role = Course.objects.filter(roles.reach(user, roles.PREVIEWS) | roles.reach(user, roles.SEES_ANSWERS))
    in_class = Member.objects.active().filter(user=user).values("of_class__course")
    return Q(pk__in=with_role.values("pk")) | Q(pk__in=in_class)


def _begun(user: Person) -> Q:
    """Courses in which the person, who may be a guest, has submitted something."""
    if not isinstance(user, User) or not user.is_active:
        return Q(pk__in=[])
    return Q(pk__in=Course.objects.filter(challenges__submissions__user=user).values("pk"))


class Viewer:
    """Who sends a request, for the catalogue. The database is asked only where some course is not listed."""

    def __init__(self, request: HttpRequest) -> None:
        self.request = request
        self.is_noted = False
        self._kept: dict[tuple[Rule, int | None, frozenset[int]], frozenset[int]] = {}

    def opens(self, among: frozenset[int]) -> frozenset[int]:
        return self._those(opens, among)

    def finds(self, among: frozenset[int]) -> frozenset[int]:
        return self._those(finds, among)

    def note(self) -> None:
        self.is_noted = True

    def _those(self, rule: Rule, among: frozenset[int]) -> frozenset[int]:
        user = person_of(self.request)
        key = rule, user.pk if user else None, among
        if key not in self._kept:
            rows = Course.objects.filter(rule(user), pk__in=among)
            self._kept[key] = frozenset(rows.values_list("pk", flat=True))
        return self._kept[key]


class ShowWhatMayBeOpened:
    """Middleware that shows each request only what the person who sends it may open.

    What search engines send is answered as everybody is, with the wish to list nothing of a course that is not listed.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        viewer = Viewer(request)
        with catalogue.seen_by(viewer):
            response = self.get_response(request)
        if viewer.is_noted:
            response["X-Robots-Tag"] = "noindex"
        return response
