"""Prompts by the chat templates of other families than the built-in model's, against transformers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from challenges.models import catalogue
from challenges.models.chat_templates import known_turns, own_turns, turns_of
from challenges.payloads import Example
from challenges.prompts import CHATML, NoTurns, Rendered, Turns, render
from challenges.spec import Prompt
from graders.base import Rejected
from graders.decoding import Ask, ending
from tests.graders.bundles import LABEL
from tests.graders.bundles import challenge as challenge_of

# Written for these tests: the conventions of a family, in no file of its own.
HEADERS = (
    "{{ bos_token }}{% for m in messages %}{{ '<|head|>' + m['role'] + '<|/head|>\n\n' }}"
    "{{ m['content'] | trim + '<|eot|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|head|>assistant<|/head|>\n\n' }}{% endif %}"
)
NO_SYSTEM = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
    "{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate') }}{% endif %}"
    "{{ '<turn>' + ('model' if m['role'] == 'assistant' else m['role']) + '\n' + m['content'] | trim + '</turn>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<turn>model\n' }}{% endif %}"
)
SYSTEM_LAST = (
    "{% if messages[0]['role'] == 'system' %}{% set said = messages[0]['content'] %}{% set rest = messages[1:] %}"
    "{% else %}{% set said = '' %}{% set rest = messages %}{% endif %}{{ bos_token }}{% for m in rest %}"
    "{% if m['role'] == 'user' %}{% if loop.last and said %}{{ '[INST] ' + said + '\n\n' + m['content'] + '[/INST]' }}"
    "{% else %}{{ '[INST] ' + m['content'] + '[/INST]' }}{% endif %}"
    "{% else %}{{ ' ' + m['content'] + eos_token }}{% endif %}{% endfor %}"
)
DEFAULT_SYSTEM = (
    "{%- if tools is not none %}{{ 'tools' }}{% endif %}"
    "{%- if messages[0].role != 'system' %}{{ '<|s|>system\nYou help.<|e|>\n' }}{% endif %}"
    "{% for m in messages %}\n    {{- '<|s|>' + m.role + '\n' + m.content + '<|e|>' + '\n' }}\n{% endfor %}\n"
    "{%- if add_generation_prompt %}{{ '<|s|>assistant\n' }}{% endif %}"
)
ADDED = {"__type": "AddedToken", "content": "<bos>", "special": True, "normalized": False}
FAMILIES = {
    # The shape of a family: its template, its special tokens, what it names and what ends an answer.
    "llama": (HEADERS, ["<|bos|>", "<|head|>", "<|/head|>", "<|eot|>"], {"bos_token": "<|bos|>"}, "<|eot|>"),
    "gemma": (NO_SYSTEM, ["<bos>", "<turn>", "</turn>"], {"bos_token": ADDED}, "</turn>"),
    "mistral": (SYSTEM_LAST, ["<s>", "</s>", "[INST]", "[/INST]"], {"bos_token": "<s>", "eos_token": "</s>"}, "</s>"),
    "qwen": (DEFAULT_SYSTEM, ["<|s|>", "<|e|>"], {"eos_token": "<|e|>"}, "<|e|>"),
}
PROMPT = Prompt(style="chat", instructions="", example="Word: {input}\nKind: {output}")
INPUTS = ("heron", "  two words ", "a\n\nb", "{{ messages }}", "")
EXAMPLES = (Example(input="sea", output="water"), Example(input="sky", output="air"))


def tokenizer(special: list[str]) -> Tokenizer:
    made = Tokenizer(models.BPE(vocab={letter: n for n, letter in enumerate(alphabet())}, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens(special)
    return made


def alphabet() -> list[str]:
    return sorted(pre_tokenizers.ByteLevel.alphabet())


Family = tuple[Turns, PreTrainedTokenizerBase, Tokenizer, str]


@pytest.fixture
def family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Family]]:
    """Writes a model folder with the family's tokenizer; the operator lists all of them."""
    monkeypatch.setenv("GRADUS_DATA_DIR", str(tmp_path))
    listed = [
        f"- {{name: {name}, title: T, licence: MIT, parameters: 1, context: 99, special_tokens: [x], folder: x}}"
        for name in (*FAMILIES, "none")
    ]
    (tmp_path / "models.yaml").write_text("models:\n" + "\n".join(listed) + "\n")
    catalogue.known.cache_clear()

    def write(name: str, template: str | None = None) -> Family:
        own, special, named, end = FAMILIES[name]
        folder = tmp_path / "models" / name
        folder.mkdir(parents=True)
        read = tokenizer(special)
        read.save(str(folder / "tokenizer.json"))
        config = {"tokenizer_class": "PreTrainedTokenizerFast", **named}
        # Either place is in use.
        if name == "qwen":
            (folder / "chat_template.jinja").write_text(template or own)
        else:
            config["chat_template"] = template or own
        (folder / "tokenizer_config.json").write_text(json.dumps(config))
        return own_turns(name), AutoTokenizer.from_pretrained(folder), read, end

    yield write
    catalogue.known.cache_clear()


