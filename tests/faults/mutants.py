"""Removes one guard of Gradus at a time: the test that is named beside each such mutant must fail on it.

`python -m tests.faults.mutants` (`make mutants`) tries all; names after it choose some. The mutants of this module are
patches at run time, for guards that several processes share. Those of `mutated_lines` change one line of a module.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.faults.mutated_lines import LINES

ROOT = Path(__file__).resolve().parents[2]
ONE_FAULT = "tests/faults/test_failpoints.py::test_one_kill_loses_and_doubles_nothing[{}-{}]"
# How long a test waits for its work. It is enough for the unchanged code, which is tried first, on a busy machine. The
# mutant without a reconciler always takes all of it.
PATIENCE_SECONDS = 90
SLOTS = "tests/submissions/test_slots.py"
ZOMBIE = "tests/faults/test_failpoints.py::test_a_zombie_that_wakes_up_while_another_works_changes_nothing[{}-{}]"


def no_fence() -> None:
    """Conditional updates no longer check the fence."""
    from gradus.submissions.models import EvaluationQuerySet

    ask = EvaluationQuerySet.filter

    def without_fence(self: Any, *conditions: Any, **values: Any) -> Any:
        values.pop("fence", None)
        return ask(self, *conditions, **values)

    EvaluationQuerySet.filter = without_fence  # type: ignore[method-assign,assignment]


def no_unique_score() -> None:
    """The score table loses all its keys and constraints."""
    from django.db import connection

    from gradus.submissions.models import Score

    table = Score._meta.db_table
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            # Triggers of other tables name this one, and SQLite would read them while it is away.
            cursor.execute("pragma legacy_alter_table = on")
        cursor.execute(f'create table bare as select * from "{table}"')
        cursor.execute(f'drop table "{table}"' + (" cascade" if connection.vendor == "postgresql" else ""))
        cursor.execute(f'alter table bare rename to "{table}"')


def no_reconciler() -> None:
    """Reconcilers run but do nothing."""
    from gradus.reconciling.management.commands import reconcile

    reconcile.sweep = dict  # type: ignore[assignment]


def no_slot() -> None:
    """A submit takes no slot of the day's attempts."""
    _without_limit("ATTEMPTS")


def _without_limit(name: str) -> None:
    from gradus.submissions.budgets import limits

    limit = getattr(limits, name)
    limits.OF_A_SUBMISSION = tuple(one for one in limits.OF_A_SUBMISSION if one is not limit)


def no_run_slot() -> None:
    """A run takes no slot."""
    runs: Any = import_module("gradus.submissions.services.runs")
    runs._take_slot = lambda run: 0


def no_cancel_slot() -> None:
    """Cancelling an attempt gives it back without using one of the day's slots for that."""
    cancel: Any = import_module("gradus.submissions.services.cancel")
    cancel._gives_back = lambda submission, was_running: True


def no_network_slot() -> None:
    """A submit takes no slot of the visitor's network."""
    _without_limit("NETWORK_ATTEMPTS")


def no_open_measurement() -> None:
    """A measurement that starts leaves no row whose key keeps a second one away."""
    from gradus.submissions.budgets import limits, slots

    take = slots.take_if_free
    slots.take_if_free = lambda limit, use, **owner: (  # type: ignore[assignment]
        limit if limit is limits.OPEN_MEASUREMENT else take(limit, use, **owner)
    )


def no_guest_refund() -> None:
    """Giving an attempt back frees the slot of the day, but not the slot of a guest."""
    from gradus.submissions.budgets import limits

    limits.GIVEN_BACK = tuple(one for one in limits.GIVEN_BACK if one is not limits.GUEST_ATTEMPTS)


def no_orphan_sweep() -> None:
    """Reconcilers no longer free the slots of ended submissions and runs."""
    from gradus.reconciling import reconciler

    reconciler.free_orphan_slots = lambda: 0  # type: ignore[assignment]


def no_runner_trial() -> None:
    """A worker takes each failure of its runner for the job's fault, as if a trial had succeeded."""
    from workers.breaker import Breaker

    Breaker.succeeds = lambda self, model, should_stop: True  # type: ignore[method-assign]


