"""Django's admin under the site's name: what its first page lists and in which order, and what all its lists share.

Only what has no page of its own on the site is registered. The admin's own forms for logging in and changing a password
know neither the second factor nor the rate limits, so the site's own pages take their place.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any, ClassVar
from uuid import UUID

from allauth.account.decorators import secure_admin_login
from allauth.account.models import EmailAddress
from django.contrib import admin
from django.contrib.admin import AdminSite
from django.contrib.admin.widgets import AdminDateWidget, AdminSplitDateTime, AdminTimeWidget
from django.core.paginator import Paginator
from django.db import models
from django.db.models import Q, QuerySet
from django.forms import MultiWidget
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.defaultfilters import filesizeformat
from django.utils.html import format_html
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gradus.accounts.models import User

# Rows that a list counts and pages through. Whoever looks for an older one searches for it.
COUNTED = 10_000
# People whom one word of a search may mean.
FOUND = 50
# Characters of a JSON field that its page shows.
SHOWN = 50_000
# The largest number of a row.
LARGEST = 2**63 - 1

# What the first page lists, in this order. A model that is not named here comes last, under the name of its app.
SECTIONS: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (
        gettext_lazy("People"),
        (
            "accounts.User",
            "account.EmailAddress",
            "mfa.Authenticator",
            "socialaccount.SocialAccount",
            "accounts.ApiToken",
            "accounts.Enrolment",
            "accounts.ExemptNetwork",
            "auth.Group",
        ),
    ),
    (gettext_lazy("Courses"), ("courses.Course", "courses.ChallengeVersion", "reports.ProblemReport")),
    (
        gettext_lazy("Grading"),
        (
            "submissions.Submission",
            "submissions.Evaluation",
            "submissions.Score",
            "submissions.Standing",
            "reviews.JudgeCall",
        ),
    ),
    (
        gettext_lazy("Machines"),
        (
            "submissions.WorkerStatus",
            "submissions.ReconcilerStatus",
            "submissions.EngineChoice",
        ),
    ),
    (gettext_lazy("Records"), ("accounts.StaffAction", "notices.Notice")),
)


def _to_index(request: HttpRequest) -> HttpResponse:
    return redirect("admin:index")


class GradusAdmin(AdminSite):
    """The admin with the site's name and log-in. Its models stand in the sections above, not by app."""

    site_header = site_title = "Gradus"
    index_title = gettext_lazy("Administration")
    # The first page and the path above each page lead everywhere.
    enable_nav_sidebar = False

    def login(self, request: HttpRequest, extra_context: object = None) -> HttpResponse:
        """Leads to the site's log-in.

        Django's view must be replaced, not only decorated: to a person who is logged in as staff already, it would
        still check the passwords of other accounts.
        """
        answer: HttpResponse = secure_admin_login(_to_index)(request)
        return answer

    def password_change(self, request: HttpRequest, extra_context: object = None) -> Any:
        return redirect("account_change_password")

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[dict[str, Any]]:
        """Returns the sections of the first page, or the one list of an app, with the models that the person may see.

        Each model also has `purpose`: the question that its list answers.
        """
        apps = super().get_app_list(request, app_label)
        rest = {one["model"]._meta.label: self._described(one) for app in apps for one in app["models"]}
        if app_label:
            return [{**app, "models": list(rest.values())} for app in apps]
        listed = []
        for number, (name, labels) in enumerate(SECTIONS):
            if found := [rest.pop(label) for label in labels if label in rest]:
                listed.append({"name": name, "app_label": f"section-{number}", "models": found})
        others = [{**app, "models": [one for one in app["models"] if one["model"]._meta.label in rest]} for app in apps]
        return [*listed, *(app for app in others if app["models"])]

    def _described(self, row: dict[str, Any]) -> dict[str, Any]:
        return {**row, "purpose": getattr(self._registry[row["model"]], "purpose", "")}


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts no more than `COUNTED` rows: to count millions would take longer than to show a page of them."""

    most = COUNTED

    @cached_property
    def count(self) -> int:
        rows = self.object_list
        return rows.order_by().values("pk")[:COUNTED].count() if isinstance(rows, QuerySet) else len(rows)


class NamedSplitDateTime(AdminSplitDateTime):
    """Django's two fields of a moment, each with a name for people who do not see the words beside it."""

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        named = [
            AdminDateWidget(attrs={"aria-label": gettext_lazy("Date")}),
            AdminTimeWidget(attrs={"aria-label": gettext_lazy("Time")}),
        ]
        MultiWidget.__init__(self, named, attrs)


