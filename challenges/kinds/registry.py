"""Looks kinds up by name. The names themselves, and how to add one, stand in `challenges.registry`."""

from __future__ import annotations

from challenges.kinds.base import Kind
from challenges.registry import kind_names, load_kind
from challenges.spec import Challenge
from challenges.translation import translated


def find(name: str) -> Kind:
    """Returns the kind that is called `name`. Raises KeyError if no kind is."""
    kind: Kind = load_kind(name)
    return kind


def every() -> tuple[Kind, ...]:
    """All kinds, in the order of `kind_names`."""
    return tuple(find(name) for name in kind_names())


def approach_titles() -> dict[str, str]:
    """The title of each approach in the reader's language, by its name, in the order of the kinds."""
    return {name: translated(title) for kind in every() for name, title in kind.approaches.items()}


def judged() -> tuple[str, ...]:
    """The names of the kinds whose criteria are marked by a judge or by a person."""
    return tuple(kind.name for kind in every() if kind.is_judged)


def allowed(challenge: Challenge, name: str) -> str:
    """The text of a challenge's badge: the title of its kind, or of the training methods that it allows."""
    return ", ".join(translated(title) for title in find(name).allowed(challenge))
