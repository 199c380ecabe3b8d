"""The functions that the rights of workers lean on, and the trigger that lets a worker only take steps of a claim.

Functions that name rows run with the rights of their owner, because they look into rows that the worker does not see
yet. `session_user` is the worker's role in them, too.
"""

from __future__ import annotations

from collections.abc import Mapping

from gradus.stored_json import DEPTH_MAX

PREFIX = "gradus_worker_"
# In seconds from now: how long a lease may be, and how far off the time before which a job is not tried again.
LEASE_MOST, LATER_MOST = 3600, 86_400
# A JSON value of a worker is an object of so many bytes, and the site can read it: see `gradus.stored_json`.
BYTES_MOST = 16 * 1024 * 1024
OBJECT = f"""SELECT value IS NULL OR (jsonb_typeof(value) = 'object' AND pg_column_size(value) < {BYTES_MOST}
    AND NOT jsonb_path_exists(value, 'strict $.**{{{DEPTH_MAX}}}')
    AND NOT jsonb_path_exists(value, 'strict $.** ? (@.type() == "number" && (@ > 1.7e308 || @ < -1.7e308))'))"""

# By name: what it takes, what it returns, and its query.
ROWS: Mapping[str, tuple[str, str, str]] = {
    "held": (
        "",
        "SETOF bigint",
        "SELECT id FROM submissions_evaluation WHERE state = 'running' AND starts_with(worker, session_user || '@')",
    ),
    "runs": (
        "",
        "SETOF bigint",
        """SELECT run_id FROM submissions_evaluation
        WHERE id IN (SELECT gradus_worker_held()) AND run_id IS NOT NULL""",
    ),
    "submissions": (
        "",
        "SETOF bigint",
        """SELECT submission_id FROM submissions_evaluation
        WHERE id IN (SELECT gradus_worker_held()) AND submission_id IS NOT NULL
        UNION SELECT submission_id FROM submissions_rerun WHERE run_id IN (SELECT gradus_worker_runs())
        UNION SELECT submission_id FROM chats_chatmessage WHERE run_id IN (SELECT gradus_worker_runs())""",
    ),
    "versions": (
        "",
        "SETOF bigint",
        """SELECT graded_version_id FROM submissions_evaluation
        WHERE id IN (SELECT gradus_worker_held()) AND graded_version_id IS NOT NULL
        UNION SELECT version_id FROM submissions_submission WHERE id IN (SELECT gradus_worker_submissions())
        UNION SELECT version_id FROM submissions_run WHERE id IN (SELECT gradus_worker_runs())""",
    ),
    "challenges": (
        "",
        "SETOF bigint",
        "SELECT challenge_id FROM courses_challengeversion WHERE id IN (SELECT gradus_worker_versions())",
    ),
    "lessons": (
        "",
        "SETOF bigint",
        "SELECT lesson_id FROM courses_challenge WHERE id IN (SELECT gradus_worker_challenges())",
    ),
    "courses": (
        "",
        "SETOF bigint",
        "SELECT course_id FROM courses_challenge WHERE id IN (SELECT gradus_worker_challenges())",
    ),
    # By what such a row names, the whole course could be read.
    "linted_courses": (
        "",
        "SETOF bigint",
        """SELECT challenge.course_id FROM submissions_run run
        JOIN courses_challengeversion version ON version.id = run.version_id
        JOIN courses_challenge challenge ON challenge.id = version.challenge_id
        WHERE run.id IN (SELECT gradus_worker_runs()) AND run.purpose = 'lint'""",
    ),
    "classes": (
        "",
        "SETOF bigint",
        "SELECT of_class_id FROM submissions_submission WHERE id IN (SELECT gradus_worker_submissions())",
    ),
    "learners": (
        "",
        "SETOF bigint",
        "SELECT user_id FROM submissions_submission WHERE id IN (SELECT gradus_worker_submissions())",
    ),
    "scopes": (
        "",
        "SETOF text",
        """SELECT 'site' UNION SELECT 'user:' || gradus_worker_learners() UNION
        SELECT 'user:' || user_id FROM submissions_run WHERE id IN (SELECT gradus_worker_runs()) UNION
        SELECT 'challenge:' || slug FROM courses_challenge WHERE id IN (SELECT gradus_worker_challenges())""",
    ),
    # The base model of what waits, by which a worker leaves jobs to others that it cannot compute.
    "base_model": (
        "evaluation bigint",
        "text",
        """SELECT version.spec ->> 'model' FROM submissions_evaluation one
        LEFT JOIN submissions_submission attempt ON attempt.id = one.submission_id
        LEFT JOIN submissions_run run ON run.id = one.run_id
        JOIN courses_challengeversion version
            ON version.id = coalesce(one.graded_version_id, attempt.version_id, run.version_id)
        WHERE one.id = evaluation AND gradus_worker_serves(one.lane)""",
    ),
    # Earlier answers of others, with which one that the worker holds is compared; nothing else of these attempts.
    "other_answers": (
        "held bigint, kinds text[], most integer",
        "TABLE (id bigint, answer text)",
        """SELECT other.id, other.payload ->> 'answer' FROM submissions_submission own
        JOIN submissions_submission other ON other.challenge_id = own.challenge_id AND other.id < own.id
            AND other.user_id <> own.user_id AND other.kind = ANY (kinds)
        WHERE own.id = held AND own.id IN (SELECT gradus_worker_submissions()) AND gradus_worker_serves('judge')
        ORDER BY other.id DESC LIMIT most""",
    ),
    # A judge's reply to an equal call. Who does not know the whole call does not know its key.
    "known_reply": (
        "of_key text",
        "TABLE (id bigint, reply jsonb, model text)",
        """SELECT call.id, call.reply, call.model::text FROM reviews_judgecall call
        WHERE call.key = of_key AND call.problem = '' AND call.reply IS NOT NULL AND gradus_worker_serves('judge')
        ORDER BY call.id LIMIT 1""",
    ),
}
# Volatile, so that it sees the claim that the same statement has made.
HOLDS = """SELECT EXISTS (SELECT FROM submissions_evaluation
    WHERE id = evaluation AND state = 'running' AND starts_with(worker, session_user || '@')"""