class Listed(admin.ModelAdmin):  # type: ignore[type-arg]
    """The base of all lists: it limits counts, searches by indexes, and shows JSON in a readable form.

    `purpose` is the question that the list answers. `people` is the path to the account of a row, `uuids` to its UUID:
    a search finds whole numbers, UUIDs, and people by the beginning of their address, user name or pseudonym. With
    `names`, it finds rows of which one of these fields begins with the text; in large tables they have an index.
    """

    purpose: ClassVar[Any] = ""
    people: ClassVar[str] = ""
    uuids: ClassVar[str] = ""
    names: ClassVar[tuple[str, ...]] = ()
    # Fields that the page of a row leaves out.
    never_shown: ClassVar[tuple[str, ...]] = ()
    paginator = BoundedPaginator
    formfield_overrides: ClassVar[dict[Any, Any]] = {models.DateTimeField: {"widget": NamedSplitDateTime}}
    show_full_result_count = False
    # A count beside each filter would be one more count of the table.
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    list_max_show_all = 0

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        """Returns what makes Django show the field of the search; `get_search_results` looks by itself."""
        return ("pk",) if self.people or self.uuids or self.names else ()

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if not (term := search_term.strip()):
            return queryset, False
        found = Q(pk__in=[])
        if term.isdecimal() and int(term) <= LARGEST:
            found |= Q(pk=int(term))
        if self.uuids and (uuid := _uuid(term)):
            found |= Q(**{self.uuids: uuid})
        if self.people:
            found |= Q(**{f"{self.people}__in": people_named(term)})
        for name in self.names:
            found |= Q(**{f"{name}__startswith": term})
        return queryset.filter(found), False

    def get_exclude(self, request: HttpRequest, obj: Any = None) -> Any:
        return (*(super().get_exclude(request, obj) or ()), *self.never_shown)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Returns the fields of the page, with those of JSON in a form that people can read, where none may write."""
        fields = super().get_fields(request, obj)
        if self.has_change_permission(request, obj):
            return fields
        of_json = {one.name: one for one in self.opts.get_fields() if isinstance(one, models.JSONField)}
        return [folded(of_json[name]) if name in of_json else name for name in fields if name not in self.never_shown]


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def people_named(text: str) -> list[int]:
    """Returns the keys of at most `FOUND` people of whom an address, the user name or the pseudonym begins so."""
    users = User.objects.order_by()
    by_name: Iterable[Any] = (
        users.filter(username__startswith=text).values_list("pk", flat=True)[:FOUND],
        users.filter(pseudonym__startswith=text).values_list("pk", flat=True)[:FOUND],
        EmailAddress.objects.order_by().filter(email__startswith=text.lower()).values_list("user", flat=True)[:FOUND],
    )
    found = [key for keys in by_name for key in keys]
    # An account that a command has made may have an address that allauth does not know.
    return list(dict.fromkeys(found)) or list(users.filter(email__iexact=text).values_list("pk", flat=True)[:FOUND])


def folded(field: models.Field[Any, Any]) -> Callable[[Any], Any]:
    """Returns a column that shows a JSON field in lines, closed at first, in place of one line without an end."""

    @admin.display(description=capfirst(field.verbose_name))
    def shown(row: Any) -> Any:
        value = getattr(row, field.name)
        if value in (None, {}, [], ""):
            return "-"
        text = json.dumps(value, indent=2, ensure_ascii=False)
        size = filesizeformat(len(text.encode()))
        cut = _("The rest is left out.") if len(text) > SHOWN else ""
        form = '<details class="json"><summary>{}</summary><pre tabindex="0">{}</pre>{}</details>'
        return format_html(form, _("Show (%(size)s)") % {"size": size}, text[:SHOWN], cut)

    shown.__name__ = field.name
    return shown


class ReadOnly(Listed):
    """Shows rows without letting anyone edit them: only services and imports of bundles write these tables."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False
