"""The keys of `challenge.yaml` that a challenge about test sets has: the systems that are tested, and the rule.

A system is a prompt for the base model with what the program around it does: what it reads of a text, and which answers
it changes. A planted defect stands in either of them, as most defects of real systems do.
"""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from challenges.documents import DocumentId
from challenges.files.corpus import named_path
from challenges.files.source import Source
from challenges.files.yaml_lines import Located
from challenges.payloads import Example
from challenges.spec import Challenge, Keys, Share, Spec, Text

KEY = "systems"
FAILS, PASSES = "fails", "passes"
ROWS_MAX = 40
"""The most rows of a test set in any challenge, so that grading stays quick."""
SYSTEMS_MAX = 40

WordClass = Literal["capitals", "numbers", "accents"]
_EDGES = re.compile(r"^\W+|\W+$")


class SystemPrompt(Spec):
    """How systems ask the base model: the fields of a payload of the kind `prompt`."""

    instructions: str = ""
    examples: tuple[Example, ...] = Field((), max_length=64)
    example: str | None = Field(None, description="Row template; the challenge's own where it is left out")
    label_words: dict[str, str] = Field({}, description="The model's word for a label, by label")


class Reads(Spec):
    """The part of a text that a system reads. The keys are applied in this order, each to what the one before left."""

    first_line: bool = Field(False, description="Only the first line")
    without: tuple[Text, ...] = Field((), max_length=50, description="Words that it drops, in lower case")
    drops: tuple[WordClass, ...] = Field(
        (), description="capitals: words in capitals; numbers: words with a digit; accents: words with accents"
    )
    first_words: int | None = Field(None, ge=1, le=1000, description="So many words from the beginning")
    last_words: int | None = Field(None, ge=1, le=1000, description="So many words from the end")

    def of(self, text: str) -> str:
        """Returns the part of a text that the system reads. If no word is dropped, its white space stays as it is."""
        if self.first_line:
            text = text.strip().partition("\n")[0]
        words = text.split()
        kept = [word for word in words if not self._drops(word)]
        first, last = (len(kept) if most is None else most for most in (self.first_words, self.last_words))
        kept = kept[:first][-last:]
        return text if len(kept) == len(words) else " ".join(kept)

    def _drops(self, word: str) -> bool:
        plain = _EDGES.sub("", word)
        return plain.casefold().replace("\u2019", "'") in self.without or any(_IS[one](plain) for one in self.drops)


def _in_capitals(word: str) -> bool:
    return sum(character.isalpha() for character in word) > 1 and word.isupper()


def _with_digit(word: str) -> bool:
    return any(character.isdigit() for character in word)


def _with_accent(word: str) -> bool:
    return any(unicodedata.combining(character) for character in unicodedata.normalize("NFD", word))


_IS = {"capitals": _in_capitals, "numbers": _with_digit, "accents": _with_accent}


class Always(Spec):
    """A label that a system gives to every text that has all of what is listed here."""

    label: Text
    words_min: int | None = Field(None, ge=1, le=1000, description="At least so many words")
    words_max: int | None = Field(None, ge=1, le=1000, description="At most so many words")
    holds: tuple[Text, ...] = Field((), max_length=50, description="One of these texts, whatever their case")
    has: WordClass | None = Field(None, description="A word of this class")

    def is_about(self, text: str) -> bool:
        words, said = text.split(), text.casefold()
        return (
            (self.words_min is None or len(words) >= self.words_min)
            and (self.words_max is None or len(words) <= self.words_max)
            and (not self.holds or any(one.casefold() in said for one in self.holds))
            and (self.has is None or any(_IS[self.has](_EDGES.sub("", word)) for word in words))
        )


