"""The target and the values of a date rule, and their validation. `dates` has the services that change rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from gradus.classes import access, policy
from gradus.classes.changes import version_of
from gradus.classes.models import Class, DateRule, Label, Member
from gradus.classes.policy import Step, Values
from gradus.classes.times import shown
from gradus.courses.models import Challenge, Lesson
from gradus.refusal import Refused, wrong

DATES = ("release_at", "due_at", "close_at")
TIMES = (*DATES, "extended_to")
STEPS_MAX = 10
# The least and the most credit of a step.
EARLY, LATE = (policy.FULL, policy.CREDIT_MAX), (0.0, policy.FULL)


@dataclass(frozen=True)
class Target:
    """The place and the people of a date rule.

    The place is the whole course unless a lesson or challenge is set. The people are everybody unless a label or member
    is set.
    """

    of_class: Class
    lesson: Lesson | None = None
    challenge: Challenge | None = None
    label: Label | None = None
    member: Member | None = None

    @property
    def place(self) -> Challenge | Lesson | None:
        return self.challenge or self.lesson

    def rule(self) -> DateRule | None:
        return DateRule.objects.filter(**vars(self)).first()

    def __str__(self) -> str:
        people = self.label or self.member or _("everybody")
        return f"{self.of_class}: {self.place or self.of_class.course}, {people}"


def stored(values: Values) -> dict[str, Any]:
    """Returns the values as the columns of `DateRule` hold them."""

    def steps(given: Sequence[Step] | None) -> list[dict[str, Any]] | None:
        return None if given is None else [{**vars(step), "until": step.until.isoformat()} for step in given]

    return {
        **vars(values),
        "cleared": sorted(values.cleared),
        "early": steps(values.early),
        "late": steps(values.late),
    }


def seen(rule: DateRule | None) -> str:
    """Returns a digest of the rule, which a form carries so that a service can detect changes by somebody else."""
    return version_of(known(rule))


def known(rule: DateRule | None) -> dict[str, Any]:
    """Returns what somebody who reads the rule knows of it. A rule that was removed and set again is another one."""
    return {"rule": rule.pk, **facts_of(rule)} if rule else {}


def facts_of(rule: DateRule | None) -> dict[str, Any]:
    """Returns the values that a rule sets, without empty ones, for the log of staff actions."""
    if rule is None:
        return {}
    values = {name: getattr(rule, name) for name in (*vars(Values()), "reason")}
    plain = {name: one.isoformat() if isinstance(one, datetime) else one for name, one in values.items()}
    return {name: one for name, one in plain.items() if one not in (None, "") and (one != [] or name != "cleared")}


def refuse_foreign(target: Target) -> None:
    course = target.of_class.course_id
    if target.place is not None and target.place.course_id != course:
        raise wrong("place", _("Choose a lesson or a challenge of this course."))
    of_class = {one.of_class_id for one in (target.label, target.member) if one is not None}
    if of_class - {target.of_class.pk}:
        raise wrong("people", _("Choose a label or a member of this class."))


def refuse_wrong(target: Target, values: Values, date: str = "") -> None:
    """Raises `Refused` (422) with a problem for each wrong field. If `date` is given, all problems have it as field."""
    refuse_foreign(target)
    found = [*_wrong_dates(values), *_wrong_steps(values)]
    if values.extended_to and not target.label and not target.member:
        found.append(("extended_to", _("An extension is for a label or for a member. Move the due date instead.")))
    if not found:
        found = _wrong_together(target, values)
    if found:
        problems = [{"code": "bad_dates", "field": date or name, "message": text} for name, text in found]
        raise Refused("bad_dates", found[0][1], 422, problems)


Found = list[tuple[str, str]]


def _wrong_dates(values: Values) -> Found:
    release, due, close = values.release_at, values.due_at, values.close_at
    found: Found = []
    if release and due and release >= due:
        found.append(("due_at", _("The due date must come after the moment at which it opens.")))
    if release and close and release >= close:
        found.append(("close_at", _("It must close after it opens.")))
    if due and close and due > close:
        found.append(("close_at", _("It must not close before the due date.")))
    found += [
        (name, _("Choose a date, or that there is none."))
        for name in DATES
        if name in values.cleared and getattr(values, name)
    ]
    found += [(name, _("There is no such date.")) for name in values.cleared if name not in DATES]
    return found


def wrong_step(step: Step, before: Step | None, limits: tuple[float, float]) -> str:
    """Returns what is wrong with a step that follows the step `before`, or an empty text if it is right."""
    least, most = limits
    if not least <= step.credit <= most:
        text = _("the credit must be from %(least)d %% to %(most)d %%.")
        return text % {"least": round(100 * least), "most": round(100 * most)}
    if before and step.until <= before.until:
        return _("it must end after the line before it.")
    if before and step.credit > before.credit:
        return _("it must not give more credit than the line before it.")
    return ""


def in_line(number: int, text: str) -> str:
    return _("Line %(number)d: %(text)s") % {"number": number, "text": text}


def _wrong_steps(values: Values) -> Found:
    found: Found = []
    for name, limits in (("early", EARLY), ("late", LATE)):
        steps = getattr(values, name) or ()
        texts = [wrong_step(step, before, limits) for before, step in zip((None, *steps), steps, strict=False)]
        if len(steps) > STEPS_MAX:
            found.append((name, _("At most %(most)d steps are possible.") % {"most": STEPS_MAX}))
        elif any(texts):
            number, text = next((number, text) for number, text in enumerate(texts, 1) if text)
            found.append((name, in_line(number, text)))
        else:
            found += _out_of_place(name, [step.until for step in steps], values)
    late = values.late or ()
    if values.after is not None and not 0 <= values.after <= policy.FULL:
        found.append(("after", _("The credit after that must be from 0 % to 100 %.")))
    elif values.after is not None and late and values.after > late[-1].credit:
        found.append(("after", _("The credit after the last step must not be more than that of the last step.")))
    return found


def _out_of_place(name: str, untils: Sequence[datetime], values: Values) -> Found:
    if name == "early" and untils:
        if values.due_at and untils[-1] > values.due_at:
            return [(name, _("Early credit must end by the due date."))]
        if values.release_at and untils[0] <= values.release_at:
            return [(name, _("Early credit must end after it opens."))]
    if name == "late" and untils:
        if values.due_at and untils[0] <= values.due_at:
            return [(name, _("Late credit begins at the due date, so each step must end after it."))]
        if values.close_at and untils[-1] > values.close_at:
            return [(name, _("Late credit must end by the moment at which it closes."))]
    return []


def _wrong_together(target: Target, values: Values) -> Found:
    """Returns problems of the rule in combination with other rules, which decide the fields that it leaves open."""
    own, rule = target.rule(), DateRule(**vars(target), **stored(values))
    seen_as = access.Viewed(target.of_class, target.member, (target.label,) if target.label else ())
    [rules] = access.rules_for(seen_as, [target.place]).values()
    others = [one for one in rules if own is None or one.pk != own.pk]
    now = policy.combine([*others, access.rule_of(rule)])
    if now.due_at and now.close_at and now.due_at > now.close_at and (values.due_at or values.close_at):
        text = _("It would close on %(when)s, before the due date. Choose when it closes here, too.")
        return [("close_at", text % {"when": shown(now.close_at, target.of_class.timezone)})]
    if now.release_at and now.close_at and now.release_at >= now.close_at and (values.release_at or values.close_at):
        return [("release_at", _("It would open only after it closes. Choose another date, or when it closes."))]
    if now.release_at and now.due_at and now.release_at >= now.due_at and (values.due_at or values.extended_to):
        text = _("It would be due before it opens on %(when)s. Choose a later time.")
        field = "due_at" if values.due_at else "extended_to"
        return [(field, text % {"when": shown(now.release_at, target.of_class.timezone)})]
    return []
