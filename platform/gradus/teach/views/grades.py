"""The gradebook of a class: its page, its files, the page of a cell, and what people set there."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from gradus.accounts.roles import DECIDES, SEES_ANSWERS
from gradus.classes import membership
from gradus.classes.models import Class, Member
from gradus.courses.models import Challenge
from gradus.gradebook import downloads, exports, opened, points, queries, services
from gradus.gradebook.models import Recount
from gradus.gradebook.queries import Wanted
from gradus.gradebook.table import Table
from gradus.lti import columns
from gradus.lti.models import Delivery
from gradus.refusal import Refused
from gradus.teach.board_entries import people_of
from gradus.teach.grade_forms import ExcuseForm, FilterForm, OverrideForm, WorthForm
from gradus.teach.views.access import account, in_class
from gradus.teach.views.classes import shared
from gradus.validators import whole_number


@require_safe
@in_class(SEES_ANSWERS)
def grades_show(request: HttpRequest, of_class: Class) -> HttpResponse:
    """Shows the gradebook, a page of learners at a time."""
    return page(request, of_class)


@require_safe
@in_class(SEES_ANSWERS)
def grades_download(request: HttpRequest, of_class: Class, format: str) -> HttpResponse:
    """Sends the gradebook as a file, and records that."""
    if format not in exports.FORMATS:
        raise Http404
    filters = FilterForm(of_class, request.GET)
    chosen = filter(None, map(whole_number, request.GET.getlist("section")))
    sections = set(of_class.labels.filter(pk__in=chosen).values_list("name", flat=True))
    written = downloads.written(of_class, format, filters.wanted, by=account(request), sections=sections)
    return downloads.response(of_class, format, written)


@require_POST
@in_class(DECIDES)
def grades_weigh(request: HttpRequest, of_class: Class) -> HttpResponse:
    """Sets how many points the challenges are worth."""
    form = WorthForm(queries.columns_of(of_class), request.POST, changing=queries.changing(of_class))
    try:
        services.weigh(of_class, form.given, by=account(request), seen=request.POST.get("seen", ""))
    except Refused as refused:
        form.refuse(refused)
        return page(request, of_class, worths=form, status=refused.status)
    messages.success(request, _("The points of the challenges are saved."))
    return redirect("teach:grades", of_class.pk)


@require_POST
@in_class(DECIDES)
def grades_excuse(request: HttpRequest, of_class: Class) -> HttpResponse:
    """Excuses all learners with a label from a challenge."""
    form = ExcuseForm(of_class, queries.columns_of(of_class), request.POST)
    if not form.is_valid():
        return page(request, of_class, excuses=form, status=422)
    members = queries.learners(of_class, Wanted(label=form.cleaned_data["label"].pk))
    try:
        done = services.excuse(
            members, form.cleaned_data["challenge"], by=account(request), reason=form.cleaned_data["reason"]
        )
    except Refused as refused:
        form.refuse(refused)
        return page(request, of_class, excuses=form, status=refused.status)
    said = ngettext("%(count)d learner is excused.", "%(count)d learners are excused.", len(done))
    messages.success(request, said % {"count": len(done)})
    return redirect("teach:grades", of_class.pk)


@in_class(SEES_ANSWERS)
def cell_show(request: HttpRequest, of_class: Class, member: int, slug: str) -> HttpResponse:
    """Shows the attempts of a learner at a challenge, and what people set. A POST sets, excuses or clears."""
    learner = get_object_or_404(Member.objects.filter(of_class=of_class).learners().select_related("user"), pk=member)
    known = {one.slug: one for one in queries.challenges_of(of_class)}
    if (challenge := known.get(slug)) is None:
        raise Http404
    if request.method != "POST":
        return cell_page(request, of_class, learner, challenge, OverrideForm())
    membership.refuse_unless(account(request), of_class, DECIDES)
    form = OverrideForm(request.POST)
    try:
        said = act(request, learner, challenge, form)
    except Refused as refused:
        form.refuse(refused)
        return cell_page(request, of_class, learner, challenge, form, status=refused.status)
    messages.success(request, said)
    return redirect("teach:cell", of_class.pk, learner.pk, challenge.slug)


def act(request: HttpRequest, learner: Member, challenge: Challenge, form: OverrideForm) -> str:
    """Does what the button of the form says, and returns what the person reads then."""
    given = {"by": account(request), "seen": form.data.get("seen", "")}
    match form.data.get("action"):
        case "clear":
            services.clear([learner], challenge, **given)
            return _("The computed grade counts again.")
        case "excuse":
            services.excuse([learner], challenge, reason=form.data.get("reason", ""), **given)
            return _("The learner is excused from this challenge.")
        case other:
            value, reason = form.data.get("value", ""), form.data.get("reason", "")
            if other == "full":
                worth = queries.worths_of(learner.of_class).get(challenge.pk, points.WORTH)
                value = str(worth)
            services.override([learner], challenge, value=value, reason=reason, **given)
            return _("These points count now.")


def page(
    request: HttpRequest,
    of_class: Class,
    *,
    worths: WorthForm | None = None,
    excuses: ExcuseForm | None = None,
    status: int = 200,
) -> HttpResponse:
    filters = FilterForm(of_class, request.GET)
    size = filters.page_size
    found = queries.table(of_class, filters.wanted, page=filters.page, size=size)
    common = shared(request, of_class, "grades")
    decides, has_labels = common["decides"], of_class.labels.exists()
    context = {
        **common,
        "filters": filters,
        # A template would take a parameter called "items" for the method of this name.
        "asked": list(request.GET.items()),
        "has_labels": has_labels,
        "labels": of_class.labels.all(),
        "table": found,
        "rows": rows_of(found, columns.deliveries_of(of_class, [line.person.member for line in found.lines])),
        "recount": Recount.objects.filter(of_class=of_class).first(),
        "worths": worths or (WorthForm(found.columns, changing=queries.changing(of_class)) if decides else None),
        "excuses": excuses or (ExcuseForm(of_class, found.columns) if decides and has_labels else None),
        "released": queries.released(of_class, [column.challenge for column in found.columns]),
        "notes": downloads.notes(of_class, filters.wanted, found.columns),
    }
    return render(request, "teach/classes/grades/table.html", context, status=status)


def rows_of(
    table: Table, sent: dict[tuple[int, int], list[Delivery]]
) -> list[tuple[Any, list[tuple[Any, Any, Any]], bool]]:
    """Returns each line with its cells, each beside its column and what learning platforms were sent of it.

    The last value says whether somebody else here has the same name.
    """
    names = Counter(line.person.name for line in table.lines)
    rows = []
    for line in table.lines:
        cells = [
            (column, cell, sent.get((line.person.member, column.challenge)))
            for column, cell in zip(table.columns, line.cells, strict=True)
        ]
        rows.append((line, cells, names[line.person.name] > 1))
    return rows


@require_POST
@in_class(DECIDES)
def grade_send(request: HttpRequest, of_class: Class, member: int, slug: str) -> HttpResponse:
    """Has a grade sent to the learning platforms again, and records that."""
    learner = get_object_or_404(Member, of_class=of_class, pk=member)
    challenge = get_object_or_404(Challenge, course=of_class.course_id, slug=slug)
    found = columns.deliveries_of(of_class, [learner.pk]).get((learner.pk, challenge.pk))
    if not found:
        raise Http404
    try:
        columns.send_again(of_class, learner, found, by=account(request))
    except Refused as refused:
        messages.warning(request, refused.message)
    else:
        messages.success(request, _("The grade is sent again within a minute."))
    return redirect("teach:cell", of_class.pk, learner.pk, challenge.slug)


def cell_page(
    request: HttpRequest, of_class: Class, learner: Member, challenge: Challenge, form: OverrideForm, status: int = 200
) -> HttpResponse:
    found = opened.cell_of(of_class, learner, challenge)
    common = shared(request, of_class, "grades")
    context = {
        **common,
        "person": queries.person_of(learner),
        "challenge": challenge,
        "member": learner,
        "column": found.column,
        "cell": found.cell,
        "pass_mark": challenge.version.parsed.pass_ if challenge.version else None,
        "attempts": found.attempts,
        "history": found.history,
        "sent": columns.deliveries_of(of_class, [learner.pk]).get((learner.pk, challenge.pk)),
        "recount": Recount.objects.filter(of_class=of_class).first(),
        "form": form,
        "seen": services.seen_of(learner, challenge),
        "is_own": learner.user_id == account(request).pk,
        "most": found.column.worth * services.OVERRIDE_FACTOR,
        "has_entry": common["in_course"]
        and learner.user_id is not None
        and people_of(challenge).filter(pk=learner.user_id).exists(),
        "back": reverse("teach:grades", args=[of_class.pk]),
    }
    return render(request, "teach/classes/grades/cell.html", context, status=status)
