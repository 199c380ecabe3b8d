"""Findings are checked on this server: their records, and each arm's first repetition on public rows."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from challenges.findings.reproduced import tolerance
from challenges.findings.spec import ArmRecord
from challenges.reading import read_course
from challenges.spec import Challenge
from gradus.accounts.models import User
from gradus.courses import archives, verification
from gradus.courses.models import ChallengeVersion, CourseVersion
from gradus.courses.services import import_course
from gradus.reconciling import reconciler
from gradus.submissions import failpoints, services
from gradus.submissions.models import Evaluation, Run
from gradus.submissions.services import proofs
from tests import factories
from tests.challenges import factory
from tests.learn.findings import made_up
from tests.workers.jobs import prepared
from tests.workers.table_engine import TableEngine
from workers import status
from workers.work import Worker

pytestmark = pytest.mark.django_db
# The engine below answers `sky` to everything, so this is its score.
ALWAYS_SKY = 1 / 3


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADUS_DATA_DIR", str(tmp_path / "data"))
    factory.put_tokenizer(tmp_path / "data")
    monkeypatch.setattr(status, "digests", lambda: {factory.MODEL: "d" * 64})


def published(folder: Path, record: dict[str, Any]) -> CourseVersion:
    """The tiny course with the finding `few-shot` and this record, which is fresh unless it says otherwise."""
    bundle = made_up.bundle(folder, [made_up.FEW], {"few-shot": record})
    if record["digest"] == "d" * 64:
        record = {**record, "digest": made_up.digest_of(bundle)}
        factory.write_text(folder / "first/findings.json", json.dumps({"schema": 1, "findings": {"few-shot": record}}))
    course = import_course(
        read_course(folder), linted=True, unverified=["sea-or-sky"], archive=archives.keep_folder(folder)
    )
    version = course.versions.published().first()
    assert version is not None
    return version


def record(zero: float = ALWAYS_SKY, few: float = ALWAYS_SKY) -> dict[str, Any]:
    """`few-shot` with these public scores of the first repetitions of its two prompt arms."""
    found = copy.deepcopy(made_up.few_record())
    for arm, value in zip(found["experiments"][0]["arms"], (zero, few, 0.9), strict=True):
        arm["runs"][0]["public"]["score"] = round(value, 4)
    return found


@pytest.fixture
def live(tmp_path: Path) -> CourseVersion:
    return published(tmp_path / "mine", record())


def sea_or_sky() -> ChallengeVersion:
    return ChallengeVersion.objects.get(challenge__slug="sea-or-sky")


def checks() -> dict[str, services.Check]:
    version = sea_or_sky()
    found = services.progress([version]).checks[version.pk]
    return {one.name: one for one in found if one.what == "finding"}


def worker(lane: str = "grade", engine: Any = None) -> Worker:
    return Worker(lane, runner=engine or TableEngine(lambda prompt, suffix: "sky"))


def test_each_arm_waits_in_its_lane_behind_every_learner(live: CourseVersion, ada: User) -> None:
    assert services.verify_findings(live) == 3
    later = factories.submit(ada)
    open_ = Evaluation.objects.filter(run__purpose="proof").order_by("pk")
    assert [(one.run.arm, one.run.repetition, one.lane) for one in open_ if one.run] == [
        ("zero", 1, "grade"),
        ("few", 1, "grade"),
        ("lora", 1, "train"),
    ]
    claimed = services.claim("grade", worker="w", profile="cpu")
    assert claimed is not None and claimed.submission == later
    assert {name: one.state for name, one in checks().items()} == {
        "few-shot": "passed",
        "few-shot zero": "waiting",
        "few-shot few": "waiting",
        "few-shot lora": "waiting",
    }
    assert services.verify_findings(live) == 0, "what waits already is not queued again"


def test_a_control_is_no_submission_and_nothing_of_it_is_run(tmp_path: Path) -> None:
    few = copy.deepcopy(made_up.FEW)
    few["experiments"][0]["arms"][2]["control"] = "linear"
    bundle = made_up.bundle(tmp_path / "mine", [few], {"few-shot": record()})
    rows = [row for lesson in bundle.lessons for _, row in proofs._rows(lesson)]
    assert [row["arm"] for row in rows] == ["", "zero", "few"]


def test_what_the_record_says_passes_on_public_rows_alone_and_is_not_run_again(live: CourseVersion) -> None:
    services.verify_findings(live)
    grade = worker()
    assert grade.step() and grade.step()
    found = checks()
    assert (found["few-shot zero"].state, found["few-shot few"].state) == ("passed", "passed")
    assert found["few-shot zero"].score == pytest.approx(ALWAYS_SKY, abs=1e-4)
    assert services.verify_findings(live) == 0
    assert checks()["few-shot zero"].state == "passed"
    for run in Run.objects.filter(purpose="proof", evaluations__state="scored"):
        stored = json.dumps([run.current.result, list(run.current.events.values_list("data")), sea_or_sky().findings])
        for row in factory.label_samples("h", 2, 5):
            assert row["id"] not in stored and row["input"] not in stored
        assert run.user is None and not hasattr(run.current, "score")


def test_another_score_is_told_with_both_numbers_and_does_not_decide_whether_a_version_is_verified(
    tmp_path: Path,
) -> None:
    live = published(tmp_path / "mine", record(few=0.95))
    services.verify_findings(live)
    grade = worker()
    while grade.step():
        pass
    failed = checks()["few-shot few"]
    assert failed.state == "failed" and "0.3333 here, but 0.9500 in the record; up to 0.5001 could be" in failed.said
    assert "gradus challenge prove" in failed.said and checks()["few-shot zero"].state == "passed"
    assert not any("few-shot" in line for line in verification.lacking(sea_or_sky()))
    assert services.verify_findings(live) == 1, "what failed runs again on request"


def test_a_training_run_is_whole_and_has_the_seed_of_the_record(live: CourseVersion) -> None:
    services.verify_findings(live)
    ChallengeVersion.objects.update(findings=[{**row, "seed": 23} for row in sea_or_sky().findings])
    evaluation = Evaluation.objects.get(run__arm="lora")
    with prepared(evaluation) as assignment:
        assert assignment.bundle.seed == 23 and assignment.whole and not assignment.hidden
        assert assignment.bundle.challenge.metric.orders == 1


def without_public_scores(found: dict[str, Any]) -> None:
    for arm in found["experiments"][0]["arms"]:
        for run in arm["runs"]:
            run["public"] = {}


@pytest.mark.parametrize(
    ("change", "name", "said"),
    [
        (lambda found: found.update(digest="e" * 64), "few-shot", "The record is stale"),
        (
            lambda found: found["experiments"][0]["claims"][0].update(holds=False),
            "few-shot",
            "Claim 1 does not hold on sea-or-sky",
        ),
        (without_public_scores, "few-shot zero", "has no scores on public rows"),
    ],
)
def test_a_record_that_proves_nothing_is_told(
    tmp_path: Path, change: Callable[[Any], Any], name: str, said: str
) -> None:
    wrong = record()
    change(wrong)
    queued = services.verify_findings(published(tmp_path / "mine", wrong))
    assert said in checks()[name].said
    assert checks()[name].state == "failed" if name == "few-shot" else queued == 0


def test_what_could_not_be_run_is_told(live: CourseVersion) -> None:
    services.verify_findings(live)
    claimed = services.claim("grade", worker="w", profile="cpu")
    assert claimed is not None
    services.reject(claimed.pk, claimed.fence, "timeout")
    assert checks()["few-shot zero"].said == "It ended without a score (timeout). Check the findings again."


def test_tolerances() -> None:
    """A row of twelve may be a near-tie, or two of sixty; a training run may drift by two deviations of its seeds."""
    challenge = read_spec(metric={"name": "accuracy"})
    runs = [
        {"name": f"seed {n}", "values": {"score": 0.5}, "public": {"score": value}}
        for n, value in enumerate((0.5, 0.6))
    ]
    arm = ArmRecord.model_validate({"id": "a", "runs": runs, "mean": {"score": 0.5}})
    assert tolerance(challenge, arm, "score", 12, is_trained=False) == pytest.approx(1 / 12 + 1e-4)
    assert tolerance(challenge, arm, "score", 60, is_trained=False) == pytest.approx(2 / 60 + 1e-4)
    assert tolerance(challenge, arm, "score", 60, is_trained=True) == pytest.approx(2 / 60 + 2 * 0.0707107 + 1e-4)
    f1 = read_spec(metric={"name": "macro_f1"})
    assert tolerance(f1, arm, "score", 60, is_trained=False) == pytest.approx(4 / 60 + 1e-4)


def read_spec(**changes: Any) -> Any:
    return Challenge.model_validate(factory.prompt_spec(**changes))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "point", ["claim.committed", "grade.started", "grade.computed", "record.uncommitted", "record.committed"]
)
def test_a_worker_that_dies_loses_and_doubles_nothing(
    live: CourseVersion, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    services.verify_findings(live)

    def reach(name: str) -> None:
        if name == point:
            monkeypatch.setattr(failpoints, "reach", lambda name: None)
            raise SystemExit(point)

    monkeypatch.setattr(failpoints, "reach", reach)
    with pytest.raises(SystemExit):
        worker().step()
    Evaluation.objects.filter(state="running").update(lease_until=timezone.now() - timedelta(seconds=1))
    reconciler.requeue_expired()
    grade = worker()
    while grade.step():
        pass
    assert {name: one.state for name, one in checks().items() if "lora" not in name} == dict.fromkeys(
        ("few-shot", "few-shot zero", "few-shot few"), "passed"
    )
    assert Evaluation.objects.filter(run__purpose="proof", state="scored").count() == 2
