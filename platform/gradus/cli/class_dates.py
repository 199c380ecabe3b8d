"""The commands of `gradus class` about dates: `dates`, `extend`, `grant`, `grants`, `withdraw-grant` and `why`.

A time without an offset is in the zone of the class.
"""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

import typer

from challenges.texts import several
from gradus.cli import output as showing
from gradus.cli.classes import Class, Member
from gradus.cli.learners import Json, show_answer, site

DATES = {"opens": "release_at", "due": "due_at", "closes": "close_at"}
TIME = "Such as 2026-10-05T09:00."

Members = Annotated[
    list[str] | None,
    typer.Argument(metavar="[MEMBER...]", help="Email addresses, logins, or registration or member numbers."),
]
AllWith = Annotated[str, typer.Option("--label", help="All members with this label, beside those who are named.")]
Lesson = Annotated[str, typer.Option("--lesson", help="The id of a lesson.")]
Challenge = Annotated[str, typer.Option("--challenge", help="The id of a challenge.")]
Reason = Annotated[str, typer.Option("--reason", help="The reason, which is kept with the change.")]
Steps = list[str]


def dates(
    of_class: Class,
    challenge: Challenge = "",
    lesson: Lesson = "",
    label: Annotated[str, typer.Option("--label", help="Set the dates of the members with this label.")] = "",
    member: Annotated[str, typer.Option("--member", help="Set the dates of this member alone; needs --reason.")] = "",
    opens: Annotated[str, typer.Option("--opens", help=f"When it opens. {TIME}")] = "",
    due: Annotated[str, typer.Option("--due", help=f"When it is due. {TIME}")] = "",
    closes: Annotated[str, typer.Option("--closes", help=f"When it closes. {TIME}")] = "",
    early: Annotated[
        Steps | None, typer.Option("--early", help="TIME=PERCENT: the credit of attempts before TIME.")
    ] = None,
    late: Annotated[
        Steps | None, typer.Option("--late", help="TIME=PERCENT: the credit of late attempts before TIME.")
    ] = None,
    after: Annotated[float | None, typer.Option("--after", help="The credit in percent after the last --late.")] = None,
    none: Annotated[Steps | None, typer.Option("--none", help="opens, due or closes: remove this date.")] = None,
    reason: Reason = "",
    clear: Annotated[bool, typer.Option("--clear", help="Remove the rule.")] = False,
    as_json: Json = False,
) -> None:
    """Show the dates of a class, or set some of them. Dates that no option names keep their values."""
    given = {
        **{DATES[name]: time for name, time in (("opens", opens), ("due", due), ("closes", closes)) if time},
        **{name: [_step(one) for one in steps] for name, steps in (("early", early), ("late", late)) if steps},
        **({} if after is None else {"after": after / 100}),
    }
    cleared = [_cleared(name) for name in none or ()]
    target = {
        "challenge": challenge or None,
        "lesson": lesson or None,
        "label": label or None,
        "member": member or None,
    }
    with site() as api:
        if given or cleared or clear:
            rules = api.get(f"classes/{of_class}/dates")["rules"]
            now: dict[str, Any] = next((one for one in rules if _is_of(one, target)), {})
            body = {**target, "seen": now.get("seen", ""), "reason": reason or now.get("reason", "")}
            api.put(f"classes/{of_class}/dates", body if clear else {**body, **_merged(now, given, cleared)})
        found = api.get(f"classes/{of_class}/dates")
    showing.say(found, as_json, show_dates)


def _is_of(rule: dict[str, Any], target: dict[str, str | None]) -> bool:
    """Returns True if the rule is the one for this place and these people."""
    label, member = target["label"], target["member"]
    same_label = (rule["label"] or "").casefold() == (label or "").casefold()
    same_member = member in rule["called"] if member else not rule["called"]
    return same_label and same_member and all(rule[name] == target[name] for name in ("challenge", "lesson"))


def _merged(now: dict[str, Any], given: dict[str, Any], cleared: list[str]) -> dict[str, Any]:
    """Returns the values of a rule after the changes of these options."""
    kept = {name: now.get(name) for name in (*DATES.values(), "early", "late", "after", "extended_to")}
    gone = [name for name in [*now.get("cleared", []), *cleared] if name not in given]
    return {**kept, **dict.fromkeys(gone), **given, "cleared": list(dict.fromkeys(gone))}


def _step(text: str) -> dict[str, Any]:
    until, _sign, percent = text.rpartition("=")
    try:
        return {"until": until, "credit": float(percent.rstrip("% ")) / 100}
    except ValueError:
        raise typer.BadParameter(f"Write {text} as a time, = and a number of percent.") from None


def _cleared(name: str) -> str:
    if name not in DATES:
        raise typer.BadParameter(f"{name} is none of {', '.join(DATES)}.")
    return DATES[name]


