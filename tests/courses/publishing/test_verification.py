"""A draft is verified on this server's workers, never goes live by that, and leaves nothing behind when it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from challenges.reading import read_course
from gradus.accounts.models import User
from gradus.courses import archives, publishing, verification
from gradus.courses.models import ChallengeVersion
from gradus.courses.services import import_course
from gradus.submissions import services
from gradus.submissions.models import Evaluation, Run
from gradus.submissions.services.finish import LeaseLost
from tests import factories
from tests.api.conftest import problem
from tests.challenges import factory
from tests.courses.publishing.conftest import Push
from tests.courses.publishing.test_api import api_of
from tests.courses.test_versions import edit, newest, turn_labels, verify
from tests.learn.findings import made_up
from tests.workers.embedding_runner import Embedding
from workers import status
from workers.transport import linting
from workers.work import Worker

pytestmark = pytest.mark.django_db
ALL = ["sea-or-sky", "ticket", "explain"]


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with a tokenizer and the embedding model, whose weights no test needs."""
    monkeypatch.setenv("GRADUS_DATA_DIR", str(tmp_path / "data"))
    factory.put_tokenizer(tmp_path / "data")
    monkeypatch.setattr(status, "digests", lambda: {factory.MODEL: "d" * 64})
    monkeypatch.setattr(linting, "find_spec", lambda name: object())


def lint_all(runner: Embedding | None = None) -> None:
    """The worker of the lane carries out every lint; the question's baselines, which it also grades, stay out of it."""
    Evaluation.objects.filter(run__purpose="baseline", lane="judge").update(lane="train")
    worker = Worker("judge", runner=runner or Embedding())
    while worker.step():
        pass


def test_a_push_is_linted_by_a_worker_and_stays_a_draft(push: Push, grace: User) -> None:
    draft = push().version
    assert Evaluation.objects.filter(run__purpose="lint", state="queued").count() == 3
    lint_all()
    version = newest()
    assert version.linted_at is not None and not version.is_verified
    verify(version)
    version.refresh_from_db()
    assert version.is_verified and version.is_draft and version.challenge.version is None
    publishing.publish(draft, by=grace)
    version.refresh_from_db()
    assert not version.is_draft and version.challenge.version == version


def test_what_lint_finds_keeps_it_unverified(push: Push) -> None:
    push()
    lint_all(Embedding(spread=2.0))
    verify(newest())
    assert not newest().is_verified
    assert all(
        line.startswith(("hidden.jsonl", "public.jsonl", "train.jsonl", "baselines/"))
        for line in verification.lacking(newest())
    )


def test_a_discarded_draft_is_not_checked_any_more(push: Push, grace: User) -> None:
    draft = push().version
    publishing.discard(draft, by=grace)
    assert not Run.objects.exists() and not Evaluation.objects.exists()


def test_a_worker_whose_draft_is_discarded_meanwhile_writes_nothing(push: Push, grace: User) -> None:
    draft = push().version
    gone: list[bool] = []

    def discard() -> None:
        if not gone:
            gone.append(True)
            publishing.discard(draft, by=grace)

    lint_all(Embedding(before=discard))
    assert gone and not ChallengeVersion.objects.exists() and not Run.objects.exists()


def test_another_push_checks_only_what_is_new(push: Push, folder: Path) -> None:
    push()
    lint_all()
    kept = {one.pk for one in Run.objects.filter(version__challenge__name="ticket")}
    turn_labels(folder)
    edit(folder, "1.1.0")
    push()
    assert {one.pk for one in Run.objects.filter(version__challenge__name="ticket")} == kept
    (lint,) = Run.objects.filter(version=newest(), purpose="lint")
    assert lint.current.state == "queued" and newest().version == "1.1.0"
    assert not Evaluation.objects.open().filter(
        run__version__version="1.0.0", run__version__challenge__name="sea-or-sky"
    )


def test_what_waited_to_go_live_is_not_checked_after_another_content_did(push: Push, folder: Path, grace: User) -> None:
    publishing.publish(push().version, by=grace)
    waiting = newest()
    assert Evaluation.objects.open().filter(run__version=waiting).exists()
    turn_labels(folder)
    edit(folder, "1.1.0")
    publishing.publish(push().version, by=grace)
    assert not Evaluation.objects.open().filter(run__version=waiting).exists()
    assert Evaluation.objects.open().filter(run__version=newest()).exists()


