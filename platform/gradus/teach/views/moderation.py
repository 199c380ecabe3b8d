"""The moderation of leaderboards: what waits on which board, the entries of one, and how an entry came about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import wraps
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from challenges.kinds import registry as kinds
from gradus.accounts import roles
from gradus.accounts.models import User
from gradus.courses import catalogue
from gradus.courses.board_versions import is_frozen, set_dates
from gradus.courses.models import Challenge
from gradus.leaderboards import boards
from gradus.leaderboards.ranking import version_of
from gradus.refusal import Refused
from gradus.reviews import services as reviews
from gradus.reviews.models import Regrade
from gradus.submissions.models import Annulment, Mark, Submission
from gradus.submissions.results import board_decisions as services
from gradus.submissions.results.copying import evidence
from gradus.submissions.services.reruns import OTHERS_MAX, run_again
from gradus.teach import board_entries
from gradus.teach.board_entries import Desk, people_of
from gradus.teach.board_forms import DatesForm, FilterForm, ReasonForm, SeasonForm
from gradus.teach.board_history import history_of
from gradus.teach.views.access import View, account
from gradus.validators import whole_number


def on_board(view: View) -> View:
    """Decorates views of one challenge's boards: they get its row in place of the slug.

    Others than people with a role in its course are told that there is no such page.
    """

    @login_required
    @wraps(view)
    def answer(request: HttpRequest, slug: str, **given: Any) -> HttpResponse:
        challenge = catalogue.live().challenge(slug)
        try:
            roles.refuse_unless(request.user, challenge.course_id, roles.SEES_ANSWERS)
            return view(request, challenge, **given)
        except Refused as refused:
            if refused.code != "missing_role":
                raise
            context = {"course": challenge.course, "refused": refused}
            return render(request, "teach/refused.html", context, status=403)

    return answer


@require_safe
@login_required
def board_list(request: HttpRequest) -> HttpResponse:
    """Lists the boards of the courses in which the person sees what learners do, with what waits there."""
    if not account(request).has_role:
        raise Http404
    return render(request, "teach/boards/list.html", {"courses": board_entries.lines(account(request))})


@on_board
def board_show(request: HttpRequest, challenge: Challenge) -> HttpResponse:
    """Shows a page of the entries of a track, by rank. A POST begins another season, or sets dates."""
    if request.method != "POST":
        return board_page(request, challenge)
    if request.POST.get("action") == "dates":
        return board_dates(request, challenge)
    form = SeasonForm(request.POST)
    try:
        title, ends = request.POST.get("title", ""), whole_number(request.POST.get("ends")) or 0
        made = services.begin_season(challenge, title, by=account(request), ends=ends)
    except Refused as refused:
        if refused.problems and refused.code != "missing_role":
            form.refuse(refused)
            return board_page(request, challenge, season=form, status=refused.status)
        messages.warning(request, refused.message)
    else:
        messages.success(request, _("The season “%(title)s” has begun.") % {"title": made.title})
    return redirect("teach:board", challenge.slug)


def board_dates(request: HttpRequest, challenge: Challenge) -> HttpResponse:
    roles.refuse_unless(request.user, challenge.course_id, roles.DECIDES)
    form = DatesForm(challenge.course, request.POST)
    try:
        if not form.is_valid():
            return board_page(request, challenge, dates=form, status=422)
        set_dates(challenge.course_id, **form.cleaned_data, by=account(request))
    except Refused as refused:
        form.refuse(refused)
        return board_page(request, challenge, dates=form, status=refused.status)
    messages.success(request, _("The dates for all leaderboards of this course are set."))
    return redirect("teach:board", challenge.slug)


def board_page(
    request: HttpRequest,
    challenge: Challenge,
    *,
    season: SeasonForm | None = None,
    dates: DatesForm | None = None,
    status: int = 200,
) -> HttpResponse:
    season_form = season or SeasonForm()
    seasons = boards.seasons(challenge)
    chosen_season = boards.season_named(seasons, request.GET.get("season"))
    if chosen_season is None:
        raise Http404
    version = version_of(challenge, chosen_season.number if chosen_season.ended_at else None)
    track = boards.track_of(version, request.GET.get("track") or board_entries.fullest(version, chosen_season.number))
    if track is None:
        raise Http404
    chosen = FilterForm(request.GET)
    desk = Desk(challenge, track, account(request), chosen_season)
    rows, entries = desk.page(chosen.shown, chosen.wanted, chosen.page)
    context = {
        **shared(request, challenge),
        "track": track,
        "tracks": [
            (kind, kinds.allowed(desk.ranked.version.parsed, kind)) for kind in desk.ranked.version.parsed.tracks
        ],
        "desk": desk,
        "rows": rows,
        "entries": entries,
        "filter": chosen,
        "counts": desk.counts(),
        "seasons": seasons,
        "season": chosen_season,
        "season_form": season_form,
        "dates_form": dates or DatesForm(challenge.course),
        "is_frozen": is_frozen(challenge),
    }
    return render(request, "teach/boards/board.html", context, status=status)


@on_board
def entry_show(request: HttpRequest, challenge: Challenge, person: int) -> HttpResponse:
    """Shows how an entry came about. A POST decides about it, or about one of its attempts."""
    found = get_object_or_404(people_of(challenge), pk=person)
    if request.method != "POST":
        return page(request, challenge, found)
    roles.refuse_unless(request.user, challenge.course_id, roles.DECIDES)
    act = ACTS.get(request.POST.get("action", ""))
    if act is None:
        raise Http404
    try:
        messages.success(request, act(request, challenge, found))
    except Refused as refused:
        if refused.problems and refused.code != "missing_role":
            form = form_of(request)
            form.refuse(refused)
            return page(request, challenge, found, form, status=refused.status)
        messages.warning(request, refused.message)
    back = reverse("teach:entry", args=[challenge.slug, found.pk])
    return redirect(f"{back}?{request.GET.urlencode()}" if request.GET else back)


def flag(request: HttpRequest, challenge: Challenge, person: User) -> str:
    reason = request.POST.get("reason", "")
    services.mark(person, challenge, Mark.Kind.FLAG, by=account(request), reason=reason)
    return _("The entry is flagged. Only people who see answers of this course know it.")


def hide(request: HttpRequest, challenge: Challenge, person: User) -> str:
    reason = request.POST.get("reason", "")
    services.mark(person, challenge, Mark.Kind.HIDDEN, by=account(request), reason=reason)
    return _("The entry is hidden. Its learner has a notice with the reason.")


def end(request: HttpRequest, challenge: Challenge, person: User) -> str:
    mark = mark_of(request, challenge, person)
    services.end_mark(mark, by=account(request))
    if mark.kind == Mark.Kind.FLAG:
        return _("The flag is cleared.")
    return _("The entry is shown again. Its learner has a notice.")


def keep(request: HttpRequest, challenge: Challenge, person: User) -> str:
    services.keep_hidden(mark_of(request, challenge, person), by=account(request))
    return _("The answer is noted as read. The entry stays hidden, and its learner has a notice.")


def annul(request: HttpRequest, challenge: Challenge, person: User) -> str:
    attempts = Submission.objects.of(person).filter(challenge=challenge)
    attempt = get_object_or_404(attempts, pk=key_of(request, "attempt"))
    services.annul(attempt, by=account(request), reason=request.POST.get("reason", ""))
    return _("The attempt is annulled. Its learner has a notice with the reason.")


def count(request: HttpRequest, challenge: Challenge, person: User) -> str:
    annulments = Annulment.objects.filter(submission__user=person, submission__challenge=challenge)
    services.end_annulment(get_object_or_404(annulments, pk=key_of(request, "annulment")), by=account(request))
    return _("The attempt counts again. Its learner has a notice.")


def again(request: HttpRequest, challenge: Challenge, person: User) -> str:
    attempts = Submission.objects.of(person).filter(challenge=challenge)
    attempt = get_object_or_404(attempts, pk=key_of(request, "attempt"))
    made = run_again(attempt, by=account(request), others=key_of(request, "others"))
    return ngettext(
        "The attempt will run again, behind learners' work. Its score will stand below the attempt.",
        "The attempt runs again %(count)d times, behind learners' work. The results stand below it.",
        len(made),
    ) % {"count": len(made)}


def regrade(request: HttpRequest, challenge: Challenge, person: User) -> str:
    chosen = None
    if attempt := key_of(request, "attempt"):
        chosen = [get_object_or_404(Submission.objects.of(person).filter(challenge=challenge), pk=attempt)]
    reason = request.POST.get("reason", "")
    made = reviews.regrade_learner(person, challenge, by=account(request), reason=reason, submissions=chosen)
    return ngettext(
        "%(count)d attempt is graded again. No grade changes until you approve the shadow run.",
        "%(count)d attempts are graded again. No grade changes until you approve the shadow run.",
        made.items.count(),
    ) % {"count": made.items.count()}


Act = Callable[[HttpRequest, Challenge, User], str]
ACTS: dict[str, Act] = {
    "flag": flag,
    "hide": hide,
    "end": end,
    "keep": keep,
    "annul": annul,
    "count": count,
    "again": again,
    "regrade": regrade,
}


def mark_of(request: HttpRequest, challenge: Challenge, person: User) -> Mark:
    return get_object_or_404(Mark.objects.filter(challenge=challenge, user=person), pk=key_of(request, "mark"))


def key_of(request: HttpRequest, name: str) -> int:
    """Returns a primary key that was posted, or 0, which no row has."""
    given = request.POST.get(name, "")
    return int(given) if given.isascii() and given.isdecimal() and len(given) < 19 else 0


def form_of(request: HttpRequest) -> ReasonForm:
    """Returns the form of the page that was posted, with what was written in it."""
    match request.POST["action"]:
        case "annul":
            return ReasonForm.annul(key_of(request, "attempt"), request.POST)
        case "regrade":
            return ReasonForm.regrade(key_of(request, "attempt"), request.POST)
        case "flag":
            return ReasonForm.flag(request.POST)
        case _other:
            return ReasonForm.hide(request.POST)


def page(
    request: HttpRequest, challenge: Challenge, person: User, posted: ReasonForm | None = None, status: int = 200
) -> HttpResponse:
    history = history_of(person, challenge, account(request), request.GET.get("page", ""))
    keys = [one.pk for one in history.attempts]
    made = [ReasonForm.flag(), ReasonForm.hide(), *map(ReasonForm.regrade, [0, *keys]), *map(ReasonForm.annul, keys)]
    forms = {form.about: form for form in [*made, *([posted] if posted else [])]}
    common = shared(request, challenge)
    context = {
        **common,
        "decides": common["decides"] and person != request.user,
        "is_own": person == request.user,
        "history": history,
        "similar": similar_of(list(history.attempts), account(request)),
        "person": person,
        "entries": board_entries.on_all_tracks(challenge, person, account(request)),
        "others": [*range(OTHERS_MAX + 1)],
        "attempts": [(one, forms[f"annul-{one.pk}"], forms[f"regrade-{one.pk}"]) for one in history.attempts],
        "flag_form": forms["flag"],
        "hide_form": forms["hide"],
        "regrade_form": forms["regrade-0"],
        "regrades": regrades_of(challenge, person),
        "open_regrade": Regrade.objects.filter(challenge=challenge, ended_at=None).first(),
        "refused_at": posted.about if posted else "",
    }
    return render(request, "teach/boards/entry.html", context, status=status)


def regrades_of(challenge: Challenge, person: User) -> QuerySet[Regrade]:
    """Returns the shadow runs of this learner's attempts alone, the newest first."""
    return Regrade.objects.filter(challenge=challenge, learner=person).select_related("started_by", "ended_by")


