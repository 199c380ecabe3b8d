"""What was done to a class, by whom and why: a page with filters, and a file."""

from __future__ import annotations

import csv
import io

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.text import slugify

from gradus.classes import audit
from gradus.classes.models import Class
from gradus.gradebook.exports import neutral
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
        return _file(of_class, audit.entries(of_class, found))
    rows = Paginator(found, LISTED).get_page(request.GET.get("page"))
    context = {
        **shared(request, of_class),
        "rows": rows,
        "entries": audit.entries(of_class, rows),
        "people": people,
        "kinds": kinds,
        "who": who,
        "what": what,
    }
    return render(request, "teach/classes/audit.html", context)


def _file(of_class: Class, entries: list[audit.Entry]) -> HttpResponse:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(audit.HEADER)
    writer.writerows([neutral(cell) for cell in one.cells()] for one in entries)
    answer = HttpResponse(text.getvalue(), content_type="text/csv; charset=utf-8")
    name = slugify(of_class.title) or "class"
    answer["Content-Disposition"] = f'attachment; filename="{name}-{of_class.pk}-audit.csv"'
    return answer
