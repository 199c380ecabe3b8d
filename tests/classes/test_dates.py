"""Dates are set, extended and cleared, attempts are granted, and each leaves a trace."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction
from django.http import Http404
from django.utils import timezone

from gradus.accounts.models import StaffAction, User
from gradus.accounts.token_rules import LearnerData
from gradus.classes import access, dates, members, services, signals, times
from gradus.classes.date_rules import Target, seen
from gradus.classes.models import Class, DateRule, Grant, Member
from gradus.classes.policy import Step, Values
from gradus.courses.models import Course
from gradus.refusal import Refused
from tests import factories

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def teacher(course: Course) -> User:
    person = factories.UserFactory()
    factories.enrol(person, course, factories.TEACHER)
    return person


@pytest.fixture
def evening(course: Course) -> Class:
    return factories.a_class(course, timezone="Europe/Vienna")


@pytest.fixture
def ann(evening: Class) -> Member:
    return factories.member(evening, factories.UserFactory())


@pytest.fixture
def sent():
    """The members of each signal since the class was made, in order."""
    heard: list[set[int] | None] = []

    def listen(**signal) -> None:
        heard.append(signal["members"])

    signals.changed.connect(listen)
    yield heard
    signals.changed.disconnect(listen)


def problems(refused) -> list[tuple[str, str]]:
    return [(one["code"], one["field"]) for one in refused.value.problems]


class TestSetting:
    def test_a_due_date_before_an_inherited_opening_is_refused_at_its_field(self, evening, sea_or_sky, teacher):
        opens = timezone.now() + 3 * DAY
        dates.set_dates(Target(evening), Values(release_at=opens), by=teacher)
        with pytest.raises(Refused) as refused:
            dates.set_dates(Target(evening, challenge=sea_or_sky), Values(due_at=opens - DAY), by=teacher)
        assert problems(refused) == [("bad_dates", "due_at")] and DateRule.objects.count() == 1

    def test_a_rule_is_set_changed_and_removed_with_a_trace(self, evening, sea_or_sky, teacher, sent):
        target, due = Target(evening, challenge=sea_or_sky), timezone.now() + DAY
        made = dates.set_dates(target, Values(due_at=due, late=[Step(due + DAY, 0.5)]), by=teacher)
        assert access.rule_of(made).late[0].credit == 0.5
        dates.set_dates(target, Values(due_at=due + DAY), by=teacher)
        assert DateRule.objects.get().due_at == due + DAY
        assert dates.set_dates(target, Values(), by=teacher) is None
        assert not DateRule.objects.exists()
        notes = StaffAction.objects.filter(what="dates_changed").order_by("pk")
        assert [(one.details["before"].get("due_at"), one.details["after"].get("due_at")) for one in notes] == [
            (None, due.isoformat()),
            (due.isoformat(), (due + DAY).isoformat()),
            ((due + DAY).isoformat(), None),
        ]
        assert {(one.details["class"], one.details["place"]) for one in notes} == {(evening.pk, "sea-or-sky")}
        assert sent == [None, None, None]

    def test_setting_the_same_again_leaves_no_trace(self, evening, teacher):
        for _time in range(2):
            dates.set_dates(Target(evening), Values(cleared=["due_at"]), by=teacher)
        assert StaffAction.objects.filter(what="dates_changed").count() == 1

    def test_of_two_people_who_save_at_once_the_second_is_told(self, evening, teacher):
        target = Target(evening)
        before = seen(target.rule())
        first = dates.set_dates(target, Values(after=0.5), by=teacher, seen=before)
        with pytest.raises(Refused) as refused:
            dates.set_dates(target, Values(after=0.1), by=teacher, seen=before)
        assert (refused.value.status, refused.value.code) == (409, "changed_meanwhile")
        assert DateRule.objects.get().after == 0.5
        dates.set_dates(target, Values(after=0.1), by=teacher, seen=seen(first))
        assert DateRule.objects.get().after == 0.1

    def test_a_rule_that_was_removed_and_set_again_is_another_one(self, evening, teacher):
        target = Target(evening)
        before = seen(dates.set_dates(target, Values(after=0.5), by=teacher))
        dates.set_dates(target, Values(), by=teacher)
        dates.set_dates(target, Values(after=0.5), by=teacher)
        with pytest.raises(Refused, match="in the meantime"):
            dates.set_dates(target, Values(after=0.1), by=teacher, seen=before)

    @pytest.mark.parametrize(
        ("values", "field"),
        [
            ({"release_at": 3, "due_at": 3}, "due_at"),
            ({"release_at": 3, "close_at": 2}, "close_at"),
            ({"due_at": 3, "close_at": 2}, "close_at"),
            ({"due_at": 3, "cleared": ["due_at"]}, "due_at"),
            ({"cleared": ["begin"]}, "begin"),
            ({"early": [(1, 0.9)]}, "early"),
            ({"early": [(1, 2.1)]}, "early"),
            ({"early": [(2, 1.2), (1, 1.1)]}, "early"),
            ({"early": [(1, 1.1), (2, 1.2)]}, "early"),
            ({"due_at": 3, "early": [(4, 1.1)]}, "early"),
            ({"release_at": 3, "early": [(3, 1.1)]}, "early"),
            ({"late": [(1, 1.1)]}, "late"),
            ({"late": [(1, 0.5), (1, 0.4)]}, "late"),
            ({"due_at": 3, "late": [(3, 0.5)]}, "late"),
            ({"close_at": 3, "late": [(4, 0.5)]}, "late"),
            ({"late": [(day, 0.5) for day in range(11)]}, "late"),
            ({"after": 1.1}, "after"),
            ({"late": [(1, 0.5)], "after": 0.6}, "after"),
        ],
    )
    def test_what_is_wrong_is_said_beside_its_field(self, evening, teacher, values, field):
        now = timezone.now()

        def read(name: str, value):
            if name in {"early", "late"}:
                return [Step(now + day * DAY, credit) for day, credit in value]
            return now + value * DAY if name.endswith("_at") else value

        with pytest.raises(Refused) as refused:
            dates.set_dates(
                Target(evening), Values(**{name: read(name, value) for name, value in values.items()}), by=teacher
            )
        assert problems(refused) == [("bad_dates", field)]
        assert not DateRule.objects.exists()

    def test_a_due_date_after_what_closes_for_everybody_is_refused(self, evening, sea_or_sky, teacher):
        now = timezone.now()
        dates.set_dates(Target(evening), Values(close_at=now + DAY), by=teacher)
        label = evening.labels.create(name="B")
        target = Target(evening, challenge=sea_or_sky, label=label)
        with pytest.raises(Refused, match="It would close on") as refused:
            dates.set_dates(target, Values(due_at=now + 2 * DAY), by=teacher)
        assert problems(refused) == [("bad_dates", "close_at")]
        assert dates.set_dates(target, Values(due_at=now + 2 * DAY, cleared=["close_at"]), by=teacher)

    def test_a_rule_of_one_member_needs_a_reason(self, evening, ann, teacher):
        with pytest.raises(Refused) as refused:
            dates.set_dates(Target(evening, member=ann), Values(after=0.5), by=teacher, reason=" ")
        assert problems(refused) == [("reason_needed", "reason")]
        with pytest.raises(Refused) as refused:
            dates.set_dates(Target(evening, member=ann), Values(after=0.5), by=teacher, reason="x" * 501)
        assert refused.value.code == "too_long"
        made = dates.set_dates(Target(evening, member=ann), Values(after=0.5), by=teacher, reason="was  ill")
        assert made.reason == "was ill"

    def test_nobody_else_sets_dates(self, evening, ann, course):
        for person in (ann.user, factories.UserFactory()):
            with pytest.raises(Http404):
                dates.set_dates(Target(evening), Values(after=0.5), by=person)
        other = factories.a_class(course, title="Morning group")
        assistant = factories.member(evening, factories.UserFactory(), learner_data=LearnerData.VIEWER)
        with pytest.raises(Refused) as refused:
            dates.set_dates(Target(evening), Values(after=0.5), by=assistant.user)
        assert refused.value.status == 403
        instructor = factories.member(evening, factories.UserFactory(), learner_data=LearnerData.EDITOR)
        assert dates.set_dates(Target(evening), Values(after=0.5), by=instructor.user)
        with pytest.raises(Http404):
            dates.set_dates(Target(other), Values(after=0.5), by=instructor.user)

    def test_what_is_of_another_class_is_refused(self, evening, course, teacher):
        other = factories.a_class(course, title="Morning group")
        with pytest.raises(Refused) as refused:
            dates.set_dates(Target(evening, label=other.labels.create(name="A")), Values(after=0.5), by=teacher)
        assert problems(refused) == [("invalid", "people")]

    def test_a_label_with_dates_stays(self, evening, teacher):
        label = evening.labels.create(name="B")
        dates.set_dates(Target(evening, label=label), Values(after=0.5), by=teacher)
        with pytest.raises(Refused, match="Dates are set for this label"):
            services.remove_label(label, by=teacher)
        dates.set_dates(Target(evening, label=label), Values(), by=teacher)
        services.remove_label(label, by=teacher)


class TestExtending:
    def test_it_moves_the_due_date_and_what_closes_before_it(self, evening, ann, sea_or_sky, teacher, sent):
        now = timezone.now()
        ben = factories.member(evening, factories.UserFactory())
        dates.set_dates(Target(evening), Values(due_at=now - DAY, close_at=now + DAY), by=teacher)
        done = dates.extend(
            evening, [ann, ben, ann], by=teacher, until=now + 3 * DAY, reason="ill", challenge=sea_or_sky
        )
        assert (done.moved, done.untouched) == ([ann, ben], [])
        decision = access.decision_for(ann.user, sea_or_sky, now + 2 * DAY)
        assert (decision.submits, decision.credit, decision.due_at) == (True, 1.0, now + 3 * DAY)
        assert access.decision_for(ann.user, sea_or_sky, now + 3 * DAY).reason == "closed"
        assert {one.details["reason"] for one in StaffAction.objects.filter(details__has_key="member")} == {"ill"}
        assert sent[1:] == [{ann.pk}, {ben.pk}]

    def test_it_takes_no_time_at_a_challenge_that_is_due_later(self, evening, ann, sea_or_sky, teacher):
        now = timezone.now()
        dates.set_dates(Target(evening), Values(due_at=now + DAY), by=teacher)
        dates.set_dates(Target(evening, challenge=sea_or_sky), Values(due_at=now + 9 * DAY), by=teacher)
        dates.extend(evening, [ann], by=teacher, until=now + 3 * DAY, reason="ill")
        assert access.decision_for(ann.user, sea_or_sky, now).due_at == now + 9 * DAY
        # A date that moves for everybody afterwards moves for her, too.
        dates.set_dates(Target(evening, challenge=sea_or_sky), Values(due_at=now + 12 * DAY), by=teacher)
        assert access.decision_for(ann.user, sea_or_sky, now).due_at == now + 12 * DAY

    @pytest.mark.parametrize("place", ["course", "lesson"])
    def test_it_holds_for_a_challenge_with_dates_of_its_own(self, evening, ann, sea_or_sky, teacher, place):
        now = timezone.now()
        target = Target(evening, challenge=sea_or_sky)
        dates.set_dates(target, Values(due_at=now + DAY, close_at=now + 2 * DAY), by=teacher)
        lesson = sea_or_sky.lesson if place == "lesson" else None
        done = dates.extend(evening, [ann], by=teacher, until=now + 3 * DAY, reason="ill", lesson=lesson)
        assert done.moved == [ann]
        decision = access.decision_for(ann.user, sea_or_sky, now)
        assert (decision.due_at, decision.close_at) == (now + 3 * DAY, now + 3 * DAY)
        assert {rule.reason for one in decision.applied for rule in one.rules} == {"ill"}

    def test_a_label_gets_it_as_one_rule_that_also_holds_for_those_who_come_later(
        self, evening, ann, sea_or_sky, teacher, sent
    ):
        now, label = timezone.now(), evening.labels.create(name="Section 2")
        ben = factories.member(evening, factories.UserFactory(), labels=["Section 2"])
        dates.set_dates(Target(evening), Values(due_at=now + DAY), by=teacher)
        dates.set_dates(Target(evening, member=ben), Values(due_at=now + 9 * DAY), by=teacher, reason="abroad")
        eva = factories.member(evening, factories.UserFactory(), labels=["Section 2"])
        done = dates.extend(evening, [ann], label=label, by=teacher, until=now + 3 * DAY, reason="No heating")
        assert (done.moved, done.untouched) == ([eva, ann], [ben])
        assert set(DateRule.objects.exclude(extended_to=None).values_list("label", "member")) == {
            (label.pk, None), (None, ann.pk),
        }  # fmt: skip
        late = factories.member(evening, factories.UserFactory(), labels=["Section 2"])
        due = {one.pk: access.decision_for(one.user, sea_or_sky, now).due_at for one in (ann, ben, eva, late)}
        assert due == {ann.pk: now + 3 * DAY, ben.pk: now + 9 * DAY, eva.pk: now + 3 * DAY, late.pk: now + 3 * DAY}
        assert sent[-2:] == [{ben.pk, eva.pk}, {ann.pk}]

    def test_a_time_that_is_past_repairs_an_attempt_and_opens_nothing(self, evening, ann, sea_or_sky, teacher):
        now = timezone.now()
        plan = Values(due_at=now - 3 * DAY, close_at=now - DAY)
        dates.set_dates(Target(evening), plan, by=teacher)
        assert dates.extend(evening, [ann], by=teacher, until=now - 2 * DAY, reason="Was ill").moved == [ann]
        assert access.decision_for(ann.user, sea_or_sky, now - 2.5 * DAY).credit == 1
        assert access.decision_for(ann.user, sea_or_sky, now).reason == "closed"

    def test_it_is_for_a_label_or_a_member_and_has_a_reason(self, evening, teacher):
        until, label = timezone.now() + DAY, evening.labels.create(name="A")
        for target, field in ((Target(evening), "extended_to"), (Target(evening, label=label), "reason")):
            with pytest.raises(Refused) as refused:
                dates.set_dates(target, Values(extended_to=until), by=teacher)
            assert [one["field"] for one in refused.value.problems] == [field]
        for wrong in ({"reason": "ill"}, {"label": label}):
            with pytest.raises(IntegrityError), transaction.atomic():
                DateRule.objects.create(of_class=evening, extended_to=until, **wrong)

    def test_it_takes_no_time_from_anybody(self, evening, ann, teacher):
        now = timezone.now()
        dates.set_dates(Target(evening, member=ann), Values(due_at=now + 9 * DAY), by=teacher, reason="ill")
        done = dates.extend(evening, [ann], by=teacher, until=now + DAY, reason="all")
        assert (done.moved, done.untouched) == ([], [ann])
        assert DateRule.objects.get().reason == "ill"

    def test_it_keeps_what_else_is_said_about_the_member(self, evening, ann, sea_or_sky, teacher):
        now = timezone.now()
        own = Values(due_at=now, late=[Step(now + DAY, 0.9), Step(now + 9 * DAY, 0.5)], after=0.2)
        dates.set_dates(Target(evening, member=ann), own, by=teacher, reason="moved house")
        dates.extend(evening, [ann], by=teacher, until=now + 2 * DAY, reason="ill")
        [rule] = DateRule.objects.all()
        assert (rule.reason, rule.due_at, rule.extended_to) == ("ill", now, now + 2 * DAY)
        credits = [access.decision_for(ann.user, sea_or_sky, now + day * DAY).credit for day in (1, 2, 8, 9)]
        assert credits == [1.0, 0.5, 0.5, 0.2]

    @pytest.mark.parametrize(
        ("given", "field"),
        [({"reason": ""}, "reason"), ({"members": []}, "members"), ({"until": -1}, "until"), ({"until": 9}, "until")],
    )
    def test_what_is_missing_or_wrong_is_said(self, evening, ann, teacher, given, field):
        now = timezone.now()
        Class.objects.filter(pk=evening.pk).update(ends_at=now + 5 * DAY)
        dates.set_dates(Target(evening), Values(due_at=now + DAY), by=teacher)
        asked = {"members": [ann], "until": 2, "reason": "ill", **given}
        with pytest.raises(Refused) as refused:
            dates.extend(
                evening, asked["members"], by=teacher, until=now + asked["until"] * DAY, reason=asked["reason"]
            )
        assert [one["field"] for one in refused.value.problems] == [field]

    def test_it_cannot_be_due_before_it_opens(self, evening, ann, teacher):
        now = timezone.now()
        dates.set_dates(Target(evening, member=ann), Values(release_at=now + 5 * DAY), by=teacher, reason="abroad")
        dates.set_dates(Target(evening), Values(due_at=now + DAY), by=teacher)
        with pytest.raises(Refused) as refused:
            dates.extend(evening, [ann], by=teacher, until=now + 2 * DAY, reason="ill")
        assert problems(refused) == [("bad_dates", "until")]


class TestGranting:
    def test_each_member_gets_attempts_with_a_reason_and_a_trace(self, evening, ann, sea_or_sky, teacher, sent):
        ben = factories.member(evening, factories.UserFactory())
        dates.grant(evening, [ann, ben], by=teacher, challenge=sea_or_sky, attempts=2, reason="The page was down.")
        assert {(one.member, one.attempts, one.granted_by) for one in Grant.objects.all()} == {
            (ann, 2, teacher),
            (ben, 2, teacher),
        }
        assert StaffAction.objects.filter(what="attempts_granted", details__reason="The page was down.").count() == 2
        # Grades do not depend on it.
        assert sent == []

    def test_all_who_have_a_label_now_get_them(self, evening, ann, sea_or_sky, teacher):
        label = evening.labels.create(name="Section 2")
        given = {"challenge": sea_or_sky, "attempts": 1, "reason": "No light", "by": teacher}
        with pytest.raises(Refused) as refused:
            dates.grant(evening, label=label, **given)
        assert problems(refused) == [("nothing", "label")]
        ben = factories.member(evening, factories.UserFactory(), labels=["Section 2"])
        factories.member(evening, factories.UserFactory(), labels=["Section 2"], learner_data=LearnerData.VIEWER)
        gone = factories.member(evening, factories.UserFactory(), labels=["Section 2"])
        members.remove_member(gone, by=teacher)
        made = dates.grant(evening, [ann, ben], label=label, **given)
        assert [one.member for one in made] == [ben, ann]
        other = factories.a_class(evening.course, title="Another").labels.create(name="Section 2")
        with pytest.raises(Refused) as refused:
            dates.grant(evening, label=other, **given)
        assert problems(refused) == [("invalid", "people")]

    @pytest.mark.parametrize(
        ("given", "code"),
        [({"reason": " "}, "reason_needed"), ({"attempts": 0}, "range"), ({"attempts": 101}, "range"),
         ({"members": []}, "nothing")],
    )  # fmt: skip
    def test_what_is_missing_or_wrong_is_said(self, evening, ann, sea_or_sky, teacher, given, code):
        asked = {"members": [ann], "attempts": 1, "reason": "ill", **given}
        with pytest.raises(Refused) as refused:
            dates.grant(evening, by=teacher, challenge=sea_or_sky, **asked)
        assert refused.value.code == code
        assert not Grant.objects.exists()


class TestWithdrawing:
    @pytest.fixture
    def granted(self, evening: Class, ada: User, sea_or_sky, teacher) -> Grant:
        ann = factories.member(evening, ada)
        given = {"challenge": sea_or_sky, "by": teacher, "reason": "The page was down."}
        dates.grant(evening, [ann], attempts=1, **given)
        return dates.grant(evening, [ann], attempts=2, **given)[0]

    def used(self, ada: User, count: int, settings) -> None:
        settings.IN_FLIGHT = 100
        most = factories.challenge("sea-or-sky").spec.limits.attempts_per_day
        for _attempt in range(most + count):
            factories.submit(ada)

    def test_it_leaves_what_was_granted_otherwise_and_a_trace(self, granted, ada, teacher, settings):
        self.used(ada, 1, settings)
        done = dates.withdraw(granted, by=teacher, reason=" A mistake ")
        assert (done.withdrawn_by, done.withdrawn_reason) == (teacher, "A mistake")
        note = StaffAction.objects.get(what="attempts_withdrawn")
        assert (note.details["before"], note.details["after"]) == ({"attempts": 2}, {"attempts": 0})
        assert (note.details["class"], note.details["reason"]) == (granted.member.of_class_id, "A mistake")
        with pytest.raises(Refused) as refused:
            factories.submit(ada)
        assert refused.value.code == "over_quota"

    def test_what_was_used_stays(self, granted, ada, teacher, settings):
        self.used(ada, 2, settings)
        with pytest.raises(Refused) as refused:
            dates.withdraw(granted, by=teacher, reason="A mistake")
        assert (refused.value.status, refused.value.code) == (409, "attempts_used")
        dates.withdraw(Grant.objects.get(attempts=1), by=teacher, reason="A mistake")
        assert Grant.objects.in_force().get() == granted
        assert not Grant.objects.get(pk=granted.pk).withdrawn_reason

    def test_it_happens_once_and_needs_a_reason(self, granted, teacher):
        with pytest.raises(Refused) as refused:
            dates.withdraw(granted, by=teacher, reason=" ")
        assert problems(refused) == [("reason_needed", "reason")]
        dates.withdraw(granted, by=teacher, reason="A mistake")
        with pytest.raises(Refused, match="withdrew") as refused:
            dates.withdraw(granted, by=teacher, reason="A mistake")
        assert refused.value.code == "changed_meanwhile"
        with pytest.raises(IntegrityError), transaction.atomic():
            Grant.objects.filter(pk=granted.pk).update(withdrawn_at=None, withdrawn_reason="")

    def test_only_who_decides_may(self, granted, ada, evening):
        assistant = factories.member(evening, factories.UserFactory(), learner_data=LearnerData.VIEWER)
        with pytest.raises(Http404):
            dates.withdraw(granted, by=ada, reason="x")
        with pytest.raises(Refused) as refused:
            dates.withdraw(granted, by=assistant.user, reason="x")
        assert refused.value.status == 403
        assert Grant.objects.in_force().count() == 2


class TestClocks:
    """In Vienna, clocks go from 2:00 to 3:00 on 29 March 2026, and from 3:00 back to 2:00 on 25 October 2026."""

    @pytest.mark.parametrize(
        ("given", "later", "earlier"),
        [
            (datetime(2026, 3, 29, 2, 30), datetime(2026, 3, 29, 1, 30), datetime(2026, 3, 29, 0, 30)),
            (datetime(2026, 10, 25, 2, 30), datetime(2026, 10, 25, 1, 30), datetime(2026, 10, 25, 0, 30)),
            (datetime(2026, 7, 1, 12), datetime(2026, 7, 1, 10), datetime(2026, 7, 1, 10)),
        ],
    )
    def test_a_time_that_comes_twice_or_never_has_a_reading(self, given, later, earlier):
        assert times.read(given, "Europe/Vienna") == later.replace(tzinfo=UTC)
        assert times.read(given, "Europe/Vienna", later=False) == earlier.replace(tzinfo=UTC)

    def test_a_time_is_shown_in_the_zone_of_the_class(self):
        moment = datetime(2026, 12, 1, 22, 59, tzinfo=UTC)
        assert times.shown(moment, "Europe/Vienna") == "1 Dec 2026, 23:59 (Europe/Vienna)"
