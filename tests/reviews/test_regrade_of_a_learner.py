"""A shadow run of one learner's attempts: what it takes, what it leaves out, and what stays hidden and annulled."""

from __future__ import annotations

import pytest
from django.http import Http404

from gradus.accounts.models import StaffAction, User
from gradus.accounts.token_rules import LearnerData, Scope
from gradus.accounts.triggers import ERASED
from gradus.courses.models import Challenge
from gradus.refusal import Refused
from gradus.reviews import services
from gradus.reviews.models import Regrade
from gradus.submissions import services as submissions
from gradus.submissions.models import Mark, Slot, Submission
from gradus.submissions.results import board_decisions
from gradus.submissions.results.standings import differences
from tests import factories
from tests.conftest import logged_in
from tests.deleted import delete
from tests.leaderboards.single_rows import oracle, ranks, work_off
from tests.reviews import cases
from tests.reviews.cases import ALL_MET, NONE_MET


@pytest.fixture
def teacher(sea_or_sky: Challenge) -> User:
    made = factories.UserFactory.create()
    factories.enrol(made, sea_or_sky.course, factories.TEACHER)
    return made


def graded(user: User, score: float) -> Submission:
    Slot.objects.all().delete()
    made = factories.submit(user)
    factories.grade(made, score)
    return made


def test_only_the_attempts_of_one_learner_are_graded_again(
    sea_or_sky: Challenge, ada: User, bob: User, teacher: User
) -> None:
    own = [graded(ada, 0.5), graded(ada, 0.7)]
    graded(bob, 0.6)
    regrade = services.regrade_learner(ada, sea_or_sky, by=teacher, reason="  A worker was\nwrong ")
    assert {item.new.submission for item in regrade.items.all()} == set(own)
    assert (regrade.learner, regrade.note, regrade.left_out) == (ada, "A worker was wrong", {})
    noted = StaffAction.objects.get(what="regrade_started")
    assert (noted.details["user"], noted.details["pseudonym"]) == (ada.pk, ada.pseudonym)
    for _ in own:
        work_off(0.3)
    assert ranks(sea_or_sky) == [(1, "enchantress", 0.7), (2, "builder", 0.6)]
    assert services.approve(regrade, by=teacher, lower=True) == {"adopted": 2}
    assert ranks(sea_or_sky) == oracle(sea_or_sky) == [(1, "builder", 0.6), (2, "enchantress", 0.3)]
    assert not differences()
    assert delete(ada)
    regrade.refresh_from_db()
    noted.refresh_from_db()
    assert (regrade.note, noted.details["note"]) == ("", ERASED)


def test_one_attempt_is_chosen(sea_or_sky: Challenge, ada: User, bob: User, teacher: User) -> None:
    first, _second, others = graded(ada, 0.5), graded(ada, 0.7), graded(bob, 0.6)
    given = {"by": teacher, "reason": "Look"}
    with pytest.raises(Refused, match="No attempt of this learner"):
        services.regrade_learner(ada, sea_or_sky, submissions=[others], **given)
    regrade = services.regrade_learner(ada, sea_or_sky, submissions=[first, others], **given)
    assert [item.new.submission for item in regrade.items.all()] == [first]


def test_what_is_hidden_stays_hidden_and_what_is_annulled_annulled(
    sea_or_sky: Challenge, ada: User, bob: User, teacher: User
) -> None:
    annulled, counts = graded(ada, 0.9), graded(ada, 0.5)
    graded(bob, 0.6)
    board_decisions.annul(annulled, by=teacher, reason="Copied")
    mark = board_decisions.mark(ada, sea_or_sky, Mark.Kind.HIDDEN, by=teacher, reason="Copied")
    regrade = services.regrade_learner(ada, sea_or_sky, by=teacher, reason="Again")
    for _ in (annulled, counts):
        work_off(1.0)
    services.approve(regrade, by=teacher, lower=False)
    annulled.refresh_from_db()
    assert annulled.annulled and counts.current.score.shown == 1.0
    assert ranks(sea_or_sky) == oracle(sea_or_sky) == [(1, "builder", 0.6)]
    board_decisions.end_mark(mark, by=teacher)
    board_decisions.annul(counts, by=teacher, reason="Copied")
    assert ranks(sea_or_sky) == oracle(sea_or_sky) == [(1, "builder", 0.6)]
    assert not differences()


