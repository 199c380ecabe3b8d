"""Services that read and change the release rules of a class. `submissions.results.releasing` applies the rules.

Score and details of a grade are released separately. The details are the results of public samples, the marks of
criteria, and comments.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from gradus.accounts import roles
from gradus.accounts import staff_actions as staff
from gradus.accounts.models import StaffAction, User
from gradus.classes import membership
from gradus.classes.changes import clean, note, plain, refuse_changed
from gradus.classes.models import Class, ReleaseRule
from gradus.courses.models import Challenge
from gradus.refusal import wrong

What = StaffAction.What
SETTINGS = ("score", "score_at", "details", "details_at", "provisional")
PARTS = ("score", "details")
# The keys of a class and a challenge.
Place = tuple[int, int]
# The suffixes of the fields of a release by hand: when and by whom.
BY = ("at", "by")


def rule_of(of_class: Class | int, challenge: Challenge | int | None) -> ReleaseRule:
    """Returns the rule that applies to a challenge: its own, that of the class, or a new one that withholds nothing."""
    key = of_class.pk if isinstance(of_class, Class) else of_class
    return ReleaseRule.objects.of(key, challenge).first() or ReleaseRule(of_class_id=key)


def rules_of(places: Collection[Place]) -> dict[Place, ReleaseRule]:
    """Returns the rule of each place, as `rule_of` does, with one query."""
    kept = ReleaseRule.objects.filter(of_class__in={class_id for class_id, _challenge in places})
    rules = {(rule.of_class_id, rule.challenge_id): rule for rule in kept}
    return {one: rules.get(one) or rules.get((one[0], None)) or ReleaseRule(of_class_id=one[0]) for one in places}


def keep_rules(of_class: Class) -> None:
    """Prevents changes of the class's rules until the end of the transaction. Several transactions can do so at once.

    SQLite needs no lock, because only one transaction writes. On PostgreSQL, a foreign key would lock its row only at
    the end.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM classes_class WHERE id = %s FOR KEY SHARE", [of_class.pk])


def settings_of(rule: ReleaseRule) -> dict[str, Any]:
    """Returns the settings of a rule. A form carries `changes.version_of` of them."""
    return {name: getattr(rule, name) for name in SETTINGS}


@transaction.atomic
def change(of_class: Class, challenge: Challenge | None, *, by: User, seen: str = "", **settings: Any) -> ReleaseRule:
    """Stores when grades are released, at a challenge or at all challenges without their own rule.

    A part that was released by hand stays released unless its setting changes. Call `releasing.change_rule`, which also
    applies the rule to attempts.

    Args:
        settings: Fields of `SETTINGS`. Dates are aware. Without `provisional`, that choice stays.

    Raises:
        Http404, Refused: 403, the person may not decide about grades of this class; 409, `changed_meanwhile`; 422, a
            setting is wrong.
    """
    rule = _held(of_class, challenge, by)
    before = settings_of(rule)
    refuse_changed(seen, before)
    for part in PARTS:
        when, date = settings[part], settings.get(f"{part}_at")
        if when == ReleaseRule.When.DATE and date is None:
            raise wrong(f"{part}_at", _("Set the date and the time of the release."))
        at = date if when == ReleaseRule.When.DATE else None
        if (when, at) != (getattr(rule, part), getattr(rule, f"{part}_at")):
            values = {part: when, f"{part}_at": at, f"released_{part}_at": None, f"released_{part}_by": None}
            for name, value in values.items():
                setattr(rule, name, value)
    rule.provisional = settings.get("provisional", rule.provisional)
    clean(rule)
    rule.save()
    note(What.RELEASE_CHANGED, of_class, by, _named(before, challenge), _named(settings_of(rule), challenge))
    return rule


