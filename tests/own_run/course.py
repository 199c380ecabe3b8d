"""The tiny course, whose question `explain` asks for two rows of a run at `sea-or-sky`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from challenges.reading import read_course
from gradus.accounts.models import User
from gradus.courses.models import Course
from gradus.courses.services import publish
from gradus.submissions import own_runs, services
from gradus.submissions.models import Run, Submission
from tests import factories
from tests.challenges import factory

ASKED = {"challenge": "sea-or-sky", "rows": 2}
ROWS = [
    {"id": "p0-sea", "input": "I saw a wave today", "answer": "sky", "mark": "wrong"},
    {"id": "p0-sky", "input": "I saw a cloud today", "answer": "sky", "mark": "right"},
]


def write(root: Path, asked: dict[str, Any] | None = None, quoted: list[dict[str, str]] = ROWS) -> Path:
    factory.write_course(root)
    question = factory.write_free_text_challenge(root / "first" / "explain", own_run=asked or ASKED)
    for name in ("gold", "attacks"):
        file = question / f"{name}.jsonl"
        rows = [json.loads(line) for line in file.read_text().splitlines()]
        factory.write_rows(file, [row | {"quoted": quoted} for row in rows])
    for name in ("weak", "good"):
        answer = factories.FREE_TEXT["answer"] if name == "good" else "Looking things up is simply a nice habit."
        payload = {"kind": "free_text", "answer": answer, "own_run": {"rows": quoted}}
        factory.write_yaml(question / "baselines" / f"{name}.yaml", payload)
    return root


def published(folder: Path) -> Course:
    return publish(read_course(write(folder)))


def ran(user: User, **outcome: Any) -> Run:
    """A graded run of the learner at the other challenge."""
    run = queued(user)
    factories.grade(run, **outcome)
    return Run.objects.get(pk=run.pk)


def queued(user: User, slug: str = "sea-or-sky", payload: dict[str, Any] = factories.PROMPT) -> Run:
    """A run that waits."""
    version = factories.challenge(slug).version
    assert version is not None
    return services.start_run(user, version, payload)


def quoting(work: Run | Submission, ids: tuple[str, ...] = ("p0-sea", "p0-sky"), **changes: Any) -> dict[str, Any]:
    """A payload that quotes rows of a run; keywords change what it says of the run."""
    own = own_runs.named(work.user, str(work.uuid))
    assert own is not None
    return {**factories.FREE_TEXT, "own_run": {**own.quote(ids), **changes}}


def hand_in(user: User, payload: dict[str, Any]) -> Submission:
    return factories.submit(user, "explain", payload)
