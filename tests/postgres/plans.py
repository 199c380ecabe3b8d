"""Run by `test_suites.py` in a process whose database is PostgreSQL: what a long queue and a large board cost there.

Plans are asked for with many rows and fresh statistics; a sequential scan among few is right.
"""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from gradus.accounts.models import User
from gradus.courses.models import Challenge
from gradus.reconciling import invariants
from gradus.submissions import queue, services
from gradus.submissions.models import Evaluation, Submission
from tests import factories
from tests.conftest import is_superuser

pytestmark = [pytest.mark.postgres, pytest.mark.django_db]
# Most evaluations of a site have ended.
WAITING, ENDED = 20_000, 40_000


@pytest.fixture
def crowd(ada: User, sea_or_sky: Challenge) -> Challenge:
    """Many that wait in the lane `grade`, with two ranks, and as many that have ended a month ago, each with a slot."""
    made = factories.submit(ada)
    with connection.cursor() as cursor:
        if is_superuser():
            # At the end of each test half a million references would be looked up. They are those of one row.
            cursor.execute("set local session_replication_role = replica")
        cursor.execute(
            """
            with new as (insert into submissions_submission (uuid, user_id, challenge_id, version_id, kind, payload,
                payload_sha256, idempotency_key, created_at)
            select gen_random_uuid(), user_id, challenge_id, version_id, kind, payload, payload_sha256, 'n-' || n, now()
            from submissions_submission cross join generate_series(1, %s) n where id = %s
            returning id)
            insert into submissions_evaluation (submission_id, number, is_current, state, lane, fair_share_rank,
                attempt, max_attempts, fence, cancel_requested, error_code, grader, shadow, grader_version,
                engine_profile, worker, raw, artifact, finished_at)
            select id, 1, true, case when row_number() over () <= %s then 'queued' else 'failed' end, 'grade', id %% 2,
                0, 5, 0, false, '', 'ai', false, '', '', '', '', '',
                case when row_number() over () > %s then now() - interval '30 days' end
            from new
            """,
            [WAITING + ENDED, made.pk, WAITING, WAITING],
        )
        cursor.execute(
            """
            insert into submissions_slot ("limit", user_id, scope, period, number, allowed, submission_id)
            select 'attempts', user_id, 'challenge ' || challenge_id, '', row_number() over (), 1000000, id
            from submissions_submission where id <> %s
            """,
            [made.pk],
        )
        cursor.execute("analyze submissions_evaluation, submissions_submission, submissions_slot")
        if is_superuser():
            cursor.execute("set local session_replication_role = origin")
    return sea_or_sky


def plan(sql: str, values: object = None) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"explain (analyze, buffers) {sql}", values)
        return "\n".join(line for (line,) in cursor.fetchall())


def pages_read(plan: str) -> int:
    """8 KiB each, of the whole plan: its first line of buffers."""
    found = re.search(r"Buffers: shared hit=(\d+)(?: read=(\d+))?", plan)
    assert found
    return sum(int(number or 0) for number in found.groups())


def test_a_claim_takes_the_first_along_the_index_in_one_statement(crowd: Challenge) -> None:
    with CaptureQueriesContext(connection) as queries:
        claimed = services.claim("grade", worker="w", profile="cpu/float32/1")
    first = Evaluation.objects.filter(lane="grade").order_by("fair_share_rank", "id").first()
    assert claimed is not None and claimed == first
    (take,) = [one["sql"] for one in queries if "submissions_evaluation" in one["sql"]]
    found = plan(take)
    assert "Index Scan using queue on submissions_evaluation" in found and "Seq Scan on submissions_e" not in found
    assert "LockRows" in found and "SKIP LOCKED" in take
    assert pages_read(found) < 100


def test_a_claim_says_what_the_row_is(crowd: Challenge) -> None:
    claimed = services.claim("grade", worker="w", profile="cpu/float32/1")
    assert claimed is not None
    row = Evaluation.objects.get(pk=claimed.pk)
    for field in Evaluation._meta.concrete_fields:
        assert getattr(claimed, field.attname) == getattr(row, field.attname), field.attname
    assert (row.state, row.attempt, row.fence, row.worker) == ("running", 1, 1, "w")
    assert list(row.events.values_list("seq", "type", "data")) == [(1, "started", {"attempt": 1})]


def test_a_position_is_counted_along_the_index(crowd: Challenge) -> None:
    last = Evaluation.objects.filter(state="queued").order_by("-fair_share_rank", "-id")[0]
    assert queue.queue_position(last) == WAITING + 1
    numbered = plan(queue.POSITIONS.format("%s"), ["grade", last.pk])
    # Both indexes hold nothing of what has ended.
    assert re.search("Scan (on|using) (queue|still_open)", numbered), numbered
    assert "Seq Scan on submissions_evaluation" not in numbered and pages_read(numbered) < 1_200


def test_a_round_of_the_reconciler_reads_what_has_ended_lately(crowd: Challenge) -> None:
    factories.grade(Submission.objects.order_by("pk")[0], 0.7)
    with CaptureQueriesContext(connection) as queries:
        assert invariants.lately() == {}
    for one in queries:
        found = plan(one["sql"])
        assert not re.search("Seq Scan on submissions_(evaluation|slot)", found) and pages_read(found) < 200, found
