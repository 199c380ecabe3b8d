"""Rows in bulk, by SQL on PostgreSQL, under the tables' own constraints: learners, scores, standings, a long queue."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from typing import Any

BOARD, BUSY_LANE = "symptom-specialty", "train"
PROMPT = {"kind": "prompt", "instructions": "Name the doctor.", "examples": []}
LORA = {"kind": "tune", "rows": [{"input": "itchy eyes", "output": "Allergist"}]}

PEOPLE = """
insert into accounts_user (password, is_superuser, username, first_name, last_name, email, is_staff, is_active,
    date_joined, is_guest, pseudonym)
select '!', false, 'load-' || n, '', '', 'load-' || n || '@example.org', false, true, now(), false, 'load-' || n
from generate_series(1, %(people)s) n
"""
SUBMISSIONS = """
insert into submissions_submission (uuid, user_id, challenge_id, version_id, kind, payload, payload_sha256,
    idempotency_key, created_at)
select gen_random_uuid(), u.id, %(challenge)s, %(version)s, %(kind)s, %(payload)s::jsonb, repeat('0', 64),
    %(prefix)s || k, now() - random() * interval '60 days' - interval '1 day'
from accounts_user u cross join generate_series(1, %(each)s) k
where u.username like 'load-%%' and substr(u.username, 6)::int between %(first)s and %(last)s
order by k, u.id
"""
EVALUATIONS = """
insert into submissions_evaluation (submission_id, number, is_current, state, lane, fair_share_rank, attempt,
    max_attempts, fence,
    cancel_requested, error_code, grader, shadow, grader_version, engine_profile, worker, raw, artifact,
    result, created_at, started_at, finished_at)
select s.id, 1, true, %(state)s, %(lane)s, case when s.idempotency_key = 'wait-2' then 1 else 0 end,
    %(attempt)s, 5, %(attempt)s, false, '', 'ai', false, '', '', '', '', '',
    case when %(attempt)s = 1 then '{}'::jsonb end, s.created_at,
    case when %(attempt)s = 1 then s.created_at + interval '1 s' end,
    case when %(attempt)s = 1 then s.created_at + interval '30 s' end
from submissions_submission s where s.kind = %(kind)s and s.challenge_id = %(challenge)s order by s.id
"""
# As floats from Python: a product in the database would differ in the last bit.
SCORES = """
insert into submissions_score (evaluation_id, value, shown, passed, gold, provisional, verified_by, judge, created_at)
select id, least(1, shown + 0.001), shown, shown >= %(pass)s, shown >= %(gold)s, false, 'ai', '', finished_at
from (
    select e.id, e.finished_at,
        (%(steps)s::float8[])[1 + floor((random() + random() + random()) / 3 * %(count)s)::int] shown
    from submissions_evaluation e where e.state = 'scored' and e.submission_id is not null
) drawn
"""
STANDINGS = """
insert into submissions_standing (user_id, challenge_id, version_id, track, submission_id, shown, passed, gold,
    provisional, cost, approach, reached_at)
select s.user_id, s.challenge_id, s.version_id, s.kind, s.id, c.shown, c.passed, c.gold, false,
    '{"prompt_tokens": 120.0, "ms": 40.0}'::jsonb,
    case s.kind when 'prompt' then 'zero-shot' when 'tune' then 'lora' else s.kind end, c.created_at
