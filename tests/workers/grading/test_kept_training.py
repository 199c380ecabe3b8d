"""A trained model whose grading ran out of time is graded from its files; what does not fit is trained anew."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import connection
from django.utils import timezone

from graders.base import Train, Trained
from gradus.reconciling import orphan_files
from gradus.submissions.budgets import limits
from gradus.submissions.models import Evaluation, Slot, Submission
from tests import factories
from tests.workers.test_work import TableRunner
from workers.sandbox import adapter_files
from workers.sandbox.supervisor import RunnerTimeout, WorkLimit
from workers.work import Worker

pytestmark = pytest.mark.usefixtures("model_is_here")


class Trainer(TableRunner):
    """Trains by writing two files, and raises `late` on hidden rows so many `times`. It notes what is asked of it."""

    def __init__(self, folder: Path, times: int = 1, late: type[RunnerTimeout] = WorkLimit) -> None:
        super().__init__()
        self.folder, self.times, self.late = folder, times, late
        self.asked_with: list[bytes] = []

    def run(self, item: Any, **rest: Any) -> Any:
        if isinstance(item, Train):
            self.items.append(item)
            made = self.folder / f"adapter-{self.trainings}"
            made.mkdir()
            for name in adapter_files.NAMES:
                (made / name).write_bytes(f"{name} {item.rows} {self.trainings}".encode())
            return Trained(str(made), 2, 0.5, 0.6, 0.01, 40, 30, 1.5)
        # The worker's own trial of the runner, after a timeout, has no adapter.
        if item.adapter is not None:
            self.asked_with.append((Path(item.adapter) / adapter_files.NAMES[1]).read_bytes())
        if item.stage == "hidden" and self.times:
            self.times -= 1
            raise self.late
        return super().run(item, **rest)

    @property
    def trainings(self) -> int:
        return sum(isinstance(item, Train) for item in self.items)

    def forget(self) -> None:
        """The folder is the test's."""


@pytest.fixture
def submission(ada, course) -> Submission:
    return factories.submit(ada, "sea-or-sky", factories.LORA)


def timed_out(submission: Submission, runner: Trainer) -> Evaluation:
    """The evaluation after its first attempt, in which only training was finished."""
    assert Worker("train", runner=runner).step()
    evaluation: Evaluation = submission.current
    assert (evaluation.state, evaluation.attempt, evaluation.fence) == ("queued", 1, 1)
    return evaluation


def go_on(submission: Submission, runner: Trainer) -> Evaluation:
    assert Worker("train", runner=runner).step()
    evaluation: Evaluation = submission.current
    return evaluation


@pytest.mark.parametrize("late", [WorkLimit, RunnerTimeout])
def test_grading_that_ran_out_of_time_goes_on_and_trains_nothing(submission, tmp_path, late):
    """What was kept goes when the evaluation has ended."""
    runner, store = Trainer(tmp_path, late=late), storages["private"]
    kept = timed_out(submission, runner).trained["file"]
    assert orphan_files.sweep(timedelta(0)) == 0
    assert kept == f"trained/{submission.current.pk}/1.zip" and store.exists(kept)
    evaluation = go_on(submission, runner)
    assert (evaluation.state, evaluation.fence, runner.trainings) == ("scored", 2, 1)
    assert len(set(runner.asked_with)) == 1, "another model was graded than the one that was trained"
    assert evaluation.result["training"]["steps"] == 2.0 and evaluation.artifact
    assert Slot.objects.of(limits.ATTEMPTS).count() == 1
    assert orphan_files.sweep(timedelta(0)) == 1 and not store.exists(kept)


def test_a_second_timeout_ends_it_and_gives_the_attempt_back(submission, tmp_path):
    runner = Trainer(tmp_path, times=2)
    timed_out(submission, runner)
    evaluation = go_on(submission, runner)
    assert (evaluation.state, evaluation.error_code, runner.trainings) == ("failed", "work_limit", 1)
    assert not Slot.objects.of(limits.ATTEMPTS).exists()


