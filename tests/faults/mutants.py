"""Gradus with one of its guards taken out, by patches at run time: the fault suite must fail on each.

`python -m tests.faults.mutants` (`make mutants`) runs it against all of them. Production code knows nothing of this.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SUITE = ("tests/faults/test_limits.py", "tests/faults/test_failpoints.py")


def no_fence() -> None:
    """Conditional updates no longer ask for the fence."""
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
        cursor.execute(f'create table bare as select * from "{table}"')
        cursor.execute(f'drop table "{table}"' + (" cascade" if connection.vendor == "postgresql" else ""))
        cursor.execute(f'alter table bare rename to "{table}"')


def no_reconciler() -> None:
    """Reconcilers run and do nothing."""
    from workers.management.commands import reconcile

    reconcile.sweep = dict  # type: ignore[assignment]


def no_slot() -> None:
    """A submit takes no slot of the day's attempts."""
    # The package exports a function of the same name.
    submit: Any = import_module("gradus.submissions.services.submit")
    submit._take_quota = lambda submission: None


MUTANTS: dict[str, Callable[[], None]] = {
    "no_fence": no_fence,
    "no_unique_score": no_unique_score,
    "no_reconciler": no_reconciler,
    "no_slot": no_slot,
}


def suite_fails(mutant: str) -> bool:
    """Runs the suite up to its first failure."""
    argv = [sys.executable, "-m", "pytest", "-q", "-x", "-m", "not slow", "-p", "no:cacheprovider", *SUITE]
    env = {**os.environ, "GRADUS_TEST_MUTANT": mutant}
    done = subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    # 1: tests failed. Anything else but 0 says that the suite did not run.
    if done.returncode not in (0, 1):
        raise SystemExit(f"the suite did not run:\n{done.stdout[-3000:]}{done.stderr[-2000:]}")
    last = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    print(f"{mutant or 'unchanged':<16} {'fails: ' + last[0][:100] if last else 'passes'}", flush=True)
    return done.returncode == 1


def main() -> int:
    chosen = sys.argv[1:] or list(MUTANTS)
    if suite_fails(""):
        print("The suite fails without any mutant.")
        return 1
    survivors = [name for name in chosen if not suite_fails(name)]
    print(f"{len(chosen) - len(survivors)} of {len(chosen)} mutants were found out")
    return 1 if survivors else 0


if __name__ == "__main__":
    raise SystemExit(main())
