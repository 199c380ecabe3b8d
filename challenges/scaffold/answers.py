"""The forms of an answer that a model gives, as a new challenge has them: keys, rows, and how it is scored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from challenges.authoring.unwritten import write
from challenges.prompts import target_text
from challenges.scaffold.base import MODEL, Wanted, marked, quoted, rows

INPUT = "a text as the model will read it"
CATEGORIES = (write("a value"), write("another value"))
WORDS_MAX = 8


@dataclass(frozen=True)
class Form:
    """`keys` are those of `challenge.yaml`, and `targets` the right answers of the first rows, again from the first on.

    `scored` and `example` are for the statement.
    """

    keys: str
    targets: tuple[Any, ...]
    scored: str
    example: str

    def target(self, number: int) -> Any:
        return self.targets[number % len(self.targets)]

    def output(self, number: int) -> str:
        """A right answer as the model writes it."""
        target = self.target(number)
        return target["must"][0] if isinstance(target, dict) and "must" in target else target_text(target)

    def samples(self, prefix: str, first: int) -> str:
        """Two samples for each target."""
        numbers = range(first, first + 2 * len(self.targets))
        return rows({"id": f"{prefix}{n}", "input": input_text(n), "target": self.target(n)} for n in numbers)

    def examples(self, first: int, count: int) -> str:
        """Examples of a payload in YAML, one on a line."""
        pairs = ((input_text(n), self.output(n)) for n in range(first, first + count))
        return "".join(f"  - {{input: {quoted(ask)}, output: {quoted(answer)}}}\n" for ask, answer in pairs)


def input_text(number: int) -> str:
    """The input of a row of the template; each is another one."""
    return f"{write(INPUT)} {number}"


def form_of(wanted: Wanted, *, preferences: bool = False) -> Form:
    """The form of an answer. With `preferences`, answers are short texts that must hold something."""
    if preferences:
        return _required()
    return {"label": _label, "json": _json, "text": _text}[wanted.answer](wanted)


def model_keys(keys: str) -> str:
    """The keys of a challenge that a model answers."""
    return f"""\
model: {MODEL}  # The built-in base model. Another one that your site offers goes here.
{keys}prompt:
  instructions: ""  # What learners start from.
  example: "Input: {{input}}\\nOutput: {{output}}"  # How a row is written. Say what input and output are.
"""


def _label(wanted: Wanted) -> Form:
    labels = wanted.labels or (write("the first label"), write("the second label"))
    listed = ", ".join(quoted(label) for label in labels)
    keys = f"""\
answer:
  type: label
  # Short words that say what is meant, two or more. The targets of all rows are among them.
  labels: [{listed}]
  calibrate: contextual  # Takes away what the model prefers anyway. Try `none` as well.
metric: {{name: macro_f1}}
"""
    scored = (
        "Your submission answers inputs that you cannot see. The score is macro F1: how well each label is found, as\n"
        "the mean over all labels, so that a rare label counts as much as a frequent one."
    )
    return Form(keys, labels, scored, "one input, its label, and the reason for this label")


def _json(wanted: Wanted) -> Form:
    keys = f"""\
answer:
  type: json
  # Each field has a list of allowed values, or is a free text (string). Rename them here and in all rows.
  schema:
    category: [{", ".join(quoted(value) for value in CATEGORIES)}]
    summary: string
  max_new_tokens: 64
metric: {{name: json_fields}}
"""
    scored = (
        "Your submission writes a JSON object for inputs that you cannot see. A field with listed values counts if\n"
        "it is right, and a text by the words that it shares with the expected one. The score is the mean over all\n"
        "fields and inputs. An answer that is not valid JSON counts as 0."
    )
    targets = tuple({"category": value, "summary": write("the summary in a few words")} for value in CATEGORIES)
    return Form(keys, targets, scored, "one input with the JSON object that belongs to it")


def _text(wanted: Wanted) -> Form:
    keys = """\
answer: {type: text, max_new_tokens: 32}
metric: {name: token_f1}  # Or exact_match, where only one way to write the answer is right.
"""
    scored = (
        "Your submission writes a short text for inputs that you cannot see. The score is token F1: how many words an\n"
        "answer shares with the expected one, as the mean over all inputs."
    )
    targets = (write("the right answer in a few words"), write("another right answer"))
    return Form(keys, targets, scored, "one input with its right answer")


def _required() -> Form:
    keys = """\
answer: {type: text, max_new_tokens: 24}
metric: {name: required_content}  # An answer counts if it holds every text of `must` in at most `words_max` words.
"""
    scored = (
        "Your model answers inputs that you cannot see. An answer counts if it holds what it must and is short\n"
        "enough. The score is the share of answers that count."
    )
    targets = tuple(
        {"must": [write(what)], "words_max": WORDS_MAX} for what in ("a word that must be there", "another such word")
    )
    return Form(keys, targets, scored, "one input with an answer that is preferred and one that is not")


def training_rows(form: Form, first: int, *, preferences: bool) -> str:
    """Starter rows to train on: inputs with outputs, or preferences."""
    numbers = range(first, first + 2 * len(form.targets))
    return rows(_preference(n) if preferences else _pair(form, n) for n in numbers)


def _pair(form: Form, number: int) -> Mapping[str, str]:
    return {"input": input_text(number), "output": form.output(number)}


def _preference(number: int) -> Mapping[str, str]:
    sides = {"chosen": write("the answer that is preferred"), "rejected": write("the answer that is not")}
    return {"prompt": input_text(number), **sides}


def instructions() -> str:
    return marked("instructions that tell the model what to do, as a good learner would write them")
