"""What was done to a class, by whom and why: a page with filters, and a file."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from gradus import csv_files
from gradus.classes import audit
from gradus.classes.models import Class
from gradus.teach.views.access import in_class
from gradus.teach.views.classes import shared

LISTED = 50


@in_class()
def audit_show(request: HttpRequest, of_class: Class) -> HttpResponse:
    """Lists the actions, the newest first, by person and kind. With `format=csv` it is a file with all of them."""
    who, what = (request.GET.get(name, "") for name in ("who", "what"))
    people, kinds = audit.people(of_class), audit.kinds(of_class)
    # What is not in the lists is left out, as a filter that nobody chose.
    who, what = who if who in people else "", what if what in dict(kinds) else ""
    found = audit.actions(of_class, who, what)
    if request.GET.get("format") == "csv":
        lines = [audit.HEADER, *(one.cells() for one in audit.entries(of_class, found))]
        return csv_files.response(csv_files.text_of(lines), of_class.title, of_class.pk, "audit")
    rows = Paginator(found, LISTED).get_page(request.GET.get("page"))
    context = {
        **shared(request, of_class, "audit"),
        "rows": rows,
        "entries": audit.entries(of_class, rows),
        "people": people,
        "kinds": kinds,
        "who": who,
        "what": what,
    }
    return render(request, "teach/classes/audit.html", context)
