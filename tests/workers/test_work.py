"""The loop of a worker with a runner that answers from a table: claim, grade, record, and all errors."""

import json
import math
import time
from datetime import timedelta
from types import SimpleNamespace

import pytest
import structlog
from django.core.files.storage import storages
from django.db import InternalError, OperationalError
from django.utils import timezone

from graders.base import Embed, Embedded, Generate, Generated, Rejected, Score, Scored
from gradus.courses import bundles
from gradus.courses.models import ChallengeVersion
from gradus.reconciling import reconciler
from gradus.submissions import services
from gradus.submissions.budgets import limits
from gradus.submissions.models import Evaluation, Event, Slot, Standing, WorkerStatus
from gradus.submissions.states import MAX_ATTEMPTS
from tests import factories
from workers import heartbeat, status
from workers.engine.choice import DEFAULT
from workers.judge.contract import JudgeMisconfigured, Postpone
from workers.remote.calls import EngineSlow
from workers.sandbox import capabilities
from workers.sandbox.supervisor import RunnerDied, RunnerTimeout, Stopped
from workers.work import Worker

pytestmark = pytest.mark.usefixtures("model_is_here")

TRIAL = "warm"
NATURE = ("cloud", "eagle", "thunder", "rainbow", "comet", "sun", "balloon", "star")


class TableRunner:
    """Answers `sky` for flying things, or raises `fails` if it is given: in each job, and if `broken` in trials too."""

    device, dtype, threads = "cpu", "float32", 1
    memory_bytes = 16 << 30
    worked = staticmethod(time.monotonic)

    def __init__(self, fails=None, broken=False, device="cpu"):
        self.fails, self.broken, self.device = fails, broken, device
        self.items = []

    def choose(self, model, *, should_stop):
        return DEFAULT

    def run(self, item, *, on_event, should_stop, seconds):
        self.items.append(item)
        if self.fails is not None and (self.broken or item.stage != TRIAL):
            raise self.fails
        on_event({"type": "progress", "stage": item.stage, "done": 1, "total": len(getattr(item, "suffixes", ()))})
        if isinstance(item, Embed):
            return Embedded([[1.0, 0.0] for _ in item.texts])
        assert isinstance(item, Score)
        rows = [
            [math.log(0.2), math.log(0.8)] if self.sky(s) else [math.log(0.8), math.log(0.2)] for s in item.suffixes
        ]
        return Scored(rows, [10] * len(rows), 0.1)

    @staticmethod
    def sky(text):
        return any(word in text for word in NATURE)

    def close(self):
        """Nothing to end."""


def worker(fails=None, lane="grade"):
    return Worker(lane, runner=TableRunner(fails))


def test_a_submission_is_claimed_graded_and_recorded_and_hidden_rows_stay_in_private_storage(ada, course):
    submission, grading = factories.submit(ada), worker()
    assert grading.step()
    evaluation = submission.current
    assert (evaluation.state, evaluation.score.shown, evaluation.score.passed) == ("scored", 1.0, True)
    assert Standing.objects.get(user=ada).shown == 1.0
    assert len(evaluation.result["public"]["rows"]) == len(submission.version.samples)
    assert worker().step() is False

    with storages["private"].open(evaluation.raw) as file:
        hidden = json.load(file)["hidden"]
    assert [item.stage for item in grading.runner.items][-2:] == ["public", "hidden"]
    events = list(evaluation.events.order_by("seq").values_list("type", "data"))
    shown = json.dumps([evaluation.result, events])
    assert hidden and not [row["id"] for row in hidden if row["id"] in shown]
    assert {data["stage"] for kind, data in events if kind == "progress"} == {"public"}
    assert [kind for kind, _ in events] == ["started", "progress", "finished"]


class JsonRunner(TableRunner):
    """Answers every mail with the priority `low` and the summary `broken`."""

    def run(self, item, *, on_event, should_stop, seconds):
        if not isinstance(item, Generate):
            return super().run(item, on_event=on_event, should_stop=should_stop, seconds=seconds)
        rows = len(item.suffixes)
        return Generated(['{"priority": "low", "summary": "broken"}'] * rows, [9] * rows, [8] * rows, 0.1)


