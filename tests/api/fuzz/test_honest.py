"""Every call of the API's own document by an honest example."""

from __future__ import annotations

from typing import Any

import pytest

from gradus.preferences.services import Pair
from tests import factories
from tests.api.fuzz.drawn import SEED, document, send
from tests.api.fuzz.world import CODE, PSEUDONYM, World
from tests.reviews import cases

pytestmark = pytest.mark.django_db
MARKS = {"marks": cases.ALL_MET}
FOR_DAN = {"members": ["dan@example.org"], "reason": "The train stood still."}
OVERRIDE = {**FOR_DAN, "challenge": "sea-or-sky", "kind": "value", "value": 7.5}
SOUP = Pair(
    "soup",
    "Tell the table that the soup is hot.",
    "The soup is hot.",
    "Enjoy your meal, everybody! Please be careful, because the soup is hot!",
)
# A key of the body that says the same as the path.
NAMED = "that of the path"
HONEST: dict[str, tuple[str, str, Any]] = {
    # By operation: who calls, what the path names, and the body, or for GET and DELETE the query, in which a submission
    # may be named.
    "courses": ("nobody", "", None),
    "path": ("nobody", "tiny", None),
    "lesson": ("nobody", "first", None),
    "advise": ("nobody", "first", {"answers": {"changes": "weekly"}}),
    "demo_start": ("learner", "first", {"text": "a heron"}),
    "search_start": ("learner", "examples", {"text": "When is it closed?"}),
    "findings": ("nobody", "first", None),
    "finding_run_start": ("staff", "first", {"repetition": 2}),
    "lesson_questions": ("nobody", "first", None),
    "question_answer": ("learner", "first", {"option": 1}),
    "challenge": ("nobody", "explain", None),
    "documents": ("nobody", "ask-the-library", None),
    "choices": ("nobody", "your-clicks", None),
    "choose": ("learner", "your-clicks", {"id": "soup", "shown": SOUP.shown, "chosen": 2}),
    "choices_delete": ("learner", "your-clicks", None),
    "choices_export": ("learner", "your-clicks", None),
    "take_hint": ("learner", "ticket", None),
    "solution": ("learner", "sea-or-sky", None),
    "dataset_check": ("learner", "sea-or-sky", factories.LORA),
    "leaderboard": ("nobody", "sea-or-sky", None),
    "costs": ("nobody", "sea-or-sky", None),
    "run_start": ("staff", "sea-or-sky", factories.PROMPT),
    "own_runs_list": ("learner", "explain", None),
    "run": ("learner", "done", None),
    "run_cancel": ("learner", "queued", None),
    "run_name": ("learner", "done", {"name": "with a heron"}),
    "history": ("learner", "sea-or-sky", None),
    "comparison": ("learner", "sea-or-sky", {"before": "prompt", "after": "adapter"}),
    "notice_list": ("learner", "", None),
    "notices_seen": ("learner", "", None),
    "report_make": ("learner", "ticket", {"what": "task", "text": "A word is missing."}),
    "report_list": ("learner", "", None),
    "run_events": ("learner", "queued", None),
    "submit": ("staff", "explain", factories.FREE_TEXT),
    "submissions": ("learner", "", None),
    "submission": ("learner", "answer", None),
    "submission_events": ("learner", "prompt", None),
    "submission_cancel": ("learner", "queued", None),
    "submission_appeal": ("learner", "answer", {"text": "I named the cause."}),
    "submission_artifact": ("learner", "adapter", None),
    "submission_receipt": ("learner", "prompt", None),
    "chat_send": ("learner", "adapter", {"text": "a heron", "style": "plain"}),
    "chats_of_submission": ("learner", "adapter", None),
    "run_chat": ("learner", "chat", None),
    "reviews": ("staff", "", None),
    "reviews_accuracy": ("staff", "", None),
    "review": ("staff", "waiting", None),
    "review_blind": ("staff", "audit", MARKS),
    "review_decision": ("staff", "waiting", {**MARKS, "reason": "Read twice."}),
    "review_gold": ("staff", "decided", {"role": "test"}),
    "reviews_claim": ("staff", "", {"count": 2}),
    "reviews_renew": ("staff", "", {"ids": [1]}),
    "reviews_release": ("staff", "", {}),
    "review_take_over": ("staff", "held", None),
    "challenge_gold": ("staff", "explain", None),
    "challenge_certainty": ("staff", "explain", None),
    "challenge_accept_marks": ("staff", "explain", {"ids": [1, 2]}),
    "challenge_mark_blind": ("staff", "explain", {"blind": False}),
    "regrades": ("staff", "", None),
    "regrade_start": ("staff", "ticket", {}),
    "regrade": ("staff", "done", None),
    "regrade_approve": ("staff", "done", {"lower": True}),
    "regrade_discard": ("staff", "waiting", None),
    "upload_start": ("staff", "tiny", {"bytes": 3, "sha256": "a" * 64}),
    "upload": ("staff", "half", None),
    "upload_part": ("staff", "half", b"\0"),
    "classes": ("staff", "", None),
    "class_create": ("staff", "", {"course": "tiny", "title": "Spring"}),
    "class_show": ("staff", "evening", None),
    "class_change": ("staff", "evening", {"title": "Autumn", "board": "members"}),
    "class_code": ("staff", "evening", {"until": "2030-12-01T12:00:00Z"}),
    "class_code_stop": ("staff", "evening", None),
    "class_join": ("learner", "", {"code": CODE}),
    "class_members": ("staff", "evening", None),
    "class_add": ("staff", "evening", {"emails": ["sam@example.org"], "labels": ["Section 1"]}),
    "class_member_change": ("staff", "evening", {"first_name": "Dan", "labels": ["Section 2"]}),
    "class_member_remove": ("staff", "evening", None),
    "class_leave": ("staff", "morning", None),
    "class_roster": ("staff", "evening", None),
    "class_roster_apply": ("staff", "evening", b"email\nsam@example.org\n"),
    "class_dates": ("staff", "evening", None),
    "class_dates_set": ("staff", "evening", {"due_at": "2030-12-01T12:00"}),
    "class_extend": ("staff", "evening", {**FOR_DAN, "until": "2030-12-24T12:00"}),
    "class_grants": ("staff", "evening", None),
    "class_grant": ("staff", "evening", {**FOR_DAN, "challenge": "sea-or-sky", "attempts": 2}),
    "class_grant_withdraw": ("staff", "evening", {"reason": "It was Ben."}),
    "class_decision": ("staff", "evening", {"challenge": "sea-or-sky"}),
    "class_announcements": ("staff", "evening", None),
    "class_announce": ("staff", "evening", {"title": "Room", "text": "Room 4.", "publish_at": "2030-12-01T12:00"}),
    "class_announcement_change": ("staff", "evening", {"text": "Room 5."}),
    "class_announcement_withdraw": ("staff", "evening", None),
    "class_grades": ("staff", "evening", None),
    "class_override": ("staff", "evening", OVERRIDE),
    "class_releases": ("staff", "evening", None),
    "class_release_rule": ("staff", "evening", {"score": "date", "score_at": "2030-12-01T12:00", "details": "hand"}),
    "class_release_rule_remove": ("staff", "evening", {"challenge": "sea-or-sky"}),
    "class_release": ("staff", "evening", {"challenge": "sea-or-sky", "parts": ["score"]}),
    "class_release_end": ("staff", "evening", None),
    "class_own_grades": ("learner", "noon", None),
    "class_weigh": ("staff", "evening", {"worths": {"sea-or-sky": 20}}),
    "course_people": ("staff", "tiny", None),
    "course_invite": ("staff", "tiny", {"email": "sam@example.org", "content": "viewer"}),
    "course_invitation_withdraw": ("staff", "tiny", None),
    "course_person_change": ("staff", "tiny", {"content": "editor", "learner_data": "viewer"}),
    "course_listing": ("staff", "tiny", None),
    "course_listing_change": ("staff", "tiny", {"listing": "unlisted"}),
    "course_person_remove": ("staff", "tiny", None),
    "course_leave": ("learner", "tiny", None),
    "course_versions": ("staff", "drafted", None),
    "course_draft": ("staff", "drafted", None),
    "course_live": ("staff", "drafted", None),
    "draft_findings": ("staff", "drafted", None),
    "live_findings": ("staff", "drafted", None),
    "draft_publish": ("staff", "drafted", {"unverified": ["ticket"]}),
    "draft_discard": ("staff", "drafted", None),
    "course_rollback": ("staff", "drafted", {"version": "1.0.0"}),
    "course_bundle": ("staff", "drafted", None),
    "board_begin": ("staff", "drafted", None),
    "challenge_health": ("staff", "sea-or-sky", None),
    "challenge_health_rows": ("staff", "sea-or-sky", {"against": ""}),
    "board_entries": ("staff", "sea", None),
    "board_entry": ("staff", "sea", None),
    "board_entry_named": ("staff", "sea", {"pseudonym": PSEUDONYM}),
    "board_attempt": ("staff", "sea", None),
    "board_mark": ("staff", "sea", {"kind": "flag", "reason": "Seven attempts in a minute."}),
    "board_mark_end": ("staff", "flagged", {}),
    "board_mark_keep": ("staff", "hidden", None),
    "board_annul": ("staff", "sea", {"reason": "Not the own work."}),
    "board_count": ("staff", "annulled", {"annulment": NAMED}),
    "board_rerun": ("staff", "sea", {}),
    "board_regrade": ("staff", "ticket", {"reason": "The metric was wrong."}),
    "board_dates": ("staff", "sea", None),
    "board_dates_set": ("staff", "sea", {"frozen_at": "2030-02-01T23:59", "reveal_at": None}),
    "board_season": ("staff", "sea", {"title": "Spring", "ends": 0}),
    "upload_push": ("staff", "whole", {"note": "the same again"}),
    "token_create": ("nobody", "", {"email": "ada@example.org", "password": factories.PASSWORD}),
}


OPERATIONS = {found.ok().definition.raw["operationId"]: found.ok() for found in document(SEED).get_all_operations()}


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_honest_call_is_answered_as_the_document_says(name: str, made: World) -> None:
    """Else a fault that refuses everything would pass for a well kept document."""
    operation, (who, thing, body) = OPERATIONS[name], HONEST[name]
    named = {one.name: made.of(operation.path, one.name)[thing] for one in operation.path_parameters}
    if isinstance(body, dict):
        body = {key: made.things[key][thing] if one == NAMED else one for key, one in body.items()}
    given: dict[str, Any] = {} if body is None else {"body": body}
    if body is not None and operation.method in ("get", "delete"):
        given = {"query": {name: made.things["submissions"].get(one, one) for name, one in body.items()}}
    case = operation.Case(path_parameters=named, **given)
    answer = send(case, made.headers(who))
    assert answer.status_code in (200, 201, 204), answer.text
