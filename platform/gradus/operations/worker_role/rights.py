"""What a worker with few rights may do: a table of columns, and the rows that each is limited to.

What is not listed is denied, so a new table or column is, too. The owner of the tables, which is the web server's
role, is bound by none of it. A worker's name begins with its role (see `workers.status.machine`), and `MINE` compares
the two.
"""

from __future__ import annotations

from dataclasses import dataclass

MINE = "starts_with({}, session_user || '@')"
HELD = "evaluation_id IN (SELECT gradus_worker_held())"


@dataclass(frozen=True)
class Right:
    """What workers may do in one table; `lane` limits it to workers of that lane.

    `reads`, `adds` and `changes` list columns. `rows` is the condition of rows that are read, and of those that may be
    changed or removed; `writes` is that of rows as they are after a change.
    """

    table: str
    reads: str
    rows: str
    adds: str = ""
    changes: str = ""
    removes: bool = False
    writes: str = "true"
    lane: str = ""


RIGHTS = (
    # What waits in a lane that it serves, what it holds, and what it has just ended: see `services.others_at_work`.
    # `gradus_worker_fenced` says which changes of a row are steps of a claim.
    Right(
        "submissions_evaluation",
        "id submission_id run_id number is_current state lane fair_share_rank available_at attempt max_attempts fence "
        "lease_until cancel_requested postponed_since error_code grader graded_version_id shadow proposal "
        "grader_version engine_profile engine_choice worker result raw artifact trained overlap created_at started_at "
        "finished_at",
        f"(state = 'queued' AND gradus_worker_serves(lane)) OR ({MINE.format('worker')}"
        " AND (state = 'running' OR finished_at > statement_timestamp() - interval '2 hours'))",
        changes="state attempt fence lease_until started_at worker engine_profile available_at postponed_since trained",
        writes=f"(state = 'queued' AND gradus_worker_serves(lane)) OR (state = 'running' AND {MINE.format('worker')})",
    ),
    Right(
        "submissions_event",
        "id evaluation_id seq created_at",
        # Also of what it is about to claim, because events are numbered.
        "EXISTS (SELECT FROM submissions_evaluation one WHERE one.id = evaluation_id)",
        adds="evaluation_id seq type data created_at",
        writes="type <> 'finished' AND gradus_worker_holds(evaluation_id) AND gradus_worker_object(data)",
    ),
    # The only way to a score: `services.handed_in` reads it.
    Right(
        "submissions_handedin",
        "id evaluation_id fence set_aside created_at",
        HELD,
        adds="evaluation_id fence outcome error_code set_aside created_at",
        writes="gradus_worker_holds(evaluation_id, fence) AND gradus_worker_object(outcome) AND set_aside = ''",
    ),
    # The only way to a file in the bucket: `services.file_links` gives the address, if the file is one of the job.
    Right(
        "submissions_filelink",
        "id evaluation_id fence store name size url refused created_at",
        HELD,
        adds="evaluation_id fence store name size url refused created_at",
        removes=True,
        writes="gradus_worker_holds(evaluation_id, fence)",
    ),
    Right(
        "submissions_submission",
        "id uuid user_id challenge_id version_id kind payload payload_sha256 text_digest idempotency_key "
        "withdraws_earlier of_class_id grade_withheld details_withheld season annulled created_at fingerprinted_at",
        "id IN (SELECT gradus_worker_submissions())",
    ),
    Right(
        "submissions_run",
        "id uuid user_id purpose version_id kind payload inputs adapter label name finding arm repetition measures_id "
        "created_at expires_at",
        "id IN (SELECT gradus_worker_runs())",
    ),
    Right(
        "submissions_rerun",
        "id submission_id run_id seed own_seed before step value engine_profile error_code asked_by_id asked_at "
        "finished_at",
        "run_id IN (SELECT gradus_worker_runs())",
    ),
    Right(
        "chats_chatmessage",
        "run_id user_id submission_id style text slot_id",
        "run_id IN (SELECT gradus_worker_runs())",
    ),
    Right(
        "courses_challengeversion",
        "id challenge_id version digest spec statement solution public train baselines author_baselines lint findings "
        "hidden_count scored_count imported_at linted_at verified_at published_at goes_live",
        "id IN (SELECT gradus_worker_versions())",
    ),
    Right(
        "courses_challenge",
        "id course_id lesson_id name slug position version_id board_version_id is_current",
        "id IN (SELECT gradus_worker_challenges())",
    ),
    Right(
        "courses_lesson",
        "id course_id name slug position title summary minutes text spec measured findings arms records contents "
        "digest is_current",
        "id IN (SELECT gradus_worker_lessons())",
    ),
    Right(
        "courses_course",
        "id slug title summary timezone all_attempts_wait version digest is_published listing frozen_at reveal_at "
        "updated_at",
        "id IN (SELECT gradus_worker_courses())",
    ),
    Right(
        "courses_calibration",
        "id version_id model template passed rules report imported_at",
        "version_id IN (SELECT gradus_worker_versions())",
    ),
    Right(
        "submissions_workerstatus",
        "id name lane device profile base_models judge problem lacks busy_with last_seen",
        f"{MINE.format('name')} OR gradus_worker_serves(lane)",
        adds="name lane device profile base_models judge problem lacks busy_with last_seen",
        changes="lane device profile base_models judge problem lacks busy_with last_seen",
        writes=f"{MINE.format('name')} AND gradus_worker_serves(lane)"
        " AND gradus_worker_object(base_models) AND gradus_worker_object(lacks)",
    ),
    # All machines of one kind share it, so that they compute alike.
    Right(
        "submissions_enginechoice",
        "id key model cpu threads device versions digest choice created",
        "true",
        adds="key model cpu threads device versions digest choice created",
        removes=True,
        writes="gradus_worker_object(choice)",
    ),
    # What follows is for the lane `judge` alone: answers in free text, and lint, which looks at a whole course.
    Right(
        "courses_courseversion",
        "id course_id version digest archive archive_bytes contents state pushed_by_id pushed_at published_by_id "
        "published_at ended_at difference not_checked note",
        "course_id IN (SELECT gradus_worker_linted_courses())",
        lane="judge",
    ),
    Right("accounts_user", "id is_guest", "id IN (SELECT gradus_worker_learners())", lane="judge"),
    Right(
        "reviews_judgecall",
        "id evaluation_id key template model rung request response reply problem prompt_tokens completion_tokens "
        "seconds cost_micros currency created_at",
        HELD,
        adds="evaluation_id key template model rung request response reply problem prompt_tokens completion_tokens "
        "seconds cost_micros currency created_at",
        writes="gradus_worker_holds(evaluation_id) AND gradus_worker_object(request) AND gradus_worker_object(reply)",
        lane="judge",
    ),
    Right(
        "reviews_budget",
        "id scope day spent allowed spent_micros allowed_micros",
        "scope IN (SELECT gradus_worker_scopes())",
        adds="scope day spent allowed spent_micros allowed_micros",
        changes="spent spent_micros",
        writes="scope IN (SELECT gradus_worker_scopes())",
        lane="judge",
    ),
    # `what` is never changed: a trigger refuses it. Without a column to change no row could be locked.
    Right(
        "submissions_quota",
        "id course_id of_class_id what period allowed set_at ended_at",
        "course_id IN (SELECT gradus_worker_courses()) OR of_class_id IN (SELECT gradus_worker_classes())",
        changes="what",
        lane="judge",
    ),
    Right(
        "submissions_quotause",
        "id quota_id period used held",
        "quota_id IN (SELECT id FROM submissions_quota)",
        adds="quota_id period used held",
        changes="used held",
        writes="quota_id IN (SELECT id FROM submissions_quota)",
        lane="judge",
    ),
    Right(
        "submissions_quotahold",
        "id use_id evaluation_id amount",
        HELD,
        adds="use_id evaluation_id amount",
        removes=True,
        writes="gradus_worker_holds(evaluation_id)",
        lane="judge",
    ),
    Right(
        "classes_class",
        "id course_id title timezone begins_at ends_at points steps board created_by_id created_at",
        "id IN (SELECT gradus_worker_classes())",
        lane="judge",
    ),
)
