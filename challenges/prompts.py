"""From a payload to the text that a model reads, and the orders in which examples can stand in it.

Graders, the site and the demo all use it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeVar

from challenges.payloads import Example
from challenges.rows import Required, Target
from challenges.spec import Prompt
from challenges.translation import gettext, ngettext

NO_WORDS: Mapping[str, str] = MappingProxyType({})
Message = tuple[str, str]
"""The role of who says it (system, user or assistant), and what is said."""


class NoTurns(ValueError):
    """A model has no chat template, or one that cannot write these messages."""


@dataclass(frozen=True)
class Turns:
    """How a model reads a conversation: `write` makes one text of messages, and `end` is what ends an answer.

    With true as its second argument, `write` goes on up to where the model answers. It raises `NoTurns`.
    """

    write: Callable[[Sequence[Message], bool], str]
    end: str


def _chatml(messages: Sequence[Message], answering: bool) -> str:
    turns = (f"<|im_start|>{role}\n{content}<|im_end|>\n" for role, content in messages)
    return "".join(turns) + "<|im_start|>assistant\n" * answering


CHATML = Turns(_chatml, "<|im_end|>")


@dataclass(frozen=True)
class Rendered:
    """A prompt for each row: `prefix`, which all rows share, and the row's own suffix after it.

    `lead` is the white space with which the model's answer begins. It stands before `{output}` in the row template, but
    is no part of the suffix, because most tokenizers make one token of a space and the word after it.
    """

    prefix: str
    suffixes: tuple[str, ...]
    lead: str

    @property
    def prompts(self) -> tuple[str, ...]:
        return tuple(self.prefix + suffix for suffix in self.suffixes)


def fill(template: str, *, input: str, output: str) -> str:
    """Replaces `{input}` and `{output}` once each, from left to right; other braces are text."""
    head, mark, tail = template.partition("{input}")
    filled_tail = tail.replace("{output}", output, 1)
    return head + mark.replace("{input}", input) + filled_tail


def problem_with(template: str) -> str | None:
    """Returns the fault of a row template as part of a sentence, or None if the template can be used."""
    for name in ("{input}", "{output}"):
        if template.count(name) != 1:
            return gettext("the row template must contain %(name)s exactly once") % {"name": name}
    if template.index("{input}") > template.index("{output}"):
        said = gettext("the row template must contain %(first)s before %(second)s")
        return said % {"first": "{input}", "second": "{output}"}
    return None


def render(
    prompt: Prompt,
    *,
    instructions: str,
    examples: Sequence[Example],
    inputs: Sequence[str],
    template: str | None = None,
    words: Mapping[str, str] = NO_WORDS,
    turns: Turns = CHATML,
) -> Rendered:
    """The prompts for `inputs`, whose shared prefix holds the instructions and the examples.

    In completion style a prompt is `instructions + join + example + join + ... + row up to {output}`. In chat style the
    same texts are messages, which `turns` puts together, and the instructions are the system message. `template`
    replaces the author's row template unless that is locked. `words` replaces labels, as outputs of examples, by the
    words that stand for them.
    """
    examples = [Example(input=e.input, output=words.get(e.output, e.output)) for e in examples]
    row = prompt.example if prompt.locked or template is None else template
    if prompt.style == "chat":
        return _chat(turns, row, instructions.strip(), examples, inputs)
    return _completion(prompt, row, instructions, examples, inputs)


def own_words(prompt: Prompt, template: str | None) -> str:
    """Returns the text that a learner's own template adds to each row before the answer; empty if there is none.

    Its tokens count. Otherwise a learner could write a whole prompt into the template at no cost.
    """
    if template is None or prompt.locked or template == prompt.example:
        return ""
    before = template.partition("{output}")[0]
    return before.replace("{input}", "", 1).replace("{passages}", "", 1).rstrip(" ")


def _completion(
    prompt: Prompt, row: str, instructions: str, examples: Sequence[Example], inputs: Sequence[str]
) -> Rendered:
    parts = [instructions.strip()] if instructions.strip() else []
    parts += [fill(row, input=e.input, output=e.output) for e in examples]
    prefix = "".join(part + prompt.join for part in parts)
    before, lead = _split_lead(row.partition("{output}")[0])
    return Rendered(prefix, tuple(before.replace("{input}", text, 1) for text in inputs), lead)


def _chat(turns: Turns, row: str, instructions: str, examples: Sequence[Example], inputs: Sequence[str]) -> Rendered:
    ask, _, after = row.partition("{output}")
    ask = ask.rstrip()
    said: list[Message] = [("system", instructions)] if instructions else []
    for e in examples:
        said += [("user", ask.replace("{input}", e.input, 1)), ("assistant", e.output + after)]

    def whole(text: str) -> str:
        return turns.write([*said, ("user", ask.replace("{input}", text, 1))], True)

    prompts = [whole(text) for text in inputs]
    # A template may move the instructions into the last message, or shorten white space around a text.
    prefix = _common([_beginning(turns, said, whole), *prompts])
    return Rendered(prefix, tuple(prompt.removeprefix(prefix) for prompt in prompts), "")


def _beginning(turns: Turns, said: Sequence[Message], whole: Callable[[str], str]) -> str:
    """Returns the text before the last message.

    Some templates cannot write the messages before it alone. Then it is the text up to where the row's text begins.
    """
    if not said:
        return "" if turns is CHATML else _before_the_text(whole)
    with suppress(NoTurns):
        alone = turns.write(said, False)
        if whole("").startswith(alone):
            return alone
    return _before_the_text(whole)


def _before_the_text(whole: Callable[[str], str]) -> str:
    return _common([whole("\ue000"), whole("\ue001")])


def _common(texts: Sequence[str]) -> str:
    first, last = min(texts), max(texts)
    return first[: next((n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))]


def _split_lead(text: str) -> tuple[str, str]:
    stripped = text.rstrip(" ")
    return stripped, text[len(stripped) :]


def target_text(target: Target) -> str:
    """The target as the text that a model should write; of several accepted texts the first.

    A JSON object stands on one line, with its keys in the author's order. Where the target only says what an output
    must contain, the result is a sentence for people. `accepted_texts` returns all accepted texts.
    """
    return accepted_texts(target)[0]


def accepted_texts(target: Target) -> tuple[str, ...]:
    """Every text that a target accepts as the answer, at least one."""
    if isinstance(target, tuple):
        return target
    if isinstance(target, Required):
        most = target.words_max
        said = ngettext("holds %(parts)s; at most %(most)s word", "holds %(parts)s; at most %(most)s words", most)
        return (said % {"parts": ", ".join(target.must), "most": most},)
    return (target if isinstance(target, str) else json.dumps(target, ensure_ascii=False),)


Item = TypeVar("Item")
PUBLIC = "public"
PREFIX = "order-"


def orders(examples: Sequence[Item], count: int) -> tuple[tuple[Item, ...], ...]:
    """At most `count` different orders of `examples`: the given one, then rotations that lie equally far apart.

    Order k, from 0, begins with example k * n // count of n and goes on from the start after the last one. So everybody
    can repeat it by hand, and each order ends with another example, which is what a model looks at most. Fewer examples
    than `count` have fewer orders.
    """
    starts = [k * len(examples) // count for k in range(count)]
    return tuple(dict.fromkeys((*examples[start:], *examples[:start]) for start in starts))


def stage(number: int) -> str:
    """The stage of the work items that answer public samples with the examples in order `number`, from 1.

    Learners see the rows of the first order while they are answered, and of other orders only how far they are.
    """
    return PUBLIC if number == 1 else f"{PREFIX}{number}"


def order_of(name: str) -> int | None:
    """The number, from 2, of the order whose name `stage` returned; None for the name of any other stage."""
    rest = name.removeprefix(PREFIX)
    return int(rest) if rest != name and rest.isdecimal() else None
