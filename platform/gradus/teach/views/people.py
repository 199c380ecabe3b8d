"""The pages on which owners see, invite, change and remove people, and on which a person accepts an invitation."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from gradus.accounts import roles
from gradus.accounts.models import Enrolment
from gradus.accounts.roles import OWNS, PREVIEWS
from gradus.classes import membership, visibility
from gradus.courses.models import Course
from gradus.refusal import Refused
from gradus.teach import people
from gradus.teach.forms import InviteForm, RoleForm
from gradus.teach.models import Invitation
from gradus.teach.views.access import account, allowed, in_course


@in_course(OWNS)
def people_show(request: HttpRequest, course: Course) -> HttpResponse:
    """Lists everybody with a role in the course, and the open invitations. A POST invites an address."""
    if request.method != "POST":
        return page(request, course, InviteForm())
    form = InviteForm(request.POST)
    if not form.is_valid():
        return page(request, course, form, status=422)
    site = request.build_absolute_uri("/")
    try:
        made = people.invite(course, by=account(request), email=form.cleaned_data["email"], scope=form.scope, site=site)
    except Refused as refused:
        form.refuse(refused)
        return page(request, course, form, status=refused.status)
    # The link is in this answer only, because the site keeps no more than a digest of it.
    return page(request, course, InviteForm(), made=made)


@require_POST
@in_course(OWNS)
def role_change(request: HttpRequest, course: Course, pk: int) -> HttpResponse:
    """Changes a person's levels, or removes the person."""
    role = get_object_or_404(people.people_of(course), pk=pk)
    form = RoleForm(role, request.POST)
    removes = request.POST.get("action") == "remove"
    try:
        if removes:
            people.remove(role, by=account(request))
        elif form.is_valid():
            people.change(role, form.scope, by=account(request))
        else:
            return page(request, course, InviteForm(), changed=form, of=role, status=422)
    except Refused as refused:
        form = form if form.is_bound and form.is_valid() else RoleForm(role, {**vars(role.scope)})
        form.refuse(refused)
        return page(request, course, InviteForm(), changed=form, of=role, status=refused.status)
    name = role.user.pseudonym
    said = _("%(name)s has no role in this course any more.") if removes else _("The role of %(name)s is changed.")
    messages.success(request, said % {"name": name})
    if roles.may(account(request), course, OWNS):
        return redirect("teach:people", course.slug)
    # Whoever has given up the own role may have none left, and the list of courses is then no page for them.
    return redirect("teach:course", course.slug) if roles.may(account(request), course, PREVIEWS) else redirect("home")


@require_POST
@in_course(OWNS)
def invitation_withdraw(request: HttpRequest, course: Course, pk: int) -> HttpResponse:
    invitation = get_object_or_404(Invitation.objects.filter(course=course), pk=pk)
    try:
        people.withdraw(invitation, by=account(request))
        messages.success(request, _("The invitation is withdrawn. Its link no longer works."))
    except Refused as refused:
        messages.warning(request, refused.message)
    return redirect("teach:people", course.slug)


@require_POST
@in_course()
def course_leave(request: HttpRequest, course: Course) -> HttpResponse:
    """Removes the person's own role."""
    role = get_object_or_404(people.people_of(course), user=account(request))
    try:
        people.remove(role, by=account(request))
    except Refused as refused:
        messages.warning(request, refused.message)
        return redirect("teach:course", course.slug)
    stays = visibility.may_open(account(request), course)
    messages.success(
        request, _("You have left the course. You can still learn in it.") if stays else _("You have left the course.")
    )
    return redirect("home")


@login_required
def invitation_show(request: HttpRequest, secret: str) -> HttpResponse:
    """Shows to what the person is invited. A POST accepts it."""
    user, found = account(request), people.invitation_with(secret)
    if found is None:
        return render(request, "teach/invitation_over.html", status=404)
    if request.method == "POST":
        try:
            people.accept(secret, by=user)
        except Refused as refused:
            messages.warning(request, refused.message)
            return redirect("teach:invitation", secret)
        messages.success(request, _("You now have this role in the course."))
        return redirect("teach:course", found.course.slug)
    context = {
        "invitation": found,
        "inviter": found.invited_by and membership.name_of_teacher(found.invited_by, found.course),
        "may_accept": people.may_accept(found, user),
        "is_mine": found.accepted_by_id == user.pk,
    }
    return render(request, "teach/invitation.html", context)


def page(
    request: HttpRequest,
    course: Course,
    invite: InviteForm,
    *,
    made: people.Invited | None = None,
    changed: RoleForm | None = None,
    of: Enrolment | None = None,
    status: int = 200,
) -> HttpResponse:
    """Renders the page. `changed` is the refused form of the role `of`."""
    found = list(people.people_of(course))
    rows = [(one, changed if changed and of and one.pk == of.pk else RoleForm(one)) for one in found]
    context = {
        "course": course,
        "rows": rows,
        "invitations": people.invitations_to(course),
        "invite": invite,
        "made": made,
        "days": people.LASTS.days,
        "may": allowed(roles.scope_in(request.user, course)),
    }
    return render(request, "teach/people.html", context, status=status)
