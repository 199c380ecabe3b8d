"""How machines with a token compute base models: what one of them has measured counts once a second one agrees."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from gradus.fleet.models import ChoiceProposal, WorkerToken
from gradus.refusal import Refused
from gradus.submissions import services

# In characters of JSON; a choice has about a thousand.
CHOICE_MOST = 20_000


def find(key: str) -> dict[str, Any] | None:
    """Returns the choice that counts for a place, or None."""
    kept = services.kept_choice(key)
    return None if kept is None else dict(kept.choice)


def propose(
    token: WorkerToken, key: str, place: dict[str, Any], digest: str, choice: dict[str, Any]
) -> dict[str, Any] | None:
    """Notes what a machine has measured, and keeps it where another machine has proposed the same.

    Returns the choice that counts then, or None. Raises `Refused` where the key is not that of the place.
    """
    # As `workers.engine.choice.Place` makes it.
    own = hashlib.sha256(json.dumps(place, sort_keys=True).encode()).hexdigest()[:32]
    if own != key or len(json.dumps(choice)) > CHOICE_MOST:
        raise Refused("not_a_choice", _("This does not say how a machine computes a base model."))
    if (counts := find(key)) is not None:
        return counts
    made = {"digest": digest, "place": place, "choice": choice, "made_at": timezone.now()}
    ChoiceProposal.objects.update_or_create(token=token, key=key, defaults=made)
    others = ChoiceProposal.objects.filter(key=key, digest=digest, token__revoked_at=None).exclude(token=token)
    if any(other.choice == choice for other in others):
        return dict(services.keep_choice(key, place, digest, choice).choice)
    return None
