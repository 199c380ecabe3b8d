"""The pages of the leaderboards."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from challenges.kinds import registry as kinds
from challenges.metrics import title as metric_title
from gradus.accounts import roles
from gradus.accounts.guests import learner
from gradus.courses import board_versions as continuity
from gradus.courses import catalogue
from gradus.courses.board_versions import is_revealed
from gradus.courses.models import ChallengeVersion
from gradus.leaderboards import boards, shake_up
from gradus.leaderboards.filters import BoardFilter
from gradus.leaderboards.ranking import version_of
from gradus.refusal import Refused
from gradus.submissions.results import board_decisions as decisions
from gradus.validators import whole_number


def board_list(request: HttpRequest) -> HttpResponse:
    """Lists all leaderboards by lesson, with the number of ranked learners and the visitor's own place."""
    return render(request, "leaderboards/index.html", {"entries": boards.entries(learner(request))})


def board_show(request: HttpRequest, slug: str) -> HttpResponse:
    """Shows one page of a leaderboard, with the first rows of the challenge's other tracks beside it."""
    challenge = catalogue.now().challenge(slug)
    seasons = boards.seasons(challenge)
    season = boards.season_named(seasons, request.GET.get("season"))
    if season is None:
        raise Http404
    past = season if season.ended_at else None
    if past:
        version: ChallengeVersion | None = version_of(challenge, past.number)
    else:
        version = boards.version_named(challenge, request.GET.get("version"))
    track = boards.track_of(version, request.GET.get("track")) if version else None
    if version is None or track is None:
        raise Http404
    viewer, number = learner(request), whole_number(request.GET.get("page")) or 1
    groups = boards.groups(viewer, challenge.course)
    group = next((one for one in groups if str(one.of_class.pk) == request.GET.get("class")), None)
    if group is None and "class" in request.GET:
        raise Http404
    own = boards.own_standings(viewer, version, season=past.number if past else None)
    chosen = BoardFilter(version.parsed, track, request.GET, viewer)
    only = chosen.only()
    board = boards.board(
        challenge, track, viewer, number, own=own, version=version, group=group, season=past, only=only
    )
    beside = boards.beside(challenge, track, viewer, own, version, group, past)
    asked = version.version if version.version != board.begun_version and not past else ""
    kept = {"version": asked} if asked else {}
    kept |= {"class": str(group.of_class.pk)} if group else {}
    kept |= {"season": str(past.number)} if past else {}
    begins = not past and board.begun_version != board.live_version and not board.frozen
    shows_costs, has_approaches = kinds.find(track).measures_costs(board.spec), len(chosen.approaches) > 1
    return render(
        request,
        "leaderboards/board.html",
        {
            "board": board,
            "challenge": challenge,
            "gold": board.spec.gold_of(track),
            "track_name": board.track_name,
            "tracks": [(kind, kinds.allowed(board.spec, kind)) for kind in board.spec.tracks],
            "beside": beside,
            "best": sorted((one for each in (board, *beside) for one in each.best), key=lambda one: -one.score),
            "filter": chosen,
            "is_filtered": bool(only),
            "columns": 6 + shows_costs + has_approaches,
            "has_approaches": has_approaches,
            "metric": metric_title(board.spec.metric.name),
            "groups": groups,
            "season": season,
            "seasons": seasons,
            "hiding": boards.hiding(challenge, viewer) if any(one.is_hidden for one in own.values()) else None,
            "shows_costs": shows_costs,
            "pinned": board.mine and board.mine.pseudonym not in {row.pseudonym for row in board.rows},
            "asked_version": asked,
            "kept_query": f"&{urlencode(kept)}" if kept else "",
            "page_query": f"&{urlencode(kept | chosen.kept())}" if kept or chosen.kept() else "",
            "kept": kept,
            "may_begin": begins and group is None and roles.may(viewer, challenge.course_id, roles.EDITS),
        },
    )


def shake_up_show(request: HttpRequest, slug: str) -> HttpResponse:
    """Shows how ranks moved from the public part of the hidden samples to the private one, once that is revealed."""
    challenge = catalogue.now().challenge(slug)
    version = version_of(challenge)
    track = boards.track_of(version, request.GET.get("track"))
    if track is None or not is_revealed(challenge):
        raise Http404
    found = shake_up.of(challenge, track)
    page = Paginator(found.moves, boards.PAGE_ROWS).get_page(request.GET.get("page"))
    viewer = learner(request)
    context = {
        "challenge": challenge,
        "track": track,
        "track_name": kinds.allowed(version.parsed, track),
        "tracks": [(kind, kinds.allowed(version.parsed, kind)) for kind in version.parsed.tracks],
        "found": found,
        "rows": page,
        "moves": shake_up.named(page, viewer),
    }
    return render(request, "leaderboards/shake_up.html", context)


def board_hidden(request: HttpRequest, slug: str) -> HttpResponse:
    """Tells a learner why the own entry is hidden. A POST keeps the learner's answer."""
    challenge = catalogue.now().challenge(slug)
    viewer = learner(request)
    if viewer is None or (hiding := boards.hiding(challenge, viewer)) is None:
        return redirect("leaderboards:board", slug)
    context: dict[str, Any] = {"challenge": challenge, "hiding": hiding}
    if request.method == "POST":
        text = request.POST.get("answer", "")
        try:
            decisions.answer(hiding, text, by=viewer)
            messages.success(request, _("Your answer is with the people who run the course."))
        except Refused as refused:
            if refused.problems:
                context |= {"text": text, "problem": refused.message}
                return render(request, "leaderboards/hidden.html", context, status=refused.status)
            messages.warning(request, refused.message)
        return redirect("leaderboards:hidden", slug)
    return render(request, "leaderboards/hidden.html", context)


@require_POST
def board_begin(request: HttpRequest, slug: str) -> HttpResponse:
    """Begins the leaderboard of the live version, for editors of the course."""
    challenge = catalogue.now().challenge(slug)
    user = learner(request)
    if user is None or not roles.may(user, challenge.course_id, roles.EDITS):
        raise Http404
    try:
        continuity.begin(challenge, by=user)
    except Refused as refused:
        messages.info(request, refused.message)
    return redirect("leaderboards:board", slug)
