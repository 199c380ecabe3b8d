"""A board holds one version; scores of others wait for a regrade; what was passed stays passed."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from django.test import Client
from django.utils import timezone

from challenges.reading import read_course
from gradus.accounts.models import ApiToken, User
from gradus.courses.models import Challenge, Course
from gradus.courses.services import publish
from gradus.leaderboards import boards
from gradus.learn.path import steps as path
from gradus.reviews import services as reviews
from gradus.submissions.models import Standing
from gradus.submissions.services.standings import differences, rebuild
from tests import factories
from tests.api.conftest import Caller
from tests.challenges.factory import write_course


@pytest.fixture
def folder(db: None, tmp_path: Path) -> Path:
    root = write_course(tmp_path / "mine")
    publish(read_course(root))
    return root


def raise_version(folder: Path, to: str = "1.1.0", **changes: object) -> Challenge:
    file = folder / "first/sea-or-sky/challenge.yaml"
    spec = {**yaml.safe_load(file.read_text()), "version": to, **changes}
    file.write_text(yaml.safe_dump(spec, sort_keys=False))
    publish(read_course(folder))
    return factories.challenge("sea-or-sky")


def shown(challenge: Challenge) -> list[tuple[str, float]]:
    return [(row.pseudonym, row.score) for row in boards.board(challenge, "prompt", None).rows]


def test_a_new_version_begins_with_an_empty_board(folder: Path, ada: User, bob: User) -> None:
    for user in (ada, bob):
        factories.grade(factories.submit(user), 0.9)
    challenge = raise_version(folder)
    board = boards.board(challenge, "prompt", ada)
    assert (board.version, board.rows, board.mine) == ("1.1.0", [], None)
    assert board.older == (boards.Older("1.0.0", 2),)
    factories.grade(factories.submit(ada), 0.7)
    assert shown(challenge) == [("enchantress", 0.7)]
    assert {(one.version.version, one.shown) for one in Standing.objects.filter(user=ada)} == {
        ("1.0.0", 0.9),
        ("1.1.0", 0.7),
    }


def test_what_was_passed_stays_passed(folder: Path, ada: User, ada_client: Client) -> None:
    factories.grade(factories.submit(ada), 0.9)
    challenge = raise_version(folder)
    steps = path.path_of(ada, path.catalogue.now().courses[0]).lessons[0].challenges
    assert (steps[0].state, steps[0].standing.shown if steps[0].standing else None) == (path.GOLD, 0.9)
    page = ada_client.get("/challenges/sea-or-sky/").content.decode()
    assert "under version 1.0.0" in page
    factories.grade(factories.submit(ada), 0.3)
    steps = path.path_of(ada, path.catalogue.now().courses[0]).lessons[0].challenges
    assert (steps[0].state, steps[0].standing.shown if steps[0].standing else None) == (path.GOLD, 0.3)
    assert path.has_passed(ada, challenge)


def test_the_page_says_how_many_scores_are_not_on_the_board(folder: Path, ada: User, client: Client) -> None:
    factories.grade(factories.submit(ada), 0.9)
    raise_version(folder)
    page = client.get("/leaderboards/sea-or-sky/").content.decode()
    assert '<span class="num">1</span> score of version 1.0.0 is not on this board' in page


def test_a_regrade_brings_a_score_onto_the_board(folder: Path, ada: User, grace: User) -> None:
    old = factories.submit(ada)
    factories.grade(old, 0.7)
    challenge = raise_version(folder)
    regrade = reviews.start_regrade(challenge, by=grace)
    new = regrade.items.get().new
    from gradus.submissions import services

    claimed = services.claim("grade", worker="w", profile="cpu")
    assert claimed is not None and claimed.pk == new.pk
    services.record(new.pk, claimed.fence, services.Outcome(result={}, score=0.8))
    assert shown(challenge) == []
    reviews.approve(regrade, by=grace, lower=False)
    assert shown(challenge) == [("enchantress", 0.8)]
    assert boards.board(challenge, "prompt", None).older == ()
    assert Standing.objects.get().version == challenge.version
    assert differences() == []


def test_standings_of_every_version_are_rebuilt(folder: Path, ada: User) -> None:
    factories.grade(factories.submit(ada), 0.9)
    raise_version(folder)
    factories.grade(factories.submit(ada), 0.7)
    before = sorted(Standing.objects.values_list("version", "shown", "passed"))
    Standing.objects.filter(shown=0.9).update(version=factories.challenge("ticket").version)
    assert len(differences()) == 2
    assert rebuild() == 2
    assert sorted(Standing.objects.values_list("version", "shown", "passed")) == before


def test_a_frozen_board_keeps_the_version_of_the_freeze(folder: Path, ada: User) -> None:
    """A version that is published after a contest does not take its final ranks away."""
    factories.grade(factories.submit(ada), 0.9)
    Course.objects.update(frozen_at=timezone.now())
    challenge = raise_version(folder)
    board = boards.board(challenge, "prompt", None)
    assert board.frozen and (board.version, board.older) == ("1.0.0", ())
    assert [(row.pseudonym, row.score) for row in board.rows] == [("enchantress", 0.9)]
    Course.objects.update(frozen_at=timezone.now() + timedelta(days=1))
    assert boards.board(factories.challenge("sea-or-sky"), "prompt", None).version == "1.1.0"


def test_a_ladder_starts_anew_with_a_version(folder: Path, ada: User) -> None:
    """Else the best score of other rows would be shown for these."""
    ladder = {"feedback": {"mode": "ladder", "step": 0.02}}
    raise_version(folder, "1.1.0", **ladder)
    factories.grade(factories.submit(ada), 0.9)
    raise_version(folder, "1.2.0", **ladder, gold=0.9)
    submission = factories.submit(ada)
    factories.grade(submission, 0.5)
    assert submission.current.score.shown == 0.5


def test_the_api_names_versions(folder: Path, ada: User) -> None:
    ada_api = Caller(ApiToken.issue(ada, "tests")[1])
    old = factories.submit(ada)
    factories.grade(old, 0.9)
    raise_version(folder)
    new = factories.submit(ada)
    assert ada_api.get(f"/submissions/{new.uuid}").json()["version"] is None, "it has no score yet"
    factories.grade(new, 0.7)
    assert ada_api.get(f"/submissions/{old.uuid}").json()["version"] == "1.0.0"
    assert [one["version"] for one in ada_api.get("/submissions").json()] == ["1.1.0", "1.0.0"]
    board = ada_api.get("/challenges/sea-or-sky/leaderboard").json()
    assert (board["version"], board["older"]) == ("1.1.0", [{"version": "1.0.0", "scores": 1}])
    assert board["mine"]["score"] == 0.7
    assert ada_api.get("/challenges/sea-or-sky").json()["best"] == {"prompt": 0.7}


def test_pages_name_the_version_of_a_score(folder: Path, ada: User, ada_client: Client) -> None:
    old = factories.submit(ada)
    factories.grade(old, 0.9)
    raise_version(folder)
    assert "version 1.0.0" in ada_client.get(f"/submissions/{old.uuid}/").content.decode()
    page = ada_client.get("/challenges/sea-or-sky/").content.decode()
    assert ", version 1.0.0" in page and "<dt>Version</dt><dd>1.1.0</dd>" in page


def test_gold_by_training_has_its_own_mark_and_counts_once_the_challenge_is_passed(folder: Path, ada: User) -> None:
    raise_version(folder, track_gold={"tune": 0.9})

    def state() -> str:
        return path.paths(ada)[0].lessons[0].challenges[0].state

    factories.grade(factories.submit(ada, payload=factories.LORA), 0.85)
    low = Standing.objects.get(user=ada, track="tune")
    assert (low.passed, low.gold, state()) == (True, False, path.OPEN)
    factories.grade(factories.submit(ada, payload=factories.LORA), 0.95)
    assert Standing.objects.get(user=ada, track="tune").gold
    assert state() == path.OPEN
    factories.grade(factories.submit(ada), 0.7)
    assert not Standing.objects.get(user=ada, track="prompt").gold
    assert state() == path.GOLD
