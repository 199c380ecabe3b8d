"""Run by `test_suites.py` in a process whose database is PostgreSQL: what evidence for an entry among 10,000 costs, and
attempts that are listed while their learner's account is deleted.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from gradus.accounts.models import User
from gradus.courses.models import Challenge
from gradus.submissions.models import Fingerprint, Submission
from gradus.submissions.results.copying import evidence, fingerprints
from gradus.submissions.services import forgetting
from tests import factories
from tests.postgres.plans import plan
from tests.postgres.releases import beside
from tests.submissions.test_copying import prompt, sentence, tune

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
ENTRIES = 10_000
# One in so many hands in rows, which take longer to make than texts.
WITH_ROWS = 10
GOAL_MS = 300


@pytest.fixture
def crowd(transactional_db: None, sea_or_sky: Challenge, ada: User) -> list[Submission]:
    """Everybody's own attempt, and one of somebody who has copied half of another one's rows."""
    draw = random.Random(41)
    like = factories.submit(ada)
    people = User.objects.bulk_create(
        [User(username=f"crowd{n}", pseudonym=f"crowd-{n}", password="!") for n in range(ENTRIES)]
    )
    made = []
    for number, user in enumerate(people):
        text = "Answer with one word, and say nothing else at all. " + sentence(draw, 80)
        rows = [sentence(draw, 12) for _ in range(40)] if number % WITH_ROWS == 0 else []
        made.append(attempt(like, user, tune(rows, ["sea"]) if rows else prompt(text), number))
    rows = [row["input"] for row in made[5000].payload["rows"]]
    made[-1].kind = "tune"
    made[-1].payload = tune([*rows[::2], *(sentence(draw, 12) for _ in rows[::2])], ["sea"])
    made[-2].payload = prompt(made[1].payload["instructions"])
    made = Submission.objects.bulk_create(made, batch_size=1000)
    listed = []
    common: dict[int, int] = {}
    for one in made:
        for hash in sorted(fingerprints.hashes_of(one)):
            common[hash] = common.get(hash, 0) + 1
            if common[hash] <= fingerprints.COMMON:
                listed.append(Fingerprint(submission_id=one.pk, challenge_id=one.challenge_id, hash=hash))
    Fingerprint.objects.bulk_create(listed, batch_size=20_000)
    with connection.cursor() as cursor:
        cursor.execute("analyze submissions_fingerprint, submissions_submission")
    return made


def attempt(like: Submission, user: User, payload: dict[str, Any], number: int) -> Submission:
    return Submission(
        user=user, challenge=like.challenge, version=like.version, kind=payload["kind"], payload=payload,
        payload_sha256=str(number), idempotency_key="crowd", fingerprinted_at=like.created_at,
    )  # fmt: skip


def milliseconds(work: Callable[[], Any]) -> tuple[float, float]:
    """The medians of the processor's and the wall clock's time, without what the first call keeps."""
    work()
    times = []
    for _ in range(9):
        busy, at = time.process_time(), time.perf_counter()
        work()
        times.append((1000 * (time.process_time() - busy), 1000 * (time.perf_counter() - at)))
    return median(busy for busy, _wall in times), median(wall for _busy, wall in times)


@pytest.mark.slow
def test_evidence_among_ten_thousand_entries_is_found_along_the_index(crowd: list[Submission]) -> None:
    for number, source in ((-1, 5000), (-2, 1), (2, None)):
        new = Submission.objects.select_related("challenge", "version").get(pk=crowd[number].pk)
        found = evidence.similar([new])
        assert [one.other.pk for one in found] == ([crowd[source].pk] if source is not None else [])
        busy, wall = milliseconds(lambda new=new: evidence.similar([new]))
        print(f"{new.kind}: {busy:.0f} ms of this process's processor, {wall:.0f} ms by the clock")
        # The processor's time alone: other tests run beside this one.
        assert busy < GOAL_MS
        with CaptureQueriesContext(connection) as queries:
            evidence.similar([new])
        (search,) = [one["sql"] for one in queries if "COUNT" in one["sql"] and "GROUP BY" in one["sql"]][:1]
        explained = plan(search)
        print(explained)
        assert "attempts_with_a_hash" in explained and "Seq Scan on submissions_fingerprint" not in explained
        assert float(explained.rpartition("Execution Time: ")[2].split()[0]) < GOAL_MS
        assert len(queries) < 60
    assert Fingerprint.objects.filter(submission=crowd[3]).count() <= 2 * fingerprints.KEPT


@pytest.mark.parametrize("begins", ["list", "delete"])
def test_nothing_is_listed_of_an_account_that_is_deleted_meanwhile(
    transactional_db: None, sea_or_sky: Challenge, ada: User, begins: str
) -> None:
    made = factories.submit(ada, payload=prompt(sentence(random.Random(1), 60)))
    steps: list[Callable[[], Any]] = [lambda: fingerprints.carry_out(10), lambda: forgetting.forget(ada)]
    beside(*(steps if begins == "list" else reversed(steps)))
    fingerprints.carry_out(10)
    assert not Fingerprint.objects.exists()
    made.refresh_from_db()
    assert made.fingerprinted_at is not None
