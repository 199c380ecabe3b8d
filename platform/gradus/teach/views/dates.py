"""The dates of a class, more time and attempts for learners, and why a member can submit at a time."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.contrib import messages
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from gradus.accounts.roles import DECIDES
from gradus.classes import access, dates
from gradus.classes.access import Viewed
from gradus.classes.date_rules import Target, seen
from gradus.classes.models import Class, Grant, Member
from gradus.classes.policy import Values
from gradus.courses.models import Challenge, Lesson
from gradus.refusal import Refused
from gradus.submissions.budgets import slots
from gradus.submissions.budgets.limits import Use
from gradus.teach import date_rows, extensions
from gradus.teach.date_forms import (
    LISTED,
    DatesForm,
    ExtendForm,
    GrantForm,
    PeopleForm,
    WhyForm,
    WithdrawForm,
    key_of,
)
from gradus.teach.views.access import account, in_class, label_chosen
from gradus.teach.views.classes import shared
from gradus.teach.widgets import as_name, told_apart
from gradus.validators import whole_number


@in_class()
def dates_show(request: HttpRequest, of_class: Class) -> HttpResponse:
    """Shows what holds by lesson and challenge, for everybody or a label, and all exceptions."""
    label = label_chosen(of_class, request)
    seen_as = Viewed(of_class, labels=(label,) if label else ())
    context = {
        **shared(request, of_class, "dates"),
        "rows": date_rows.table(seen_as, access.places_of(of_class.course)),
        "labels": of_class.labels.all(),
        "chosen": label,
        "exceptions": date_rows.exceptions(of_class),
        "grants": Grant.objects.filter(member__of_class=of_class).select_related(
            "member__user", "challenge__version", "granted_by", "withdrawn_by"
        ),
    }
    return render(request, "teach/classes/dates.html", context)


@in_class(DECIDES)
def dates_edit(request: HttpRequest, of_class: Class, key: str) -> HttpResponse:
    """Shows the form of one place for everybody, `?label=` or `?member=`. A POST sets or removes the dates."""
    target = _target(request, of_class, key)
    rule = target.rule()
    if request.method != "POST":
        return _edit_page(request, target, DatesForm(target, rule))
    form = DatesForm(target, rule, request.POST)
    removes = request.POST.get("action") == "remove"
    try:
        if removes:
            dates.set_dates(target, Values(), by=account(request), seen=request.POST.get("seen", ""))
        elif form.is_valid():
            given = {"reason": form.cleaned_data["reason"], "seen": form.cleaned_data["seen"]}
            dates.set_dates(target, form.values, by=account(request), **given)
        else:
            return _edit_page(request, target, form, status=422)
    except Refused as refused:
        form.refuse(refused)
        if refused.code == "changed_meanwhile":
            form.see(seen(target.rule()))
            return _edit_page(request, target, form, status=409, is_changed=True)
        return _edit_page(request, target, form, status=refused.status)
    messages.success(request, _("The dates are removed.") if removes else _("The dates are saved."))
    return redirect(_shown(target))


def _shown(target: Target) -> str:
    page = reverse("teach:dates", args=[target.of_class.pk])
    return f"{page}?label={target.label.pk}" if target.label else page


def _target(request: HttpRequest, of_class: Class, key: str) -> Target:
    """Returns what the address names. Raises `Http404` for what is not of this class."""
    place = next((one for one in access.places_of(of_class.course) if key_of(one) == key), False)
    if place is False:
        raise Http404
    label, member = (request.GET.get(name, "") for name in ("label", "member"))
    if label and member:
        raise Http404
    return Target(
        of_class,
        lesson=place if isinstance(place, Lesson) else None,
        challenge=place if isinstance(place, Challenge) else None,
        label=get_object_or_404(of_class.labels, pk=whole_number(label)) if label else None,
        member=get_object_or_404(of_class.members.select_related("user"), pk=whole_number(member)) if member else None,
    )


def _edit_page(
    request: HttpRequest, target: Target, form: DatesForm, *, status: int = 200, is_changed: bool = False
) -> HttpResponse:
    rule = target.rule()
    labels = (target.label,) if target.label else ()
    seen_as = Viewed(target.of_class, target.member, labels)
    [row] = date_rows.table(seen_as, [target.place])
    context = {
        **shared(request, target.of_class, "dates"),
        "target": target,
        "form": form,
        "rule": rule,
        "now": date_rows.says(rule, target.of_class.timezone) if rule and is_changed else "",
        "is_changed": is_changed,
        "row": row,
        "back": _shown(target),
    }
    return render(request, "teach/classes/dates_edit.html", context, status=status)


@in_class(DECIDES)
def people_show(request: HttpRequest, of_class: Class) -> HttpResponse:
    """Shows the forms that give learners more time or attempts; `?search=` and `?member=` choose whom they offer."""
    return _people_page(request, of_class)


@require_POST
@in_class(DECIDES)
def extend(request: HttpRequest, of_class: Class) -> HttpResponse:
    """Gives the chosen learners more time."""
    form = ExtendForm(of_class, access.places_of(of_class.course), request.POST)
    if not form.is_valid():
        return _people_page(request, of_class, extend=form, status=422)
    place, given = form.chosen_place, form.cleaned_data
    label, places = given.get("label"), list(form.places.values())
    labelled = label.members.active().learners() if label else Member.objects.none()
    people = list(of_class.members.filter(Q(pk__in=given["members"]) | Q(pk__in=labelled)).select_related("of_class"))
    challenges = extensions.within(places, place)
    before = extensions.held_by(people, challenges)
    if people and given["until"] > timezone.now() and not extensions.has_dates(before):
        said = _("Nothing here is due or closes for them, so there is nothing to extend. Set a due date first.")
        form.add_error("place", said)
        return _people_page(request, of_class, extend=form, status=422)
    try:
        done = dates.extend(
            of_class,
            given["members"],
            by=account(request),
            until=given["until"],
            reason=given["reason"],
            label=label,
            lesson=place if isinstance(place, Lesson) else None,
            challenge=place if isinstance(place, Challenge) else None,
        )
    except Refused as refused:
        form.refuse(refused)
        return _people_page(request, of_class, extend=form, status=refused.status)
    said = ngettext("%(count)d learner has more time.", "%(count)d learners have more time.", len(done.moved))
    changes = extensions.moved(before, extensions.held_by(people, challenges))
    parts = [said % {"count": len(done.moved)}]
    if 0 < len(done.moved) <= extensions.SAID:
        parts.append(_("For: %(names)s.") % {"names": ", ".join(map(str, done.moved))})
    messages.success(request, " ".join([*parts, *extensions.in_words(changes, of_class.timezone)]))
    if warning := extensions.shorter(changes):
        messages.warning(request, warning)
    if given["until"] <= timezone.now():
        messages.warning(request, _("This time is past: only attempts that were submitted before it count more now."))
    if done.untouched:
        names = ", ".join(map(str, done.untouched))
        messages.warning(request, _("These have as much time already: %(names)s.") % {"names": names})
    return redirect("teach:dates", of_class.pk)


@require_POST
@in_class(DECIDES)
def grant(request: HttpRequest, of_class: Class) -> HttpResponse:
    """Grants the chosen learners more attempts."""
    form = GrantForm(of_class, access.places_of(of_class.course), request.POST)
    if not form.is_valid():
        return _people_page(request, of_class, grant=form, status=422)
    place, given = form.chosen_place, form.cleaned_data
    assert isinstance(place, Challenge)
    try:
        made = dates.grant(
            of_class,
            given["members"],
            by=account(request),
            challenge=place,
            attempts=given["attempts"],
            reason=given["reason"],
            label=given.get("label"),
        )
    except Refused as refused:
        form.refuse(refused)
        return _people_page(request, of_class, grant=form, status=refused.status)
    said = ngettext("%(count)d learner has more attempts.", "%(count)d learners have more attempts.", len(made))
    messages.success(request, said % {"count": len(made)})
    return redirect("teach:dates", of_class.pk)


@in_class(DECIDES)
def withdraw(request: HttpRequest, of_class: Class, grant: int) -> HttpResponse:
    """Asks why granted attempts are withdrawn. A POST withdraws them."""
    granted = get_object_or_404(
        Grant.objects.in_force().select_related("member__user", "member__of_class", "challenge__version"),
        member__of_class=of_class,
        pk=grant,
    )
    form, status = WithdrawForm(request.POST or None), 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                dates.withdraw(granted, by=account(request), reason=form.cleaned_data["reason"])
            except Refused as refused:
                form.refuse(refused)
                status = refused.status
            else:
                messages.success(request, _("The attempts are withdrawn."))
                return redirect("teach:dates", of_class.pk)
    context = {**shared(request, of_class, "dates"), "granted": granted, "form": form}
    return render(request, "teach/classes/withdraw.html", context, status=status)


def _people_page(
    request: HttpRequest,
    of_class: Class,
    *,
    extend: ExtendForm | None = None,
    grant: GrantForm | None = None,
    status: int = 200,
) -> HttpResponse:
    places, search = access.places_of(of_class.course), request.GET.get("search", "")[:120]
    marked = list(filter(None, map(whole_number, request.GET.getlist("member"))))
    initial = {"members": marked, "place": request.GET.get("place", "")}
    made: list[PeopleForm] = [
        extend or ExtendForm(of_class, places, initial=initial),
        grant or GrantForm(of_class, places, initial=initial),
    ]
    found = of_class.members.active().learners().matching(search).by_name()
    listed = list(found.select_related("user").prefetch_related("labels")[:LISTED])
    for form in made:
        field: Any = form.fields["members"]
        chosen = {str(one) for one in form["members"].value() or ()}
        more = of_class.members.filter(pk__in=filter(None, map(whole_number, chosen))).select_related("user")
        offered = list(dict.fromkeys([*more.prefetch_related("labels"), *listed]))
        names = Counter(map(str, offered))
        field.widget.choices = [(one.pk, as_name(told_apart(one) if names[str(one)] > 1 else one)) for one in offered]
    everybody = date_rows.table(Viewed(of_class), places)
    context = {
        **shared(request, of_class, "dates"),
        "extend": made[0],
        "grant": made[1],
        "search": search,
        "listed": len(listed),
        "all": of_class.members.active().learners().count(),
        "place": initial["place"],
        "marked": marked,
        "wants_attempts": request.GET.get("more") == "attempts",
        "rows": everybody,
        "has_dates": of_class.date_rules.exclude(due_at=None, close_at=None).exists(),
    }
    return render(request, "teach/classes/more_time.html", context, status=status)


@in_class()
def why(request: HttpRequest, of_class: Class, member: int) -> HttpResponse:
    """Says whether a member can submit a challenge at a time, and which rules say so."""
    found = get_object_or_404(Member.objects.select_related("of_class", "user").filter(of_class=of_class), pk=member)
    challenges = [one for one in access.places_of(of_class.course) if isinstance(one, Challenge)]
    first = {"challenge": challenges[0].slug, "at": ""} if challenges else {}
    form = WhyForm(of_class, challenges, {**first, **request.GET.dict()})
    context = {**shared(request, of_class, "dates"), "member": found, "form": form}
    if form.is_valid():
        challenge, at = form.chosen, form.cleaned_data["at"]
        decision = access.decision_for(found.user, challenge, at, found)
        use = Use(user=found.user, challenge=challenge, of_class=of_class)
        context |= {
            "challenge": challenge,
            "at": at,
            "decision": decision,
            "reasons": date_rows.reasons(decision.applied, of_class),
            "attempts_left": slots.attempts_left(use) if found.user else None,
            "granted": sum(one.attempts for one in found.grants.in_force().filter(challenge=challenge)),
        }
    return render(request, "teach/classes/why.html", context, status=200 if form.is_valid() else 422)