from submissions_score c join submissions_evaluation e on e.id = c.evaluation_id
join submissions_submission s on s.id = e.submission_id
"""
QUOTA = """
insert into submissions_slot ("limit", user_id, scope, period, number, allowed, submission_id)
select 'attempts', user_id, 'challenge ' || challenge_id, current_date::text, substr(idempotency_key, 6)::int, 10, id
from submissions_submission where kind = 'tune'
"""
FLIGHT = """
insert into submissions_slot ("limit", user_id, scope, period, number, allowed, submission_id)
select 'open_submissions', user_id, '', '', substr(idempotency_key, 6)::int, 10, id
from submissions_submission where kind = 'tune'
"""
QUEUED = """
select s.uuid::text, s.user_id from submissions_submission s join submissions_evaluation e on e.submission_id = s.id
where e.state = 'queued' and e.lane = %(lane)s order by e.fair_share_rank, e.id
"""


@dataclass(frozen=True)
class Seeded:
    """Session keys of the learners, and (path of an event stream, its owner's session key) of what waits."""

    learners: list[str]
    streams: list[tuple[str, str]]


def seed(users: int, scores: int, queued: int, streams: int) -> Seeded:
    """Learners are the first people; those who wait in the queue come after them, two submissions each."""
    from django.db import connection, transaction

    waiting = -(-queued // 2)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select setseed(0.5)")
        cursor.execute(PEOPLE, {"people": max(scores, users + waiting)})
        _scored(cursor, scores)
        _queued(cursor, users + 1, users + waiting)
    with connection.cursor() as cursor:
        cursor.execute("vacuum analyze")
        cursor.execute("select id from accounts_user where username like 'load-%%' order by id limit %s", [users])
        learners = [pk for (pk,) in cursor.fetchall()]
        cursor.execute(QUEUED, {"lane": BUSY_LANE})
        chosen = spread(cursor.fetchall(), 2 * streams)
    keys = sessions({*learners, *(owner for _, owner in chosen)})
    return Seeded(
        [keys[pk] for pk in learners], [(f"/submissions/{uuid}/events", keys[owner]) for uuid, owner in chosen]
    )


def _scored(cursor: Any, scores: int) -> None:
    from challenges.shown_score import floor_to_step

    challenge = board()
    spec, step = challenge.spec, challenge.spec.feedback.step
    steps = [floor_to_step(number * step, step) for number in range(round(1 / step))]
    key = {"challenge": challenge.pk, "version": challenge.version_id, "kind": "prompt", "prefix": "seed-"}
    cursor.execute(SUBMISSIONS, {**key, "payload": json.dumps(PROMPT), "each": 1, "first": 1, "last": scores})
    cursor.execute(EVALUATIONS, {**key, "state": "scored", "lane": "grade", "attempt": 1})
    cursor.execute(SCORES, {"steps": steps, "count": len(steps), "pass": spec.pass_, "gold": spec.gold or 2})
    cursor.execute(STANDINGS)


def _queued(cursor: Any, first: int, last: int) -> None:
    challenge = board()
    key = {"challenge": challenge.pk, "version": challenge.version_id, "kind": "tune", "prefix": "wait-"}
    cursor.execute(SUBMISSIONS, {**key, "payload": json.dumps(LORA), "each": 2, "first": first, "last": last})
    cursor.execute(EVALUATIONS, {**key, "state": "queued", "lane": BUSY_LANE, "attempt": 0})
    cursor.execute(QUOTA)
    cursor.execute(FLIGHT)


def board() -> Any:
    from gradus.courses.models import Challenge

    return Challenge.objects.shown().get(slug=BOARD)


def spread(rows: list[Any], count: int) -> list[Any]:
    """Places over the whole queue, denser at its front, where the next ones are taken from."""
    places = {int(len(rows) * (number / count) ** 2) for number in range(count)}
    return [rows[place] for place in sorted(places, key=lambda place: hash((place, count)))]


def sessions(people: Iterable[int]) -> dict[int, str]:
    """People who have signed in before: their sessions' keys."""
    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.utils import timezone

    from gradus.accounts.models import User

    store = import_module(settings.SESSION_ENGINE).SessionStore
    model, found, rows = store.get_model_class(), {}, []
    for user in User.objects.filter(pk__in=people):
        made = store()
        made[SESSION_KEY], made[HASH_SESSION_KEY] = str(user.pk), user.get_session_auth_hash()
        made[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
        found[user.pk] = made._get_new_session_key()
        rows.append(
            model(
                session_key=found[user.pk],
                session_data=made.encode(made._session),
                expire_date=timezone.now() + timedelta(days=1),
            )
        )
    model.objects.bulk_create(rows, batch_size=1000)
    return found
