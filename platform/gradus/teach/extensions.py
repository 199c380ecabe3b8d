"""What an extension changes for learners, in words: the dates before and after, and what becomes shorter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from django.utils.translation import gettext as _

from gradus.classes import access, policy
from gradus.classes.access import PlaceOrCourse
from gradus.classes.models import Member
from gradus.classes.policy import Schedule
from gradus.courses.models import Challenge
from gradus.teach.date_rows import credit_line, date_line

# Lines of a message; the table of dates has everything.
SAID = 3
Held = Mapping[tuple[int, Challenge], Schedule]


def within(places: Sequence[PlaceOrCourse], place: PlaceOrCourse) -> list[Challenge]:
    """Returns the challenges of a place: itself, those of the lesson, or all. `places` are all of the course."""
    challenges = [one for one in places if isinstance(one, Challenge)]
    if place is None:
        return challenges
    return [one for one in challenges if one == place or (not isinstance(place, Challenge) and one.lesson == place)]


def held_by(members: Iterable[Member], challenges: Sequence[Challenge]) -> Held:
    """Returns what holds for each of these members of one class now, without the rules that say so."""
    facts = access.facts_of(members, challenges)
    # Most members have the same rules.
    known = {rules: replace(policy.combine(rules), applied=()) for rules in {one.rules for one in facts.values()}}
    return {(member, place): known[one.rules] for (member, place), one in facts.items() if isinstance(place, Challenge)}


def has_dates(held: Held) -> bool:
    return any(one.due_at or one.close_at for one in held.values())


@dataclass(frozen=True)
class Moved:
    """A challenge whose dates have changed in the same way for some learners."""

    challenge: Challenge
    before: Schedule
    after: Schedule

    @property
    def is_shorter(self) -> bool:
        """Whether the time in which a late attempt counts in part is shorter than it was."""
        return bool(self.before.late) and _part(self.after) < _part(self.before)

    def says(self, zone: str) -> str:
        given = {
            "title": self.challenge.title,
            "before": date_line(self.before.due_at, zone),
            "after": date_line(self.after.due_at, zone),
            "credit": credit_line(self.after, zone),
        }
        return _("%(title)s: due %(after)s, before it was %(before)s. An attempt counts: %(credit)s.") % given


def _part(schedule: Schedule) -> timedelta:
    if schedule.due_at is None or not schedule.late:
        return timedelta()
    return max(timedelta(), schedule.late[-1].until - schedule.due_at)


def moved(before: Held, after: Held) -> list[Moved]:
    """Returns each change once, in the order of the challenges."""
    changed = (Moved(key[1], before[key], after[key]) for key in before if before[key] != after[key])
    return list(dict.fromkeys(changed))


def in_words(changes: Sequence[Moved], zone: str) -> list[str]:
    """Returns what has changed, in at most a few lines."""
    said = [one.says(zone) for one in changes[:SAID]]
    if len(changes) > SAID:
        said.append(_("The table below has the other challenges."))
    return said


def shorter(changes: Sequence[Moved]) -> str:
    """Says at which challenges late attempts count in part for a shorter time than before; empty if at none."""
    titles = list(dict.fromkeys(one.challenge.title for one in changes if one.is_shorter))
    if not titles:
        return ""
    said = _(
        "The time in which a late attempt counts in part ends when it did before, so it is shorter now at: %(titles)s. "
        "To move it as well, set the late credit of the learner or label below."
    )
    return said % {"titles": ", ".join(titles)}
