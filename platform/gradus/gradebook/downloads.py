"""Sends the gradebook of a class as a file, and records that its grades left the site."""

from __future__ import annotations

from collections.abc import Collection

from django.http import HttpResponse

from gradus import csv_files
from gradus.accounts import staff_actions as staff
from gradus.accounts.models import StaffAction, User
from gradus.classes.models import Class
from gradus.gradebook import exports, queries, recounts
from gradus.gradebook.exports import Written
from gradus.gradebook.queries import Wanted
from gradus.gradebook.table import Column


def written(of_class: Class, format: str, wanted: Wanted, *, by: User, sections: Collection[str] = ()) -> Written:
    """Returns the grades of these learners in a format of `exports.FORMATS`. Records the export.

    `sections` are the labels that Canvas gets as sections.

    Cells that wait to be computed again are computed first.
    """
    recounts.settle(of_class)
    table = queries.table(of_class, wanted, whole=format == "long")
    made = exports.write(table, format, of_class.zone, sections)
    about = {"class": of_class.pk, "format": format, "rows": len(table.lines)}
    staff.note(StaffAction.What.DATA_EXPORTED, f"grades, {of_class}", by=by, **about)
    return made


def response(of_class: Class, format: str, made: Written) -> HttpResponse:
    """Returns the file. Its notes stand in the gradebook and in the API's JSON, because a file has no room for them."""
    return csv_files.response(made.text, of_class.title, of_class.pk, format)


def notes(of_class: Class, wanted: Wanted, columns: tuple[Column, ...]) -> list[str]:
    """Returns what the files for other systems leave out now, without writing them."""
    members = queries.learners(of_class, wanted)
    people = queries.identities(members)
    held = queries.count_held(of_class, members, columns)
    told = [note for format in exports.TO_OTHER_SYSTEMS for note in exports.notes(format, columns, people, held)]
    return list(dict.fromkeys(told))
