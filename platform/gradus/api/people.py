"""The people of a course: who has which role, invitations, and who may open it. Whoever has no role there gets 404."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.shortcuts import get_object_or_404
from ninja import Router, Schema, Status
from pydantic import Field

from gradus.accounts import roles
from gradus.accounts.models import Enrolment
from gradus.accounts.roles import OWNS
from gradus.accounts.token_rules import Content, LearnerData, Scope
from gradus.api.auth import Request, caller, requires, someone
from gradus.api.names import Pseudonym
from gradus.courses import listing
from gradus.courses.models import Course
from gradus.teach import people
from gradus.teach.models import Invitation


class Levels(Schema):
    content: Content = Field(Content.NONE, description="What the person may do with the course's content")
    learner_data: LearnerData = Field(
        LearnerData.NONE, description="What the person may do with other people's answers and grades"
    )

    @property
    def scope(self) -> Scope:
        return Scope(self.content, self.learner_data)


class PersonOut(Levels):
    id: int
    name: str
    email: str
    since: datetime
    is_you: bool


class InvitationIn(Levels):
    email: str = Field(max_length=254)


class InvitationOut(Levels):
    id: int
    email: str
    invited_by: Pseudonym | None
    created_at: datetime
    expires_at: datetime


class InvitedOut(InvitationOut):
    """A new invitation. Its link is in this answer and in the mail only."""

    link: str
    mailed: bool = Field(description="False where the site has no mail server: then send the link yourself")


class PeopleOut(Schema):
    people: list[PersonOut]
    invitations: list[InvitationOut] = Field(description="Those that can be accepted now")


class ListingIn(Schema):
    listing: Course.Listing = Field(
        description="`listed`: for everybody. `unlisted`: whoever has the address may open it, and it is in no list of "
        "strangers. `classes`: only members of its classes and people with a role in it may open anything of it"
    )


class ListingOut(ListingIn):
    id: str = Field(validation_alias="slug")
    is_published: bool = Field(description="Nobody opens a course that is not published, whatever its listing is")


def person_out(role: Enrolment, request: Request) -> PersonOut:
    return PersonOut(
        id=role.pk,
        name=role.user.pseudonym,
        email=role.user.email,
        since=role.created_at,
        is_you=role.user_id == caller(request).pk,
        content=role.scope.content,
        learner_data=role.scope.learner_data,
    )


router = Router(tags=["people"], auth=requires(OWNS))


def course_of(request: Request, id: str, need: Scope = OWNS) -> Course:
    """Returns the course. Raises `Http404` or `Refused` (403) if the caller may not do this in it."""
    course = get_object_or_404(Course, slug=id)
    roles.refuse_unless(caller(request), course, need)
    return course


def role_in(course: Course, id: int) -> Enrolment:
    return get_object_or_404(people.people_of(course), pk=id)


@router.get("/courses/{slug:id}/people", response=PeopleOut)
def course_people(request: Request, id: str) -> dict[str, Any]:
    """Returns everybody with a role in the course, owners first, and the open invitations."""
    course = course_of(request, id)
    return {
        "people": [person_out(one, request) for one in people.people_of(course)],
        "invitations": people.invitations_to(course),
    }


@router.put("/courses/{slug:id}/people/{int:person}", response=PersonOut)
def course_person_change(request: Request, id: str, person: int, given: Levels) -> PersonOut:
    """Gives a person other levels. The last owner of a course stays one."""
    role = role_in(course_of(request, id), person)
    people.change(role, given.scope, by=caller(request))
    return person_out(role, request)


@router.delete("/courses/{slug:id}/people/me", response=PersonOut, auth=someone)
def course_leave(request: Request, id: str) -> PersonOut:
    """Gives up the caller's own role in the course, and returns what it was."""
    role = get_object_or_404(people.people_of(get_object_or_404(Course, slug=id)), user=caller(request))
    left = person_out(role, request)
    people.remove(role, by=caller(request))
    return left


@router.delete("/courses/{slug:id}/people/{int:person}", response=PersonOut)
def course_person_remove(request: Request, id: str, person: int) -> PersonOut:
    """Removes a person from the course, and returns the role that the person had. The account and own work stay."""
    role = role_in(course_of(request, id), person)
    removed = person_out(role, request)
    people.remove(role, by=caller(request))
    return removed


@router.get("/courses/{slug:id}/listing", response=ListingOut)
def course_listing(request: Request, id: str) -> Course:
    """Returns who may open the course and who finds it in lists."""
    return course_of(request, id)


@router.put("/courses/{slug:id}/listing", response=ListingOut)
def course_listing_change(request: Request, id: str, given: ListingIn) -> Course:
    """Says who may open the course and who finds it in lists. Attempts stay readable for those who made them."""
    return listing.change(course_of(request, id), given.listing, by=caller(request))


@router.post("/courses/{slug:id}/invitations", response={201: InvitedOut})
def course_invite(request: Request, id: str, given: InvitationIn) -> Status[InvitedOut]:
    """Invites an address to a role, by mail. The link works for 14 days, and only for a confirmed address."""
    site = request.build_absolute_uri("/")
    made = people.invite(course_of(request, id), by=caller(request), email=given.email, scope=given.scope, site=site)
    invitation = InvitationOut.model_validate(made.invitation).model_dump()
    return Status(201, InvitedOut(**invitation, link=made.link, mailed=made.mailed))


@router.delete("/courses/{slug:id}/invitations/{int:invitation}", response=InvitationOut)
def course_invitation_withdraw(request: Request, id: str, invitation: int) -> Invitation:
    """Withdraws an invitation: its link no longer works."""
    found = get_object_or_404(Invitation.objects.filter(course=course_of(request, id)), pk=invitation)
    people.withdraw(found, by=caller(request))
    return found
