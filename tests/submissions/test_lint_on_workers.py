"""Lint on a worker: the same result as on the author's machine, behind every learner, once, whatever dies meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from challenges.distribution import install
from challenges.lint.run import inspect
from challenges.lint.similarity import similarity
from challenges.problems import Problem
from challenges.reading import read_course
from gradus.accounts.models import User
from gradus.courses import verification
from gradus.courses.models import ChallengeVersion
from gradus.courses.services import import_course
from gradus.reconciling import reconciler
from gradus.submissions import failpoints, health, services
from gradus.submissions.models import Evaluation, Run
from tests import factories
from tests.challenges import factory
from tests.workers.embedding_runner import Embedding
from workers import status
from workers.transport import gold_vectors, linting
from workers.work import Worker

pytestmark = pytest.mark.django_db
SECRET = "I saw a coral today"
LEARNERS = {"kind": "free_text", "answer": "Facts in the weights go stale, so one looks them up when they are needed."}


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with a tokenizer and the embedding model, whose weights no test needs."""
    monkeypatch.setenv("GRADUS_DATA_DIR", str(tmp_path / "data"))
    factory.put_tokenizer(tmp_path / "data")
    monkeypatch.setattr(status, "digests", lambda: {factory.MODEL: "d" * 64})
    monkeypatch.setattr(linting, "find_spec", lambda name: object())


@pytest.fixture
def version(tmp_path: Path) -> ChallengeVersion:
    """Imported by a web server that could not look for near-duplicates; only lint of `sea-or-sky` waits."""
    import_course(read_course(factory.write_course(tmp_path / "mine")), linted=False)
    version = ChallengeVersion.objects.get(challenge__slug="sea-or-sky")
    services.verify(version)
    return version


def worker(**how: Any) -> Worker:
    made = Worker("judge", runner=Embedding(**how))
    # Gold answers of the question are embedded first, which is not what is tested here.
    gold_vectors.warm(made.embedded, lambda event: None, lambda: False)
    made.runner.asked.clear()
    return made


def lint_run() -> Run:
    return Run.objects.get(purpose="lint")


def check(version: ChallengeVersion) -> services.Check:
    return services.progress([version]).checks[version.pk][0]


def test_it_waits_in_the_lane_that_embeds_and_alarms_nobody(version: ChallengeVersion) -> None:
    assert services.verify(version) == 0, "a second call queues nothing again"
    evaluation = lint_run().current
    assert (evaluation.lane, evaluation.state) == ("judge", "queued")
    assert verification.lacking(version)[0].startswith("not checked: similarity, or lengths of hidden rows")
    assert check(version).state == "waiting" and "No worker that can do it" in check(version).said
    Evaluation.objects.update(created_at="2020-01-01T00:00Z")
    assert not health.overdue().exists()


def test_a_clean_version_counts_as_linted(version: ChallengeVersion) -> None:
    assert worker().step()
    version.refresh_from_db()
    assert version.linted_at is not None and version.lint["problems"] == []
    assert (lint_run().current.state, lint_run().current.result) == ("scored", {})
    assert (check(version).state, check(version).said) == ("passed", "")
    assert not version.is_verified and services.verify(version) == 0 and Run.objects.filter(purpose="lint").count() == 1


def test_the_last_missing_check_verifies(version: ChallengeVersion) -> None:
    for ref in version.parsed.baselines:
        row = {"file": ref.file, "kind": "prompt", "approach": "zero-shot", "score": 0.7, "ok": True, "problem": ""}
        verification.record(version.pk, {**row, "provisional": False, "cost": {}, "training": {}, "seconds": 1})
    version.refresh_from_db()
    assert not version.is_verified
    worker().step()
    version.refresh_from_db()
    assert version.is_verified and not version.is_draft


def test_problems_are_those_of_the_command_line_and_quote_no_hidden_row(
    version: ChallengeVersion, tmp_path: Path
) -> None:
    worker(spread=2.0).step()
    version.refresh_from_db()
    own = Embedding(spread=2.0)

    def near(bundle: Any) -> list[Problem]:
        return similarity(bundle, lambda texts: [own._point(text) for text in texts])

    assert version.linted_at is None
    assert verification.lint_problems(version) == inspect(tmp_path / "mine/first/sea-or-sky", near).problems != []
    lines = verification.lacking(version)
    assert any(line.startswith("hidden.jsonl:1: nearly the same as public.jsonl:") for line in lines)
    stored = json.dumps([version.lint, lint_run().current.result, list(lint_run().current.events.values_list("data"))])
    texts = [row["input"] for row in factory.label_samples("h", 2, 5)]
    assert texts[0] == SECRET or SECRET in texts
    for text in texts:
        assert text not in stored and text not in "\n".join(lines) and text not in check(version).said
    assert check(version).state == "failed" and "problems in all" in check(version).said
    # What was wrong is checked again on request, because findings beside it may have changed.
    services.verify(version)
    assert check(version).state == "waiting"


