"""Services that keep the engine's choices: how each base model computes on each kind of machine.

They know a choice only as JSON, because the site does not load the engine. `workers.choices` reads and checks it.
"""

from collections.abc import Mapping
from typing import Any

from gradus.submissions.models import EngineChoice


def kept_choice(key: str) -> EngineChoice | None:
    """Returns the choice that is kept under the key, or None."""
    return EngineChoice.objects.filter(key=key).first()


def keep_choice(key: str, place: Mapping[str, Any], digest: str, choice: Mapping[str, Any]) -> EngineChoice:
    """Keeps the choice unless one is kept under the key already, and returns the one that is kept then.

    `place` holds the fields `model`, `cpu`, `threads`, `device` and `versions`.
    """
    given = {**place, "digest": digest, "choice": dict(choice)}
    kept, _ = EngineChoice.objects.get_or_create(key=key, defaults=given)
    return kept


def forget_choice(kept: EngineChoice) -> None:
    """Removes exactly this choice; one that has replaced it meanwhile stays, because it has another id."""
    EngineChoice.objects.filter(pk=kept.pk).delete()