def test_who_may_and_with_which_reason(sea_or_sky: Challenge, ada: User, bob: User, teacher: User) -> None:
    graded(ada, 0.5)
    graded(teacher, 0.5)
    tutor = factories.UserFactory.create()
    factories.enrol(tutor, sea_or_sky.course, Scope(learner_data=LearnerData.VIEWER))
    for by, about, refusal, said in (
        (ada, ada, Http404, None),
        (bob, ada, Http404, None),
        (tutor, ada, Refused, "does not include"),
        (teacher, teacher, Refused, "own entry"),
    ):
        with pytest.raises(refusal, match=said):
            services.regrade_learner(about, sea_or_sky, by=by, reason="Again")
    for reason in ("", " \n", "x" * 301, "a\x00b"):
        with pytest.raises(Refused) as refused:
            services.regrade_learner(ada, sea_or_sky, by=teacher, reason=reason)
        assert refused.value.status == 422 and refused.value.problems[0]["field"] == "reason"
    assert not Regrade.objects.exists()


def test_what_a_person_decided_and_what_is_being_graded_is_left_out(explain: Challenge, ada: User, grace: User) -> None:
    services.decide(cases.waiting(ada), by=grace, marks=ALL_MET, reason="")
    with pytest.raises(Refused, match=r"a person had decided the grade \(1\)"):
        services.regrade_learner(ada, explain, by=grace, reason="Again")
    Slot.objects.all().delete()
    other = cases.final(ada, NONE_MET)
    submissions.regrade(other)
    with pytest.raises(Refused, match=r"it was being graded \(1\)") as refused:
        services.regrade_learner(ada, explain, by=grace, reason="Again")
    assert refused.value.code == "nothing" and not Regrade.objects.exists()
    cases.work_off(NONE_MET)
    regrade = services.regrade_learner(ada, explain, by=grace, reason="Again")
    assert [item.new.submission for item in regrade.items.all()] == [other]
    assert regrade.left_out == {"decided": 1}
    with pytest.raises(Refused) as again:
        services.regrade_learner(ada, explain, by=grace, reason="Again", submissions=[other])
    assert again.value.code == "open_regrade"


def test_the_desk_starts_it_and_says_what_it_does(sea_or_sky: Challenge, ada: User, teacher: User) -> None:
    first, _second = graded(ada, 0.5), graded(ada, 0.7)
    client, place = logged_in(teacher), f"/teach/boards/sea-or-sky/{ada.pk}/"
    page = client.get(place).content.decode()
    assert page.count("and no grade changes") == 3 and "by version 1.0.0" in page
    given = {"action": "regrade", "attempt": first.pk, "reason": ""}
    refused = client.post(place, given)
    assert refused.status_code == 422 and 'class="field-error"' in refused.content.decode()
    assert client.post(place, {**given, "reason": "A worker was wrong"}).status_code == 302
    made = Regrade.objects.get()
    assert [item.new.submission for item in made.items.all()] == [first]
    page = client.get(place).content.decode()
    assert f"/reviews/regrades/{made.pk}/" in page and 'value="regrade"' not in page
    assert f"/teach/boards/sea-or-sky/{ada.pk}/" in client.get(f"/reviews/regrades/{made.pk}/").content.decode()
    assert "only attempts of" in client.get("/reviews/regrades/").content.decode()
    services.discard(made, by=teacher)
    client.post(place, {"action": "regrade", "reason": "All of them"})
    assert Regrade.objects.first().items.count() == 2
    other = factories.submit(factories.UserFactory.create())
    assert client.post(place, {**given, "attempt": other.pk, "reason": "x"}).status_code == 404
