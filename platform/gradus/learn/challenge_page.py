"""The page of a challenge: its texts and samples, the form with its limits, and what the learner has done there."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from challenges.kinds import registry as kinds
from challenges.prompts import target_text
from challenges.rows import Sample
from gradus.accounts.guests import learner
from gradus.accounts.models import User
from gradus.classes import membership
from gradus.classes.models import Class
from gradus.courses import catalogue
from gradus.courses.models import Challenge
from gradus.learn.access import decision_of
from gradus.learn.costs.approaches import approaches_of
from gradus.learn.form_problems import Problem
from gradus.learn.kind_pages import Draft, page_of
from gradus.learn.lesson import markdown, text_steps
from gradus.learn.path import steps
from gradus.learn.path.history import history_of
from gradus.preferences.services import pairs_of
from gradus.retention import TRIALS
from gradus.reviews.services import earlier_attempts, has_second_grader
from gradus.reviews.who_grades import guest_note, who_grades
from gradus.submissions import own_runs
from gradus.submissions.budgets import limits, quotas, slots
from gradus.submissions.budgets.limits import Use
from gradus.submissions.services import hints_taken


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
        "needed": text_steps.step_needed(challenge.lesson, challenge.name),
        "spec": challenge.spec,
        "statement": markdown.render(challenge.version.statement, moved).html if challenge.version else "",
        "samples": _samples(challenge),
        "draft": draft,
        "draft_key": f"{challenge.slug}:{draft.kind}:{user.pk if user else 'visitor'}",
        "problems": problems,
        "approaches": approaches_of(challenge, user),
        "runs_kept_days": TRIALS.time.days,
        "budgets": quotas.told(challenge, draft.kind, decision_of(request, challenge).of_class or None),
        **page_of(draft.kind).context(challenge.spec, draft),
        **form_context(request, challenge, user),
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


def form_context(request: HttpRequest, challenge: Challenge, user: User | None) -> dict[str, Any]:
    """Limits, attempts and dates, which every form shows before it is sent."""
    decision = decision_of(request, challenge)
    use = Use(user=user, challenge=challenge, of_class=decision.of_class or None)
    return {
        "decision": decision,
        "attempts_left": slots.attempts_left(use),
        "attempts_most": slots.attempts_allowed(use),
        "guest_left": guest_left(user),
        "guest_note": guest_note(user, challenge.kind),
        "has_starter": bool(challenge.version and challenge.version.train),
        "pairs": pairs_of(user, challenge),
        "own_runs": own_runs.offered(user, challenge),
        "has_second_grader": has_second_grader(),
        "who_grades": who_grades(challenge, user),
        "classes": classes_to_choose(user, challenge),
    }


def classes_to_choose(user: User | None, challenge: Challenge) -> list[Class]:
    """The classes that an attempt may count for; none where there is no choice."""
    found = [member.of_class for member in membership.learns_in(user, challenge.course_id)]
    return found if len(found) > 1 else []


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
        return {"history": [], "standing": None, "state": steps.OPEN, "has_passed": False, "earlier_attempts": []}
    own, others = steps.by_track(challenge, steps.standings_of(user, challenge))
    history = history_of(user, challenge)
    return {
        "history": history,
        "newest_run": next((entry for entry in history if entry.is_run), None),
        "standing": steps.shown_standing(challenge, own),
        "state": steps.state_of(own, others),
        "has_passed": steps.has_passed(user, challenge),
        "earlier_attempts": earlier_attempts(user, challenge),
    }
