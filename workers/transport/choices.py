"""Keeps the engine's choices in the site's database, so that all hosts of one kind compute alike."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict

from gradus.submissions import services
from workers.engine.choice import Choice, Place


class DatabaseChoices:
    """Implements `workers.sandbox.choosing.Choices`. A row that this version cannot read counts as not kept."""

    def find(self, place: Place) -> Choice | None:
        """The choice that is kept for `place`, or None."""
        kept = services.kept_choice(place.key)
        if kept is not None:
            with suppress(ValueError):
                return Choice.from_json(kept.choice)
        return None

    def keep(self, place: Place, choice: Choice) -> Choice:
        """Keeps the choice, and returns the one that counts: the first that was kept and can be read."""
        while True:
            kept = services.keep_choice(place.key, asdict(place), choice.digest, choice.as_json())
            with suppress(ValueError):
                return Choice.from_json(kept.choice)
            services.forget_choice(kept)

    def forget(self, place: Place) -> None:
        """Removes what is kept for `place`, so that it is measured again."""
        if (kept := services.kept_choice(place.key)) is not None:
            services.forget_choice(kept)
