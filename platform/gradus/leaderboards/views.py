"""The pages of the leaderboards."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from challenges.kinds import registry as kinds
from gradus.accounts.guests import learner
from gradus.courses import catalogue
from gradus.leaderboards import boards


def board_list(request: HttpRequest) -> HttpResponse:
    """Lists all leaderboards by lesson, with the number of ranked learners and the visitor's own place."""
    return render(request, "leaderboards/index.html", {"entries": boards.entries(learner(request))})


def board_show(request: HttpRequest, slug: str) -> HttpResponse:
    """Shows one page of a leaderboard, with the first rows of the challenge's other tracks beside it."""
    challenge = catalogue.now().challenge(slug)
    track = boards.track_of(challenge, request.GET.get("track"))
    if track is None:
        raise Http404
    viewer, page = learner(request), request.GET.get("page", "")
    number = int(page) if page.isascii() and page.isdigit() and len(page) < 8 else 1
    own = boards.own_standings(viewer, challenge)
    board = boards.board(challenge, track, viewer, number, own=own)
    return render(
        request,
        "leaderboards/board.html",
        {
            "board": board,
            "challenge": challenge,
            "gold": challenge.spec.gold_of(track),
            "track_name": kinds.allowed(challenge.spec, track),
            "tracks": [(kind, kinds.allowed(challenge.spec, kind)) for kind in challenge.spec.tracks],
            "beside": boards.beside(challenge, track, viewer, own),
            "shows_costs": kinds.find(track).measures_costs(challenge.spec),
            "pinned": board.mine and board.mine.pseudonym not in {row.pseudonym for row in board.rows},
        },
    )
