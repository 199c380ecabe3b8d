"""Builds a suite of attacks on any free-text question: ten families of phrasings, filled in from its rubric.

An author's own attacks only test what the author has thought of. The suite is the same for all questions. It is built
from hand-written English phrasings in `phrasings.yaml`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from challenges.bundle import ChallengeBundle
from challenges.files.yaml_lines import read
from challenges.kinds.rubric import free_text
from graders.free_text.attacks.material import Material, material, sentences

FILE = Path(__file__).parent / "phrasings.yaml"


@dataclass(frozen=True)
class SuiteAttack:
    """One attack; `most` is the largest share of all points, in [0, 1], that a strict person would give."""

    family: str
    phrasing: str
    text: str
    most: float


@dataclass(frozen=True)
class Phrasing:
    """A hand-written phrasing; `each` holds one or more patterns, which are used in turn for the criteria."""

    id: str
    most: float
    each: tuple[str, ...]
    open: str = ""
    close: str = ""


def suite(bundle: ChallengeBundle, sources: Mapping[str, str]) -> tuple[SuiteAttack, ...]:
    """Returns all attacks on the question of `bundle`; they are always the same for the same content.

    `sources` are the texts that learners can read, in Markdown, of which `lesson`, `faq` and `solution` are used. If
    `solution` is missing, the bundle's solution is used. Texts longer than the question allows leave out the last
    criteria. Raises ValueError if the question has no rubric.
    """
    if not free_text(bundle.challenge).rubric:
        raise ValueError("attacks need a free-text question with a rubric")
    parts = material(bundle, sources)
    return tuple(attack for family in phrasings() for attack in _family(family, parts, bundle))


@cache
def phrasings() -> Mapping[str, tuple[Phrasing, ...]]:
    """Returns the hand-written phrasings by family."""
    rows: dict[str, list[dict[str, Any]]] = read(FILE.read_text(encoding="utf-8")).data
    return {family: tuple(Phrasing(**{**row, "each": tuple(row["each"])}) for row in of) for family, of in rows.items()}


def _family(family: str, parts: Sequence[Material], bundle: ChallengeBundle) -> Iterator[SuiteAttack]:
    question = sentences(free_text(bundle.challenge).question or "")[0]
    for at, phrasing in enumerate(phrasings()[family]):
        usable = [fields for part in parts if (fields := _fields(part, at)) and _has_all(phrasing, fields)]
        if usable:
            text = _fitting(phrasing, usable, question, free_text(bundle.challenge).words[1])
            yield SuiteAttack(family, phrasing.id, text, phrasing.most)


def _fitting(phrasing: Phrasing, usable: list[dict[str, str]], question: str, most_words: int) -> str:
    """Returns the text about as many criteria as `most_words` allows, and about at least one."""
    text = _text(phrasing, usable, question)
    while len(text.split()) > most_words and len(usable) > 1:
        usable = usable[:-1]
        text = _text(phrasing, usable, question)
    return text


def _text(phrasing: Phrasing, usable: list[dict[str, str]], question: str) -> str:
    patterns = phrasing.each
    body = [patterns[at % len(patterns)].format_map(fields) for at, fields in enumerate(usable)]
    whole = [phrasing.open.replace("{question}", question), *body, phrasing.close]
    # A pattern that ends with a line break is a row of a table or a list.
    return "".join(part if part.endswith("\n") else f"{part} " for part in whole if part).strip()


def _has_all(phrasing: Phrasing, fields: Mapping[str, str]) -> bool:
    return not any(f"{{{name}}}" in pattern for pattern in phrasing.each for name in fields if not fields[name])


def _fields(part: Material, turn: int) -> dict[str, str]:
    """Returns the values of the placeholders; `turn` makes the phrasings of a family use different words."""
    say = part.says[turn % len(part.says)]
    claim = _pick(part.claims, turn) or f'the sentence "{say}" is right'
    fields = {"say": _small(say), "Say": _capital(say), "claim": _small(claim), "Claim": _capital(claim)}
    fields |= {"words": part.words, "Words": _capital(part.words), "label": part.criterion.label}
    return fields | {"lesson": _capital(_pick(part.lesson, turn)), "solution": _capital(_pick(part.solution, turn))}


def _pick(choices: Sequence[str], turn: int) -> str:
    return choices[turn % len(choices)] if choices else ""


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _small(text: str) -> str:
    """`text` with a small first letter, to continue a sentence; names such as LoRA and the word I keep capitals."""
    first = text.split(" ", 1)[0]
    keeps = first == "I" or first.startswith("I'") or any(letter.isupper() for letter in first[1:])
    return text if keeps else text[:1].lower() + text[1:]
