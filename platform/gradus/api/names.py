"""Types of keys that name another row. They are read from the row itself; a text stays as it is."""

from typing import Annotated

from pydantic import BeforeValidator


def _read_from(attribute: str) -> BeforeValidator:
    return BeforeValidator(lambda row: getattr(row, attribute, row))


Name = Annotated[str, _read_from("name")]
Pseudonym = Annotated[str, _read_from("pseudonym")]
Slug = Annotated[str, _read_from("slug")]