def similar_of(attempts: Sequence[Submission], viewer: User) -> list[evidence.Pair]:
    """Returns similar attempts of others. Nobody reads about the own entry here."""
    if not attempts or attempts[0].user_id == viewer.pk:
        return []
    return [pair for pair in evidence.similar(attempts) if pair.other.user_id != viewer.pk]


@require_safe
@on_board
def pair_show(request: HttpRequest, challenge: Challenge, person: int, own: int, other: int) -> HttpResponse:
    """Shows two attempts of different learners side by side, with what both have marked."""
    attempts = Submission.objects.filter(challenge=challenge).exclude(user=account(request))
    attempts = attempts.select_related("user", "version", "challenge")
    first = get_object_or_404(attempts, pk=own, user=person)
    second = get_object_or_404(attempts.exclude(user=person), pk=other)
    pairs = evidence.compared([(first, second)])
    if not pairs:
        raise Http404
    pair = replace(pairs[0], first=evidence.first_of(pairs[0]))
    return render(request, "teach/boards/pair.html", {**shared(request, challenge), "pair": pair, "person": first.user})


def shared(request: HttpRequest, challenge: Challenge) -> dict[str, Any]:
    decides = roles.may(request.user, challenge.course_id, roles.DECIDES)
    return {"challenge": challenge, "course": challenge.course, "decides": decides}
