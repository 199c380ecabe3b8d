"""What the page of an attempt or a run shows, while it waits and when it has ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from challenges.kinds import registry as kinds
from challenges.prompts import target_text
from challenges.shown_score import PARTLY, counted
from challenges.spec import Label
from gradus.classes import access, releases
from gradus.classes.models import Member
from gradus.courses.models import Challenge
from gradus.intervals import score_interval
from gradus.learn.kind_pages import page_of
from gradus.learn.result import rows as results
from gradus.learn.result.orders_and_budget import factor_of, order_shown, orders_of
from gradus.learn.result.progress import waiting_context
from gradus.learn.result.rows import Flips, SampleRow, flips
from gradus.learn.result.weak_spot import weak_spot
from gradus.notices import services as notices
from gradus.reviews.who_grades import guest_note
from gradus.submissions.durations import took
from gradus.submissions.models import Evaluation, Run, Score, Submission
from gradus.submissions.states import State

INPUT_CHARS = 160


@dataclass(frozen=True)
class SinceBefore:
    """What a finished trial run changed against the learner's run before it. Scores are those of public samples."""

    run: Run
    score: float
    flips: Flips


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
        "challenge": _challenge_of(owner),
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
        "took": took(evaluation),
        **(waiting_context(owner, evaluation) if evaluation.is_open else {}),
    }


def _challenge_of(owner: Submission | Run) -> Challenge:
    """Authors run submissions at drafts, whose challenge may never have been live: it is shown as the draft has it."""
    if isinstance(owner, Submission):
        return owner.challenge
    challenge: Challenge = owner.version.challenge
    if challenge.version is None:
        challenge.version = owner.version
    return challenge


def withheld_context(submission: Submission) -> dict[str, Any]:
    """What the page of an attempt shows that was graded, as long as its grade is withheld: nothing of the grade."""
    return {
        "owner": submission,
        "submission": submission,
        "evaluation": submission.current,
        "challenge": submission.challenge,
        "spec": submission.version.parsed,
        "release": submission.of_class and releases.rule_of(submission.of_class, submission.challenge),
        "can_repeat": can_repeat(submission),
    }


def can_repeat(submission: Submission) -> bool:
    """Returns True if another attempt can be submitted now for the class of this one, as far as its dates go."""
    of_class = submission.of_class
    if of_class is None or not of_class.runs():
        return False
    member = Member.objects.active().filter(of_class=of_class, user=submission.user).select_related("of_class").first()
    if member is None:
        return False
    return access.decision_for(submission.user, submission.challenge, member=member).submits


def score_of(evaluation: Evaluation) -> Score | None:
    return getattr(evaluation, "score", None)


def rows_context(owner: Submission | Run, evaluation: Evaluation) -> dict[str, Any]:
    """What the templates of a result need to list its public rows."""
    spec, page = evaluation.version.parsed, page_of(owner.kind)
    kind = kinds.find(owner.kind)
    asks_model = kind.asks_model(spec)
    rows = results.sample_rows(evaluation.version, evaluation.result, page.own_inputs(owner.payload))
    is_whole = evaluation.state == State.SCORED
    since = _since_before(owner, rows) if isinstance(owner, Run) and rows and is_whole else None
    if since is not None:
        rows = _with_changes(rows, since.flips)
    return {
        "rows": rows,
        "asks_model": asks_model,
        "live_samples": live_samples(evaluation) if evaluation.is_open and asks_model and kind.has_samples else {},
        "is_trained": kind.is_trained,
        "chips": results.chips(rows),
        "counts": counted(row.mark for row in rows),
        "interval": score_interval(spec.metric.name, [row.score for row in rows], factor_of(evaluation.result)),
        "orders": orders_of(evaluation.result),
        "order_shown": order_shown(evaluation.result),
        "since": since,
        "partly": sum(row.mark == PARTLY for row in rows),
        "fields": results.field_summaries(spec, rows),
        "valid": sum(row.valid is True for row in rows),
        "confusion": results.confusion(spec, rows),
    }


def live_samples(evaluation: Evaluation) -> dict[str, list[str]]:
    """By id, the beginning of each public input, and the expected label: what a page needs to list rows as they come.

    Where answers are no labels, nothing is expected on one line.
    """
    version = evaluation.version
    is_label = isinstance(version.parsed.answer, Label)
    return {
        sample.id: [sample.input[:INPUT_CHARS], *([target_text(sample.target)] if is_label else [])]
        for sample in version.samples
    }


def _since_before(run: Run, rows: Sequence[SampleRow]) -> SinceBefore | None:
    before = run_before(run)
    result = before.current.result if before is not None else None
    if before is None or not result or not result.get("public", {}).get("rows"):
        return None
    old = results.sample_rows(run.version, result)
    return SinceBefore(before, result["public"]["score"], flips(old, rows))


def run_before(run: Run) -> Run | None:
    """The learner's newest earlier trial of the same kind on the same content that has a result."""
    if run.user_id is None or not run.is_trial:
        return None
    ended = {"evaluations__is_current": True, "evaluations__state": State.SCORED}
    earlier = Run.objects.trials().filter(user_id=run.user_id, version_id=run.version_id, kind=run.kind)
    return earlier.filter(pk__lt=run.pk, **ended).first()


def _with_changes(rows: Sequence[SampleRow], since: Flips) -> list[SampleRow]:
    changed = {flip.after.id: flip.after_marked for flip in since.flips}
    return [changed.get(row.id, row) for row in rows]
