"""Writes a person's data as one JSON document, row by row, so that it never lies in memory as a whole."""

import json
from collections.abc import Iterator
from tempfile import SpooledTemporaryFile

from django.core.serializers.json import DjangoJSONEncoder

from gradus.accounts.models import User
from gradus.own_data.collect import SECTIONS, Row

# A document larger than this goes to a temporary file.
IN_MEMORY = 2**20


def document(user: User) -> Iterator[str]:
    """Yields the document in pieces: an object with a list for each section, one row to a line."""
    between = "{"
    for name, rows_of in SECTIONS.items():
        yield f"{between}\n{json.dumps(name)}: ["
        for number, row in enumerate(rows_of(user)):
            yield ("," if number else "") + "\n" + _line(row)
        yield "]"
        between = ","
    yield "\n}\n"


def _line(row: Row) -> str:
    return json.dumps(row, cls=DjangoJSONEncoder, ensure_ascii=False)


def write(user: User) -> SpooledTemporaryFile[bytes]:
    """Returns a temporary file with the document, to be read from its beginning and closed by the caller."""
    file = SpooledTemporaryFile[bytes](IN_MEMORY)
    for piece in document(user):
        # A lone surrogate cannot enter the database, so that all text can be encoded.
        file.write(piece.encode())
    file.seek(0)
    return file
