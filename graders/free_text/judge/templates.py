"""Prompt templates of the judge: a text file each, in `prompts/` or in a package, found by its name."""

from __future__ import annotations

from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from challenges.registry import RegistryError, load, registered

# The text that is the same for all templates: authors choose how marks are given, not whether denials are looked for.
_DENIALS = Path(__file__).parent / "prompts" / "fixed" / "denials.txt"
FOLDER = Path(__file__).parent / "prompts"
GROUP = "gradus.judge_templates"
DEFAULT = "criteria-1"
# A stored grade names its template with a digest, in a column of 64 characters.
NAME_CHARS = 40


def names() -> tuple[str, ...]:
    """Returns every template that can be chosen: the built-in ones and those of packages (entry points of `GROUP`)."""
    return tuple(sorted({path.stem for path in FOLDER.glob("*.txt")} | registered(GROUP, {}).keys()))


@cache
def instructions(name: str) -> str:
    """Returns the system message of a template; the default's for an empty name.

    Raises KeyError for an unknown name, and `RegistryError` where a package does not hold the template it declares.
    """
    chosen = name or DEFAULT
    if chosen not in names():
        raise KeyError(f"there is no judge template `{chosen}`; there are {', '.join(names())}")
    own = FOLDER / f"{chosen}.txt"
    return (own if own.is_file() else _packaged(chosen)).read_text(encoding="utf-8").strip()


@cache
def denial_instructions() -> str:
    """Returns the system message of the call that asks what an answer denies."""
    return _DENIALS.read_text(encoding="utf-8").strip()


def _packaged(name: str) -> Traversable:
    """Returns the file of a package's template. The entry point names the package whose folder holds it."""
    package = registered(GROUP, {})[name]
    if len(name) > NAME_CHARS:
        raise RegistryError(f"The judge template `{name}` needs a name of at most {NAME_CHARS} characters.")
    try:
        file = resources.files(load(package)) / f"{name}.txt"
    except (ImportError, AttributeError, TypeError) as error:
        raise RegistryError(
            f"The judge template `{name}` names `{package}`, which is not a package: {error}"
        ) from error
    if not file.is_file():
        raise RegistryError(f"The package `{package}` declares the judge template `{name}` but holds no {name}.txt.")
    return file
