"""The commands with which owners of a course see, invite, change and remove people and say who may open the course, and
with which anybody leaves.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from gradus.cli import output as showing
from gradus.cli.client import WRONG_NAME, Api
from gradus.cli.learners import Json, show_answer, site


class Content(StrEnum):
    NONE = "none"
    PREVIEWER = "previewer"
    VIEWER = "viewer"
    EDITOR = "editor"
    OWNER = "owner"


class LearnerData(StrEnum):
    NONE = "none"
    VIEWER = "viewer"
    EDITOR = "editor"


class Listing(StrEnum):
    LISTED = "listed"
    UNLISTED = "unlisted"
    CLASSES = "classes"


SAID = {
    Listing.LISTED: "Everybody may open it and finds it in lists.",
    Listing.UNLISTED: "Whoever has its address may open it. It is in no list of strangers.",
    Listing.CLASSES: "Only members of its classes and people with a role in it may open anything of it.",
}
Course = Annotated[str, typer.Argument(metavar="COURSE", help="The course's id.")]
Email = Annotated[str, typer.Argument(metavar="EMAIL", help="The person's email address.")]
ContentLevel = Annotated[Content, typer.Option("--content", help="What the person may do with the course's content.")]
DataLevel = Annotated[
    LearnerData, typer.Option("--learner-data", help="What the person may do with other people's answers and grades.")
]


def list_people(course: Course, as_json: Json = False) -> None:
    """List everybody with a role in a course, and the open invitations."""
    show_answer(lambda api: api.get(f"courses/{course}/people"), as_json, show_people)


def show_people(found: dict[str, Any]) -> None:
    people = ((one["email"], one["name"], one["content"], one["learner_data"]) for one in found["people"])
    showing.table("", ("Email", "Name", "Content", "Learner data"), people)
    if found["invitations"]:
        rows = (
            (one["email"], one["content"], one["learner_data"], one["expires_at"][:10]) for one in found["invitations"]
        )
        showing.table("Invited", ("Email", "Content", "Learner data", "Until"), rows)


def invite(
    course: Course,
    email: Email,
    content: ContentLevel = Content.NONE,
    learner_data: DataLevel = LearnerData.NONE,
    as_json: Json = False,
) -> None:
    """Invite an address to a role in a course, by mail."""
    given = {"email": email, **levels(content, learner_data)}
    show_answer(lambda api: api.post(f"courses/{course}/invitations", given), as_json, show_invitation)


def show_invitation(made: dict[str, Any]) -> None:
    how = "A mail is on its way" if made["mailed"] else "The site cannot send mails. Send the link yourself"
    typer.echo(f"{made['email']} is invited until {made['expires_at'][:10]}. {how}: {made['link']}")


def change_role(
    course: Course,
    email: Email,
    content: Annotated[Content | None, typer.Option("--content", help="The new level; as it is if left out.")] = None,
    learner_data: Annotated[
        LearnerData | None, typer.Option("--learner-data", help="The new level; as it is if left out.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Change what a person may do in a course."""
    with site() as api:
        person = _person(api.get(f"courses/{course}/people")["people"], email)
        given = {"content": content or person["content"], "learner_data": learner_data or person["learner_data"]}
        now = api.put(f"courses/{course}/people/{person['id']}", given)
    showing.say(now, as_json, show_role)


def show_role(now: dict[str, Any]) -> None:
    typer.echo(f"{now['email']} now has content:{now['content']} and learner_data:{now['learner_data']}.")


def remove(course: Course, email: Email) -> None:
    """Remove a person from a course, or withdraw an open invitation."""
    with site() as api:
        _remove(api, course, email)


def _remove(api: Api, course: str, email: str) -> None:
    found = api.get(f"courses/{course}/people")
    invited = [one for one in found["invitations"] if one["email"] == email.lower()]
    if invited:
        api.delete(f"courses/{course}/invitations/{invited[0]['id']}")
        typer.echo(f"The invitation of {email} is withdrawn.")
        return
    person = _person(found["people"], email)
    api.delete(f"courses/{course}/people/{person['id']}")
    typer.echo(f"{email} has no role in {course} any more.")


def leave(course: Course) -> None:
    """Give up your own role in a course."""
    with site() as api:
        api.delete(f"courses/{course}/people/me")
    typer.echo(f"You have no role in {course} any more. You can still learn in it, unless it is only for classes.")


def listing(
    course: Course,
    chosen: Annotated[
        Listing | None,
        typer.Argument(metavar="[LISTING]", help="listed, unlisted or classes; as it is if left out."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show or change who may open a course: everybody, everybody who has its address, or only its classes."""
    address = f"courses/{course}/listing"
    given = {"listing": chosen and chosen.value}
    show_answer(lambda api: api.put(address, given) if chosen else api.get(address), as_json, show_listing)


def show_listing(found: dict[str, Any]) -> None:
    typer.echo(f"{found['id']} is {found['listing']}. {SAID[Listing(found['listing'])]}")
    if not found["is_published"]:
        typer.echo("It is not published, so that only people with a role in it see anything of it.")


def levels(content: Content, learner_data: LearnerData) -> dict[str, str]:
    return {"content": content.value, "learner_data": learner_data.value}


def _person(people: list[dict[str, Any]], email: str) -> dict[str, Any]:
    """Returns the person with this address. Exits with status 2 and the known addresses if there is none."""
    found = next((one for one in people if one["email"].lower() == email.lower()), None)
    if found is None:
        known = ", ".join(one["email"] for one in people) or "nobody"
        typer.echo(f"{email} has no role in this course. These people have: {known}.", err=True)
        raise typer.Exit(WRONG_NAME)
    return found
