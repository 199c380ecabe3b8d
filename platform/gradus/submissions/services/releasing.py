"""Services that release the grades of a class to its learners, or withhold those that nobody has seen yet.

`classes.releases` says what is released when. The flags of an attempt follow it: at once when a person changes
something, and at a date in the first round of the reconciler from then on. Such a round also goes on where a process
has died, because what is left to do can always be seen from the attempts and the rules.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q

from gradus.accounts.models import User
from gradus.classes import changes, releases
from gradus.classes.models import Class, ReleaseRule
from gradus.courses.models import Challenge
from gradus.submissions.models import Evaluation, Score, Submission, SubmissionQuerySet
from gradus.submissions.services import events
from gradus.submissions.services.standings import hold_learners, update_standings
from gradus.submissions.states import GRADED, OPEN, State

# A transaction releases at most this many attempts.
BATCH = 500


def release(of_class: Class, challenge: Challenge | None, *, by: User, parts: tuple[str, ...] = releases.PARTS) -> int:
    """Releases grades by hand, at a challenge or at all of the class. Returns the number of attempts that changed.

    A second call changes nothing, and of two at once each attempt is released by one. Raises what
    `releases.mark_released` raises.
    """
    releases.mark_released(of_class, challenge, parts, by=by)
    return carry_out(of_class, challenge)


def change_rule(of_class: Class, challenge: Challenge | None, *, by: User, seen: str = "", **settings: Any) -> int:
    """Stores when grades are released, and carries it out. Returns the number of attempts that changed.

    What a learner has seen is never withheld again. Raises what `releases.change` raises.
    """
    releases.change(of_class, challenge, by=by, seen=seen, **settings)
    return carry_out(of_class, challenge)


def follow_class(of_class: Class, challenge: Challenge, *, by: User, seen: str = "") -> int:
    """Removes the rule of a challenge, and carries out the one of the class. Raises what `change_rule` raises."""
    releases.follow_class(of_class, challenge, by=by, seen=seen)
    return carry_out(of_class, challenge)


def carry_out(of_class: Class | None = None, challenge: Challenge | None = None, *, most: int | None = None) -> int:
    """Makes attempts follow the rules: of one class and challenge, or of all. Returns how many attempts changed.

    `most` bounds how many are released. What is left is done by the next call.
    """
    attempts = Submission.objects.filter(of_class__isnull=False)
    attempts = attempts.filter(of_class=of_class) if of_class else attempts
    attempts = attempts.filter(challenge=challenge) if challenge else attempts
    return _withhold_unseen(attempts) + _release_due(attempts, most)


def _release_due(attempts: SubmissionQuerySet, most: int | None) -> int:
    withheld = attempts.filter(details_withheld=True)
    done = 0
    for class_id, challenge_id in _places(withheld):
        while most is None or done < most:
            changed = _release_batch(class_id, challenge_id)
            done += changed
            if not changed:
                break
    return done


def _places(attempts: SubmissionQuerySet) -> list[tuple[int, int]]:
    """The keys of class and challenge of these attempts."""
    found = attempts.order_by("of_class", "challenge").values_list("of_class", "challenge").distinct()
    return [(of_class, challenge) for of_class, challenge in found if of_class is not None]


@transaction.atomic
def _release_batch(class_id: int, challenge_id: int) -> int:
    """Releases at most `BATCH` attempts, with their standings and notices, if the rule says so."""
    # The rule stays as it is until the end of the transaction.
    changes.hold(class_id)
    rule = releases.rule_of(class_id, challenge_id)
    if rule.withholds_grade():
        return 0
    due = Submission.objects.filter(of_class=class_id, challenge=challenge_id, details_withheld=True)
    if rule.withholds_details():
        due = due.filter(grade_withheld=True)
    chosen = list(due.order_by("user_id", "pk").values_list("pk", "user_id")[:BATCH])
    hold_learners(user for _pk, user in chosen)
    # Read after the lock: a worker that records a grade holds its learner, too.
    rows = list(due.filter(pk__in=[pk for pk, _user in chosen]).only("pk", "user", "kind", "grade_withheld"))
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


def _withhold_unseen(attempts: SubmissionQuerySet) -> int:
    """Withholds attempts that are still being graded, where the rule has changed since they were handed in."""
    is_strict = ReleaseRule.objects.exclude(score=ReleaseRule.When.NOW, details=ReleaseRule.When.NOW)
    is_open = Exists(Evaluation.objects.open().filter(submission=OuterRef("pk")))
    unseen = attempts.filter(is_open, of_class__in=is_strict.values("of_class"), grade_withheld=False)
    done = 0
    for class_id, challenge_id in _places(unseen):
        rule = releases.rule_of(class_id, challenge_id)
        if rule.withholds_details():
            done += _withhold(unseen.filter(of_class=class_id, challenge=challenge_id), grade=rule.withholds_grade())
    return done


@transaction.atomic
def _withhold(unseen: SubmissionQuerySet, *, grade: bool) -> int:
    """Withholds the details, or the whole `grade`, of those of these attempts that have no score yet."""
    if not grade:
        unseen = unseen.filter(details_withheld=False)
    keys = dict(unseen.values_list("pk", "user_id"))
    hold_learners(keys.values())
    has_score = Exists(Score.objects.filter(evaluation__submission=OuterRef("pk")))
    still = Submission.objects.filter(~has_score, pk__in=keys, grade_withheld=False)
    return still.update(grade_withheld=grade, details_withheld=True)


@dataclass(frozen=True)
class Overview:
    """How far the grades of a class at a challenge are released.

    `rule` is the one that holds, of the challenge or, without `is_own`, of the class. `withheld` counts graded attempts
    whose score learners do not see, `details` those whose score they see without its details, and `ungraded` attempts
    that are still being graded or wait for a person.
    """

    challenge: Challenge
    rule: ReleaseRule
    withheld: int = 0
    details: int = 0
    ungraded: int = 0

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
    counts = {
        row.pop("challenge"): row
        for row in Submission.objects.filter(of_class=of_class, evaluations__is_current=True)
        .order_by()
        .values("challenge")
        .annotate(
            withheld=Count("pk", filter=graded & Q(grade_withheld=True)),
            details=Count("pk", filter=graded & Q(grade_withheld=False, details_withheld=True)),
            ungraded=Count("pk", filter=waits),
        )
    }
    return [Overview(one, rules.get(one.pk, default), **counts.get(one.pk, {})) for one in challenges]
