"""Writes CSV files that spreadsheets may open, whoever wrote the texts in them, and answers with them."""

import csv
import io
import re
from collections.abc import Iterable
from typing import Any

from django.http import HttpResponse
from django.utils.text import slugify

# A spreadsheet executes a cell that begins with one of these (OWASP, "CSV Injection"). It skips spaces before them.
FORMULA = ("=", "+", "-", "@", "\t", "\r")
NUMBER = re.compile(r"-?\d+(\.\d+)?")
# What `neutral` has put in front of a cell.
NEUTRALISED = re.compile(rf"'(?= *[{re.escape(''.join(FORMULA))}])")


def is_formula(text: str) -> bool:
    """Returns True if a spreadsheet would take the text for a formula. A number is none."""
    return text.lstrip(" ").startswith(FORMULA) and not NUMBER.fullmatch(text)


def neutral(text: str) -> str:
    """Returns the text so that no spreadsheet takes it for a formula: with an apostrophe before it, if it needs one."""
    return f"'{text}" if is_formula(text) else text


def text_of(rows: Iterable[Iterable[Any]]) -> str:
    """Returns the rows as CSV. Every cell is `neutral`, and None is an empty cell."""
    file = io.StringIO()
    cells = ([neutral("" if cell is None else str(cell)) for cell in row] for row in rows)
    csv.writer(file, lineterminator="\n").writerows(cells)
    return file.getvalue()


def response(text: str, *name: object) -> HttpResponse:
    """Returns the file as a download, with a name of these parts."""
    file = slugify(" ".join(map(str, name)))
    headers = {"Content-Disposition": f'attachment; filename="{file}.csv"'}
    return HttpResponse(text, content_type="text/csv; charset=utf-8", headers=headers)
