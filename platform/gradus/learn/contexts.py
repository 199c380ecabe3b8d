"""Contexts that several views share: a challenge with its form, an evaluation with what came of it."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from challenges.kinds import registry as kinds
from challenges.prompts import target_text
from challenges.rows import Sample
from gradus.accounts.guests import learner
from gradus.accounts.models import User
from gradus.courses import catalogue
from gradus.courses.models import Challenge
from gradus.learn.costs.approaches import board
from gradus.learn.form_problems import Problem
from gradus.learn.kinds.base import Draft
from gradus.learn.kinds.registry import page_of
from gradus.learn.lesson import markdown
from gradus.learn.path import steps
from gradus.learn.path.history import history_of
from gradus.learn.result import rows
from gradus.learn.result.reading import reading
from gradus.learn.result.shown_rows import rows_context
from gradus.learn.result.usual_time import elapsed, usual_time
from gradus.learn.result.waiting import begun, stages_of
from gradus.learn.result.weak_spot import weak_spot
from gradus.notices import services as notices
from gradus.preferences.pairs import pairs_of
from gradus.reviews.services import has_second_grader
from gradus.reviews.who_grades import guest_note, who_grades
from gradus.submissions import limits
from gradus.submissions.limits import Use
from gradus.submissions.models import Evaluation, Run, Score, Submission
from gradus.submissions.queue import queue_position, seconds_each, wait_at
from gradus.submissions.services import hints_taken, slots


def challenge_page(
    request: HttpRequest,
    challenge: Challenge,
    draft: Draft,
    *,
    problems: Sequence[Problem] = (),
    extra: Mapping[str, Any] | None = None,
    status: int = 200,
) -> HttpResponse:
    """The whole page around `draft`, which keeps what was typed. `extra` goes to the templates of its kind."""
    user, moved = learner(request), catalogue.now().moved(challenge.course)
    context = {
        "challenge": challenge,
        "lesson": challenge.lesson,
        "spec": challenge.spec,
        "statement": markdown.render(challenge.version.statement, moved).html if challenge.version else "",
        "samples": _samples(challenge),
        "draft": draft,
        "draft_key": f"{challenge.slug}:{draft.kind}:{user.pk if user else 'visitor'}",
        "problems": problems,
        "board": board(challenge, user),
        **page_of(draft.kind).context(challenge.spec, draft),
        **form_context(challenge, user),
        **hints_context(request, challenge),
        **learner_context(challenge, user),
        **(extra or {}),
    }
    return render(request, "learn/challenge.html", context, status=status)


def _samples(challenge: Challenge) -> list[tuple[Sample, str]]:
    """Each public sample with what it should come to: the first of several texts, or all documents that hold it."""
    kind, version = kinds.find(challenge.kind), challenge.version
    if version is None:
        return []
    if kind.asks_model(challenge.spec):
        return [(sample, target_text(sample.target)) for sample in version.samples]
    return [(sample, ", ".join(kind.expected(challenge.spec, sample))) for sample in version.samples]


def form_context(challenge: Challenge, user: User | None) -> dict[str, Any]:
    """Limits and attempts, which every form shows before it is sent."""
    return {
        "attempts_left": slots.left(limits.ATTEMPTS, Use(user=user, challenge=challenge)),
        "guest_left": guest_left(user),
        "guest_note": guest_note(user, challenge.kind),
        "has_starter": bool(challenge.version and challenge.version.train),
        "pairs": pairs_of(user, challenge),
        "has_second_grader": has_second_grader(),
        "who_grades": who_grades(challenge, user),
    }


def guest_left(user: User | None) -> int | None:
    """Submissions left without an account; None for those who have one."""
    if user is not None and not user.is_guest:
        return None
    return slots.left(limits.GUEST_ATTEMPTS, Use(user=user))


def hints_context(request: HttpRequest, challenge: Challenge) -> dict[str, Any]:
    moved = catalogue.now().moved(challenge.course)
    hints = [markdown.render(hint, moved).html for hint in hints_taken(learner(request), challenge)]
    return {"challenge": challenge, "hints": hints, "hints_total": len(challenge.spec.hints)}


def learner_context(challenge: Challenge, user: User | None) -> dict[str, Any]:
    """Past attempts and runs, standing, and whether the solution is open."""
    if user is None:
        return {"history": [], "standing": None, "state": steps.OPEN, "has_passed": False}
    own, others = steps.by_track(challenge, steps.standings_of(user, challenge))
    history = history_of(user, challenge)
    return {
        "history": history,
        "newest_run": next((entry for entry in history if entry.is_run), None),
        "standing": steps.shown_standing(challenge, own),
        "state": steps.state_of(own, others),
        "has_passed": steps.has_passed(user, challenge),
    }


def evaluation_context(owner: Submission | Run) -> dict[str, Any]:
    """One evaluation as its page shows it, open or ended. Its learner, who now looks at it, needs no notice of it."""
    evaluation = owner.current
    notices.see(owner.user, evaluation)
    spec, result, shown = evaluation.version.parsed, evaluation.result or {}, rows_context(owner, evaluation)
    return {
        "owner": owner,
        "guest_note": guest_note(owner.user, owner.kind) if isinstance(owner, Submission) else "",
        "evaluation": evaluation,
        "target": f"#run-{owner.uuid}",
        "challenge": owner.challenge if isinstance(owner, Submission) else owner.version.challenge,
        "spec": spec,
        "result": result,
        "score": score_of(evaluation),
        **shown,
        "weak_spot": weak_spot(
            shown["rows"],
            shown["confusion"],
            shown["fields"],
            result.get("marks", []),
            asks_model=shown["asks_model"],
        ),
        **page_of(owner.kind).result(evaluation),
        "took": rows.took(evaluation),
        **(_waiting(owner, evaluation, queue_position(evaluation)) if evaluation.is_open else {}),
    }


def _waiting(owner: Submission | Run, evaluation: Evaluation, position: int | None) -> dict[str, Any]:
    """What the page of an open evaluation shows in addition."""
    return {
        "position": position,
        "ahead": position - 1 if position else None,
        "wait": wait_at(position, seconds_each(evaluation.lane)) if position else None,
        "stages": stages_of(evaluation, owner.kind),
        "begun": begun(evaluation),
        "usual": usual_time(evaluation, owner.kind),
        "elapsed": elapsed(evaluation),
        "reading": reading(owner) if isinstance(owner, Submission) else None,
    }


def score_of(evaluation: Evaluation) -> Score | None:
    return Score.objects.filter(evaluation=evaluation).first()
