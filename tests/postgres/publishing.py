"""Run by `test_suites.py` in a process whose database is PostgreSQL: who publishes beside a worker or an editor.

Each test begins two transactions, and lets one go on when the other has its first locks or waits for one.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, current_thread
from typing import Any, NamedTuple

import pytest
from django.db import connection, transaction
from django.db.models import F

from gradus.accounts.models import User
from gradus.courses import board_versions, publishing, verification
from gradus.courses import services as contents
from gradus.courses.models import Challenge, ChallengeVersion, Course, CourseVersion
from gradus.reconciling import reconciler
from gradus.submissions import services
from gradus.submissions.events import append_events
from gradus.submissions.models import Evaluation, Run
from gradus.submissions.services import proofs
from gradus.submissions.services.finish import LeaseLost
from tests import factories
from tests.courses.publishing.conftest import Push
from tests.courses.test_versions import edit
from tests.postgres.concurrency import until_it_waits_or
from tests.threads import at_once

pytest_plugins = ["tests.courses.publishing.conftest"]
pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
NAME = "sea-or-sky"
ALL = [NAME, "ticket", "explain"]
GOOD = {"kind": "prompt", "approach": "", "score": 0.7, "ok": True, "problem": "", "provisional": False}
SECONDS = 60
EXPECTED = {"score": [0.5, 0.5]}


@pytest.fixture(autouse=True)
def on_postgresql(transactional_db: None) -> None:
    assert connection.vendor == "postgresql"


class Meeting:
    """Two transactions that each say when they are half done, and wait until the other is, or waits for a lock."""

    def __init__(self) -> None:
        self.there = {"author": Event(), "other": Event()}

    def half_done(self) -> None:
        me = current_thread().name
        if me not in self.there:
            return
        self.there[me].set()
        (other,) = (event for name, event in self.there.items() if name != me)
        until_it_waits_or(other.is_set)

    def hold(self, author: Callable[[], Any], other: Callable[[], Any]) -> None:
        """Raises what one of them has raised, such as `OperationalError`: a deadlock."""

        def act(number: int) -> None:
            name = ("author", "other")[number]
            current_thread().name = name
            try:
                (author, other)[number]()
            finally:
                self.there[name].set()

        at_once(act, 2)

    def after(self, place: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        real = getattr(place, name)

        def does(*args: Any, **how: Any) -> Any:
            done = real(*args, **how)
            self.half_done()
            return done

        monkeypatch.setattr(place, name, does)

    def before(self, place: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        real = getattr(place, name)

        def does(*args: Any, **how: Any) -> Any:
            self.half_done()
            return real(*args, **how)

        monkeypatch.setattr(place, name, does)


@pytest.fixture
def meeting(monkeypatch: pytest.MonkeyPatch) -> Meeting:
    """The author is half done when the course's row is written."""
    made = Meeting()
    made.after(contents, "_write_course", monkeypatch)
    return made


@pytest.fixture
def first(push: Push, grace: User) -> ChallengeVersion:
    publishing.publish(push().version, by=grace, unverified=ALL)
    return ChallengeVersion.objects.get(challenge__name=NAME)


def rows(version: ChallengeVersion) -> list[dict[str, Any]]:
    return [{**GOOD, "file": ref.file, "cost": {}, "training": {}, "seconds": 1} for ref in version.parsed.baselines]


def claimed(version: ChallengeVersion, purpose: str) -> Evaluation:
    """A check of the version that a worker has begun."""
    Evaluation.objects.exclude(run__version=version, run__purpose=purpose).filter(state="queued").delete()
    lane = Run.objects.filter(version=version, purpose=purpose)[0].current.lane
    found = services.claim(lane, worker="w", profile="cpu/float32/1")
    assert found is not None and found.run is not None and found.run.purpose == purpose
    return found


def lint_passed(check: Evaluation) -> None:
    services.record(check.pk, check.fence, services.Outcome(result={}, notes={"problems": [], "arms": ""}))


