"""From a payload to the text that a model reads. Used by graders, the site and the demo alike."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from challenges.payloads import Example
from challenges.rows import Required, Target
from challenges.spec import Prompt
from challenges.translation import gettext, ngettext

NO_WORDS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Rendered:
    """`prefix + suffix` is one model input; `lead` is white space that opens the continuation.

    The white space before `{output}` belongs to the answer: most tokenizers join it to the next word.
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
    """Says what is wrong with a row template, or nothing."""
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
) -> Rendered:
    """Builds the shared prefix and one suffix per input.

    Completion style is `instructions + join + example + join + ... + row up to {output}`; chat style is the
    same content as ChatML turns, with the instructions as the system message. `words` replace outputs of examples.
    """
    examples = [Example(input=e.input, output=words.get(e.output, e.output)) for e in examples]
    row = prompt.example if prompt.locked or template is None else template
    return (_chat if prompt.style == "chat" else _completion)(prompt, row, instructions, examples, inputs)


def _completion(
    prompt: Prompt, row: str, instructions: str, examples: Sequence[Example], inputs: Sequence[str]
) -> Rendered:
    parts = [instructions.strip()] if instructions.strip() else []
    parts += [fill(row, input=e.input, output=e.output) for e in examples]
    prefix = "".join(part + prompt.join for part in parts)
    before, lead = _split_lead(row.partition("{output}")[0])
    return Rendered(prefix, tuple(before.replace("{input}", text, 1) for text in inputs), lead)


def _chat(prompt: Prompt, row: str, instructions: str, examples: Sequence[Example], inputs: Sequence[str]) -> Rendered:
    ask, _, after = row.partition("{output}")
    ask = ask.rstrip()
    turns = [_turn("system", instructions.strip())] if instructions.strip() else []
    for e in examples:
        turns += [_turn("user", ask.replace("{input}", e.input, 1)), _turn("assistant", e.output + after)]
    ending = "<|im_start|>assistant\n"
    return Rendered("".join(turns), tuple(_turn("user", ask.replace("{input}", t, 1)) + ending for t in inputs), "")


def _turn(role: str, content: str) -> str:
    return f"<|im_start|>{role}\n{content}<|im_end|>\n"


def _split_lead(text: str) -> tuple[str, str]:
    stripped = text.rstrip(" ")
    return stripped, text[len(stripped) :]


def target_text(target: Target) -> str:
    """How a target is written as output: the first of several texts; JSON objects on one line, in the author's order.

    `accepted_texts` has all of them. What a text must hold is no output: people read it as a sentence.
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
