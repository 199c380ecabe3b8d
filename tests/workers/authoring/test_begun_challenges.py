"""What an author began and then wrote can be tried on her machine, and goes live on a site."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from challenges.kinds import registry as kinds
from challenges.reading import read_course
from challenges.scaffold.base import Wanted
from challenges.scaffold.folders import begin_challenge, begin_course, scaffold_of
from gradus.cli.main import app
from gradus.courses.models import Challenge
from gradus.courses.services import import_course
from tests.challenges.scaffold.author import write_everything
from tests.workers.authoring.prove_process import Knowing
from workers.authoring import try_command


def begin_each(root: Path) -> Path:
    """A course with challenges of each kind, each answer type and each training method, of which all is written."""
    lesson = begin_course(root, "first-lesson").folder / "first-lesson"
    forms = [(kind.name, *form) for kind in kinds.every() for form in scaffold_of(kind.name).forms]
    # One answer type for each training method, as a lesson has twelve challenges at most.
    for kind, answer, method in {
        (kind, method or answer): (kind, answer, method) for kind, answer, method in forms
    }.values():
        name = f"{kind}-{method or answer or 'mine'}".replace("_", "-")
        begin_challenge(lesson, kind, Wanted(name, answer, method))
    write_everything(root)
    return root


@pytest.mark.django_db
def test_they_go_live(tmp_path: Path) -> None:
    bundle = read_course(begin_each(tmp_path / "my-course"))
    names = [one.challenge.id for one in bundle.lessons[0].challenges]
    import_course(bundle, linted=True, unverified=names)
    live = Challenge.objects.filter(course__slug="my-course", is_current=True, version__isnull=False)
    assert set(live.values_list("name", flat=True)) == set(names) and len(names) >= 9


def test_a_prompt_can_be_tried_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(try_command, "own_runner", Knowing)
    course = begin_course(tmp_path / "my-course", "first-lesson").folder
    folder = begin_challenge(course, "prompt", Wanted("mine")).folder
    write_everything(course)
    done = CliRunner().invoke(app, ["challenge", "try", str(folder / "baselines/good.yaml"), "--json"])
    assert done.exit_code == 0, done.output
    assert [row["id"] for row in json.loads(done.stdout)["rows"]] == ["p0", "p1", "p2", "p3"]
