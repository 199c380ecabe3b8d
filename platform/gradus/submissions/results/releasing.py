"""Services that release the grades of a class to its learners, or withhold those that nobody has seen yet.

`classes.releases` says what is released when. The flags of an attempt follow it: at once when a person changes
something, and at a date in the first round of the reconciler from then on. Such a round also goes on where a process
has died, because what is left to do can always be seen from the attempts and the rules.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import structlog
from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q

from gradus.accounts.models import User
from gradus.classes import changes, releases
from gradus.classes.models import Class, ReleaseRule
from gradus.classes.releases import Place
from gradus.courses.models import Challenge
from gradus.submissions import events
from gradus.submissions.models import Evaluation, Score, Submission, SubmissionQuerySet
from gradus.submissions.results.standings import hold_learners, update_standings
from gradus.submissions.states import GRADED, OPEN, State

log = structlog.get_logger(__name__)
# A transaction releases at most this many attempts.
BATCH = 500


def _is_provisional(evaluation: str = "") -> Q:
    """A condition: the current evaluation waits for a person, with a provisional score or without a score."""
    unmarked = {f"{evaluation}state": State.REVIEW, f"{evaluation}score": None}
    return Q(**{f"{evaluation}score__provisional": True}) | Q(**unmarked)


IS_PROVISIONAL = Exists(Evaluation.objects.filter(_is_provisional(), submission=OuterRef("pk"), is_current=True))


def release(
    of_class: Class,
    challenge: Challenge | None,
    *,
    by: User,
    parts: tuple[str, ...] = releases.PARTS,
    provisional: bool = False,
) -> int:
    """Releases grades by hand, at a challenge or at all of the class. Returns the number of attempts that changed.

    A provisional grade is released when it is final, or now with `provisional`. A second call changes nothing, and of
    two at once each attempt is released by one. Raises what `releases.mark_released` raises.
    """
    releases.mark_released(of_class, challenge, parts, by=by, provisional=provisional)
    return carry_out(of_class, challenge)


def change_rule(of_class: Class, challenge: Challenge | None, *, by: User, seen: str = "", **settings: Any) -> int:
    """Stores when grades are released, and carries it out. Returns the number of attempts that changed.

    What a learner has seen is never withheld again. Raises what `releases.change` raises.
    """
    releases.change(of_class, challenge, by=by, seen=seen, **settings)
    return carry_out(of_class, challenge)


def withhold_later(of_class: Class, challenge: Challenge | None, *, by: User) -> int:
    """Ends a release by hand, and withholds what nobody has seen. Raises what `releases.withhold_later` raises."""
    releases.withhold_later(of_class, challenge, by=by)
    return carry_out(of_class, challenge)


def follow_class(of_class: Class, challenge: Challenge, *, by: User, seen: str = "") -> int:
    """Removes the rule of a challenge, and carries out the one of the class. Raises what `change_rule` raises."""
    releases.follow_class(of_class, challenge, by=by, seen=seen)
    return carry_out(of_class, challenge)


def carry_out(
    of_class: Class | None = None, challenge: Challenge | None = None, *, most: int | None = None, waits: bool = True
) -> int:
    """Makes attempts follow the rules: of one class and challenge, or of all. Returns how many attempts changed.

    Args:
        most: Bounds how many are released. What is left is done by the next call.
        waits: If False, what another transaction holds is left to the next call, and so is a place where the database
            refuses a change. That is logged.
    """
    attempts = Submission.objects.filter(of_class__isnull=False)
    attempts = attempts.filter(of_class=of_class) if of_class else attempts
    attempts = attempts.filter(challenge=challenge) if challenge else attempts
    changed = _withhold_unseen(attempts, waits) + _release_due(attempts, most, waits)
    events.rules_applied.send(sender=ReleaseRule, of_class=of_class, challenge=challenge, waits=waits)
    return changed


def _release_due(attempts: SubmissionQuerySet, most: int | None, waits: bool) -> int:
    done = 0
    for place, rule in releases.rules_of(_places(attempts.filter(details_withheld=True))).items():
        # Most places have nothing to release, and locking a class stops all who change it.
        if not _due(rule, place).exists():
            continue
        while most is None or done < most:
            changed = one_place(_release_batch, place, waits)
            done += changed
            if changed < BATCH:
                break
    return done


def one_place(step: Callable[[Place, bool], int], place: Place, waits: bool) -> int:
    """Does a step at one class and challenge. Without `waits`, its failure does not concern the others."""
    try:
        return step(place, waits)
    except Exception as error:
        if waits:
            raise
        log.exception("release_failed", of_class=place[0], challenge=place[1], reason=type(error).__name__)
        return 0


def _places(attempts: SubmissionQuerySet) -> list[Place]:
    """The keys of class and challenge of these attempts."""
    found = attempts.order_by("of_class", "challenge").values_list("of_class", "challenge").distinct()
    return [(of_class, challenge) for of_class, challenge in found if of_class is not None]


def _due(rule: ReleaseRule, place: Place) -> SubmissionQuerySet:
    """The attempts of which the rule shows more than learners see of them."""
    if rule.withholds_grade():
        return Submission.objects.none()
    withheld = Submission.objects.filter(of_class=place[0], challenge=place[1], details_withheld=True)
    if rule.holds_provisional:
        withheld = withheld.exclude(IS_PROVISIONAL)
    return withheld.filter(grade_withheld=True) if rule.withholds_details() else withheld


@transaction.atomic
def _release_batch(place: Place, waits: bool) -> int:
    """Releases at most `BATCH` attempts, with their standings and notices, if the rule says so."""
    class_id, challenge_id = place
    # The rule stays as it is until the end of the transaction.
    if waits:
        changes.hold(class_id)
    elif not changes.hold_free(class_id):
        return 0
    rule = releases.rule_of(class_id, challenge_id)
    due = _due(rule, place)
    chosen = list(due.order_by("user_id", "pk").values_list("pk", "user_id")[:BATCH])
    held = hold_learners((user for _pk, user in chosen), waits=waits)
    # Read after the lock: a worker that records a grade holds its learner, too.
    keys = [pk for pk, user in chosen if user in held]
    rows = list(due.filter(pk__in=keys).only("pk", "user", "kind", "grade_withheld"))
    Submission.objects.filter(pk__in=[one.pk for one in rows]).update(
        grade_withheld=False, details_withheld=rule.withholds_details()
    )
    _tell([one for one in rows if one.grade_withheld], challenge_id)
    return len(rows)


def _tell(released: list[Submission], challenge_id: int) -> None:
    learners: dict[str, set[int]] = defaultdict(set)
    for one in released:
        learners[one.kind].add(one.user_id)
    for track, user_ids in sorted(learners.items()):
        update_standings(sorted(user_ids), challenge_id, track)
    if released:
        events.released.send(sender=Submission, submissions=released)


def _withhold_unseen(attempts: SubmissionQuerySet, waits: bool) -> int:
    """Withholds attempts that are still being graded, where the rule has changed since they were handed in."""
    is_strict = ReleaseRule.objects.exclude(score=ReleaseRule.When.NOW, details=ReleaseRule.When.NOW)
    is_open = Exists(Evaluation.objects.open().filter(submission=OuterRef("pk")))
    unseen = attempts.filter(is_open, of_class__in=is_strict.values("of_class"), grade_withheld=False)

    def withhold(place: Place, waits: bool) -> int:
        rule = releases.rule_of(*place)
        if not rule.withholds_details():
            return 0
        here = unseen.filter(of_class=place[0], challenge=place[1])
        return _withhold(here, grade=rule.withholds_grade(), waits=waits)

    return sum(one_place(withhold, place, waits) for place in _places(unseen))


@transaction.atomic
def _withhold(unseen: SubmissionQuerySet, *, grade: bool, waits: bool) -> int:
    """Withholds the details, or the whole `grade`, of those of these attempts that have no score yet."""
    if not grade:
        unseen = unseen.filter(details_withheld=False)
    users = dict(unseen.values_list("pk", "user_id"))
    held = hold_learners(users.values(), waits=waits)
    keys = [pk for pk, user in users.items() if user in held]
    has_score = Exists(Score.objects.filter(evaluation__submission=OuterRef("pk")))
    still = Submission.objects.filter(~has_score, pk__in=keys, grade_withheld=False)
    return still.update(grade_withheld=grade, details_withheld=True)


@dataclass(frozen=True)
class Overview:
    """How far the grades of a class at a challenge are released.

    `rule` is the one that holds, of the challenge or, without `is_own`, of the class. `withheld` counts graded attempts
    whose score learners do not see, `details` those whose score they see without its details, `provisional` and
    `provisional_details` those of each whose grade is provisional, and `ungraded` attempts that are still being graded
    or wait for a person.
    """

    challenge: Challenge
    rule: ReleaseRule
    withheld: int = 0
    details: int = 0
    ungraded: int = 0
    provisional: int = 0
    provisional_details: int = 0

    @property
    def final(self) -> int:
        """How many scores a release by hand shows, without those that it leaves out as provisional."""
        return self.withheld - (self.provisional if self.rule.holds_provisional else 0)

    @property
    def final_details(self) -> int:
        return self.details - (self.provisional_details if self.rule.holds_provisional else 0)

    @property
    def left_out(self) -> int:
        """How many withheld attempts a release by hand leaves out, because their grades are provisional."""
        return self.provisional + self.provisional_details if self.rule.holds_provisional else 0

    @property
    def is_own(self) -> bool:
        return self.rule.challenge_id is not None

    @property
    def parts(self) -> tuple[str, ...]:
        """What is not released yet and can be released by hand."""
        return tuple(part for part in releases.PARTS if not self.rule.is_open(part))


def overview(of_class: Class, challenges: Iterable[Challenge]) -> list[Overview]:
    """Returns how far the grades at these challenges are released, in a fixed number of queries."""
    rules = {rule.challenge_id: rule for rule in ReleaseRule.objects.filter(of_class=of_class)}
    default = rules.get(None) or ReleaseRule(of_class=of_class)
    waits = Q(evaluations__state__in=(*OPEN, State.REVIEW))
    graded = Q(evaluations__state__in=GRADED)
    provisional = _is_provisional("evaluations__")
    counted = {
        "withheld": Count("pk", filter=graded & Q(grade_withheld=True)),
        "details": Count("pk", filter=graded & Q(grade_withheld=False, details_withheld=True)),
        "ungraded": Count("pk", filter=waits),
        "provisional": Count("pk", filter=provisional & Q(grade_withheld=True)),
        "provisional_details": Count("pk", filter=provisional & Q(grade_withheld=False, details_withheld=True)),
    }
    current = Submission.objects.filter(of_class=of_class, evaluations__is_current=True).order_by()
    rows = current.values("challenge").annotate(**counted).values_list("challenge", *counted)
    counts = {challenge: dict(zip(counted, numbers, strict=True)) for challenge, *numbers in rows}
    return [Overview(one, rules.get(one.pk, default), **counts.get(one.pk, {})) for one in challenges]
