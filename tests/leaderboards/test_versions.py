"""A board holds one version, and keeps it until its scores were graded again; what was passed stays passed."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from django.test import Client
from django.utils import timezone

from challenges.reading import read_course
from gradus.accounts.models import ApiToken, StaffAction, User
from gradus.courses import board_versions as continuity
from gradus.courses.models import Challenge, Course
from gradus.courses.services import publish
from gradus.leaderboards import boards
from gradus.learn.path import steps as path
from gradus.refusal import Refused
from gradus.reviews import services as reviews
from gradus.reviews.models import Regrade
from gradus.submissions import services
from gradus.submissions.models import Standing
from gradus.submissions.results.standings import differences, rebuild
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


def begun(challenge: Challenge, by: User) -> Challenge:
    """Begins the board of the live version, as an editor."""
    continuity.begin(challenge, by=by)
    return factories.challenge(challenge.slug)


def test_learners_keep_their_board_after_a_new_version(folder: Path, ada: User, bob: User) -> None:
    for user in (ada, bob):
        factories.grade(factories.submit(user), 0.9)
    challenge = raise_version(folder)
    board = boards.board(challenge, "prompt", ada)
    assert (board.version, board.live_version, board.older) == ("1.0.0", "1.1.0", ())
    assert [row.rank for row in board.rows] == [1, 1] and board.mine and board.mine_on_live is None
    factories.grade(factories.submit(ada), 0.7)
    board = boards.board(challenge, "prompt", ada)
    assert [row.score for row in board.rows] == [0.9, 0.9]
    assert board.mine_on_live and (board.mine_on_live.score, board.mine_on_live.rank) == (0.7, 1)
    live = boards.board(challenge, "prompt", ada, version=boards.version_named(challenge, "1.1.0"))
    assert [(row.pseudonym, row.score) for row in live.rows] == [("enchantress", 0.7)]
    assert live.older == (boards.Older("1.0.0", 2),)


def test_a_third_version_leaves_the_board_of_the_first(folder: Path, ada: User, bob: User) -> None:
    factories.grade(factories.submit(ada), 0.9)
    raise_version(folder)
    factories.grade(factories.submit(bob), 0.8)
    challenge = raise_version(folder, "1.2.0")
    assert boards.board(challenge, "prompt", None).version == "1.0.0" and shown(challenge) == [("enchantress", 0.9)]


def test_a_frozen_board_never_turns_to_a_version_that_was_published_later(folder: Path, ada: User) -> None:
    Course.objects.update(frozen_at=timezone.now())
    raise_version(folder)
    factories.grade(factories.submit(ada), 0.9)
    challenge = raise_version(folder, "1.2.0")
    assert (challenge.board_version, boards.board(challenge, "prompt", None).version) == (None, "1.0.0")


def test_a_version_without_scores_leaves_no_board_behind(folder: Path, ada: User, guest: User) -> None:
    """The score of a guest has no rank, so there is no board to keep."""
    factories.grade(factories.submit(guest), 0.9)
    assert boards.board(raise_version(folder), "prompt", ada).version == "1.1.0"


def test_an_editor_begins_the_board_of_the_new_version(folder: Path, ada: User, bob: User, grace: User) -> None:
    for user in (ada, bob):
        factories.grade(factories.submit(user), 0.9)
    challenge = begun(raise_version(folder), grace)
    board = boards.board(challenge, "prompt", ada)
    assert (board.version, board.rows, board.mine) == ("1.1.0", [], None)
    assert board.older == (boards.Older("1.0.0", 2),)
    factories.grade(factories.submit(ada), 0.7)
    assert shown(challenge) == [("enchantress", 0.7)]
    assert {(one.version.version, one.shown) for one in Standing.objects.filter(user=ada)} == {
        ("1.0.0", 0.9),
        ("1.1.0", 0.7),
    }
    note = StaffAction.objects.get(what="board_begun")
    assert (note.about, note.details) == ("sea-or-sky", {"before": "1.0.0", "version": "1.1.0"})
    with pytest.raises(Refused, match="holds the live version already"):
        continuity.begin(challenge, by=grace)


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


def test_the_page_says_how_many_scores_are_not_on_the_board(
    folder: Path, ada: User, client: Client, grace: User
) -> None:
    factories.grade(factories.submit(ada), 0.9)
    begun(raise_version(folder), grace)
    page = client.get("/leaderboards/sea-or-sky/").content.decode()
    assert '<span class="num">1</span> score of version 1.0.0 is not on this board' in page


def test_the_page_of_a_board_that_waits_leads_to_the_new_scores(
    folder: Path, ada: User, ada_client: Client, grace_client: Client
) -> None:
    factories.grade(factories.submit(ada), 0.9)
    raise_version(folder)
    factories.grade(factories.submit(ada), 0.7)
    page = ada_client.get("/leaderboards/sea-or-sky/").content.decode()
    assert "Your score of 0.70 is one of version 1.1.0." in page and "Begin the leaderboard" not in page
    assert "?track=prompt&amp;version=1.1.0" in page
    page = ada_client.get("/leaderboards/sea-or-sky/?version=1.1.0").content.decode()
    assert "These are the scores of version 1.1.0 so far." in page and "?track=tune&amp;version=1.1.0" in page
    assert ada_client.get("/leaderboards/sea-or-sky/?version=0.9.0").status_code == 404
    assert ada_client.post("/leaderboards/sea-or-sky/begin/").status_code == 404
    assert "Begin the leaderboard of version 1.1.0" in grace_client.get("/leaderboards/sea-or-sky/").content.decode()
    assert grace_client.post("/leaderboards/sea-or-sky/begin/").status_code == 302
    page = ada_client.get("/leaderboards/sea-or-sky/").content.decode()
    assert "These are the scores" not in page and "0.70" in page


def graded_again(regrade: Regrade, score: float) -> None:
    """A worker grades everything in the run."""
    for _ in range(regrade.items.count()):
        claimed = services.claim("grade", worker="w", profile="cpu")
        assert claimed is not None
        services.record(claimed.pk, claimed.fence, services.Outcome(result={}, score=score))


def test_a_regrade_begins_the_board_of_the_new_version(folder: Path, ada: User, grace: User) -> None:
    old = factories.submit(ada)
    factories.grade(old, 0.7)
    challenge = raise_version(folder)
    regrade = reviews.start_regrade(challenge, by=grace)
    graded_again(regrade, 0.8)
    assert shown(challenge) == [("enchantress", 0.7)]
    reviews.approve(regrade, by=grace, lower=False)
    challenge = factories.challenge("sea-or-sky")
    assert shown(challenge) == [("enchantress", 0.8)]
    board = boards.board(challenge, "prompt", None)
    assert (board.version, board.older) == ("1.1.0", ())
    assert Standing.objects.get().version == challenge.version
    assert differences() == []


def test_a_regrade_of_some_answers_leaves_the_board(folder: Path, ada: User, bob: User, grace: User) -> None:
    some, others = factories.submit(ada), factories.submit(bob)
    for submission in (some, others):
        factories.grade(submission, 0.7)
    challenge = raise_version(folder)
    for chosen, held in ((some, "1.0.0"), (others, "1.1.0")):
        regrade = reviews.start_regrade(challenge, by=grace, submissions=[chosen])
        graded_again(regrade, 0.8)
        reviews.approve(regrade, by=grace, lower=False)
        assert boards.board(factories.challenge("sea-or-sky"), "prompt", None).version == held


def test_a_discarded_regrade_leaves_the_board(folder: Path, ada: User, grace: User) -> None:
    factories.grade(factories.submit(ada), 0.7)
    challenge = raise_version(folder)
    reviews.discard(reviews.start_regrade(challenge, by=grace), by=grace)
    assert boards.board(factories.challenge("sea-or-sky"), "prompt", None).version == "1.0.0"


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
    board = boards.board(factories.challenge("sea-or-sky"), "prompt", None)
    assert (board.version, [row.score for row in board.rows]) == ("1.0.0", [0.9]), "as after any graded change"


def test_the_freeze_keeps_the_board_that_learners_saw(folder: Path, ada: User, bob: User, grace: User) -> None:
    """Neither a regrade nor an editor gives a final board another version."""
    factories.grade(factories.submit(ada), 0.9)
    challenge = raise_version(folder)
    factories.grade(factories.submit(bob), 0.8)
    Course.objects.update(frozen_at=timezone.now())
    challenge = factories.challenge("sea-or-sky")
    board = boards.board(challenge, "prompt", bob)
    assert board.frozen and (board.version, board.mine_on_live) == ("1.0.0", None)
    assert [(row.pseudonym, row.score) for row in board.rows] == [("enchantress", 0.9)]
    with pytest.raises(Refused, match="is final"):
        continuity.begin(challenge, by=grace)
    continuity.regraded(challenge)
    assert boards.board(factories.challenge("sea-or-sky"), "prompt", None).version == "1.0.0"
    assert boards.version_named(challenge, "1.1.0") is None


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
    assert (board["version"], board["live_version"], board["older"]) == ("1.0.0", "1.1.0", [])
    assert (board["mine"]["score"], board["mine_on_live"]["score"]) == (0.9, 0.7)
    board = ada_api.get("/challenges/sea-or-sky/leaderboard?version=1.1.0").json()
    assert (board["version"], board["older"]) == ("1.1.0", [{"version": "1.0.0", "scores": 1}])
    assert (board["mine"]["score"], board["mine_on_live"]) == (0.7, None)
    assert ada_api.get("/challenges/sea-or-sky/leaderboard?version=9.9.9").status_code == 404
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