@pytest.mark.parametrize("last", ["lint", "baseline"])
def test_a_last_check_and_a_publish_at_once(
    meeting: Meeting,
    first: ChallengeVersion,
    folder: Path,
    push: Push,
    grace: User,
    monkeypatch: pytest.MonkeyPatch,
    last: str,
) -> None:
    edit(folder, "1.1.0")
    publishing.publish(push().version, by=grace)
    waiting = ChallengeVersion.objects.get(version="1.1.0")
    *others, row = rows(waiting)
    for one in others if last == "baseline" else [*others, row]:
        verification.record(waiting.pk, one)
    if last == "baseline":
        verification.record_lint(waiting.pk, [], "")
    else:
        check = claimed(waiting, "lint")
    edit(folder, "1.2.0", gold=0.96)
    draft = push().version
    meeting.before(verification, "publish", monkeypatch)
    meeting.hold(
        lambda: publishing.publish(draft, by=grace),
        lambda: verification.record(waiting.pk, row) if last == "baseline" else lint_passed(check),
    )
    assert Course.objects.get().digest == draft.digest


def test_a_board_begins_while_a_publish_is_under_way(
    meeting: Meeting,
    first: ChallengeVersion,
    folder: Path,
    push: Push,
    grace: User,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    edit(folder, "1.1.0")
    publishing.publish(push().version, by=grace, unverified=ALL)
    Challenge.objects.filter(name=NAME).update(board_version=first)
    edit(folder, "1.2.0", gold=0.96)
    draft = push().version
    meeting.before(board_versions, "_clear", monkeypatch)
    challenge = Challenge.objects.get(name=NAME)
    meeting.hold(
        lambda: publishing.publish(draft, by=grace, unverified=ALL), lambda: board_versions.begin(challenge, by=grace)
    )
    assert Challenge.objects.get(name=NAME).version.version == "1.2.0"


class Named(NamedTuple):
    """As much of a finding as its rows have."""

    id: str


def test_a_repetition_ends_while_another_check_of_findings_withdraws_it(
    first: ChallengeVersion, grace: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = proofs._row(Named("few"), "one", run="d" * 64, expected=EXPECTED, payload=factories.PROMPT, seed=0)
    proofs._store(first, [dict(row)])
    check = claimed(first, "proof")
    meeting = Meeting()
    meeting.before(proofs, "end_run", monkeypatch)
    meeting.before(proofs, "public_values", monkeypatch)
    meeting.after(services.finish, "_end", monkeypatch)

    def ends() -> None:
        try:
            services.record(check.pk, check.fence, services.Outcome(result={"public": {"score": 0.5}}))
        except LeaseLost:
            assert Evaluation.objects.get(pk=check.pk).state == "cancelled"

    meeting.hold(lambda: proofs._store(first, []), ends)
    first.refresh_from_db()
    assert first.findings == [] and not Evaluation.objects.open().filter(run__purpose="proof").exists()


def test_a_draft_is_discarded_while_a_worker_writes_of_its_check(
    first: ChallengeVersion, folder: Path, push: Push, grace: User
) -> None:
    edit(folder, "1.1.0")
    draft = push().version
    check = claimed(ChallengeVersion.objects.get(version="1.1.0"), "lint")
    wrote: list[Any] = []
    with ThreadPoolExecutor(1) as other:

        def write(number: int) -> bool:
            return append_events(check.pk, check.fence, [("progress", {"done": 1})])

        def between(execute: Any, sql: str, *rest: Any) -> Any:
            done = execute(sql, *rest)
            if sql.startswith('DELETE FROM "submissions_event"') and not wrote:
                wrote.append(other.submit(lambda: at_once(write, 1)[0]))
                until_it_waits_or(wrote[0].done)
            return done

        with connection.execute_wrapper(between):
            publishing.discard(draft, by=grace)
        assert wrote[0].result(timeout=SECONDS) is False
    assert not ChallengeVersion.objects.filter(version="1.1.0").exists()
    assert CourseVersion.objects.get(pk=draft.pk).state == "discarded"


def test_a_check_whose_end_cannot_be_stored_now_is_left_for_the_next_round(
    first: ChallengeVersion, folder: Path, push: Push
) -> None:
    edit(folder, "1.1.0")
    push()
    check = claimed(ChallengeVersion.objects.get(version="1.1.0"), "lint")
    Evaluation.objects.filter(pk=check.pk).update(attempt=F("max_attempts"), lease_until="2020-01-01T00:00Z")
    with ThreadPoolExecutor(1) as other, transaction.atomic():
        Course.objects.select_for_update().get()
        assert other.submit(lambda: at_once(lambda number: reconciler.fail_exhausted(), 1)).result(SECONDS) == [0]
    assert reconciler.fail_exhausted() == 1
