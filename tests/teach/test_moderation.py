"""Leaderboard moderation: who sees it, what it shows, each act with its undo, and two people at once."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from gradus.accounts.models import StaffAction, User
from gradus.accounts.token_rules import LearnerData, Scope
from gradus.courses.models import Challenge, Course
from gradus.notices.models import Notice
from gradus.submissions.models import Annulment, Mark, Submission
from gradus.submissions.results import board_decisions as services
from gradus.submissions.services import start_run
from tests import factories
from tests.conftest import logged_in

BOARD = "/teach/boards/sea-or-sky/"


@pytest.fixture
def turing(sea_or_sky: Challenge) -> User:
    """Decides about grades in the course."""
    made = factories.UserFactory.create(username="turing", email="turing@example.org", pseudonym="teacher")
    factories.enrol(made, sea_or_sky.course, factories.TEACHER)
    return made


@pytest.fixture
def tess(sea_or_sky: Challenge) -> User:
    """Assists in the course: sees answers, and decides nothing."""
    made = factories.UserFactory.create(username="tess", email="tess@example.org", pseudonym="tutor")
    factories.enrol(made, sea_or_sky.course, Scope(learner_data=LearnerData.VIEWER))
    return made


@pytest.fixture
def attempts(sea_or_sky: Challenge, ada: User, bob: User) -> list[Submission]:
    made = []
    for user, score in ((ada, 0.9), (bob, 0.7)):
        start_run(user, sea_or_sky.version, factories.PROMPT)
        made.append(factories.submit(user))
        factories.grade(made[-1], score)
    return made


def at(user: User) -> str:
    return f"{BOARD}{user.pk}/"


def act(by: User, about: User, action: str, **given: Any) -> HttpResponse:
    return logged_in(by).post(at(about), {"action": action, **given})


def said(response: HttpResponse) -> list[str]:
    """The messages that the page after an act shows."""
    return [str(one) for one in response.wsgi_request._messages]


def ranks(client: Client | None = None) -> dict[str, int]:
    rows = (client or Client()).get("/api/v1/challenges/sea-or-sky/leaderboard").json()["rows"]
    return {row["pseudonym"]: row["rank"] for row in rows}


def test_others_do_not_learn_of_the_desk(sea_or_sky: Challenge, attempts: list[Submission], ada: User) -> None:
    for path in ("/teach/boards/", BOARD, at(ada)):
        assert logged_in(ada).get(path).status_code == 404
        assert Client().get(path).status_code == 302
    assert act(ada, ada, "hide", reason="x").status_code == 404
    assert not Mark.objects.exists()


def test_who_reads_content_only_is_told_what_is_missing(sea_or_sky: Challenge, ada: User, bob: User) -> None:
    factories.enrol(bob, sea_or_sky.course, Scope("viewer"))
    assert logged_in(bob).get("/teach/boards/").status_code == 200
    assert "sea-or-sky" not in logged_in(bob).get("/teach/boards/").content.decode()
    assert logged_in(bob).get(BOARD).status_code == 403


def test_an_assistant_looks_and_does_not_act(attempts: list[Submission], tess: User, ada: User) -> None:
    client = logged_in(tess)
    assert "enchantress" in client.get(BOARD).content.decode()
    page = client.get(at(ada)).content.decode()
    assert "What was handed in" in page and 'name="action"' not in page
    mark = {"action": "hide", "reason": "x"}
    for given in (mark, {"action": "flag", "reason": "x"}, {"action": "annul", "attempt": attempts[0].pk}):
        assert client.post(at(ada), given).status_code == 403
    assert not Mark.objects.exists() and not Annulment.objects.exists()


def test_the_list_counts_what_waits(attempts: list[Submission], turing: User, ada: User) -> None:
    assert "/teach/boards/" in logged_in(turing).get("/teach/").content.decode()
    act(turing, ada, "hide", reason="Copied")
    act(turing, ada, "flag", reason="Look again")
    logged_in(ada).post("/leaderboards/sea-or-sky/hidden/", {"answer": "It is mine."})
    ((_course, lines),) = logged_in(turing).get("/teach/boards/").context["courses"]
    first = lines[0]
    assert (first.challenge.slug, first.entries, first.flagged, first.hidden, first.answers) == (
        ("sea-or-sky", 2, 1, 1, 1)
    )


def test_the_board_shows_how_entries_came_about(attempts: list[Submission], turing: User, ada: User) -> None:
    factories.member(factories.a_class(attempts[0].challenge.course), ada, first_name="Ada", last_name="Byron")
    first, second = logged_in(turing).get(BOARD).context["entries"]
    assert (first.place.rank, first.user, first.name) == (1, ada, "Ada Byron")
    assert (first.standing.shown, first.attempts, first.trials, first.approach) == (0.9, 1, 1, "Few-shot")
    assert first.first == first.last == attempts[0].created_at
    assert (second.place.rank, second.name) == (2, "")


def test_an_entry_leads_to_more_attempts_for_its_learner(attempts: list[Submission], turing: User, ada: User) -> None:
    challenge = attempts[0].challenge
    member = factories.member(factories.a_class(challenge.course), ada, first_name="Ada", last_name="Byron")
    client = logged_in(turing)
    (link,) = re.findall(
        r'href="(/teach/classes/[^"]+more=attempts)#grant-title"', client.get(at(ada)).content.decode()
    )
    found = client.get(html.unescape(link))
    form = found.context["grant"]
    assert (form["members"].value(), form["place"].value()) == ([member.pk], f"challenge-{challenge.pk}")
    assert found.context["wants_attempts"]


def test_the_board_is_filtered_and_searched(attempts: list[Submission], turing: User, ada: User, bob: User) -> None:
    act(turing, ada, "hide", reason="Copied")
    act(turing, bob, "flag", reason="Look again")
    act(turing, bob, "annul", reason="Not his", attempt=attempts[1].pk)

    def listed(query: str) -> list[str]:
        return [one.user.pseudonym for one in logged_in(turing).get(f"{BOARD}{query}").context["entries"]]

    assert listed("") == ["enchantress"]
    assert listed("?show=hidden") == ["enchantress"] == listed("?search=chant")
    assert listed("?show=flagged") == ["builder"] == listed("?show=annulled")
    assert listed("?show=answered") == [] == listed("?search=nobody")
    assert listed("?show=hidden&search=build") == []
    assert listed("?show=nonsense&page=x") == ["enchantress"]
    assert logged_in(turing).get(f"{BOARD}?track=nonsense").status_code == 404
    logged_in(ada).post("/leaderboards/sea-or-sky/hidden/", {"answer": "It is mine."})
    assert listed("?show=answered") == ["enchantress"]


def test_an_entry_shows_attempts_runs_and_decisions(attempts: list[Submission], turing: User, ada: User) -> None:
    of_class = factories.a_class(attempts[0].challenge.course)
    member = factories.member(of_class, ada)
    services.mark(ada, attempts[0].challenge, Mark.Kind.FLAG, by=turing, reason="Look again")
    page = logged_in(turing).get(at(ada)).content.decode()
    assert "a gull over the bay" in page and "Look again" in page
    assert f"/teach/classes/{of_class.pk}/grades/{member.pk}/sea-or-sky/" in page
    assert logged_in(turing).get(at(turing)).status_code == 404


def test_hide_and_restore(attempts: list[Submission], turing: User, ada: User) -> None:
    answer = act(turing, ada, "hide", reason="Copied")
    assert answer.status_code == 302 and answer["Location"] == at(ada)
    assert ranks() == {"builder": 1}
    mark = Mark.objects.get()
    assert (mark.kind, mark.reason, mark.made_by) == ("hidden", "Copied", turing)
    assert act(turing, ada, "end", mark=mark.pk).status_code == 302
    assert ranks() == {"enchantress": 1, "builder": 2}
    whats = StaffAction.objects.filter(user_id=turing.pk, via="page").values_list("what", flat=True)
    assert list(whats) == ["entry_restored", "entry_hidden"]
    assert list(Notice.objects.filter(user=ada).values_list("kind", flat=True)) == ["restored", "hidden"]


def test_flag_and_clear(attempts: list[Submission], turing: User, ada: User) -> None:
    act(turing, ada, "flag", reason="Look again")
    assert ranks() == {"enchantress": 1, "builder": 2}
    act(turing, ada, "end", mark=Mark.objects.get().pk)
    assert not Mark.objects.standing().exists()
    assert not Notice.objects.filter(user=ada).exists()


def test_annul_and_let_count(attempts: list[Submission], turing: User, ada: User) -> None:
    act(turing, ada, "annul", reason="Handed in by another", attempt=attempts[0].pk)
    assert ranks() == {"builder": 1}
    annulment = Annulment.objects.get()
    act(turing, ada, "count", annulment=annulment.pk)
    assert ranks() == {"enchantress": 1, "builder": 2}
    assert list(Notice.objects.filter(user=ada).values_list("kind", flat=True)) == ["counts", "annulled"]


@pytest.mark.parametrize("action", ["flag", "hide", "annul"])
@pytest.mark.parametrize("reason", ["", "  ", "x" * 501, "a\x00b"])
def test_a_reason_is_asked_for_beside_its_field(
    attempts: list[Submission], turing: User, ada: User, action: str, reason: str
) -> None:
    answer = act(turing, ada, action, reason=reason, attempt=attempts[0].pk)
    assert answer.status_code in {400, 422}
    if answer.status_code == 422:
        assert 'class="field-error"' in answer.content.decode()
    assert not Mark.objects.exists() and not Annulment.objects.exists()


def test_the_second_of_two_reads_that_nothing_changed(attempts: list[Submission], turing: User, ada: User) -> None:
    act(turing, ada, "hide", reason="First")
    assert "already" in said(act(turing, ada, "hide", reason="Second"))[0]
    mark = Mark.objects.get()
    assert mark.reason == "First"
    act(turing, ada, "end", mark=mark.pk)
    assert "already" in said(act(turing, ada, "end", mark=mark.pk))[0]
    act(turing, ada, "annul", reason="First", attempt=attempts[0].pk)
    assert "already" in said(act(turing, ada, "annul", reason="Second", attempt=attempts[0].pk))[0]
    annulment = Annulment.objects.get().pk
    act(turing, ada, "count", annulment=annulment)
    assert "already" in said(act(turing, ada, "count", annulment=annulment))[0]
    act(turing, ada, "hide", reason="Third")
    third = Mark.objects.hidings().get()
    act(turing, ada, "end", mark=mark.pk)
    assert Mark.objects.hidings().get() == third


@pytest.mark.parametrize(
    ("action", "given"), [("end", {"mark": "x"}), ("annul", {"attempt": 10**30}), ("count", {}), ("other", {})]
)
def test_what_is_not_there_is_not_found(
    attempts: list[Submission], turing: User, ada: User, action: str, given: dict[str, Any]
) -> None:
    assert act(turing, ada, action, reason="x", **given).status_code == 404


def test_acts_concern_this_learner_and_this_challenge(attempts: list[Submission], turing: User, ada: User, bob) -> None:
    assert act(turing, ada, "annul", reason="x", attempt=attempts[1].pk).status_code == 404
    mark = services.mark(bob, attempts[1].challenge, Mark.Kind.HIDDEN, by=turing, reason="x")
    assert act(turing, ada, "end", mark=mark.pk).status_code == 404
    assert Mark.objects.hidings().exists()


def test_nobody_decides_about_the_own_entry_or_reads_own_flags(attempts: list[Submission], turing: User, grace) -> None:
    own = factories.submit(turing)
    factories.grade(own, 0.95)
    services.mark(turing, own.challenge, Mark.Kind.FLAG, by=grace, reason="Knows the author")
    page = logged_in(turing).get(at(turing)).content.decode()
    assert "Knows the author" not in page and 'name="action"' not in page
    assert "Knows the author" in logged_in(grace).get(at(turing)).content.decode()
    assert logged_in(turing).get(f"{BOARD}?show=flagged").context["entries"] == []
    for given in ({"action": "annul", "attempt": own.pk}, {"action": "end", "mark": Mark.objects.get().pk}):
        answer = logged_in(turing).post(at(turing), {"reason": "x", **given})
        assert "Somebody else" in said(answer)[0]
    assert Mark.objects.standing().exists() and not Annulment.objects.exists()


def test_guests_and_provisional_scores_are_listed_without_a_rank(
    attempts: list[Submission], turing: User, guest: User
) -> None:
    factories.grade(factories.submit(guest), 0.99)
    first = logged_in(turing).get(BOARD).context["entries"][0]
    assert (first.user, first.place, first.no_rank) == (guest, None, "guest")


def test_the_desk_says_when_leaderboards_close(turing: User, tess: User, sea_or_sky: Challenge) -> None:
    """In the zone of the course; a mistake is shown beside its field, and nothing is lost."""
    Course.objects.update(timezone="Europe/Vienna")
    dates = {"action": "dates", "frozen_at": "2030-02-01T23:59", "reveal_at": "2030-01-01T00:00"}
    assert logged_in(tess).post(BOARD, dates).status_code == 403
    early = logged_in(turing).post(BOARD, dates)
    form = early.context["dates_form"]
    assert early.status_code == 422 and form.errors["reveal_at"] == [
        "Ranks are revealed after the leaderboards have closed."
    ]
    assert 'value="2030-01-01T00:00"' in early.content.decode()
    assert logged_in(turing).post(BOARD, dates | {"frozen_at": "soon"}).context["dates_form"].errors["frozen_at"]
    done = logged_in(turing).post(BOARD, dates | {"reveal_at": ""}, follow=True)
    assert "close on 1 Feb 2030, 23:59 (Europe/Vienna)." in " ".join(done.content.decode().split())
    assert Course.objects.get().frozen_at.isoformat() == "2030-02-01T22:59:00+00:00"  # type: ignore[union-attr]
    assert StaffAction.objects.get(what="course_changed").user_id == turing.pk
    logged_in(turing).post(BOARD, {"action": "dates", "frozen_at": "", "reveal_at": ""})
    assert Course.objects.get().frozen_at is None


def test_the_desk_lists_an_earlier_season(attempts: list[Submission], turing: User, sea_or_sky: Challenge) -> None:
    client = logged_in(turing)
    before = [one.user for one in client.get(BOARD).context["entries"]]
    services.begin_season(sea_or_sky, "Summer", by=turing)
    now = client.get(BOARD)
    assert now.context["entries"] == [] and "Entries of other seasons are listed by season." in now.content.decode()
    past = client.get(BOARD, {"season": "0"})
    assert [one.user for one in past.context["entries"]] == before
    assert all(one.place for one in past.context["entries"])
    assert client.get(BOARD, {"season": "2"}).status_code == 404


def test_the_desk_asks_as_much_however_many_entries_it_lists(
    attempts: list[Submission], turing: User, django_assert_num_queries: Any
) -> None:
    client = logged_in(turing)
    client.get(BOARD)
    with django_assert_num_queries(QUERIES):
        client.get(BOARD)
    for number in range(12):
        factories.grade(factories.submit(factories.UserFactory.create()), 0.1 + number / 20)
    with django_assert_num_queries(QUERIES):
        assert len(client.get(BOARD).context["entries"]) == 14


# Those of the session, the account and the head of the page are among them.
QUERIES = 21
