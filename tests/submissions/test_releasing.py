"""Grades of a class are withheld from its learners and released: at once, at a date, or by hand."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.http import Http404
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from gradus.accounts.models import StaffAction, User
from gradus.classes import changes, releases
from gradus.classes.models import Class, ReleaseRule
from gradus.courses.models import Challenge
from gradus.leaderboards import boards
from gradus.notices.models import Notice
from gradus.reconciling import reconciler
from gradus.submissions import services
from gradus.submissions.models import Evaluation, Score, Standing, Submission
from gradus.submissions.results import releasing
from gradus.submissions.results.standings import differences
from gradus.submissions.services import Refused
from tests import factories

HAND = {"score": "hand", "details": "hand"}
NOW = {"score": "now", "details": "now"}


@pytest.fixture
def group(sea_or_sky: Challenge, ada: User, bob: User) -> Class:
    """A class with both learners."""
    made = factories.a_class(sea_or_sky.course)
    for user in (ada, bob):
        factories.member(made, user)
    return made


@pytest.fixture
def by_hand(group: Class, grace: User) -> Class:
    """The same class, whose teacher releases all grades by hand."""
    releasing.change_rule(group, None, by=grace, **HAND)
    return group


def flags(submission: Submission) -> tuple[bool, bool]:
    submission.refresh_from_db()
    return submission.grade_withheld, submission.details_withheld


def shown(submission: Submission) -> Any:
    """The submission as it is loaded for its learner."""
    return Submission.objects.with_current().get(pk=submission.pk).current


def in_class(group: Class) -> int:
    return Submission.objects.filter(of_class=group, details_withheld=True).count()


def test_an_attempt_counts_for_the_class_and_shows_its_grade_without_a_rule(ada, group):
    made = factories.submit(ada)
    factories.grade(made)
    assert made.of_class == group and flags(made) == (False, False)
    assert shown(made).score.shown == 0.7 and Standing.objects.get().passed


def test_a_withheld_grade_shows_nothing_and_counts_nowhere(ada, by_hand, sea_or_sky):
    made = factories.submit(ada)
    evaluation = factories.grade(made)
    seen = shown(made)
    assert flags(made) == (True, True)
    assert (seen.state, seen.pk, seen.result, seen.finished_at) == ("withheld", None, None, None)
    assert not hasattr(seen, "score")
    assert made.current_for_staff == evaluation and made.current_for_staff.score.shown == 0.7
    assert not Standing.objects.exists() and not Notice.objects.exists()
    assert boards.board(sea_or_sky, "prompt", ada, 1).mine is None
    assert differences() == []


def test_a_release_shows_the_grade_with_its_standing_and_one_notice(ada, bob, by_hand, grace, sea_or_sky):
    made = [factories.submit(ada), factories.submit(ada), factories.submit(bob)]
    for submission, score in ((made[0], 0.8), (made[2], 0.9), (made[1], 0.6)):
        factories.grade(submission, score)
    assert releasing.release(by_hand, sea_or_sky, by=grace) == 3

    assert [flags(one) for one in made] == [(False, False)] * 3
    assert dict(Standing.objects.values_list("user__username", "shown")) == {"ada": 0.8, "bob": 0.9}
    told = Notice.objects.order_by("evaluation_id").values_list("user__username", "kind", "evaluation__submission")
    assert list(told) == [("ada", "graded", made[1].pk), ("bob", "graded", made[2].pk)]
    note = StaffAction.objects.get(what="grades_released")
    assert (note.user_id, note.details["class"], note.details["challenge"]) == (grace.pk, by_hand.pk, "sea-or-sky")
    assert differences() == []
    # Once more, nothing happens.
    assert releasing.release(by_hand, sea_or_sky, by=grace) == 0
    assert Notice.objects.count() == 2 and StaffAction.objects.filter(what="grades_released").count() == 1


def test_the_details_can_be_released_later_than_the_score(ada, by_hand, grace, sea_or_sky):
    made = factories.submit(ada)
    factories.grade(made)
    releasing.release(by_hand, sea_or_sky, by=grace, parts=("score",))
    assert flags(made) == (False, True)
    assert (shown(made).score.shown, shown(made).result) == (0.7, None)
    assert Standing.objects.get().shown == 0.7

    releasing.release(by_hand, sea_or_sky, by=grace, parts=("details",))
    assert shown(made).result["public"]["rows"] and Notice.objects.count() == 1
    later = factories.submit(ada)
    factories.grade(later)
    assert shown(later).score.shown == 0.7, "what is handed in after the release is shown at once"


def test_details_are_not_released_before_the_score(ada, by_hand, grace, sea_or_sky):
    made = factories.submit(ada)
    factories.grade(made)
    releasing.release(by_hand, sea_or_sky, by=grace, parts=("details",))
    assert flags(made) == (True, True)


def test_the_reconciler_releases_at_the_date_and_not_before(ada, group, grace, sea_or_sky, time_machine):
    noon = timezone.now().replace(microsecond=0) + timedelta(hours=2)
    releasing.change_rule(group, sea_or_sky, by=grace, score="date", score_at=noon, details="now")
    made = factories.submit(ada)
    factories.grade(made)
    time_machine.move_to(noon - timedelta(seconds=1), tick=False)
    assert releasing.carry_out() == 0 and flags(made) == (True, True)
    time_machine.move_to(noon, tick=False)
    assert reconciler.sweep()["released"] == 1
    assert flags(made) == (False, False) and Standing.objects.get().shown == 0.7


def test_a_new_rule_withholds_what_nobody_has_seen_yet_and_nothing_else(ada, bob, group, grace, sea_or_sky):
    seen, open_one = factories.submit(ada), factories.submit(bob)
    factories.grade(seen)
    releasing.change_rule(group, sea_or_sky, by=grace, **HAND)
    assert (flags(seen), flags(open_one)) == ((False, False), (True, True))
    factories.grade(open_one, 0.9)
    assert shown(open_one).state == "withheld" and Standing.objects.get().user == ada
    releasing.change_rule(group, sea_or_sky, by=grace, **NOW)
    assert flags(open_one) == (False, False) and Standing.objects.count() == 2


def test_an_attempt_that_waits_for_a_person_when_the_rule_is_made_is_shown_when_the_person_decides(
    ada, group, grace, sea_or_sky
):
    """It has a provisional score, which its learner could see."""
    made = factories.submit(ada)
    factories.grade(made, provisional=True, review=("provisional",))
    assert made.current.state == "review"
    releasing.change_rule(group, sea_or_sky, by=grace, **HAND)
    services.decide(made, by=grace, value=0.9, result={})
    assert flags(made) == (False, False) and shown(made).score.shown == 0.9


def test_an_attempt_for_another_class_that_withholds_nothing_shows_its_grade(ada, by_hand, course, sea_or_sky):
    other = factories.a_class(course, title="Another")
    factories.member(other, ada)
    made, _ = services.submit(ada, sea_or_sky, factories.PROMPT, idempotency_key="one", of_class=other.pk)
    factories.grade(made)
    assert shown(made).score.shown == 0.7


def test_only_details_that_nobody_has_seen_are_withheld(ada, group, grace, sea_or_sky):
    made = factories.submit(ada)
    releasing.change_rule(group, sea_or_sky, by=grace, score="now", details="hand")
    assert flags(made) == (False, True)
    factories.grade(made)
    assert (shown(made).score.shown, shown(made).result) == (0.7, None)


def test_a_challenge_has_a_rule_of_its_own_or_follows_the_class_and_all_are_released_at_once(
    ada, by_hand, grace, sea_or_sky, ticket
):
    releasing.change_rule(by_hand, sea_or_sky, by=grace, **NOW)
    here, there = factories.submit(ada), factories.submit(ada, "ticket", {"kind": "prompt", "instructions": "JSON"})
    assert (flags(here), flags(there)) == ((False, False), (True, True))
    releasing.follow_class(by_hand, sea_or_sky, by=grace)
    assert releases.rule_of(by_hand, sea_or_sky).challenge is None and flags(here) == (True, True)
    for made in (here, there):
        factories.grade(made)
    assert releasing.release(by_hand, None, by=grace) == 2
    assert flags(here) == flags(there) == (False, False)


def test_a_failed_attempt_says_so_although_grades_are_withheld(ada, by_hand):
    made = factories.submit(ada)
    evaluation = factories.claimed(made)
    services.reject(evaluation.pk, evaluation.fence, "prompt_too_long")
    assert (shown(made).state, shown(made).error_code) == ("rejected", "prompt_too_long")


def test_a_persons_decision_and_a_regrade_stay_withheld(ada, by_hand, grace, sea_or_sky):
    made = factories.submit(ada)
    factories.grade(made)
    services.decide(made, by=grace, value=0.9, result={})
    assert shown(made).state == "withheld" and not Standing.objects.exists() and not Notice.objects.exists()
    releasing.release(by_hand, sea_or_sky, by=grace)
    assert shown(made).score.shown == 0.9 and Standing.objects.get().shown == 0.9


def test_who_does_not_decide_about_grades_cannot_release(ada, bob, by_hand, sea_or_sky):
    assistant = factories.UserFactory.create()
    factories.member(by_hand, assistant, learner_data="viewer")
    for user, error in ((ada, Http404), (factories.UserFactory.create(), Http404), (assistant, Refused)):
        with pytest.raises(error):
            releasing.release(by_hand, sea_or_sky, by=user)
        with pytest.raises(error):
            releasing.change_rule(by_hand, sea_or_sky, by=user, **NOW)
    assert ReleaseRule.objects.get().score == "hand"


def test_a_rule_that_somebody_else_has_changed_is_not_overwritten(group, grace, sea_or_sky):
    seen = changes.version_of(releases.settings_of(releases.rule_of(group, sea_or_sky)))
    releasing.change_rule(group, sea_or_sky, by=grace, seen=seen, **HAND)
    with pytest.raises(Refused) as refused:
        releasing.change_rule(group, sea_or_sky, by=grace, seen=seen, **NOW)
    assert (refused.value.code, refused.value.status) == ("changed_meanwhile", 409)
    assert ReleaseRule.objects.get().score == "hand"


@pytest.mark.parametrize(
    ("given", "field"),
    [({"score": "date", "details": "now"}, "score_at"), ({"score": "later", "details": "now"}, "score")],
)
def test_a_setting_that_makes_no_sense_is_refused(group, grace, given, field):
    with pytest.raises(Refused) as refused:
        releasing.change_rule(group, None, by=grace, **given)
    assert refused.value.problems[0]["field"] == field and not ReleaseRule.objects.exists()


def refused_by_database(**values: Any) -> None:
    with pytest.raises((IntegrityError, DatabaseError)), transaction.atomic():
        Submission.objects.update(**values)


def test_the_database_keeps_an_attempt_in_its_class_of_which_its_learner_is_and_a_shown_grade_released(
    ada, group, sea_or_sky
):
    made = factories.submit(ada)
    refused_by_database(of_class=None)
    refused_by_database(grade_withheld=True)
    factories.grade(made)
    refused_by_database(grade_withheld=True, details_withheld=True)
    refused_by_database(details_withheld=True)
    assert flags(made) == (False, False)
    stranger = factories.UserFactory.create()
    other = factories.submit(stranger)
    assert other.of_class is None
    values = {"user": stranger, "challenge": sea_or_sky, "version": other.version, "kind": "prompt", "payload": {}}
    values |= {"payload_sha256": "", "idempotency_key": "k"}
    with pytest.raises((IntegrityError, DatabaseError)), transaction.atomic():
        Submission.objects.create(**values, of_class=group)
    with pytest.raises(IntegrityError), transaction.atomic():
        Submission.objects.create(**values, details_withheld=True)


def test_the_database_refuses_a_standing_of_a_withheld_grade(ada, bob, by_hand, grace, sea_or_sky):
    hidden = factories.submit(ada)
    factories.grade(hidden)
    releasing.change_rule(by_hand, sea_or_sky, by=grace, **NOW)
    standing = Standing.objects.get()
    releasing.change_rule(by_hand, sea_or_sky, by=grace, **HAND)
    later = factories.submit(ada)
    factories.grade(later, 0.9)
    with pytest.raises((IntegrityError, DatabaseError)), transaction.atomic():
        Standing.objects.filter(pk=standing.pk).update(submission=later)
    values = {name: getattr(standing, name) for name in ("challenge", "version", "track", "shown", "reached_at")}
    with pytest.raises((IntegrityError, DatabaseError)), transaction.atomic():
        Standing.objects.create(user=bob, submission=later, **values)


def test_a_ladder_does_not_tell_a_withheld_grade(ada, by_hand, sea_or_sky):
    """What a later attempt shows depends on the best grade that the learner has seen."""
    hidden = factories.submit(ada)
    factories.grade(hidden, 0.9)
    assert services.shown_of(hidden.current_for_staff, 0.5) == 0.5


def graded_many(group: Class, learners: int, challenge: Challenge) -> None:
    """Withheld attempts with grades, written at once: what a release reads and changes."""
    users = factories.UserFactory.create_batch(learners)
    group.members.bulk_create([group.members.model(of_class=group, user=user) for user in users])
    values = {"challenge": challenge, "version": challenge.version, "kind": "prompt", "payload": {}}
    made = Submission.objects.bulk_create(
        Submission(user=user, of_class=group, grade_withheld=True, details_withheld=True, idempotency_key="k", **values)
        for user in users
    )
    ended = {"lane": "grade", "state": "scored", "result": {"public": {}}, "finished_at": timezone.now()}
    evaluations = Evaluation.objects.bulk_create(Evaluation(submission=one, **ended) for one in made)
    Score.objects.bulk_create(
        Score(evaluation=one, value=0.7, shown=0.7, passed=True, verified_by="code") for one in evaluations
    )


def test_a_release_takes_a_bounded_number_of_queries(group, grace, sea_or_sky):
    releasing.change_rule(group, None, by=grace, **HAND)
    counts = []
    for learners in (3, 10, 40):
        graded_many(group, learners, sea_or_sky)
        ReleaseRule.objects.update(released_score_at=None, released_details_at=None)
        with CaptureQueriesContext(connection) as queries:
            assert releasing.release(group, sea_or_sky, by=grace) == learners
        counts.append(len(queries))
    assert counts[1] == counts[2] < 60


def test_a_release_in_batches_leaves_nobody_out(group, grace, sea_or_sky, monkeypatch):
    monkeypatch.setattr(releasing, "BATCH", 7)
    releasing.change_rule(group, None, by=grace, **HAND)
    graded_many(group, 30, sea_or_sky)
    assert releasing.carry_out(most=10) == 0
    releases.mark_released(group, sea_or_sky, releases.PARTS, by=grace)
    # The process has died before it has carried it out; the reconciler goes on, a bounded part in each round.
    assert [releasing.carry_out(most=10) for _ in range(4)] == [14, 14, 2, 0]
    assert Standing.objects.count() == Notice.objects.count() == 30 and differences() == []


def test_a_place_where_a_release_fails_stops_no_round(ada, by_hand, grace, sea_or_sky, monkeypatch):
    factories.grade(factories.submit(ada))
    releases.mark_released(by_hand, None, releases.PARTS, by=grace)

    def refused(*given: Any) -> None:
        raise IntegrityError("refused")

    monkeypatch.setattr(releasing, "_tell", refused)
    done = reconciler.sweep()
    assert done["released"] == 0 and "mailed" in done and in_class(by_hand) == 1
    with pytest.raises(IntegrityError):
        releasing.carry_out()
    monkeypatch.undo()
    assert reconciler.sweep()["released"] == 1


def test_a_release_leaves_out_provisional_grades_until_they_are_final(ada, bob, by_hand, grace, sea_or_sky):
    final, doubtful = factories.submit(ada), factories.submit(bob)
    factories.grade(final)
    factories.grade(doubtful, provisional=True)
    (of_challenge,) = releasing.overview(by_hand, [sea_or_sky])
    assert (of_challenge.withheld, of_challenge.final, of_challenge.left_out) == (2, 1, 1)
    assert releasing.release(by_hand, sea_or_sky, by=grace) == 1
    assert (flags(final), flags(doubtful)) == ((False, False), (True, True))
    assert Standing.objects.get().user == ada and releasing.carry_out() == 0

    # As when a person has decided: the next round of the reconciler releases it.
    Score.objects.filter(evaluation__submission=doubtful).update(provisional=False, verified_by="person", person=grace)
    assert releasing.carry_out() == 1 and flags(doubtful) == (False, False)
    assert Notice.objects.filter(user=bob).count() == 1
    later = factories.submit(ada)
    factories.grade(later, provisional=True)
    assert flags(later) == (True, True)


def test_provisional_grades_are_released_by_a_choice_that_ends_with_the_release(ada, by_hand, grace, sea_or_sky):
    made = factories.submit(ada)
    factories.grade(made, provisional=True)
    releasing.release(by_hand, sea_or_sky, by=grace)
    assert flags(made) == (True, True)
    assert releasing.release(by_hand, sea_or_sky, by=grace, provisional=True) == 1
    assert flags(made) == (False, False) and ReleaseRule.objects.get(challenge=sea_or_sky).provisional
    assert StaffAction.objects.filter(what="grades_released").latest("pk").details["provisional"] is True
    releasing.withhold_later(by_hand, sea_or_sky, by=grace)
    assert not ReleaseRule.objects.get(challenge=sea_or_sky).provisional


def test_only_a_release_at_a_date_or_by_hand_holds_provisional_grades(ada, bob, group, grace, sea_or_sky, time_machine):
    at_once = factories.submit(ada)
    factories.grade(at_once, provisional=True)
    assert flags(at_once) == (False, False)
    noon = timezone.now().replace(microsecond=0) + timedelta(hours=2)
    releasing.change_rule(group, sea_or_sky, by=grace, score="date", score_at=noon, details="now")
    at_noon = factories.submit(bob)
    factories.grade(at_noon, provisional=True)
    time_machine.move_to(noon)
    assert releasing.carry_out() == 0 and flags(at_noon) == (True, True)
    releasing.change_rule(group, sea_or_sky, by=grace, score="date", score_at=noon, details="now", provisional=True)
    assert flags(at_noon) == (False, False)