def show_dates(found: dict[str, Any]) -> None:
    showing.table(
        f"Times in UTC, of a class in {found['timezone']}",
        ("For", "Opens", "Due", "Late", "Then", "Closes"),
        (
            (
                one["challenge"] or one["lesson"] or "the course",
                *(one[name] or "" for name in ("release_at", "due_at")),
                ", ".join(f"{_percent(step['credit'])} until {step['until']}" for step in one["late"]),
                _percent(one["after"]) if one["due_at"] else "",
                one["close_at"] or "",
            )
            for one in found["everybody"]
        ),
    )
    own = [one for one in found["rules"] if one["label"] or one["member"]]
    if own:
        rows = (
            (
                one["label"] or f"member {one['member']}",
                one["challenge"] or one["lesson"] or "the course",
                *(_said(one, name) for name in (*DATES.values(), "extended_to")),
                one["reason"],
            )
            for one in own
        )
        showing.table("Exceptions", ("For whom", "For", "Opens", "Due", "Closes", "More time until", "Reason"), rows)


def _said(rule: dict[str, Any], name: str) -> str:
    return "none" if name in rule["cleared"] else rule[name] or ""


def _percent(credit: float) -> str:
    return f"{round(100 * credit, 2):g} %"


def extend(
    of_class: Class,
    until: Annotated[str, typer.Option("--until", help=f"The new due date. {TIME}")],
    reason: Reason,
    members: Members = None,
    label: AllWith = "",
    challenge: Challenge = "",
    lesson: Lesson = "",
    as_json: Json = False,
) -> None:
    """Give members, or all with a label, more time for a challenge, a lesson, or the whole course."""
    people = {"members": members or [], "label": label or None}
    place = {"challenge": challenge or None, "lesson": lesson or None}
    given = {**people, **place, "until": until, "reason": reason}
    show_answer(lambda api: api.post(f"classes/{of_class}/extensions", given), as_json, show_extended)


def show_extended(done: dict[str, Any]) -> None:
    if done["moved"]:
        typer.echo(f"More time for: {', '.join(done['moved'])}.")
    if done["untouched"]:
        typer.echo(f"As much time already: {', '.join(done['untouched'])}.")


def grant(
    of_class: Class,
    challenge: Annotated[str, typer.Option("--challenge", help="At this challenge.")],
    reason: Reason,
    members: Members = None,
    label: AllWith = "",
    attempts: Annotated[
        int, typer.Option("--attempts", help="How many attempts, in addition to those of each day.")
    ] = 1,
    as_json: Json = False,
) -> None:
    """Grant members, or all with a label, more attempts at a challenge."""
    body = {
        "members": members or [],
        "label": label or None,
        "challenge": challenge,
        "attempts": attempts,
        "reason": reason,
    }
    show_answer(lambda api: {"grants": api.post(f"classes/{of_class}/grants", body)}, as_json, show_grants)


def list_grants(of_class: Class, as_json: Json = False) -> None:
    """List the granted attempts of a class, the newest first."""
    show_answer(lambda api: {"grants": api.get(f"classes/{of_class}/grants")}, as_json, show_grants)


def show_grants(found: dict[str, Any]) -> None:
    rows = (
        (one["id"], one["name"], one["challenge"], one["attempts"], one["reason"], one["withdrawn_reason"])
        for one in found["grants"]
    )
    showing.table("", ("Number", "Member", "Challenge", "More attempts", "Reason", "Withdrawn because"), rows)


def withdraw_grant(
    of_class: Class,
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="The number, as `gradus class grants` prints it.")],
    reason: Reason,
) -> None:
    """Withdraw granted attempts that are not used yet."""
    with site() as api:
        made = api.post(f"classes/{of_class}/grants/{number}/withdraw", {"reason": reason})
    typer.echo(f"Withdrawn: {several(made['attempts'], 'attempt')} of {made['name']} at {made['challenge']}.")


def why(
    of_class: Class,
    member: Member,
    challenge: Annotated[str, typer.Option("--challenge", help="At this challenge.")],
    at: Annotated[str, typer.Option("--at", help=f"The time to ask about; now if omitted. {TIME}")] = "",
    as_json: Json = False,
) -> None:
    """Show whether a member can submit a challenge at a time, and which rules decide that."""
    path = f"classes/{of_class}/members/{quote(member, safe='')}/decision"
    show_answer(lambda api: api.get(path, challenge=challenge, at=at or None), as_json, show_why)


def show_why(found: dict[str, Any]) -> None:
    said = f"can submit, and an attempt counts {_percent(found['credit'])}"
    typer.echo(f"At {found['at']}: {said if found['submits'] else 'cannot submit (' + found['reason'] + ')'}.")
    if found["changes_at"]:
        typer.echo(f"This changes at {found['changes_at']}.")
    rows = (
        (one["field"].replace("_", " "), str(one["value"]), _source(rule), rule["reason"])
        for one in found["applied"]
        for rule in one["rules"]
    )
    showing.table("", ("What", "Holds", "Because it is set", "Reason"), rows)


def _source(rule: dict[str, Any]) -> str:
    who = (
        f"for the label {rule['label']}" if rule["label"] else "for this member" if rule["member"] else "for everybody"
    )
    return f"{who}, {rule['challenge'] or rule['lesson'] or 'in the course'}"