def test_field_scores_of_public_rows_are_kept_and_those_of_hidden_rows_are_not(ada, ticket):
    submission = factories.submit(ada, "ticket", factories.PROMPT)
    assert Worker("grade", runner=JsonRunner()).step()

    evaluation = submission.current
    rows = evaluation.result["public"]["rows"]
    assert [row["fields"]["priority"] for row in rows] == [1.0, 0.0] * (len(rows) // 2)
    assert all(0 < row["fields"]["summary"] < 1 and row["valid"] for row in rows)
    with storages["private"].open(evaluation.raw) as file:
        hidden = json.load(file)["hidden"]
    assert hidden and [(row["fields"], row["valid"]) for row in hidden] == [({}, None)] * len(hidden)


def test_a_run_sees_public_samples_only_and_writes_no_score(ada, sea_or_sky):
    run = services.start_run(ada, sea_or_sky.version, factories.PROMPT)
    interactive = worker(lane="interactive")

    assert interactive.step()
    assert {item.stage for item in interactive.runner.items} == {"public"}
    assert run.current.state == "scored"
    assert run.current.result["public"]["score"] == 1.0
    assert not Standing.objects.exists()


def test_a_baseline_is_graded_on_hidden_rows_and_leaves_only_its_score(ada, sea_or_sky):
    version = sea_or_sky.version
    ChallengeVersion.objects.filter(pk=version.pk).update(linted_at=timezone.now())
    services.verify(version)
    grade = worker()
    while grade.step():
        pass
    assert {item.stage for item in grade.runner.items} >= {"public", "hidden"}
    version.refresh_from_db()
    weak, good = version.baselines
    assert (weak["file"], weak["score"], weak["ok"]) == ("baselines/weak.yaml", 1.0, False)
    assert (good["file"], good["score"], good["ok"]) == ("baselines/good.yaml", 1.0, True)
    ended = Evaluation.objects.filter(run__purpose="baseline", state="scored")
    assert [(one.raw, one.artifact, one.overlap, one.result["metrics"]) for one in ended] == [("", "", 0, {})] * 2
    hidden = {row["id"] for row in json.loads(bundles.load(version).to_json())["hidden"]}
    kept = json.dumps([*ended.values_list("result"), *Event.objects.values_list("data"), version.baselines])
    assert not [name for name in hidden if name in kept]
    assert not Evaluation.objects.filter(score__isnull=False).exists()


@pytest.mark.parametrize(("purpose", "limit"), [("baseline", 6 * 120), ("submission", 120)])
def test_a_baseline_has_more_time_than_a_learner(ada, sea_or_sky, monkeypatch, purpose, limit):
    """Otherwise a good challenge would stay a draft on a busy machine."""
    seen = []

    class Watching(TableRunner):
        def run(self, item, *, seconds, **rest):
            seen.append(seconds)
            return super().run(item, seconds=seconds, **rest)

    services.verify(sea_or_sky.version) if purpose == "baseline" else factories.submit(ada)
    assert Worker("grade", runner=Watching()).step()
    assert limit - 60 < max(seen) <= limit


def test_a_baseline_makes_way_for_a_learner_who_waits(ada, sea_or_sky, monkeypatch):
    """A training run takes minutes, and no learner waits for one that only verifies a version."""
    services.verify(sea_or_sky.version)
    graded = []

    class Asking(TableRunner):
        def run(self, item, *, should_stop, **rest):
            if not graded:
                graded.append(factories.submit(ada))
            if should_stop():
                raise Stopped
            return super().run(item, should_stop=should_stop, **rest)

    grade = Worker("grade", runner=Asking())
    monkeypatch.setattr("workers.worker.GIVE_WAY_SECONDS", 0.0)
    assert grade.step()
    waiting = Evaluation.objects.get(run__label="baselines/weak.yaml")
    assert (waiting.state, waiting.attempt) == ("queued", 0)
    assert grade.step() and graded[0].current.state == "scored"
    assert grade.step()
    waiting.refresh_from_db()
    assert waiting.state == "scored"


@pytest.mark.parametrize(
    ("error", "state", "code", "refunded"),
    [
        (Rejected("diverged"), "rejected", "diverged", True),
        (Rejected("prompt_too_long"), "rejected", "prompt_too_long", False),
        (Rejected("no such code"), "failed", "internal", True),
        (RunnerTimeout(), "failed", "timeout", True),
        (RuntimeError("a bug"), "failed", "internal", True),
    ],
)
def test_each_fault_ends_in_its_state(ada, course, error, state, code, refunded):
    submission = factories.submit(ada)
    worker(error).step()

    assert (submission.current.state, submission.current.error_code) == (state, code)
    assert Slot.objects.of(limits.ATTEMPTS).exists() is not refunded


@pytest.mark.parametrize(("pause", "state", "used"), [(61.0, "queued", 1), (25.0, "queued", 1), (1.5, "failed", 0)])
def test_time_that_ran_out_while_the_machine_was_paused_is_not_the_learners(
    ada, course, monkeypatch, pause, state, used
):
    submission = factories.submit(ada)
    clock = [0.0]
    monkeypatch.setattr(heartbeat, "time", SimpleNamespace(monotonic=lambda: clock[0]))

    class Pausing(TableRunner):
        def run(self, item, **options):
            if item.stage == TRIAL:
                return super().run(item, **options)
            clock[0] += pause
            raise RunnerTimeout

    Worker("grade", runner=Pausing()).step()
    assert (submission.current.state, Slot.objects.of(limits.ATTEMPTS).count()) == (state, used)


def test_an_engine_that_stays_too_slow_uses_up_the_attempts_and_the_learners_is_given_back(ada, course):
    submission = factories.submit(ada)
    slow = worker(EngineSlow())
    for attempt in range(1, MAX_ATTEMPTS + 1):
        Evaluation.objects.update(available_at=timezone.now() - timedelta(seconds=1))
        assert slow.step()
        assert (submission.current.state, submission.current.attempt) == ("queued", attempt)
        assert submission.current.available_at > timezone.now() + timedelta(minutes=2**attempt - 1)
    assert Slot.objects.of(limits.ATTEMPTS).exists()

    reconciler.fail_exhausted()
    assert (submission.current.state, submission.current.error_code) == ("failed", "worker_lost")
    assert not Slot.objects.of(limits.ATTEMPTS).exists()


@pytest.mark.parametrize(
    ("fault", "seconds"),
    [
        (OperationalError("the database went away"), 5),
        (InternalError("terminating connection due to idle-in-transaction timeout"), 5),
        (OSError(28, "No space left on device"), 5),
        (RunnerDied(), 0),
    ],
)
def test_a_fault_of_the_machine_is_tried_later_and_is_nobodys_fault(ada, course, fault, seconds):
    submission = factories.submit(ada)
    worker(fault).step()

    assert (submission.current.state, submission.current.attempt) == ("queued", 1)
    assert not seconds or submission.current.available_at > timezone.now() + timedelta(seconds=seconds)
    assert Slot.objects.of(limits.ATTEMPTS).exists()


def test_a_fault_after_the_commit_changes_nothing(ada, course, monkeypatch):
    """This happens if only the reply to COMMIT is lost."""
    record = services.record

    def record_and_lose_the_reply(*arguments):
        record(*arguments)
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(services, "record", record_and_lose_the_reply)
    submission = factories.submit(ada)
    worker().step()

    assert (submission.current.state, submission.current.attempt) == ("scored", 1)
    assert Standing.objects.get(user=ada).shown == 1.0


def test_a_worker_that_is_to_end_gives_its_job_back_and_claims_nothing_more(ada, course):
    submission = factories.submit(ada)
    busy = worker()

    def told_to_end(*args, **more):
        busy.end()
        raise Stopped

    busy.runner.run = told_to_end
    busy.step()

    assert (submission.current.state, submission.current.attempt, submission.current.fence) == ("queued", 0, 1)
    assert busy.step() is False and submission.current.state == "queued"
    assert worker().step()
    assert (submission.current.state, submission.current.fence) == ("scored", 2)


def test_events_that_cannot_be_written_end_no_job(ada, course, monkeypatch):
    def away(*arguments):
        raise OperationalError("database is locked")

    monkeypatch.setattr(services, "append_events", away)
    submission = factories.submit(ada)
    worker().step()

    assert submission.current.state == "scored"


@pytest.mark.parametrize(
    ("error", "problem"),
    [(Postpone(90, "rate_limited"), ""), (JudgeMisconfigured("Set OPENAI_API_KEY."), "OPENAI_API_KEY")],
)
def test_a_judge_that_is_busy_or_set_up_wrongly_loses_nothing_and_staff_are_told(ada, course, error, problem):
    submission = factories.submit(ada, "explain", factories.FREE_TEXT)
    worker(error, "judge").step()
    assert (submission.current.state, submission.current.attempt) == ("queued", 0)
    assert submission.current.postponed_since is not None
    assert problem in WorkerStatus.objects.get(lane="judge").problem


def test_without_model_files_nothing_is_claimed(ada, course, monkeypatch):
    monkeypatch.setattr(status, "digests", dict)
    submission = factories.submit(ada)

    assert worker().step() is False
    assert submission.current.state == "queued"
    assert "model" in WorkerStatus.objects.get(lane="grade").problem


def test_without_a_bundle_the_attempt_is_given_back(ada, course):
    submission = factories.submit(ada)
    storages["private"].delete(bundles.path_of(submission.version.digest))
    bundles.of_digest.cache_clear()
    worker().step()

    assert submission.current.error_code == "bundle_missing"
    assert not Slot.objects.of(limits.ATTEMPTS).exists()


def test_a_cancelled_evaluation_is_not_recorded(ada, course):
    submission = factories.submit(ada)
    busy = worker()
    real = busy.runner.run

    def cancel_first(item, **kwargs):
        if submission.current.state == "running":
            services.cancel(submission)
        return real(item, **kwargs)

    busy.runner.run = cancel_first
    busy.step()

    assert submission.current.state == "cancelled"
    assert not Standing.objects.exists()


def test_every_line_of_a_job_names_it_and_leads_to_its_request(ada_client, sea_or_sky):
    with structlog.testing.capture_logs([structlog.contextvars.merge_contextvars]) as lines:
        ada_client.post(
            f"/api/v1/challenges/{sea_or_sky.slug}/submissions", factories.PROMPT, content_type="application/json"
        )
        doing = worker()
        doing.step()
    submitted = next(line for line in lines if line["event"] == "submitted")
    recorded = next(line for line in lines if line["event"] == "recorded")
    started = next(line for line in lines if line["event"] == "request_started")
    assert submitted["request_id"] == started["request_id"]
    assert submitted["evaluation"] == recorded["evaluation"]
    assert (recorded["lane"], recorded["worker"], recorded["fence"]) == ("grade", doing.name, 1)
    assert "request_id" not in recorded


@pytest.fixture
def lora(ada, course):
    return factories.submit(ada, "sea-or-sky", factories.LORA)


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_method_that_this_machine_lacks_costs_no_attempt_and_waits_for_a_machine_that_can(lora, elsewhere):
    if elsewhere:
        WorkerStatus.objects.create(name="another", lane="train")
    assert worker(Rejected("method_unavailable", "no room"), "train").step()
    evaluation = lora.current
    if elsewhere:
        assert (evaluation.state, evaluation.attempt) == ("queued", 0)
        assert evaluation.available_at > timezone.now()
    else:
        assert (evaluation.state, evaluation.error_code) == ("failed", "method_unavailable")
        assert not Slot.objects.of(limits.ATTEMPTS).filter(submission=lora).exists()


@pytest.mark.parametrize(("lane", "told"), [("train", True), ("interactive", True), ("grade", False)])
def test_a_worker_says_what_it_lacks(db, monkeypatch, lane, told):
    monkeypatch.setattr(capabilities, "quantisation", lambda device: "No bitsandbytes.")
    worker(lane=lane).step()
    lacks = WorkerStatus.objects.get(lane=lane).lacks
    assert lacks == ({"qlora/smollm2-135m-instruct": "No bitsandbytes."} if told else {})