class System(Spec):
    """A classifier that a learner's test set is run on. It is healthy where it has no `defect`.

    Learners see which practice systems there are, and how those answer; of the others they see nothing.
    """

    id: DocumentId
    prompt: str = Field(description="The name of one of the prompts")
    defect: str = Field("", max_length=500, description="What is wrong with it, in words; empty for a healthy system")
    practice: bool = Field(False, description="Whether learners try their rows on it, and read its defect")
    reads: Reads = Reads()
    exchanges: tuple[Text, Text] | None = Field(None, description="Two labels that it takes for one another")
    always: tuple[Always, ...] = Field((), max_length=20, description="Labels that it gives whatever the model says")

    @property
    def is_healthy(self) -> bool:
        return not self.defect

    @property
    def target(self) -> str:
        """Returns the right verdict: a healthy system should pass a test set, and a defective one should fail."""
        return PASSES if self.is_healthy else FAILS

    def answer(self, text: str, label: str) -> str:
        """The system's answer to a text, of which the model has said `label`."""
        if (fixed := next((rule.label for rule in self.always if rule.is_about(text)), None)) is not None:
            return fixed
        if self.exchanges and label in self.exchanges:
            one, other = self.exchanges
            return other if label == one else one
        return label


class Systems(Spec):
    """The file `systems.yaml`."""

    prompts: dict[str, SystemPrompt] = Field(max_length=20, description="Prompts by name, which systems share")
    systems: tuple[System, ...] = Field(max_length=SYSTEMS_MAX, description="Healthy systems, and such with a defect")

    def of(self, *, practice: bool) -> tuple[System, ...]:
        """The systems for practice, or those that the score is about, in the order of the file."""
        return tuple(system for system in self.systems if system.practice == practice)


class Rule(Spec):
    """The section `evaluate`: how large a test set is, and when a system fails it."""

    rows: tuple[Annotated[int, Field(ge=1, le=ROWS_MAX)], Annotated[int, Field(ge=1, le=ROWS_MAX)]] = Field(
        (12, 24), description="The fewest and the most rows of a test set"
    )
    fails_below: Share = Field(0.85, gt=0, description="A system fails where its share of right answers is lower")
    row_tokens_max: int = Field(96, ge=8, le=512, description="The most tokens of a row")

    def verdict(self, right: int, rows: int) -> str:
        """Returns `passes` or `fails` for a system that gives the expected label to `right` of `rows` rows."""
        return FAILS if right < self.fails_below * rows - 1e-9 else PASSES


class EvaluateKeys(Keys):
    """`systems` names a file in `challenge.yaml`; here it holds its content."""

    evaluate: Rule = Field(Rule(), description="How large a test set is, and when a system fails it")
    systems: Systems = Field(description="The systems that are tested: a file such as systems.yaml")


_SYSTEMS = TypeAdapter(Systems)


def read_systems(source: Source, rel: str, located: Located) -> dict[str, Any]:
    """The key `systems` with the content of the file that it names; what is wrong becomes a problem."""
    if not isinstance(located.data.get(KEY), str):
        return {}
    path = named_path(source, rel, located, KEY)
    found = source.model(path, _SYSTEMS, source.yaml(path)) if path else None
    return {KEY: found.model_dump() if found else {"prompts": {}, "systems": []}}


def evaluate(challenge: Challenge) -> EvaluateKeys:
    """The rule and the systems of a challenge. Raises ValueError where the challenge has none."""
    keys = challenge.keys_of("evaluate")
    if not isinstance(keys, EvaluateKeys):
        raise ValueError(f"{challenge.id} has no systems")
    return keys


def systems_path(data: Mapping[str, Any], rel: str) -> str | None:
    """The file that holds the systems; None where they stand in `challenge.yaml` itself."""
    named = data.get(KEY)
    return posixpath.normpath(posixpath.join(rel, named)) if isinstance(named, str) else None


def counts(systems: Sequence[System]) -> tuple[int, int]:
    """How many of the systems have a defect, and how many are healthy."""
    healthy = sum(system.is_healthy for system in systems)
    return len(systems) - healthy, healthy