@transaction.atomic
def follow_class(of_class: Class, challenge: Challenge, *, by: User, seen: str = "") -> ReleaseRule:
    """Removes the rule of a challenge, so that the rule of the class applies. Raises what `change` raises."""
    rule = _held(of_class, challenge, by)
    refuse_changed(seen, settings_of(rule))
    after = rule_of(of_class, None)
    if rule.pk is not None:
        note(What.RELEASE_CHANGED, of_class, by, _named(settings_of(rule), challenge), {"follows": "class"})
        rule.delete()
    return after


@transaction.atomic
def mark_released(
    of_class: Class, challenge: Challenge | None, parts: tuple[str, ...], *, by: User, provisional: bool = False
) -> int:
    """Stores that a person releases these `PARTS` now. Returns how many parts were not released before.

    Without a challenge, it concerns all challenges of the class. With `provisional`, it is about provisional grades
    too, from now on. Call `releasing.release`, which also releases the attempts.

    Raises:
        Http404, Refused: 403, the person may not decide about grades of this class.
    """
    rules = [_held(of_class, challenge, by)]
    if challenge is None:
        rules += ReleaseRule.objects.filter(of_class=of_class, challenge__isnull=False)
    at, count = timezone.now(), 0
    for rule in rules:
        due = [part for part in parts if not rule.is_open(part, at)]
        for part in due:
            setattr(rule, f"released_{part}_at", at)
            setattr(rule, f"released_{part}_by", by)
        more = provisional and not rule.provisional
        if due or more:
            before = {"before": plain(settings_of(rule)), "after": "released"}
            rule.provisional |= provisional
            rule.save()
            what = {"challenge": rule.challenge and rule.challenge.slug, "parts": due, "provisional": more}
            staff.note(What.GRADES_RELEASED, of_class, by=by, **{"class": of_class.pk}, **what, **before)
        count += len(due)
    return count


@transaction.atomic
def withhold_later(of_class: Class, challenge: Challenge | None, *, by: User) -> int:
    """Ends a release by hand, so that the rule withholds later attempts again. Returns how many rules changed.

    Without a challenge, it concerns all challenges of the class. The choice of provisional grades ends with it. Grades
    that learners have seen stay visible.

    Raises:
        Http404, Refused: 403, the person may not decide about grades of this class.
    """
    rules = [_held(of_class, challenge, by)]
    if challenge is None:
        rules += ReleaseRule.objects.filter(of_class=of_class, challenge__isnull=False)
    count = 0
    for rule in rules:
        ended = [part for part in PARTS if getattr(rule, f"released_{part}_at")]
        for part in ended:
            setattr(rule, f"released_{part}_at", None)
            setattr(rule, f"released_{part}_by", None)
        if ended:
            rule.provisional = False
            rule.save()
            note(What.RELEASE_CHANGED, of_class, by, {}, _named({"withheld_again": ended}, rule.challenge))
            count += 1
    return count


def _held(of_class: Class, challenge: Challenge | None, by: User) -> ReleaseRule:
    """Locks the class and returns the challenge's own rule, or the rule of the class, for a change.

        A challenge without its own rule gets a new one with the settings that applied until now.

    The lock waits for transactions that called `keep_rules`, so that no attempt is stored by an outdated rule.
    """
    membership.refuse_unless(by, of_class, roles.DECIDES)
    if challenge is not None and challenge.course_id != of_class.course_id:
        raise wrong("challenge", _("This challenge belongs to another course."))
    Class.objects.select_for_update().get(pk=of_class.pk)
    rule = rule_of(of_class, challenge)
    if challenge is not None and rule.challenge_id is None:
        by_hand = {f"released_{part}_{name}": getattr(rule, f"released_{part}_{name}") for part in PARTS for name in BY}
        return ReleaseRule(of_class=of_class, challenge=challenge, **settings_of(rule), **by_hand)
    return rule


def _named(settings: dict[str, Any], challenge: Challenge | None) -> dict[str, Any]:
    return {**settings, **({"challenge": challenge.slug} if challenge else {})}
