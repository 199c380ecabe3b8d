"""A plugin that lets every worker of a test work with few rights; what it hands in is recorded after each step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from workers.work import Worker


# Their runners act as learners or as operators in the middle of a step, which the role of a worker may not, or they end
# the process in `services.record`, which is no part of the step here.
LEFT_OUT = (
    "test_a_baseline_makes_way_for_a_learner_who_waits",
    "test_a_cancelled_evaluation_is_not_recorded",
    "test_only_the_holder_of_the_fence_writes_what_was_trained",
    "test_on_a_machine_that_is_not_idle_it_is_tried_again_later",
    "test_it_gives_way_to_a_learner_who_waits",
    "test_a_withdrawn_lint_stores_nothing",
    "test_a_worker_that_dies_loses_and_doubles_nothing[record.uncommitted]",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items[:] = [item for item in items if item.name not in LEFT_OUT]


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    # Not before Django is set up.
    config.pluginmanager.import_plugin("tests.postgres.roles")


@pytest.fixture(autouse=True)
def few_rights(passwords: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    from gradus.submissions.services import handed_in
    from tests.postgres.roles import within
    from workers.work import Worker

    step, (role, password) = Worker.step, next(iter(passwords.items()))

    def limited(worker: Worker) -> bool:
        worker.name = worker.failures.name = f"{role}@{worker.name.rpartition('@')[2]}"
        with within(role, password):
            did = step(worker)
        handed_in.record_all()
        return did

    monkeypatch.setattr(Worker, "step", limited)
