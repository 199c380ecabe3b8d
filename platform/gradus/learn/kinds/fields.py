"""The fields of which the kinds build their forms: texts, numbers and choices, with their limits and hints.

`learn/kinds/_field.html` draws each of them, with the messages about it. A field's id is its name.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from challenges.spec import Challenge

NUMBER = re.compile(r"[+-]?[0-9.]{1,30}([eE][+-]?[0-9]{1,3})?")


@dataclass(frozen=True, kw_only=True)
class Field:
    """A field of a form. `value` is what stands in it, as it was typed, and `help` is the sentence below it.

    With `shows_name` its title is followed by its name, which a payload of the API uses.
    """

    name: str
    title: str | Promise
    value: str = ""
    help: str | Promise = ""
    shows_name: bool = False

    control: ClassVar[str]
    """Which control the template draws."""

    @property
    def hint(self) -> str:
        """What the field's description says."""
        return str(self.help)


@dataclass(frozen=True, kw_only=True)
class TextField(Field):
    """A text of several lines, of at most `most` characters. `editor` is the language of the editor that opens it.

    `data` are more `data-` attributes, and `counter` is the id of an element that also describes the field.
    """

    rows: int = 4
    most: int | None = None
    is_code: bool = False
    is_optional: bool = False
    is_title_hidden: bool = False
    editor: str = ""
    counter: str = ""
    data: Mapping[str, str] = field(default_factory=dict)

    control = "text"


@dataclass(frozen=True, kw_only=True)
class NumberField(Field):
    """A number from `low` to `high`."""

    low: str
    high: str

    control = "number"

    @property
    def hint(self) -> str:
        limits = _("From %(low)s to %(high)s.") % {"low": self.low, "high": self.high}
        return f"{limits} {self.help}".strip()


@dataclass(frozen=True, kw_only=True)
class ChoiceField(Field):
    """One of `choices`, which are values with titles."""

    choices: Sequence[tuple[str, str]]

    control = "choice"


def instructions_field(
    spec: Challenge, value: str, *, help: str | Promise, rows: int, is_title_hidden: bool = False
) -> TextField:
    """The field for instructions, which every kind calls alike that asks a model with a prompt."""
    return TextField(
        name="instructions",
        title=_("Instructions"),
        value=value,
        help=help,
        rows=rows,
        most=spec.limits.instructions_chars,
        is_code=True,
        is_optional=not is_title_hidden,
        is_title_hidden=is_title_hidden,
        editor="prompt",
    )


def template_field(value: str, *, help: str | Promise, rows: int) -> TextField:
    """The field for the template by which examples and samples are written."""
    return TextField(
        name="template", title=_("Row template"), value=value, help=help, rows=rows, is_code=True, editor="prompt"
    )


def prompt_limits(spec: Challenge) -> dict[str, str]:
    """The limits of instructions and examples, for a hint."""
    return {
        "characters": intcomma(spec.limits.instructions_chars),
        "tokens": intcomma(spec.limits.prompt_tokens_max),
    }


def read_numbers(
    texts: Mapping[str, str], *, whole: Collection[str], listed: Collection[str] = (), within: str = ""
) -> tuple[dict[str, float], list[dict[str, Any]]]:
    """The numbers of a form by name, and a problem for each text that is not a number.

    `whole` are the names of whole numbers, and `listed` those that are chosen from a list. `within` is how the fields
    of the payload begin that hold the numbers.
    """
    numbers: dict[str, float] = {}
    problems = []
    for name, text in texts.items():
        try:
            numbers[name] = number(text, whole=name in whole)
        except ValueError:
            missing = _("Choose a value.") if name in listed else _("Write a number.")
            wrong = _("“%(text)s” is not a number: write one.") % {"text": text[:20]}
            problems.append({"code": "range", "field": within + name, "message": wrong if text.strip() else missing})
    return numbers, problems


def number(text: str, *, whole: bool) -> float:
    """As people write it. Python takes more: digits of other scripts, `1_000`, names of numbers that are none.

    Raises:
        ValueError: it is none.
    """
    if not NUMBER.fullmatch(text.strip()):
        raise ValueError
    return int(text) if whole else float(text)


def shown(value: Any) -> str:
    """A number without an exponent: 0.00001 and not 1e-05."""
    return format(Decimal(f"{value:g}"), "f") if isinstance(value, float) else str(value)