def damaged(evaluation: Evaluation) -> None:
    """One byte of the weights is another one."""
    path = Path(storages["private"].path(evaluation.trained["file"]))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def missing(evaluation: Evaluation) -> None:
    storages["private"].delete(evaluation.trained["file"])


def of_another_fence(evaluation: Evaluation) -> None:
    """As if a worker without a lease had written it."""
    Evaluation.objects.filter(pk=evaluation.pk).update(trained={**evaluation.trained, "fence": 2})


def of_another_model(evaluation: Evaluation) -> None:
    Evaluation.objects.filter(pk=evaluation.pk).update(trained={**evaluation.trained, "source": "0" * 64})


def of_a_learner(evaluation: Evaluation) -> None:
    """A file beside it, whose digest is right, under a name that no worker gives."""
    with storages["private"].open(evaluation.trained["file"]) as file:
        name = storages["private"].save("uploads/1.zip", ContentFile(file.read()))
    Evaluation.objects.filter(pk=evaluation.pk).update(trained={**evaluation.trained, "file": name})


def unreadable(evaluation: Evaluation) -> None:
    """As a stolen machine could write it: PostgreSQL stores such a number, and Python does not read it."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE submissions_evaluation SET trained = %s", ['{"fence": ' + "9" * 5000 + "}"])


def of_another_form(evaluation: Evaluation) -> None:
    Evaluation.objects.filter(pk=evaluation.pk).update(trained=["no", "object"])


FAULTS = [damaged, missing, of_another_fence, of_another_model, of_a_learner, unreadable, of_another_form]


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_not_exactly_what_was_trained_is_refused_and_trained_anew(submission, tmp_path, fault):
    runner = Trainer(tmp_path)
    fault(timed_out(submission, runner))
    evaluation = go_on(submission, runner)
    assert (evaluation.state, runner.trainings) == ("scored", 2)
    assert runner.asked_with[-1].endswith(b" 2")


def test_a_file_of_another_evaluation_is_never_used(submission, bob, tmp_path):
    runner = Trainer(tmp_path, times=2)
    mine = timed_out(submission, runner)
    Evaluation.objects.update(available_at=timezone.now() + timedelta(hours=1))
    other = factories.submit(bob, "sea-or-sky", factories.LORA)
    theirs = timed_out(other, runner)
    assert mine.trained["source"] == theirs.trained["source"], "the same rows, so that only the owner differs"
    Evaluation.objects.update(available_at=timezone.now())
    Evaluation.objects.filter(pk=mine.pk).update(trained=theirs.trained)
    assert (go_on(submission, runner).state, runner.trainings) == ("scored", 3)
    assert (go_on(other, runner).state, runner.trainings) == ("scored", 3)


def test_only_the_holder_of_the_fence_writes_what_was_trained(submission, tmp_path):
    """A worker that has lost its lease leaves a file that nobody names."""
    runner = Trainer(tmp_path)
    run = runner.run

    def late(item: Any, **rest: Any) -> Any:
        if getattr(item, "stage", "") == "hidden":
            Evaluation.objects.filter(pk=submission.current.pk).update(fence=7)
        return run(item, **rest)

    runner.run = late  # type: ignore[method-assign]
    assert Worker("train", runner=runner).step()
    assert (submission.current.state, submission.current.fence, submission.current.trained) == ("running", 7, None)


def test_a_training_run_that_times_out_itself_keeps_nothing(submission, tmp_path):
    runner = Trainer(tmp_path)

    def never_ends(item: Any, **rest: Any) -> Any:
        raise WorkLimit

    runner.run = never_ends  # type: ignore[method-assign]
    evaluation = go_on(submission, runner)
    assert (evaluation.state, evaluation.error_code, evaluation.trained) == ("failed", "work_limit", None)
