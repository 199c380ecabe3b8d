"""Turns submissions, runs and leaderboards into the schemas that the API returns to their owner.

They hold results of public samples only, and scores that are rounded down.
"""

from typing import Any

from challenges.shown_score import mark_of
from gradus.api import schemas
from gradus.chats.faults import fault_of
from gradus.chats.models import ChatMessage
from gradus.leaderboards import boards
from gradus.reviews.models import Appeal
from gradus.reviews.services import can_appeal
from gradus.reviews.who_grades import guest_note
from gradus.submissions import limits
from gradus.submissions.limits import Use
from gradus.submissions.models import Evaluation, Run, Score, Submission
from gradus.submissions.queue import expected_wait, queue_position
from gradus.submissions.services import slots


def score_of(evaluation: Evaluation) -> Score | None:
    return getattr(evaluation, "score", None)


def _scored(evaluation: Evaluation) -> dict[str, Any]:
    score = score_of(evaluation)
    if score is None:
        return {}
    return {
        "score": score.shown,
        "version": evaluation.version.version,
        "verdict": "passed" if score.passed else "not_passed",
        "gold": score.gold,
        "verified_by": score.verified_by,
    }


def submission(submission: Submission) -> schemas.SubmissionOut:
    evaluation = submission.current
    result = evaluation.result or {}
    return schemas.SubmissionOut.model_validate(
        {
            "uuid": submission.uuid,
            "challenge": submission.challenge.slug,
            "kind": submission.kind,
            **_state(evaluation),
            **_scored(evaluation),
            "metrics": result.get("metrics", {}),
            "feedback": _feedback(evaluation),
            "attempts_left": slots.left(limits.ATTEMPTS, Use(user=submission.user, challenge=submission.challenge)),
            "guest_note": guest_note(submission.user, submission.kind) or None,
            "has_artifact": bool(evaluation.artifact),
            **_appeal(submission),
            "created_at": submission.created_at,
            "finished_at": boards.whole_second(evaluation.finished_at) if evaluation.finished_at else None,
        }
    )


def _appeal(submission: Submission) -> dict[str, Any]:
    made = submission.appeals.order_by("-pk").first()
    return {"appealed": made is not None, "can_appeal": can_appeal(submission), "appeal": made and appeal(made)}


def appeal(made: Appeal) -> dict[str, Any]:
    return {
        "stage": made.stage,
        "text": made.text,
        "created_at": made.created_at,
        "closed_at": boards.whole_second(made.closed_at) if made.closed_at else None,
        "outcome": made.outcome or None,
    }


def submission_brief(submission: Submission) -> schemas.SubmissionBrief:
    evaluation = submission.current
    scored = {key: value for key, value in _scored(evaluation).items() if key != "gold"}
    return schemas.SubmissionBrief.model_validate(
        {
            "uuid": submission.uuid,
            "challenge": submission.challenge.slug,
            "kind": submission.kind,
            "status": evaluation.state,
            "created_at": submission.created_at,
            **scored,
        }
    )


def run(run: Run) -> schemas.RunOut:
    evaluation = run.current
    return schemas.RunOut.model_validate(
        {
            **{key: getattr(run, key) for key in ("uuid", "kind", "purpose", "label", "finding", "arm", "repetition")},
            "created_at": run.created_at,
            "expires_at": run.expires_at,
            "challenge": run.version.challenge.slug,
            **_state(evaluation),
            "result": _feedback(evaluation),
        }
    )


def chat(message: ChatMessage) -> schemas.ChatOut:
    evaluation = message.run.current
    found = (evaluation.result or {}).get("chat") or {"prompt": None, "answers": {}}
    error = {"code": evaluation.error_code, "message": fault_of(evaluation)} if evaluation.error_code else None
    return schemas.ChatOut.model_validate(
        {
            "uuid": message.run.uuid,
            "submission": message.submission.uuid,
            "text": message.text,
            "style": message.style,
            "created_at": message.run.created_at,
            "expires_at": message.run.expires_at,
            **_state(evaluation),
            "error": error,
            "prompt": found["prompt"],
            **{stage: _answer(found["answers"].get(stage)) for stage in ("base", "trained")},
        }
    )


def _answer(answer: dict[str, Any] | None) -> dict[str, Any] | None:
    if answer is None:
        return None
    tokens = [
        {
            "text": text,
            "probability": share,
            "rivals": [{"text": rival, "probability": likely} for rival, likely in rivals],
        }
        for text, share, rivals in answer.get("tokens", ())
    ]
    return {**answer, "tokens": tokens}


def error_of(evaluation: Evaluation) -> dict[str, Any] | None:
    return {"code": evaluation.error_code, "message": evaluation.message} if evaluation.error_code else None


def _state(evaluation: Evaluation) -> dict[str, Any]:
    return {
        "status": evaluation.state,
        "error": error_of(evaluation),
        "queue_position": queue_position(evaluation),
        "wait_s": expected_wait(evaluation),
    }


def _feedback(evaluation: Evaluation) -> dict[str, Any] | None:
    if evaluation.result is None:
        return None
    shown = ("public", "marks", "cost", "training", "unfinished")
    found = {key: evaluation.result[key] for key in shown if key in evaluation.result}
    return {**found, "public": _public(found["public"])} if "public" in found else found


def _public(public: dict[str, Any]) -> dict[str, Any]:
    rows = [{**row, "mark": mark_of(row["score"], row["correct"])} for row in public.get("rows", ())]
    return {**public, "rows": rows}


def leaderboard(board: boards.Board) -> schemas.LeaderboardOut:
    return schemas.LeaderboardOut.model_validate(
        {
            **{key: getattr(board, key) for key in ("track", "frozen", "total", "page", "pages", "version")},
            "older": [vars(one) for one in board.older],
            "challenge": board.challenge.slug,
            "tracks": list(board.challenge.spec.tracks),
            "rows": [vars(row) for row in board.rows],
            "bands": [vars(band) for band in board.bands],
            "mine": vars(board.mine) if board.mine else None,
        }
    )
