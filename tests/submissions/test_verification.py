"""Baselines on this server: queued once, behind everybody; their result goes to the version and nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from challenges.reading import read_course
from gradus.accounts.models import ApiToken, User
from gradus.courses.models import ChallengeVersion
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


def test_each_baseline_waits_in_the_lane_of_its_kind(draft: ChallengeVersion) -> None:
    assert [(run.label, run.current.lane) for run in runs()] == [
        ("baselines/weak.yaml", "grade"),
        ("baselines/good.yaml", "grade"),
        ("baselines/lora.yaml", "train"),
    ]
    assert services.verify(draft) == 0 and len(runs()) == 3


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


def test_a_baseline_writes_no_score_and_opens_no_review(draft: ChallengeVersion) -> None:
    evaluation = end(runs()[0], 0.4, provisional=True, review=("provisional",))
    assert evaluation.state == "scored"
    assert not Score.objects.exists() and not Standing.objects.exists() and not Review.objects.exists()
    draft.refresh_from_db()
    assert draft.baselines[0]["provisional"] is True


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


def test_no_learner_reaches_a_baseline(draft: ChallengeVersion, ada: User) -> None:
    weak = runs()[0]
    end(weak, 0.4)
    token = ApiToken.issue(ada, "tests")[1]
    headers = {"Authorization": f"Bearer {token}"}
    paths = (f"/runs/{weak.uuid}/", f"/api/v1/runs/{weak.uuid}", f"/api/v1/runs/{weak.uuid}/events")
    answers = [logged_in(ada).get(path, headers=headers if "api" in path else {}) for path in paths]
    assert [answer.status_code for answer in answers] == [404, 404, 404]


def test_a_baseline_that_waits_is_no_alarm(draft: ChallengeVersion) -> None:
    Evaluation.objects.update(created_at="2020-01-01T00:00Z")
    assert not health.overdue().exists()
    assert {lane.lane: lane.oldest_s for lane in health.lanes()}["grade"] == 0.0