@pytest.fixture
def question(version: ChallengeVersion) -> None:
    """The course's question, which learners can answer: their answers are graded in the same lane."""
    verification.publish(ChallengeVersion.objects.get(challenge__slug="explain"))


def test_it_gives_way_to_a_learner_who_comes_meanwhile(
    version: ChallengeVersion, question: None, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.worker.GIVE_WAY_SECONDS", 0.0)
    attempts: list[Any] = []

    def comes() -> None:
        if not attempts:
            attempts.append(factories.submit(ada, "explain", LEARNERS))

    judge = worker(before=comes)
    judge.step()
    evaluation = lint_run().current
    assert (evaluation.state, evaluation.attempt) == ("queued", 0), "it has gone back, and that counts as no attempt"
    judge.step()
    assert attempts[0].current.state in ("scored", "review")
    judge.step()
    assert lint_run().current.state == "scored"


def test_a_worker_without_the_embedding_model_leaves_it_to_others(
    version: ChallengeVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linting, "find_spec", lambda name: None)
    judge = worker()
    judge.step()
    assert lint_run().current.state == "queued" and lint_run().current.attempt == 0
    assert install("worker") in judge.problem
    Evaluation.objects.update(available_at=timezone.now(), postponed_since=timezone.now() - timedelta(hours=1))
    assert "tries again" in check(version).said


def test_a_worker_without_the_tokenizer_leaves_it_to_others(
    version: ChallengeVersion, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    judge = worker()
    monkeypatch.setenv("GRADUS_DATA_DIR", str(tmp_path / "empty"))
    judge.step()
    version.refresh_from_db()
    assert lint_run().current.state == "queued" and version.linted_at is None
    assert f"manage.py fetch_models {factory.MODEL}" in judge.problem


def test_what_cannot_end_is_told(version: ChallengeVersion) -> None:
    claimed = services.claim("judge", worker="w", profile="cpu")
    assert claimed is not None
    services.reject(claimed.pk, claimed.fence, "internal")
    version.refresh_from_db()
    assert verification.lacking(version)[0].startswith("lint ended without a result (internal).")
    assert check(version).state == "failed"


def test_what_nobody_needs_is_withdrawn_and_can_be_queued_again(version: ChallengeVersion) -> None:
    assert services.withdraw_checks([version]) == 1 + len(version.parsed.baselines)
    version.refresh_from_db()
    assert not Evaluation.objects.open().exists() and version.baselines == [] and version.lint == {}
    assert services.withdraw_checks([version]) == 0
    assert services.verify(version) == len(version.parsed.baselines)
    assert lint_run_count(version) == 2


def lint_run_count(version: ChallengeVersion) -> int:
    return Run.objects.filter(version=version, purpose="lint").count()


def test_a_withdrawn_lint_stores_nothing(version: ChallengeVersion) -> None:
    judge = worker(before=lambda: services.withdraw_checks([version]))
    judge.step()
    version.refresh_from_db()
    assert (version.linted_at, version.lint) == (None, {}) and lint_run().current.state == "cancelled"


def test_its_progress_takes_as_many_queries_for_all_versions_as_for_one(
    version: ChallengeVersion, django_assert_num_queries: Any
) -> None:
    every = list(ChallengeVersion.objects.all())
    for one in every:
        services.verify(one)
    with django_assert_num_queries(3):
        services.progress([version])
    with django_assert_num_queries(3):
        found = services.progress(every)
    assert (found.done, found.total, found.is_over) == (0, 3 + 7, False)
    worker().step()
    assert services.progress(every).done == 1


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Has the worker die at a crash point, once. It is no `Exception`, so nothing of the worker's code handles it."""

    def arm(point: str) -> None:
        def reach(name: str) -> None:
            if name == point:
                monkeypatch.setattr(failpoints, "reach", lambda name: None)
                raise SystemExit(point)

        monkeypatch.setattr(failpoints, "reach", reach)

    return arm


OF_A_WORKER = [point for point in failpoints.POINTS if point.startswith(("claim", "grade", "record"))]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("point", OF_A_WORKER)
def test_a_worker_that_dies_loses_and_doubles_nothing(
    version: ChallengeVersion, killed: Callable[[str], None], point: str
) -> None:
    killed(point)
    with pytest.raises(SystemExit):
        worker().step()
    Evaluation.objects.filter(state="running").update(lease_until=timezone.now() - timedelta(seconds=1))
    reconciler.requeue_expired()
    worker().step()
    version.refresh_from_db()
    (evaluation,) = Evaluation.objects.filter(run__purpose="lint")
    assert (evaluation.state, version.lint["problems"]) == ("scored", []) and version.linted_at is not None
    assert evaluation.attempt == (1 if point in ("claim.uncommitted", "record.committed") else 2)
    assert [event.type for event in evaluation.events.order_by("seq")][-1] == "finished"