def conversations(instructions: str, has_system: bool) -> list[list[dict[str, str]]]:
    """What a model should read for each of `INPUTS`, as transformers takes it."""
    said = []
    for text in INPUTS:
        users = [*(f"Word: {e.input}\nKind:" for e in EXAMPLES), f"Word: {text}\nKind:"]
        if instructions and not has_system:
            users[0] = f"{instructions}\n\n{users[0]}"
        turns = [{"role": "system", "content": instructions}] * bool(instructions and has_system)
        for user, example in zip(users, (*EXAMPLES, None), strict=True):
            turns.append({"role": "user", "content": user})
            if example is not None:
                turns.append({"role": "assistant", "content": example.output})
        said.append(turns)
    return said


def rendered(turns: Turns, instructions: str) -> Rendered:
    return render(PROMPT, instructions=instructions, examples=EXAMPLES, inputs=INPUTS, turns=turns)


@pytest.mark.parametrize("instructions", ["", "Sort the words."])
@pytest.mark.parametrize("name", FAMILIES)
def test_prompts_are_what_transformers_makes_of_the_messages(
    family: Callable[[str], Family], name: str, instructions: str
) -> None:
    turns, theirs, ours, end = family(name)
    has_system = name in ("llama", "qwen")
    made = rendered(turns, instructions)
    for prompt, said in zip(made.prompts, conversations(instructions, has_system), strict=True):
        assert prompt == theirs.apply_chat_template(said, tokenize=False, add_generation_prompt=True)
        ids = theirs.apply_chat_template(said, add_generation_prompt=True, return_dict=False)
        assert ours.encode(prompt, add_special_tokens=False).ids == list(ids)
    assert turns.end == end
    # The examples, and instructions where there are any, are read once for all rows.
    assert all(e.output in made.prefix for e in EXAMPLES) and instructions in made.prefix
    assert made.prefix + made.suffixes[0] == made.prompts[0]


@pytest.mark.parametrize("name", FAMILIES)
def test_without_examples_and_instructions_nothing_is_lost(family: Callable[[str], Family], name: str) -> None:
    turns, theirs, *_ = family(name)
    made = render(PROMPT, instructions="", examples=(), inputs=INPUTS, turns=turns)
    for prompt, text in zip(made.prompts, INPUTS, strict=True):
        said = [{"role": "user", "content": f"Word: {text}\nKind:"}]
        assert prompt == theirs.apply_chat_template(said, tokenize=False, add_generation_prompt=True)
    assert render(PROMPT, instructions="", examples=(), inputs=(), turns=turns).prefix in made.prompts[0]


def test_the_prefix_of_chatml_is_what_it_was() -> None:
    made = rendered(CHATML, "Sort.")
    turns = ["system\nSort.", "user\nWord: sea\nKind:", "assistant\nwater", "user\nWord: sky\nKind:", "assistant\nair"]
    assert made.prefix == "".join(f"<|im_start|>{turn}<|im_end|>\n" for turn in turns)
    assert made.suffixes[0] == "<|im_start|>user\nWord: heron\nKind:<|im_end|>\n<|im_start|>assistant\n"
    assert render(PROMPT, instructions="", examples=(), inputs=()).prefix == ""


@pytest.mark.parametrize(
    "template",
    [
        "{{ raise_exception('never') }}",
        "{% for m in messages %}{{ m.nothing.at_all }}{% endfor %}",
        "{% if %}",
        "{{ messages + 1 }}",
        "{{ 1 // 0 }}",
        "{{ ''.__class__.__mro__ }}",
    ],
)
def test_a_template_that_cannot_be_used_ends_without_a_word_of_the_rows(
    family: Callable[..., Family], template: str
) -> None:
    with pytest.raises(NoTurns) as caught:
        family("llama", template)[0].write([("user", "a hidden row")], True)
    assert "hidden" not in str(caught.value)


def test_a_challenge_is_asked_as_its_model_says(
    family: Callable[[str], Family], monkeypatch: pytest.MonkeyPatch
) -> None:
    family("gemma")
    challenge = challenge_of({**LABEL, "decode": "generate"}, model="gemma", prompt=PROMPT.model_dump())
    assert Ask(challenge, "").render(["heron"]).prompts[0].startswith("<bos><turn>user\n")
    listed = replace(catalogue.known()["gemma"], chat="chatml")
    monkeypatch.setitem(catalogue.known(), "gemma", listed)
    assert turns_of("gemma") is CHATML
    assert Ask(challenge, "").render(["heron"]).prompts[0].startswith("<|im_start|>user\n")


def test_a_challenge_of_a_model_without_a_template_is_rejected_and_counted_all_the_same(
    family: Callable[[str], Family],
) -> None:
    challenge = challenge_of({**LABEL, "decode": "generate"}, model="none", prompt=PROMPT.model_dump())
    for asked in (lambda: Ask(challenge, "").render(["heron"]), lambda: ending(challenge)):
        with pytest.raises(Rejected) as caught:
            asked()
        assert caught.value.code == "no_chat_template"
    assert known_turns("none") is CHATML
    completion = challenge_of(
        {**LABEL, "decode": "generate"}, model="none", prompt={**PROMPT.model_dump(), "style": "completion"}
    )
    assert Ask(completion, "").render(["heron"]).prompts == ("Word: heron\nKind:",)
