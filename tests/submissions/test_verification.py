"""Baselines on this server: queued once, behind everybody; their result goes to the version and nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from django.test import Client

from challenges.reading import read_course
from gradus.accounts.models import ApiToken, User
from gradus.courses.models import BaselineOutcome, ChallengeVersion
from gradus.courses.services import import_course
from gradus.reviews.models import Review
from gradus.submissions import health, services
from gradus.submissions.models import Evaluation, Run, Score, Standing
from tests import factories
from tests.challenges.factory import write_course
from tests.conftest import logged_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def draft(tmp_path: Path) -> ChallengeVersion:
    """Linted, imported, and its baselines queued."""
    import_course(read_course(write_course(tmp_path / "mine")), linted=True)
    version = ChallengeVersion.objects.get(challenge__slug="sea-or-sky")
    services.verify(version)
    return version


def end(run: Run, score: float, **outcome: Any) -> Evaluation:
    """A worker claims this baseline, which must be the next one, and records it."""
    claimed = services.claim(run.current.lane, worker="worker-1", profile="cpu/float32/1")
    assert claimed is not None and claimed.run_id == run.pk
    values = {"result": {"cost": {"prompt_tokens": 7.0}, "training": {}, "metrics": {}}, **outcome}
    return services.record(claimed.pk, claimed.fence, services.Outcome(score=score, **values))


def runs() -> list[Run]:
    return list(Run.objects.filter(purpose="baseline").order_by("pk"))


def test_each_baseline_waits_in_the_lane_of_its_kind_and_alarms_nobody(draft: ChallengeVersion) -> None:
    assert [(run.label, run.current.lane) for run in runs()] == [
        ("baselines/weak.yaml", "grade"),
        ("baselines/good.yaml", "grade"),
        ("baselines/lora.yaml", "train"),
    ]
    assert services.verify(draft) == 0 and len(runs()) == 3
    Evaluation.objects.update(created_at="2020-01-01T00:00Z")
    assert not health.overdue().exists()
    assert {lane.lane: lane.oldest_s for lane in health.lanes()}["grade"] == 0.0


def test_learners_come_first(draft: ChallengeVersion, tmp_path: Path, ada: User) -> None:
    """Although their attempts were queued after it."""
    factories.tiny_course(tmp_path / "tiny")
    own = [factories.submit(ada), factories.submit(ada)]
    claimed = [services.claim("grade", worker="w", profile="cpu") for _ in range(3)]
    assert [one.submission for one in claimed if one] == [*own, None]


def test_the_last_baseline_publishes_the_draft(draft: ChallengeVersion, client: Client) -> None:
    weak, good, lora = runs()
    end(weak, 0.459)
    end(good, 0.659)
    assert client.get("/challenges/sea-or-sky/").status_code == 404
    end(lora, 0.739)
    assert client.get("/challenges/sea-or-sky/").status_code == 200
    draft.refresh_from_db()
    assert draft.is_verified and [(row["file"], row["score"], row["ok"]) for row in draft.baselines] == [
        ("baselines/weak.yaml", 0.44, True),
        ("baselines/good.yaml", 0.64, True),
        ("baselines/lora.yaml", 0.72, True),
    ]


def test_a_bound_holds_for_the_score_before_it_is_rounded(draft: ChallengeVersion) -> None:
    """0.505 is shown as 0.50, which the maximum of the weak baseline allows; the score itself is above it."""
    end(runs()[0], 0.505)
    draft.refresh_from_db()
    (row,) = draft.baselines
    assert (row["score"], row["ok"], row["problem"]) == (0.5, False, "above its max of 0.50")


def test_a_baseline_writes_no_score_opens_no_review_and_no_learner_reaches_it(
    draft: ChallengeVersion, ada: User
) -> None:
    weak = runs()[0]
    evaluation = end(weak, 0.4, provisional=True, review=("provisional",))
    assert evaluation.state == "scored"
    assert not Score.objects.exists() and not Standing.objects.exists() and not Review.objects.exists()
    draft.refresh_from_db()
    assert draft.baselines[0]["provisional"] is True
    headers = {"Authorization": f"Bearer {ApiToken.issue(ada, 'tests')[1]}"}
    paths = (f"/runs/{weak.uuid}/", f"/api/v1/runs/{weak.uuid}", f"/api/v1/runs/{weak.uuid}/events")
    answers = [logged_in(ada).get(path, headers=headers if "api" in path else {}) for path in paths]
    assert [answer.status_code for answer in answers] == [404, 404, 404]


def test_a_baseline_that_cannot_be_graded_is_told(draft: ChallengeVersion) -> None:
    claimed = services.claim("grade", worker="w", profile="cpu")
    assert claimed is not None
    services.reject(claimed.pk, claimed.fence, "timeout")
    draft.refresh_from_db()
    assert draft.baselines[0]["problem"] == "ended without a score: timeout"
    assert draft.is_draft


def test_what_missed_its_bound_is_run_again_by_another_import(draft: ChallengeVersion) -> None:
    weak, good, lora = runs()
    end(weak, 0.9)
    end(good, 0.7)
    end(lora, 0.7)
    draft.refresh_from_db()
    assert draft.is_draft and services.verify(draft) == 1
    end(runs()[-1], 0.4)
    draft.refresh_from_db()
    assert draft.is_verified and len(draft.baselines) == 3


def test_a_changed_bound_runs_nothing_again(draft: ChallengeVersion, tmp_path: Path) -> None:
    """Also a changed pass mark, step or text, of a draft under its number and of a new version."""
    weak, good, lora = runs()
    end(weak, 0.505)
    end(good, 0.7)
    end(lora, 0.7)
    assert services.verify(imported(tmp_path, "1.0.0", weak=0.503)) == 0
    (row,) = [one for one in newest().baselines if not one["ok"]]
    assert (row["score"], row["problem"]) == (0.5, "above its max of 0.50") and newest().is_draft
    assert services.verify(imported(tmp_path, "1.0.0", weak=0.51, title="Other", hints=["One.", "Two.", "Three."])) == 0
    assert newest().is_verified and not newest().is_draft and not Run.objects.exists()
    again = imported(tmp_path, "1.1.0", weak=0.55, feedback={"mode": "rounded", "step": 0.1}, **{"pass": 0.7})
    assert services.verify(again) == 0 and newest().is_verified
    assert [one["score"] for one in newest().baselines] == [0.5, 0.7, 0.7]
    assert newest().baselines[0]["cost"] == {"prompt_tokens": 7.0} and not Run.objects.exists()


def test_a_changed_row_payload_or_release_runs_again(draft: ChallengeVersion, tmp_path: Path, monkeypatch: Any) -> None:
    for run, score in zip(runs(), (0.4, 0.7, 0.7), strict=True):
        end(run, score)
    folder = tmp_path / "mine/first/sea-or-sky"
    (folder / "baselines/good.yaml").write_text("kind: prompt\ninstructions: Sea? Sky?\n")
    assert services.verify(imported(tmp_path, "1.1.0", weak=0.5)) == 1
    assert [run.label for run in runs()[3:]] == ["baselines/good.yaml"]
    with monkeypatch.context() as patch:
        patch.setattr("challenges.distribution.release", lambda: "9.9.9")
        assert services.verify(imported(tmp_path, "1.2.0", weak=0.5)) == 3
    hidden = folder / "hidden.jsonl"
    hidden.write_text(hidden.read_text().replace("today", "tonight", 1))
    assert services.verify(imported(tmp_path, "1.3.0", weak=0.5)) == 3


def test_an_outcome_that_a_judge_decided_is_not_kept(tmp_path: Path) -> None:
    import_course(read_course(write_course(tmp_path / "mine")), linted=True)
    version = ChallengeVersion.objects.get(challenge__slug="explain")
    services.verify(version)
    for run in runs():
        end(run, 0.9)
    assert Run.objects.exists() and not BaselineOutcome.objects.exists()


def imported(tmp_path: Path, version: str, weak: float, **changes: Any) -> ChallengeVersion:
    """Imports `sea-or-sky` with another maximum of its weak baseline, and other changes."""
    path = tmp_path / "mine/first/sea-or-sky/challenge.yaml"
    spec = {**yaml.safe_load(path.read_text()), **changes, "version": version}
    spec["baselines"][0]["max"] = weak
    path.write_text(yaml.safe_dump(spec, sort_keys=False))
    import_course(read_course(tmp_path / "mine"), linted=True)
    return newest()


def newest() -> ChallengeVersion:
    return ChallengeVersion.objects.filter(challenge__slug="sea-or-sky").latest("pk")
