"""Finds what each route reads by asking it once, and fills every place with a text that cannot be stored.

Nothing is listed by hand but what the admin's lists take: a new route, field or parameter is covered by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from typing import Any

from django.contrib import admin
from django.core.cache import cache
from django.db import transaction
from django.http import HttpRequest, HttpResponseBase, QueryDict
from django.test import Client

from tests.security.routes import PART

# As they are written in an address or a urlencoded form. The quick tests send NUL, which PostgreSQL refuses to store.
NUL = ("a%00b",)
# Longer than any column, as a word and as an address of mail that is otherwise well formed: SQLite has no lengths.
LONG = ("x" * 5000, "x" * 60 + "@" + "a." * 110 + "example.org")
# Another control character, the bytes of half a surrogate pair, a number beyond 64 bits, and what is no date.
OTHERS = ("%1B", "%ED%A0%80", "9" * 30, "-1", "2026-02-30", "99999-01-01", "%F0%9F%98%80")
# In a JSON body an escape can spell a lone surrogate.
IN_JSON = ("a\x00b", "\ud800", "\x1b", "9" * 30)
seen: dict[str, set[str]] = {"GET": set(), "POST": set()}


class Noted(QueryDict):
    """Notes each name that is asked for."""

    kind = ""

    def _note(self, name: Any) -> None:
        if isinstance(name, str) and name.isprintable():
            seen[self.kind].add(name)

    def __getitem__(self, name: str) -> Any:
        self._note(name)
        return super().__getitem__(name)

    def __contains__(self, name: Any) -> bool:
        self._note(name)
        return super().__contains__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self._note(name)
        return super().get(name, default)

    def getlist(self, name: str, default: Any = None) -> Any:
        self._note(name)
        return super().getlist(name, default)


class NotedGet(Noted):
    kind = "GET"


class NotedPost(Noted):
    kind = "POST"


def noted(query: QueryDict, kind: type[Noted]) -> Noted:
    found = kind("", mutable=True)
    found.update(query)
    return found


def middleware(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """The innermost, so that only what views read is noted."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        request.GET = noted(request.GET, NotedGet)  # type: ignore[assignment]
        # A call of the API reads its body as JSON, which it cannot once the form was read.
        if request.method == "POST" and not request.path.startswith("/api/"):
            request.POST = noted(request.POST, NotedPost)  # type: ignore[assignment]
        return get_response(request)

    return answer


@contextmanager
def undone(client: Client) -> Iterator[None]:
    """Whatever a request changes, in the database, the cache or the client's cookies, is as before."""
    cookies = copy(client.cookies)
    cache.clear()
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
    client.cookies = cookies


def names_read(client: Client, address: str) -> dict[str, set[str]]:
    """What the view behind `address` asks of the query string and of a form."""
    for names in seen.values():
        names.clear()
    for method in (client.get, client.post):
        with undone(client):
            close(method(address))
    return {kind: names - {"csrfmiddlewaretoken"} for kind, names in seen.items()}


def close(response: Any) -> Any:
    for closer in response._resource_closers:
        closer()
    response._resource_closers.clear()
    return response


def in_each_part(route: str, names: dict[str, Any], poison: str) -> Iterator[str]:
    """The route's address with `poison` in the place of one part after the other."""
    for number, _ in enumerate(PART.finditer(route)):
        counted = iter(range(100))

        def fill(found: Any, number: int = number, counted: Iterator[int] = counted) -> str:
            return poison if next(counted) == number else str(names.get(found[1] or found[2], "x"))

        yield "/" + PART.sub(fill, route).replace("^", "").replace("$", "")


def of_lists() -> Iterator[tuple[str, str]]:
    """The address of each list of the admin, and each name that its search, filters and dates take."""
    for model, own in admin.site._registry.items():
        address = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        names = [
            "q",
            "p",
            "o",
            "all",
            "e",
            "_to_field",
            "_popup",
            "_facets",
            "id__in",
            "id__exact",
            "id__isnull",
            "no_such",
        ]
        for one in own.list_filter:
            plain = one if isinstance(one, str) else getattr(one, "parameter_name", "x")
            names += [plain, f"{plain}__exact", f"{plain}__id__exact", f"{plain}__in", f"{plain}__gte"]
        if own.date_hierarchy:
            names += [f"{own.date_hierarchy}__{part}" for part in ("year", "month", "day", "gte")]
        for name in names:
            yield address, name


def actions() -> Iterator[tuple[str, str]]:
    """The address of each list of the admin, and each of its actions upon chosen rows."""
    for model, own in admin.site._registry.items():
        for action in ("delete_selected", *(own.actions or ())):
            yield f"/admin/{model._meta.app_label}/{model._meta.model_name}/", str(action)


def in_each_text(body: Any, poison: str) -> Iterator[Any]:
    """`body` with `poison` in the place of one text, key or number after the other."""
    if isinstance(body, dict):
        yield {**body, poison: poison}
        for key, value in body.items():
            yield from ({**body, key: inner} for inner in in_each_text(value, poison))
    elif isinstance(body, list):
        for index, value in enumerate(body):
            yield from ([*body[:index], inner, *body[index + 1 :]] for inner in in_each_text(value, poison))
    else:
        yield poison
        if isinstance(body, str):
            yield body + poison
        elif isinstance(body, int | float):
            yield 10**30
