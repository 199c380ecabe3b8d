"""Services for grading by people: reviews, appeals, decisions, gold rows and regrades."""

from gradus.reviews.services.appeals import appeal, can_appeal, goes_to_second, has_second_grader
from gradus.reviews.services.bulk import Acceptable, Accepted, accept_machine_marks, acceptable
from gradus.reviews.services.deciding import as_json_lines, decide, make_gold, mark_blind, score_of
from gradus.reviews.services.equal_texts import decide_equal
from gradus.reviews.services.gold import allow_gold, stop_gold
from gradus.reviews.services.latest import earlier_attempts, follows_later
from gradus.reviews.services.locks import break_lock, claim, claim_next, open_for_marking, release, renew
from gradus.reviews.services.opening import is_marked_blind, open_review
from gradus.reviews.services.questions import mark_question_blind, may_edit
from gradus.reviews.services.regrades import approve, discard, is_outdated, regrade_learner, start_regrade
from gradus.reviews.services.snippets import change_snippet, delete_snippet, keep_snippet

__all__ = [
    "Acceptable",
    "Accepted",
    "accept_machine_marks",
    "acceptable",
    "allow_gold",
    "appeal",
    "approve",
    "as_json_lines",
    "break_lock",
    "can_appeal",
    "change_snippet",
    "claim",
    "claim_next",
    "decide",
    "decide_equal",
    "delete_snippet",
    "discard",
    "earlier_attempts",
    "follows_later",
    "goes_to_second",
    "has_second_grader",
    "is_marked_blind",
    "is_outdated",
    "keep_snippet",
    "make_gold",
    "mark_blind",
    "mark_question_blind",
    "may_edit",
    "open_for_marking",
    "open_review",
    "regrade_learner",
    "release",
    "renew",
    "score_of",
    "start_regrade",
    "stop_gold",
]