FENCED = f"""
BEGIN
    IF NOT row_security_active(TG_RELID) THEN
        RETURN NEW;
    END IF;
    IF OLD.state = 'queued' AND NEW.state = 'running' THEN
        IF NEW.fence = OLD.fence + 1 AND NEW.attempt = OLD.attempt + 1
            AND NEW.started_at IS NOT DISTINCT FROM coalesce(OLD.started_at, statement_timestamp())
            AND NEW.lease_until < statement_timestamp() + interval '{LEASE_MOST} seconds'
            AND NEW.available_at = OLD.available_at AND OLD.available_at <= statement_timestamp()
            AND NEW.postponed_since IS NOT DISTINCT FROM OLD.postponed_since
            AND NEW.trained IS NOT DISTINCT FROM OLD.trained
            AND OLD.engine_profile IN ('', NEW.engine_profile)
        THEN
            RETURN NEW;
        END IF;
    ELSIF OLD.state = 'running' AND NEW.fence = OLD.fence AND NEW.worker = OLD.worker
        AND NEW.started_at IS NOT DISTINCT FROM OLD.started_at
    THEN
        IF NEW.state = 'running' AND NEW.attempt = OLD.attempt AND NEW.engine_profile = OLD.engine_profile
            AND NEW.lease_until < statement_timestamp() + interval '{LEASE_MOST} seconds'
            AND NEW.available_at = OLD.available_at
            AND NEW.postponed_since IS NOT DISTINCT FROM OLD.postponed_since
            AND (NEW.trained IS NOT DISTINCT FROM OLD.trained OR gradus_worker_object(NEW.trained))
        THEN
            RETURN NEW;
        END IF;
        IF NEW.state = 'queued' AND NEW.attempt IN (OLD.attempt, OLD.attempt - 1)
            AND NEW.engine_profile IN ('', OLD.engine_profile)
            AND NEW.available_at < statement_timestamp() + interval '{LATER_MOST} seconds'
            AND NEW.postponed_since IS NOT DISTINCT FROM coalesce(OLD.postponed_since, NEW.postponed_since)
            AND (NEW.postponed_since IS NULL OR NEW.postponed_since <= statement_timestamp())
            AND NEW.trained IS NOT DISTINCT FROM OLD.trained
        THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'a worker claims, renews and gives back, and changes nothing else'
        USING ERRCODE = 'insufficient_privilege';
END"""


def functions(group: str, schema: str) -> list[str]:
    """The statements that make all functions and the trigger. `group` begins the names of the roles of the lanes."""
    serves = f"SELECT pg_has_role(session_user, '{group}_' || lane, 'MEMBER')"
    made = [
        f"CREATE FUNCTION {PREFIX}object(value jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ {OBJECT} $$",
        f"CREATE FUNCTION {PREFIX}serves(lane text) RETURNS boolean LANGUAGE sql STABLE AS $$ {serves} $$",
        *(_reading(name, *parts, schema) for name, parts in ROWS.items()),
    ]
    for arguments, condition in {
        "evaluation bigint": "",
        "evaluation bigint, held_fence integer": " AND fence = held_fence",
    }.items():
        head = f"CREATE FUNCTION {PREFIX}holds({arguments}) RETURNS boolean LANGUAGE sql VOLATILE"
        made.append(f"{head} {_as_owner(schema)} AS $$ {HOLDS}{condition}) $$")
    return [
        *made,
        f"CREATE FUNCTION {PREFIX}fenced() RETURNS trigger LANGUAGE plpgsql AS $${FENCED} $$",
        f"CREATE TRIGGER {PREFIX}fenced BEFORE UPDATE ON submissions_evaluation "
        f"FOR EACH ROW EXECUTE FUNCTION {PREFIX}fenced()",
    ]


def _reading(name: str, takes: str, gives: str, query: str, schema: str) -> str:
    head = f"CREATE FUNCTION {PREFIX}{name}({takes}) RETURNS {gives} LANGUAGE sql STABLE"
    return f"{head} {_as_owner(schema)} AS $$ {query} $$"


def _as_owner(schema: str) -> str:
    return f"SECURITY DEFINER SET search_path = {schema}, pg_temp"
