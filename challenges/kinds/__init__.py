"""The kinds of challenge: from a kind's name to its description, which is imported on first use.

To add a kind, write its description, its grader (`graders/registry.py`) and, where the generic page does not serve, its
page (`gradus/learn/kinds/`), and name each in its registry. Another package names them as entry points of the groups
`gradus.kinds`, `gradus.graders` and `gradus.pages`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from challenges.registry import load, registered
from challenges.translation import translated

if TYPE_CHECKING:
    from challenges.kinds.base import Kind
    from challenges.spec import Challenge

KINDS = {
    "prompt": "challenges.kinds.prompt:KIND",
    "tune": "challenges.kinds.tune:KIND",
    "free_text": "challenges.kinds.free_text:KIND",
    "rag": "challenges.kinds.rag:KIND",
}
NAME_MAX = 40
"""Characters of a kind's name, which is as long as the database's column."""


def names() -> tuple[str, ...]:
    """The names of all kinds: our own in the order of `KINDS`, then those of other packages."""
    return tuple(registered("gradus.kinds", KINDS))


def find(name: str) -> Kind:
    """The kind of that name. Raises KeyError where there is none."""
    kind: Kind = load(registered("gradus.kinds", KINDS)[name])
    return kind


def every() -> tuple[Kind, ...]:
    """All kinds, in the order of `names`."""
    return tuple(find(name) for name in names())


def judged() -> tuple[str, ...]:
    """The names of the kinds whose criteria are marked by a judge or by a person."""
    return tuple(kind.name for kind in every() if kind.is_judged)


def known_name(name: str) -> str:
    """The name itself. Raises ValueError, which lists the known names, where no kind is called that."""
    if name not in names():
        raise ValueError(f"there is no kind `{name}`: use one of {', '.join(names())}")
    return name


def allowed(challenge: Challenge, name: str) -> str:
    """The text of a challenge's badge: the title of its kind, or of the training methods that it allows."""
    return ", ".join(translated(title) for title in find(name).allowed(challenge))


def named_in(challenge: Mapping[Any, Any]) -> Iterator[Kind]:
    """The known kinds that an unchecked `challenge.yaml` names in `kind` and `also`, each once."""
    also = challenge.get("also")
    wanted = [challenge.get("kind"), *(also if isinstance(also, list | tuple) else ())]
    return (kind for kind in every() if kind.name in wanted)
