"""Puts a row and the passages that were found for it into the row template.

A row with its passages is then one input of an ordinary prompt, which `challenges.prompts` renders.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from challenges import prompts
from challenges.payloads import Example
from challenges.spec import Challenge
from challenges.translation import gettext

JOIN = "\n"
_PLACES = re.compile(r"\{passages\}|\{input\}")


class Asked(NamedTuple):
    """A row's input, and the passages that stand before it."""

    passages: str
    input: str


def joined(passages: Sequence[str]) -> str:
    """Several passages as one text, the best first, each on a line of its own."""
    return JOIN.join(passages)


def problem_with(template: str) -> str | None:
    """Returns the fault of a row template as part of a sentence, or None if the template can be used."""
    if template.count("{passages}") != 1:
        return gettext("the row template must contain %(name)s exactly once") % {"name": "{passages}"}
    if (wrong := prompts.problem_with(template)) is not None:
        return wrong
    if template.index("{passages}") > template.index("{output}"):
        said = gettext("the row template must contain %(first)s before %(second)s")
        return said % {"first": "{passages}", "second": "{output}"}
    return None


def row_template(template: str) -> str:
    """The row template of the ordinary prompt, whose input is what `filled` gives."""
    _, lead, after = _parts(template)
    return "{input}" + lead + "{output}" + after


def filled(template: str, asked: Asked) -> str:
    """The template up to where the answer begins. Both texts are put in at once, so that braces in them stay text."""
    values = {"{passages}": asked.passages, "{input}": asked.input}
    return _PLACES.sub(lambda place: values[place[0]], _parts(template)[0])


def composed(template: str, output: str, asked: Asked) -> Example:
    """An example of the ordinary prompt. It is not validated, because its parts were."""
    return Example.model_construct(input=filled(template, asked), output=output)


def open_prompt(challenge: Challenge) -> Challenge:
    """The challenge as `challenges.prompts` needs it: with a row template that may be replaced."""
    return challenge.model_copy(update={"prompt": challenge.prompt.model_copy(update={"locked": False})})


def _parts(template: str) -> tuple[str, str, str]:
    """The text before the answer, the spaces that belong to the answer, and the text after it."""
    before, _, after = template.partition("{output}")
    ask = before.rstrip(" ")
    return ask, before[len(ask) :], after