def test_a_new_arm_of_a_finding_is_held_against_hidden_rows_that_were_linted_before(
    push: Push, folder: Path, grace: User
) -> None:
    publishing.publish(push().version, by=grace, unverified=ALL)
    lint_all()
    assert newest().linted_at is not None
    near = {"input": "I saw a coral reef today", "output": "sea"}
    factory.write_findings(folder / "first")
    factory.write_yaml(folder / "first/sea-or-sky/findings/plain.yaml", {"kind": "prompt", "examples": [near]})
    before = Run.objects.filter(purpose="lint").count()
    assert services.progress([newest()]).checks[newest().pk][0].state == "passed"
    import_course(read_course(folder), archive=archives.keep_folder(folder))
    services.verify(newest())
    assert Run.objects.filter(purpose="lint").count() == before + 1
    lint_all(Alike())
    (found,) = verification.lint_problems(newest())
    assert found.file == "findings/plain.yaml" and "nearly the same as hidden.jsonl:" in found.what
    assert services.progress([newest()]).checks[newest().pk][0].state == "failed"


def bring_an_arm(folder: Path) -> None:
    """The challenge stays as it is. An import needs no record of the finding, which a push does."""
    factory.write_findings(folder / "first")
    import_course(read_course(folder), archive=archives.keep_folder(folder))
    services.verify(newest())


def test_a_lint_that_began_before_an_arm_was_brought_verifies_nothing(push: Push, folder: Path) -> None:
    push()
    verify(newest())
    before = {one.pk for one in Run.objects.filter(version=newest(), purpose="lint")}
    brought: list[bool] = []

    def bring() -> None:
        if not brought and Evaluation.objects.filter(run__in=before, state="running").exists():
            brought.append(True)
            bring_an_arm(folder)

    lint_all(Embedding(before=bring))
    old, new = Run.objects.filter(version=newest(), purpose="lint").order_by("pk")
    assert brought and old.pk in before and (old.current.state, new.current.state) == ("cancelled", "scored")
    assert newest().lint["arms"] == new.payload["arms"] != old.payload["arms"] and newest().is_verified


def test_a_lint_whose_result_comes_after_an_arm_was_brought_is_not_stored(push: Push, folder: Path) -> None:
    push()
    version = newest()
    verify(version)
    Evaluation.objects.exclude(run__version=version, run__purpose="lint").delete()
    begun = services.claim("judge", worker="w", profile="cpu")
    assert begun is not None
    bring_an_arm(folder)
    with pytest.raises(LeaseLost):
        services.record(begun.pk, begun.fence, services.Outcome(result={}, notes={"problems": [], "arms": ""}))
    version.refresh_from_db()
    assert version.linted_at is None and not version.is_verified
    (waiting,) = Evaluation.objects.open().filter(run__version=version, run__purpose="lint")
    assert waiting.run is not None and waiting.run.payload["arms"]
    services.verify(version)
    assert Evaluation.objects.open().get(run__version=version, run__purpose="lint") == waiting


class Alike(Embedding):
    """Texts about corals are alike, and all others are not."""

    def _point(self, text: str) -> list[float]:
        return super()._point("coral" if "coral" in text else text)


def test_an_editor_has_the_findings_checked_over_the_api(push: Push, folder: Path, grace: User, bob: User) -> None:
    """The draft's or those of what is live; what came of it is listed among the runs of the challenge."""
    bundle = made_up.bundle(folder, [made_up.FEW], {"few-shot": made_up.few_record()})
    record = made_up.few_record(digest=made_up.digest_of(bundle))
    factory.write_text(folder / "first/findings.json", json.dumps({"schema": 1, "findings": {"few-shot": record}}))
    course = import_course(read_course(folder), archive=archives.keep_folder(folder))
    factories.enrol(bob, course, factories.AUTHOR)
    api = api_of(bob)
    runs = api.post("/courses/tiny/live/findings").json()["challenges"][0]["runs"]
    assert {run["name"]: run["state"] for run in runs if run["what"] == "finding"} == {
        "few-shot": "passed",
        "few-shot zero": "waiting",
        "few-shot few": "waiting",
        "few-shot lora": "waiting",
    }
    problem(api.post("/courses/tiny/draft/findings"), 404, "no_draft")
    assert Run.objects.filter(purpose="proof").count() == 3
