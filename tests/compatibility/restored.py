"""Takes over a recorded site as an upgrade would, and prints as JSON what is wrong with it.

`python -m tests.compatibility.restored <restore|copy_out|copy_in> <release's folder>`, in the environment of
`process.environment`. `restore` puts the recorded database and files into the empty data folder and looks at all of
it; `copy_out` writes the rows to `rows.json` there, and `copy_in` reads them into another, empty database.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tests.compatibility.process import begin
from tests.compatibility.release import Release


def restore(release: Release, site: Path) -> dict[str, Any]:
    with sqlite3.connect(site / "gradus.sqlite3") as link:
        link.executescript(release.dump())
    link.close()
    shutil.copytree(release.files, site, dirs_exist_ok=True)
    begin()
    recorded = release.read("site")
    moment = datetime.fromisoformat(recorded["moment"])
    return {**_taken_over(), **_replayed(release, recorded, moment), **_worked_off(site, moment + timedelta(days=1))}


def copy_out(release: Release, site: Path) -> dict[str, Any]:
    begin()
    from django.core.management import call_command

    from tests.compatibility import stored_rows

    # `migrate` makes these anew.
    left_out = ["contenttypes", "auth.permission", "sessions"]
    call_command("dumpdata", exclude=left_out, output=str(site / "rows.json"), verbosity=0)
    return {"counts": stored_rows.counts()}


def copy_in(release: Release, site: Path) -> dict[str, Any]:
    begin()
    from django.core.management import call_command

    call_command("migrate", interactive=False, verbosity=0)
    call_command("loaddata", str(site / "rows.json"), verbosity=0)
    return _taken_over()


def _taken_over() -> dict[str, Any]:
    """After `migrate`: every row and file, Django's checks, the standings and the invariants."""
    from django.core.management import call_command

    from gradus.reconciling import invariants
    from gradus.submissions.results import standings
    from tests.compatibility import stored_rows

    call_command("migrate", interactive=False, verbosity=0)
    call_command("check", verbosity=0)
    found = {"counts": stored_rows.counts(), "rows": stored_rows.faults(), "invariants": invariants.everywhere()}
    before = _standings()
    differing = standings.differences()
    call_command("rebuild", verbosity=0, stdout=sys.stderr)
    return {**found, "standings": differing if before == _standings() else ["the rebuilt standings differ"]}


def _standings() -> list[dict[str, Any]]:
    from gradus.submissions.models import Standing

    rows = Standing.objects.order_by("user", "challenge", "track", "version").values()
    return [{name: value for name, value in row.items() if name != "id"} for row in rows]


def _replayed(release: Release, site: dict[str, Any], moment: datetime) -> dict[str, Any]:
    """The recorded calls and pages, at the recorded time."""
    from tests.compatibility import answers
    from tests.compatibility.clock import standing_at

    with standing_at(moment):
        calls = [line for one in release.read("requests") for line in answers.changed_call(one, site["tokens"])]
        pages = [line for one in release.read("pages") for line in answers.changed_page(one, site["users"])]
    return {"requests": calls, "pages": pages}


def _worked_off(site: Path, moment: datetime) -> dict[str, Any]:
    """What waited or was being graded when the old version stopped is graded by the new one."""
    from gradus.reconciling import invariants, reconciler
    from gradus.submissions.models import Evaluation
    from tests.compatibility import machine
    from tests.compatibility.clock import standing_at

    (site / "worker").mkdir()
    was_open = list(Evaluation.objects.open().values_list("pk", flat=True))
    with standing_at(moment) as clock, machine.nameless(clock):
        reconciler.requeue_expired()
        for lane in ("interactive", "grade", "train", "judge"):
            at_work = machine.worker(lane, clock, site / "worker")
            while at_work.step():
                clock.shift(1)
    ended = Evaluation.objects.filter(pk__in=was_open).values_list("state", flat=True)
    return {"worked_off": sorted(ended), "invariants_after": invariants.everywhere()}


if __name__ == "__main__":
    # What else is printed goes where a person looks for it.
    said = os.dup(1)
    os.dup2(2, 1)
    does = {"restore": restore, "copy_out": copy_out, "copy_in": copy_in}[sys.argv[1]]
    report = does(Release(Path(sys.argv[2])), Path(os.environ["GRADUS_DATA_DIR"]))
    os.write(said, json.dumps(report).encode())
