"""The chat template that comes with a base model: how messages become the text that the model was trained to answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from challenges.models.base_models import data_dir
from challenges.models.catalogue import MODELS
from challenges.prompts import CHATML, Message, NoTurns, Turns

Fill = Callable[[Sequence[Message], bool], str]


def turns_of(model: str | None) -> Turns:
    """How messages become a prompt of this model: in ChatML where the catalogue says so, else by its own template.

    Raises:
        NoTurns: The model's files are not on this machine, or contain no chat template that can be used.
    """
    if model is None or model not in MODELS or MODELS[model].chat == "chatml":
        return CHATML
    return own_turns(model)


def known_turns(model: str | None) -> Turns:
    """Does the same as `turns_of`, but returns ChatML if this machine has no template of the model.

    It is for code that counts tokens or shows a prompt, and asks no model: a web server need not have the files of the
    model, and ChatML has about as many tokens.
    """
    try:
        return turns_of(model)
    except NoTurns:
        return CHATML


def own_turns(model: str | None) -> Turns:
    """The model's own chat template, whatever the catalogue says. Raises `NoTurns`, as `turns_of` does."""
    template = template_of(model)
    if not template:
        raise NoTurns(f"{model} has no chat template")
    return _compiled(template, json.dumps(_special_tokens(_folder(str(model)))))


def has_none(model: str | None) -> bool:
    """True if the model's files are on this machine and contain no chat template."""
    if model is None or model not in MODELS:
        return False
    return (_folder(model) / "tokenizer.json").is_file() and not template_of(model)


def template_of(model: str | None) -> str:
    """The chat template as Jinja text; empty if there is none, or if the catalogue does not have the model."""
    if model is None or model not in MODELS:
        return ""
    file = _folder(model) / "chat_template.jinja"
    if file.is_file():
        return file.read_text()
    template = _config(_folder(model)).get("chat_template")
    if isinstance(template, list):
        # Several by name, of which the default one is meant.
        named = {one.get("name"): one.get("template") for one in template if isinstance(one, dict)}
        template = named.get("default")
    return template if isinstance(template, str) else ""


def _folder(model: str) -> Path:
    return data_dir() / "models" / model


def _config(folder: Path) -> dict[str, Any]:
    file = folder / "tokenizer_config.json"
    read = json.loads(file.read_text()) if file.is_file() else {}
    return read if isinstance(read, dict) else {}


def _special_tokens(folder: Path) -> dict[str, str]:
    """The tokens that a template may name, such as `bos_token`. A configuration holds them as text or as an object."""
    config = _config(folder)
    given = {name: config.get(name) for name in ("bos_token", "eos_token", "unk_token", "pad_token")}
    texts = {name: one.get("content") if isinstance(one, dict) else one for name, one in given.items()}
    return {name: one for name, one in texts.items() if isinstance(one, str)}


@lru_cache(maxsize=16)
def _compiled(template: str, tokens: str) -> Turns:
    """The template as transformers fills it: in a sandbox, with the same functions, and without the date of today."""
    from jinja2 import TemplateError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def refuse(message: str) -> None:
        raise TemplateError(message)

    def as_json(value: object, **options: Any) -> str:
        return json.dumps(value, ensure_ascii=False, **options)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, autoescape=False, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = as_json
    environment.globals["raise_exception"] = refuse
    try:
        compiled = environment.from_string(template)
    except TemplateError as error:
        raise NoTurns(str(error)) from error
    names = {"tools": None, "documents": None, **json.loads(tokens)}

    def fill(messages: Sequence[Message], answering: bool) -> str:
        said = [{"role": role, "content": content} for role, content in messages]
        try:
            return compiled.render(messages=said, add_generation_prompt=answering, **names)
        except Exception as error:
            # A template can raise anything. No message may stand in the error, because it can be a hidden row.
            raise NoTurns(type(error).__name__) from None

    has_system = _has_system(fill)

    def write(messages: Sequence[Message], answering: bool) -> str:
        return fill(messages if has_system else _merged(messages), answering)

    return Turns(write, _end(fill))


# Characters for private use, which stand in no template.
SYSTEM, USER, ASSISTANT = "\ue001", "\ue002", "\ue003"


def _has_system(fill: Fill) -> bool:
    """Returns True if the template accepts a system message and writes it before the first message of the user."""
    try:
        text = fill([("system", SYSTEM), ("user", USER), ("assistant", ASSISTANT), ("user", USER)], True)
    except NoTurns:
        return False
    return 0 <= text.find(SYSTEM) < text.find(USER)


def _merged(messages: Sequence[Message]) -> Sequence[Message]:
    """The instructions at the beginning of the first message of the user, for a model without a system role."""
    match list(messages):
        case [("system", instructions), ("user", first), *rest]:
            return [("user", f"{instructions}\n\n{first}"), *rest]
        case [("system", _), *_]:
            raise NoTurns("instructions without a message")
    return messages


def _end(fill: Fill) -> str:
    """Returns the text with which the template ends an answer, without white space around it."""
    text = fill([("user", USER), ("assistant", ASSISTANT)], False)
    return text.partition(ASSISTANT)[2].strip()
