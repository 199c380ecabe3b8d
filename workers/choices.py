"""Keeps the engine's choices in the site's database, so that all hosts of one kind compute alike."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from graders.base import Embed, Retrieve
from gradus.submissions import services
from workers.engine.choice import Choice, Place
from workers.execute import Running
from workers.sandbox.supervisor import Runner


class DatabaseChoices:
    """Implements `workers.engine.choice.Choices`. A row that this version cannot read counts as not kept."""

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


class Attributed:
    """Passes the items of one job on, and remembers by which choice the runner computed them.

    `digest` is "" until the runner has computed a base model: calibrations may be cached, and a remote engine computes
    without a choice of ours.
    """

    def __init__(self, way: Running, runner: Runner) -> None:
        self._way, self._runner = way, runner
        self.digest = ""

    def run(
        self, item: Any, *, on_event: Callable[[dict[str, Any]], None], should_stop: Callable[[], bool], seconds: float
    ) -> Any:
        """Does what the runner's `run` does."""
        result = self._way.run(item, on_event=on_event, should_stop=should_stop, seconds=seconds)
        if not isinstance(item, Embed | Retrieve):
            self.digest = self._runner.choose(item.model, should_stop=should_stop).digest
        return result
