"""`gradus board` by function calls: the site answers within the process, without a server."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.test import Client

from gradus.accounts.models import ApiToken, User
from gradus.courses.models import Challenge
from gradus.reviews.models import Regrade
from gradus.submissions.models import Annulment, Mark, Rerun, Season, Slot, Submission
from gradus.submissions.results import board_decisions as decisions
from tests import factories
from tests.cli.conftest import Gradus
from tests.leaderboards.single_rows import oracle, ranks, work_off

pytestmark = pytest.mark.django_db
BOTH = [(1, "enchantress"), (2, "builder")]
# Each command that can print JSON, with a key of what it prints, in an order in which all of them are done.
JSON_CALLS: dict[str, tuple[list[str], str]] = {
    "board entries": (["sea-or-sky"], "entries"),
    "board show": (["sea-or-sky", "enchantress"], "attempts"),
    "board flag": (["sea-or-sky", "enchantress", "--reason", "x"], "id"),
    "board verify": (["sea-or-sky", "{attempt}"], "reruns"),
    "board regrade": (["sea-or-sky", "enchantress", "--reason", "x", "--no-wait"], "changes"),
    "board annul": (["sea-or-sky", "{attempt}", "--reason", "x"], "annulments"),
    "board hide": (["sea-or-sky", "builder", "--reason", "x"], "id"),
    "board keep": (["sea-or-sky", "builder"], "read_at"),
    "board restore": (["sea-or-sky", "builder"], "ended_at"),
    "board season": (["sea-or-sky", "Spring", "--ends", "0"], "seasons"),
    "board dates": (["sea-or-sky", "--close", "2030-02-01T23:59"], "frozen_at"),
}


def answer(request: httpx.Request) -> httpx.Response:
    """Gives a request of the command line to the site, as tests of pages do."""
    sent = {"content_type": "application/json", "headers": {"Authorization": request.headers["Authorization"]}}
    found = Client().generic(request.method, request.url.raw_path.decode(), request.content, **sent)
    return httpx.Response(found.status_code, headers=dict(found.headers), content=found.content)


@pytest.fixture
def turing(sea_or_sky: Challenge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> User:
    """Decides about grades in the course, and has the token of the command line."""
    made = factories.UserFactory.create(username="turing", email="turing@example.org", pseudonym="teacher")
    factories.enrol(made, sea_or_sky.course, factories.TEACHER)
    monkeypatch.setattr(httpx, "Client", partial(httpx.Client, transport=httpx.MockTransport(answer)))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("GRADUS_URL", "http://localhost")
    monkeypatch.setenv("GRADUS_TOKEN", ApiToken.issue(made, "tests", factories.TEACHER)[1])
    return made


@pytest.fixture
def attempts(turing: User, ada: User, bob: User) -> list[Submission]:
    made = []
    for user, score in ((ada, 0.9), (bob, 0.7)):
        made.append(factories.submit(user))
        factories.grade(made[-1], score)
    return made


def seen(challenge: Challenge) -> list[tuple[int | None, str]]:
    assert ranks(challenge) == oracle(challenge)
    return [(rank, name) for rank, name, _score in ranks(challenge)]


def test_entries_are_listed_and_shown(gradus: Gradus, attempts: list[Submission], ada: User) -> None:
    shown = gradus("board", "entries", "sea-or-sky")
    assert shown.exit_code == 0, shown.output
    lines = [line.split() for line in shown.output.splitlines()]
    assert [line[1:] for line in lines[2:]] == [["enchantress", "1", "1", "0.90"], ["builder", "1", "2", "0.70"]]
    for who in ("enchantress", str(ada.pk)):
        found = gradus("board", "show", "sea-or-sky", who)
        assert found.exit_code == 0 and str(attempts[0].uuid) in found.output
    assert gradus("board", "show", "sea-or-sky", "nobody").exit_code == 1
    assert gradus("board", "entries", "sea-or-sky", "--show", "hidden").output.count("\n") == 2


def test_each_act_and_its_undo(
    gradus: Gradus, attempts: list[Submission], sea_or_sky: Challenge, ada: User, turing: User
) -> None:
    def done(*words: str) -> str:
        found = gradus("board", words[0], "sea-or-sky", *words[1:])
        assert found.exit_code == 0, found.output
        return found.output

    def refused(*words: str) -> str:
        found = gradus("board", words[0], "sea-or-sky", *words[1:])
        assert found.exit_code == 1, found.output
        return found.output

    done("flag", "enchantress", "--reason", "Look again")
    assert "already" in refused("flag", "enchantress", "--reason", "Look again")
    done("flag", "enchantress", "--clear")
    assert "not flagged" in refused("flag", "enchantress", "--clear")
    assert not Mark.objects.standing().exists()
    done("hide", "enchantress", "--reason", "Copied")
    assert seen(sea_or_sky) == [(1, "builder")]
    decisions.answer(Mark.objects.hidings().get(), "It is mine.", by=ada)
    assert "the answer waits" in done("entries", "--show", "answered")
    done("keep", "enchantress")
    done("restore", "enchantress", "--reason", "It was")
    assert "not hidden" in refused("restore", "enchantress")
    assert seen(sea_or_sky) == BOTH
    uuid = str(attempts[0].uuid)
    assert "Write why" in refused("annul", uuid)
    done("annul", uuid, "--reason", "Copied")
    assert seen(sea_or_sky) == [(1, "builder")]
    done("annul", uuid, "--undo")
    assert "not annulled" in refused("annul", uuid, "--undo")
    assert seen(sea_or_sky) == BOTH
    assert "waits or runs" in done("verify", uuid)
    assert "waits or runs" in done("verify", uuid, "--results") and Rerun.objects.count() == 1


def test_a_season_is_begun_once_and_earlier_ones_can_be_read(
    gradus: Gradus, attempts: list[Submission], sea_or_sky: Challenge
) -> None:
    assert gradus("board", "season", "sea-or-sky", "Spring").exit_code == 2
    begun = gradus("board", "season", "sea-or-sky", "Spring", "--ends", "0")
    assert begun.exit_code == 0 and "Spring" in begun.output
    assert gradus("board", "season", "sea-or-sky", "Spring", "--ends", "0").exit_code == 1
    assert Season.objects.count() == 1 and "runs" in gradus("board", "season", "sea-or-sky").output
    now = gradus("leaderboard", "sea-or-sky")
    assert "season 1 (Spring): 0 ranked" in " ".join(now.output.split()) and "enchantress" not in now.output
    past = gradus("leaderboard", "sea-or-sky", "--season", "0")
    assert "season 0: 2 ranked" in " ".join(past.output.split()) and "enchantress" in past.output
    assert gradus("leaderboard", "sea-or-sky", "--season", "2").exit_code == 1


def test_dates_are_set_one_by_one(gradus: Gradus, sea_or_sky: Challenge, turing: User) -> None:
    def said(*given: str) -> list[str]:
        done = gradus("board", "dates", "sea-or-sky", *given)
        assert done.exit_code == 0, done.output
        return str(done.output).splitlines()

    assert said() == ["Leaderboards close: never"]
    assert "as soon as they have closed" in said("--close", "2030-02-01T23:59")[1]
    assert "2030-02-08" in said("--reveal", "2030-02-08")[1] and "2030-02-01T23:59" in said()[0]
    early = gradus("board", "dates", "sea-or-sky", "--reveal", "2030-01-01")
    assert early.exit_code == 1 and "after the leaderboards have closed" in early.output
    assert said("--close", "never", "--reveal", "never") == ["Leaderboards close: never"]


def test_a_regrade_is_started_approved_and_discarded(
    gradus: Gradus, attempts: list[Submission], sea_or_sky: Challenge, ada: User
) -> None:
    words = ("board", "regrade", "sea-or-sky")
    begun = gradus(*words, "enchantress", "--reason", "Again", "--attempt", str(attempts[0].uuid), "--no-wait")
    assert begun.exit_code == 0 and "only attempts of enchantress" in begun.output and "1 waiting" in begun.output
    assert gradus(*words, "builder", "--approve").exit_code == 1
    assert gradus(*words, "enchantress", "--approve", "--discard").exit_code == 2
    work_off(0.2)
    assert seen(sea_or_sky) == BOTH
    assert "only attempts of enchantress" in gradus("challenge", "rejudge", "sea-or-sky", "--dry-run").output
    assert "adopted" in gradus(*words, "enchantress", "--approve", "--lower").output
    assert seen(sea_or_sky) == [(1, "builder"), (2, "enchantress")]
    gradus(*words, str(ada.pk), "--reason", "Again", "--no-wait")
    assert "No grade has changed" in gradus(*words, "enchantress", "--discard").output
    assert [one.outcome for one in Regrade.objects.all()] == ["discarded", "approved"]


def test_json_is_alone_on_standard_output(gradus: Gradus, attempts: list[Submission], bob: User) -> None:
    for name, (words, key) in JSON_CALLS.items():
        if name == "board keep":
            decisions.answer(Mark.objects.hidings().get(), "It is mine.", by=bob)
        given = [word.format(attempt=attempts[0].uuid) for word in words]
        found: Any = gradus(*name.split(), *given, "--json")
        assert key in json.loads(found.stdout), found.output
    assert Annulment.objects.count() == 1 and not Slot.objects.filter(user=None).exists()
