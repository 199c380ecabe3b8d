"""What a receipt states, in words for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from challenges.kinds import registry as kinds
from challenges.registry import kind_names
from gradus.receipts.signing import is_provisional

NAMES = {
    "title": gettext_lazy("Challenge"),
    "score": gettext_lazy("Score"),
    "provisional": gettext_lazy("Provisional"),
    "passed": gettext_lazy("Passed"),
    "gold": gettext_lazy("Gold"),
    "annulled": gettext_lazy("Annulled"),
    "verified_by": gettext_lazy("How it was verified"),
    "accepted_in_bulk": gettext_lazy("Marks accepted together with those of other answers"),
    "day": gettext_lazy("Day of grading, in UTC"),
    "learner": gettext_lazy("Learner's name on leaderboards"),
    "kind": gettext_lazy("What was handed in"),
    "version": gettext_lazy("Version of the challenge"),
    "site": gettext_lazy("Site"),
    "course": gettext_lazy("Id of the course"),
    "challenge": gettext_lazy("Id of the challenge"),
    "submission": gettext_lazy("Id of the attempt"),
    "payload_sha256": gettext_lazy("Digest of what was handed in"),
    "model": gettext_lazy("Base model"),
    "model_checkpoint": gettext_lazy("Digest of the base model's weights"),
    "adapter_sha256": gettext_lazy("Digest of the trained weights"),
    "engine": gettext_lazy("Engine"),
    "engine_choice": gettext_lazy("How the engine computes"),
    "grader_version": gettext_lazy("Version of the grader"),
    "seed": gettext_lazy("Seed"),
    "schema": gettext_lazy("Version of the receipt's form"),
}


@dataclass(frozen=True)
class Statement:
    """The facts of a receipt. `verdict` is `annulled`, `provisional`, `gold`, `passed` or `not_passed`.

    `lines` are pairs of a name and its value, in the order of `NAMES`; a name that this version of the site does not
    know stands at the end as it is written.
    """

    facts: Mapping[str, Any]
    verdict: str
    day: date
    lines: tuple[tuple[str, str], ...]


def statement(facts: Mapping[str, Any]) -> Statement:
    """What a receipt states that this site has signed."""
    listed = [*(name for name in NAMES if name in facts), *(name for name in facts if name not in NAMES)]
    lines = tuple((str(NAMES.get(name, name)), _value(name, facts)) for name in listed)
    return Statement(facts, _verdict(facts), date.fromisoformat(facts["day"]), lines)


def _verdict(facts: Mapping[str, Any]) -> str:
    if facts.get("annulled"):
        return "annulled"
    if is_provisional(facts):
        return "provisional"
    return "gold" if facts["gold"] else "passed" if facts["passed"] else "not_passed"


def _value(name: str, facts: Mapping[str, Any]) -> str:
    """Receipts of version 0.2.0 call a provisional grade passed, which is not settled, and a computed one the AI's."""
    value = facts[name]
    if name == "passed" and is_provisional(facts):
        return _("not settled yet")
    if name == "verified_by" and facts.get("accepted_in_bulk"):
        return _("The machine's marks, accepted by a person")
    if name == "verified_by":
        ways = {"ai": _("AI-verified"), "code": _("Computed by code"), "person": _("Person-verified")}
        is_computed = value == "ai" and facts["kind"] in kind_names() and not kinds.find(facts["kind"]).is_judged
        return ways.get("code" if is_computed else value, value) or _("not settled yet")
    if name == "kind" and value in kind_names():
        return str(kinds.find(value).title)
    if value is None or value == "":
        return _("none")
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return str(value)
