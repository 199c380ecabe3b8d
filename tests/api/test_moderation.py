"""The calls for moderating leaderboards: who may, each act with its undo and its record, and that ranks are right."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from gradus.accounts.models import ApiToken, StaffAction, User
from gradus.accounts.roles import SEES_ANSWERS
from gradus.accounts.token_rules import LearnerData, Scope
from gradus.courses.models import Challenge, Course
from gradus.notices.models import Notice
from gradus.reviews.models import Regrade
from gradus.submissions import services
from gradus.submissions.models import Annulment, Mark, Rerun, Run, Season, Slot, Submission
from gradus.submissions.results import board_decisions as decisions
from tests import factories
from tests.api.conftest import Caller, problem
from tests.leaderboards.single_rows import oracle, ranks, work_off

BOARD = "/boards/sea-or-sky"


@pytest.fixture
def turing(sea_or_sky: Challenge) -> User:
    """Decides about grades in the course."""
    made = factories.UserFactory.create(username="turing", email="turing@example.org", pseudonym="teacher")
    factories.enrol(made, sea_or_sky.course, factories.TEACHER)
    return made


@pytest.fixture
def api(turing: User) -> Caller:
    return Caller(ApiToken.issue(turing, "tests", factories.TEACHER)[1])


@pytest.fixture
def attempts(sea_or_sky: Challenge, ada: User, bob: User) -> list[Submission]:
    """Ada's with 0.9 and 0.5, and Bob's with 0.7."""
    made = []
    for user, score in ((ada, 0.9), (bob, 0.7), (ada, 0.5)):
        made.append(factories.submit(user))
        factories.grade(made[-1], score)
        Slot.objects.all().delete()
    return made


def seen(challenge: Challenge) -> list[tuple[int | None, str]]:
    """The ranks that everybody reads, which have to be those of the oracle."""
    assert ranks(challenge) == oracle(challenge)
    return [(rank, name) for rank, name, _score in ranks(challenge)]


def entries(api: Caller, query: str = "") -> list[tuple[str, Any]]:
    found = api.get(f"{BOARD}/entries{query}").json()
    return [(one["pseudonym"], one["rank"] or one["no_rank"]) for one in found["entries"]]


def test_entries_and_how_they_came_about(
    api: Caller, attempts: list[Submission], turing: User, ada: User, bob: User
) -> None:
    of_class = factories.a_class(attempts[0].challenge.course)
    member = factories.member(of_class, ada, first_name="Ada", last_name="Byron")
    found = api.get(f"{BOARD}/entries").json()
    first, second = found["entries"]
    assert (first["entry"], first["name"], first["rank"], first["score"]) == (ada.pk, "Ada Byron", 1, 0.9)
    assert (first["attempts"], second["rank"], second["flag"]) == (2, 2, None)
    assert (found["count"], found["page"], found["pages"], found["seasons"][0]["number"]) == (2, 1, 1, 0)
    history = api.get(f"{BOARD}/entries/{ada.pk}").json()
    assert history == api.get(f"{BOARD}/entry?pseudonym=enchantress").json()
    assert [one["uuid"] for one in history["attempts"]] == [str(attempts[2].uuid), str(attempts[0].uuid)]
    assert history["classes"] == [{"id": of_class.pk, "title": of_class.title, "member": member.pk}]
    assert [one["rank"] for one in history["tracks"]] == [1]
    decisions.mark(bob, attempts[0].challenge, Mark.Kind.HIDDEN, by=turing, reason="Copied")
    assert entries(api, "?show=hidden") == [("builder", "hidden")] == entries(api, "?search=UILD")
    assert entries(api, "?show=flagged") == []
    for path in ("/entries?track=poem", "/entries/999999", f"/entries/{turing.pk}", "/entry?pseudonym=nobody"):
        assert api.get(f"{BOARD}{path}").status_code in (404, 422)
    assert api.get(f"{BOARD}/entries/{'9' * 30}").status_code == 404


def test_flag_hide_restore_and_the_answer(
    api: Caller, attempts: list[Submission], sea_or_sky: Challenge, ada: User, bob: User
) -> None:
    at = f"{BOARD}/entries/{ada.pk}/marks"
    problem(api.post(at, {"kind": "hidden", "reason": " "}), 422, "invalid")
    flag = api.post(at, {"kind": "flag", "reason": "Look again"})
    assert flag.status_code == 201 and not Notice.objects.exists()
    hiding = api.post(at, {"kind": "hidden", "reason": "Copied"}).json()
    assert (hiding["kind"], hiding["reason"], hiding["made_by"], hiding["ended_at"]) == (
        ("hidden", "Copied", "teacher", None)
    )
    problem(api.post(at, {"kind": "hidden", "reason": "Twice"}), 409, "marked_already")
    assert seen(sea_or_sky) == [(1, "builder")]
    mark = f"{BOARD}/marks/{hiding['id']}"
    problem(api.post(f"{mark}/keep"), 409, "ended_already")
    decisions.answer(Mark.objects.get(kind="hidden"), "It is mine.", by=ada)
    assert api.get(f"{BOARD}/entries?show=answered").json()["entries"][0]["hiding"]["answer"] == "It is mine."
    assert api.post(f"{mark}/keep").json()["read_at"]
    assert api.post(f"{mark}/end", {"reason": "It was"}).json()["ended_by"] == "teacher"
    problem(api.post(f"{mark}/end", {}), 409, "ended_already")
    assert seen(sea_or_sky) == [(1, "enchantress"), (2, "builder")]
    assert api.post(f"{BOARD}/marks/{flag.json()['id']}/end", {}).json()["ended_at"]
    noted = StaffAction.objects.filter(via="api").order_by("pk").values_list("what", "details__reason")
    assert list(noted) == [
        ("entry_flagged", "Look again"),
        ("entry_hidden", "Copied"),
        ("answer_read", None),
        ("entry_restored", "It was"),
        ("flag_cleared", ""),
    ]


def test_annul_and_let_count(api: Caller, attempts: list[Submission], sea_or_sky: Challenge, ada: User) -> None:
    at = f"{BOARD}/attempts/{attempts[0].uuid}"
    problem(api.post(f"{at}/annul", {"reason": ""}), 422, "invalid")
    made = api.post(f"{at}/annul", {"reason": "Copied"}).json()
    assert made["annulled"] and made["annulments"][0]["reason"] == "Copied"
    problem(api.post(f"{at}/annul", {"reason": "Twice"}), 409, "annulled_already")
    assert seen(sea_or_sky) == [(1, "builder"), (2, "enchantress")]
    assert entries(api, "?show=annulled") == [("enchantress", 2)]
    given = {"annulment": made["annulments"][0]["id"]}
    assert not api.post(f"{at}/count", given).json()["annulled"]
    problem(api.post(f"{at}/count", given), 409, "ended_already")
    assert seen(sea_or_sky) == [(1, "enchantress"), (2, "builder")]
    problem(api.post(f"{BOARD}/attempts/{attempts[1].uuid}/count", given), 404, "not_found")
    assert Annulment.objects.count() == 1 == StaffAction.objects.filter(what="annulment_ended", via="api").count()


def test_a_season_begins_once(api: Caller, attempts: list[Submission], sea_or_sky: Challenge) -> None:
    problem(api.post(f"{BOARD}/seasons", {"title": "Spring"}), 422, "bad_payload")
    problem(api.post(f"{BOARD}/seasons", {"title": " ", "ends": 0}), 422, "invalid")
    made = api.post(f"{BOARD}/seasons", {"title": "Spring", "ends": 0})
    assert made.status_code == 201 and (made.json()["number"], made.json()["ended_at"]) == (1, None)
    problem(api.post(f"{BOARD}/seasons", {"title": "Spring", "ends": 0}), 409, "changed_meanwhile")
    assert Season.objects.count() == 1 and seen(sea_or_sky) == []


def test_when_the_leaderboards_close(
    api: Caller, attempts: list[Submission], sea_or_sky: Challenge, turing: User
) -> None:
    looks = Caller(ApiToken.issue(turing, "tests", SEES_ANSWERS)[1])
    problem(looks.put(f"{BOARD}/dates", {}), 403, "missing_scope")
    assert looks.get(f"{BOARD}/dates").json() == {"frozen_at": None, "reveal_at": None}
    dates = {"frozen_at": "2020-01-01T12:00", "reveal_at": "2020-01-02T12:00:00+02:00"}
    refused = problem(api.put(f"{BOARD}/dates", dates | {"frozen_at": None}), 422, "invalid")
    assert [one["field"] for one in refused["problems"]] == ["reveal_at"]
    problem(api.put(f"{BOARD}/dates", dates | {"frozen_at": "9999-01-01"}), 422, "range")
    set_to = {"frozen_at": "2020-01-01T12:00:00Z", "reveal_at": "2020-01-02T10:00:00Z"}
    assert api.put(f"{BOARD}/dates", dates).json() == set_to == looks.get(f"{BOARD}/dates").json()
    fresh = Challenge.objects.get(pk=sea_or_sky.pk)
    assert ranks(fresh) == [] and looks.get(f"{BOARD}/entries").json()["frozen"]
    noted = StaffAction.objects.get(what="course_changed", via="api")
    assert noted.details == set_to
    assert api.put(f"{BOARD}/dates", dict.fromkeys(dates)).json() == dict.fromkeys(dates)
    assert seen(sea_or_sky) == [(1, "enchantress"), (2, "builder")]


def test_verify_by_running_again(api: Caller, attempts: list[Submission], sea_or_sky: Challenge) -> None:
    at, before = f"{BOARD}/attempts/{attempts[0].uuid}", seen(sea_or_sky)
    problem(api.post(f"{at}/reruns", {"others": 4}), 422, "bad_payload")
    problem(api.post(f"{at}/reruns", {"others": 1}), 422, "invalid")
    (open_one,) = api.post(f"{at}/reruns", {}).json()["reruns"]
    assert (open_one["score"], open_one["before"], open_one["finished_at"]) == (None, 0.9, None)
    problem(api.post(f"{at}/reruns", {}), 409, "open")
    claimed = services.claim(Run.objects.get(purpose="again").current.lane, worker="worker-2", profile="cpu/float32/2")
    assert claimed is not None
    services.record(claimed.pk, claimed.fence, services.Outcome(result={}, score=0.4))
    (ended,) = api.get(at).json()["reruns"]
    assert (ended["score"], ended["differs"], ended["engine"]) == (0.4, True, "cpu/float32/2")
    assert seen(sea_or_sky) == before and not Notice.objects.exists()


def test_regrade_of_one_learner(api: Caller, attempts: list[Submission], sea_or_sky: Challenge, ada: User) -> None:
    at = f"{BOARD}/entries/{ada.pk}/regrades"
    problem(api.post(at, {"reason": ""}), 422, "invalid")
    for wrong in (attempts[1].uuid, uuid.uuid4()):
        given = {"reason": "Again", "attempts": [str(wrong), str(attempts[0].uuid)]}
        problem(api.post(at, given), 422, "no_such_attempt")
    made = api.post(at, {"reason": "Again", "attempts": [str(attempts[0].uuid)]}).json()
    assert (made["entry"], made["learner"], made["note"], made["waiting"]) == (ada.pk, "enchantress", "Again", 1)
    problem(api.post(at, {"reason": "Again"}), 409, "open_regrade")
    work_off(0.2)
    assert seen(sea_or_sky)[0] == (1, "enchantress")
    assert api.post(f"/regrades/{made['id']}/approve", {"lower": True}).json() == {"done": {"adopted": 1}}
    assert seen(sea_or_sky) == [(1, "builder"), (2, "enchantress")]
    assert api.get("/regrades").json()[0]["entry"] == ada.pk


def acts(attempt: Submission, about: User, mark: Mark) -> list[tuple[str, dict[str, Any]]]:
    entry, at = f"{BOARD}/entries/{about.pk}", f"{BOARD}/attempts/{attempt.uuid}"
    return [
        (f"{entry}/marks", {"kind": "flag", "reason": "x"}),
        (f"{entry}/regrades", {"reason": "x"}),
        (f"{BOARD}/marks/{mark.pk}/end", {}),
        (f"{BOARD}/marks/{mark.pk}/keep", {}),
        (f"{at}/annul", {"reason": "x"}),
        (f"{at}/reruns", {}),
    ]


def test_who_may(api: Caller, attempts: list[Submission], sea_or_sky: Challenge, ada: User, turing: User) -> None:
    mark = decisions.mark(ada, sea_or_sky, Mark.Kind.HIDDEN, by=turing, reason="Copied")
    calls = [*acts(attempts[0], ada, mark), (f"{BOARD}/seasons", {"title": "x", "ends": 0})]
    tess = factories.UserFactory.create()
    factories.enrol(tess, sea_or_sky.course, Scope(learner_data=LearnerData.VIEWER))
    elsewhere = factories.UserFactory.create()
    factories.enrol(elsewhere, Course.objects.create(slug="other", title="Other"), factories.TEACHER)
    looks = Caller(ApiToken.issue(tess, "tests", SEES_ANSWERS)[1])
    refusals = [
        (Caller(ApiToken.issue(ada, "tests")[1]), 404, "not_found"),
        (Caller(ApiToken.issue(elsewhere, "tests", factories.TEACHER)[1]), 404, "not_found"),
        (Caller(ApiToken.issue(turing, "tests", SEES_ANSWERS)[1]), 403, "missing_scope"),
        (Caller(None), 401, "unauthenticated"),
    ]
    for caller, status, code in refusals:
        for path, given in calls:
            problem(caller.post(path, given), status, code)
    for path in ("/entries", f"/entries/{ada.pk}", "/entry?pseudonym=enchantress", f"/attempts/{attempts[0].uuid}"):
        assert looks.get(f"{BOARD}{path}").status_code == 200
        problem(refusals[0][0].get(f"{BOARD}{path}"), 404, "not_found")
    problem(looks.post(f"{BOARD}/seasons", {"title": "x", "ends": 0}), 404, "not_found")
    assert (Mark.objects.count(), Annulment.objects.count(), Regrade.objects.count(), Rerun.objects.count()) == (
        (1, 0, 0, 0)
    )


def test_nobody_decides_about_the_own_entry_or_reads_its_flags(
    api: Caller, attempts: list[Submission], sea_or_sky: Challenge, turing: User, grace: User
) -> None:
    own = factories.submit(turing)
    factories.grade(own, 0.6)
    flag = decisions.mark(turing, sea_or_sky, Mark.Kind.FLAG, by=grace, reason="Look again")
    hiding = decisions.mark(turing, sea_or_sky, Mark.Kind.HIDDEN, by=grace, reason="Copied")
    for path, given in acts(own, turing, hiding):
        problem(api.post(path, given), 409, "own_entry")
    problem(api.post(f"{BOARD}/marks/{flag.pk}/end", {}), 404, "not_found")
    Rerun.objects.create(submission=own, seed=1, own_seed=True, before=0.6, step=0.01, asked_by=grace)
    for path in ("/entries", f"/entries/{turing.pk}", f"/attempts/{own.uuid}"):
        text = api.get(f"{BOARD}{path}").content.decode()
        assert "Look again" not in text and '"seed"' not in text