@dataclass(frozen=True)
class Mutant:
    """A mutant and the quickest test that must fail on it.

    A test name without a placeholder for the database runs on the database of the test process.
    """

    take_out: Callable[[], None]
    test: str
    point: str = ""

    def tests(self, databases: tuple[str, ...]) -> list[str]:
        return sorted({self.test.format(database, self.point) for database in databases})


MUTANTS = {
    "no_fence": Mutant(no_fence, ZOMBIE, "grade.computed"),
    "no_unique_score": Mutant(no_unique_score, ONE_FAULT, "submit.uncommitted"),
    "no_reconciler": Mutant(no_reconciler, ONE_FAULT, "claim.committed"),
    "no_slot": Mutant(no_slot, ONE_FAULT, "submit.uncommitted"),
    "no_runner_trial": Mutant(
        no_runner_trial,
        "tests/faults/test_matrix.py::test_runners_that_cannot_start_end_no_job_and_their_workers_stop[{}]",
    ),
    "no_run_slot": Mutant(no_run_slot, f"{SLOTS}::test_parallel_runs_take_exactly_the_limit"),
    "no_cancel_slot": Mutant(
        no_cancel_slot, f"{SLOTS}::test_parallel_cancels_of_running_attempts_give_back_exactly_the_limit"
    ),
    "no_network_slot": Mutant(
        no_network_slot,
        "tests/submissions/test_network_budget.py::test_twelve_guests_of_one_network_share_its_attempts",
    ),
    "no_open_measurement": Mutant(
        no_open_measurement,
        "tests/submissions/test_measure.py::test_the_database_holds_one_open_measurement_of_the_same_thing",
    ),
    "no_guest_refund": Mutant(no_guest_refund, f"{SLOTS}::test_a_guests_attempt_is_given_back_in_every_way[cancelled]"),
    "no_orphan_sweep": Mutant(no_orphan_sweep, f"{SLOTS}::test_slots_that_a_fault_left_behind_are_told_and_freed"),
}


def take_out() -> None:
    """Takes the guard out that GRADUS_TEST_MUTANT names; a line was changed at its module's import."""
    if mutant := MUTANTS.get(os.environ["GRADUS_TEST_MUTANT"]):
        mutant.take_out()


NAMES = [*MUTANTS, *LINES]


def tests_of(name: str, databases: tuple[str, ...]) -> list[str]:
    return [LINES[name].test] if name in LINES else MUTANTS[name].tests(databases)


def failures(mutant: str, tests: list[str]) -> list[str]:
    """The tests that fail on the mutant. An error before a test's body does not count, and ends the program."""
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "tests.faults.mutated_lines", *tests]
    env = {**os.environ, "GRADUS_TEST_MUTANT": mutant, "GRADUS_TEST_PATIENCE": str(PATIENCE_SECONDS)}
    done = subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    # Exit status 1: tests failed. Any other status except 0: they did not run.
    if done.returncode not in (0, 1) or any(line.startswith("ERROR tests") for line in lines):
        raise SystemExit(f"the tests did not run:\n{done.stdout[-3000:]}{done.stderr[-2000:]}")
    return [test for test in tests if any(line.startswith(f"FAILED {test}") for line in lines)]


def survives(name: str, databases: tuple[str, ...]) -> bool:
    tests = tests_of(name, databases)
    noticed = failures(name, tests)
    for test in tests:
        print(f"{name:<24} {'noticed by' if test in noticed else 'SURVIVES'} {test}", flush=True)
    return noticed != tests


def main() -> int:
    chosen = sys.argv[1:] or NAMES
    if unknown := set(chosen) - set(NAMES):
        print(f"No mutant is called {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}.")
        return 2
    databases = ("sqlite", "postgres") if os.environ.get("GRADUS_TEST_POSTGRES") else ("sqlite",)
    print(f"on {' and '.join(databases)}" + ("" if len(databases) > 1 else "; GRADUS_TEST_POSTGRES names a server"))
    tests = sorted({test for name in chosen for test in tests_of(name, databases)})
    if broken := failures("", tests):
        print("These fail without any mutant:", *broken, sep="\n")
        return 1
    print(f"{'unchanged':<24} passes all {len(tests)}", flush=True)
    survivors = [name for name in chosen if survives(name, databases)]
    print(f"{len(chosen) - len(survivors)} of {len(chosen)} mutants were found out")
    return 1 if survivors else 0


if __name__ == "__main__":
    raise SystemExit(main())
