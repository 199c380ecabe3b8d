"""What the dates of a class show, and when they let a learner run and submit: on pages, over the API, in services."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from gradus.accounts.models import User
from gradus.classes import dates
from gradus.classes.date_rules import Target
from gradus.classes.models import Class, DateRule, Member, ReleaseRule
from gradus.classes.policy import Values
from gradus.courses.models import Challenge, Course
from gradus.refusal import Refused
from gradus.submissions import services
from gradus.submissions.budgets import limits
from gradus.submissions.models import Slot, Submission
from tests import factories

DAY = timedelta(days=1)
NOON = datetime(2026, 12, 1, 11, tzinfo=UTC)
SHOWN = "1 Dec 2026, 12:00 (Europe/Vienna)"


@pytest.fixture
def evening(course: Course) -> Class:
    return factories.a_class(course, timezone="Europe/Vienna")


@pytest.fixture
def member(evening: Class, ada: User) -> Member:
    return factories.member(evening, ada)


@pytest.fixture
def teacher(course: Course, grace: User) -> User:
    factories.enrol(grace, course, factories.TEACHER)
    return grace


def rule(of_class: Class, **fields) -> DateRule:
    return DateRule.objects.create(of_class=of_class, **fields)


def api_code(response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


class TestBeforeItOpens:
    PAGES = ("challenge", "samples", "solution", "costs", "compare", "history", "report")

    @pytest.fixture(autouse=True)
    def closed_until_noon(self, evening: Class, member: Member, sea_or_sky: Challenge):
        rule(evening, challenge=sea_or_sky, release_at=NOON)
        with time_machine.travel(NOON - DAY, tick=False):
            yield

    @pytest.mark.parametrize("name", PAGES)
    def test_a_page_says_when_and_nothing_else(self, ada_client, sea_or_sky, name):
        response = ada_client.get(reverse(f"learn:{name}", args=[sea_or_sky.slug]))
        assert response.status_code == 403
        text = response.content.decode()
        assert SHOWN in text and sea_or_sky.title in text
        assert sea_or_sky.version.statement and sea_or_sky.version.statement not in text
        assert not any(sample.input in text for sample in sea_or_sky.version.samples)

    @pytest.mark.parametrize("act", ["hint", "run_start", "tokens", "submit"])
    def test_nothing_can_be_done(self, ada_client, sea_or_sky, act):
        response = ada_client.post(reverse(f"learn:{act}", args=[sea_or_sky.slug]), {"kind": "prompt"})
        assert response.status_code == 403
        assert not Submission.objects.exists()

    def test_the_api_says_so(self, ada_client, sea_or_sky):
        root = f"/api/v1/challenges/{sea_or_sky.slug}"
        assert api_code(ada_client.get(root)) == (403, "not_released")
        for part in ("solution", "costs", "history"):
            assert api_code(ada_client.get(f"{root}/{part}")) == (403, "not_released")
        for part in ("runs", "submissions", "hints"):
            sent = ada_client.post(f"{root}/{part}", json.dumps(factories.PROMPT), content_type="application/json",
                                   headers={"X-CSRFToken": "x"})  # fmt: skip
            assert api_code(sent) == (403, "not_released"), part
            assert SHOWN in sent.json()["detail"]

    def test_the_services_refuse_whoever_calls_them(self, ada, sea_or_sky):
        for act in (
            lambda: services.start_run(ada, sea_or_sky.version, factories.PROMPT),
            lambda: factories.submit(ada),
        ):
            with pytest.raises(Refused) as refused:
                act()
            assert refused.value.code == "not_released"

    def test_lists_have_the_title_and_the_date_and_what_comes_next_is_open(self, ada_client, course, sea_or_sky):
        for page in (reverse("learn:course", args=[course.slug]), reverse("learn:path")):
            text = ada_client.get(page).content.decode()
            assert f"opens on {SHOWN}" in text
            assert sea_or_sky.title in text
        next_one = ada_client.get(f"/api/v1/courses/{course.slug}/path").json()["next"]
        assert next_one != sea_or_sky.slug

    def test_others_see_everything(self, bob_client, client, grace_client, teacher, evening, sea_or_sky):
        factories.member(evening, teacher)
        for one in (bob_client, client, grace_client):
            assert one.get(reverse("learn:challenge", args=[sea_or_sky.slug])).status_code == 200

    def test_it_opens_at_the_moment_itself(self, ada_client, sea_or_sky):
        page = reverse("learn:challenge", args=[sea_or_sky.slug])
        with time_machine.travel(NOON - timedelta(microseconds=1), tick=False):
            assert ada_client.get(page).status_code == 403
        with time_machine.travel(NOON, tick=False):
            assert ada_client.get(page).status_code == 200


class TestALesson:
    def test_its_pages_and_calls_wait_as_well(self, ada_client, evening, member, sea_or_sky):
        lesson = sea_or_sky.lesson
        rule(evening, lesson=lesson, release_at=timezone.now() + DAY)
        for name in ("lesson", "advisor"):
            response = ada_client.get(reverse(f"learn:{name}", args=[lesson.slug]))
            assert (response.status_code, lesson.summary in response.content.decode()) == (403, False)
        for path in ("", "/questions", "/findings"):
            assert api_code(ada_client.get(f"/api/v1/lessons/{lesson.slug}{path}")) == (403, "not_released")
        text = ada_client.get(reverse("learn:course", args=[lesson.course.slug])).content.decode()
        assert lesson.title in text and lesson.summary not in text


class TestSubmitting:
    def test_the_last_moment_counts_and_the_due_second_is_late(self, ada, evening, member, sea_or_sky):
        rule(evening, due_at=NOON, late=[], after=0.5, close_at=NOON + DAY)
        found = []
        for at in (NOON - timedelta(microseconds=1), NOON, NOON + DAY - timedelta(microseconds=1)):
            with time_machine.travel(at, tick=False):
                found.append(factories.submit(ada))
                services.cancel(found[-1])
        assert [one.created_at for one in found] == [NOON - timedelta(microseconds=1), NOON,
                                                     NOON + DAY - timedelta(microseconds=1)]  # fmt: skip
        assert {one.of_class for one in found} == {evening}
        with time_machine.travel(NOON + DAY, tick=False), pytest.raises(Refused) as refused:
            factories.submit(ada)
        assert (refused.value.code, refused.value.status) == ("closed", 403)
        assert "2 Dec 2026, 12:00 (Europe/Vienna)" in refused.value.message

    def test_a_request_that_lasts_beyond_the_due_second_counts_from_its_begin(
        self, ada, evening, member, sea_or_sky, monkeypatch
    ):
        """Also where a race for a slot makes the service begin again."""
        rule(evening, close_at=NOON)
        with time_machine.travel(NOON - timedelta(seconds=1), tick=False) as clock:
            insert = services.submit.__globals__["_insert"]

            def slow(*given, **values):
                clock.move_to(NOON + timedelta(seconds=5))
                return insert(*given, **values)

            monkeypatch.setitem(services.submit.__globals__, "_insert", slow)
            made = factories.submit(ada)
        assert made.created_at == NOON - timedelta(seconds=1)

    def test_a_withheld_attempt_says_that_one_can_submit_again_only_where_one_can(
        self, ada, ada_client, evening, member, sea_or_sky
    ):
        ReleaseRule.objects.create(of_class=evening, score="hand", details="hand")
        made = factories.submit(ada)
        factories.grade(made)

        def says() -> bool:
            page = ada_client.get(reverse("learn:submission", args=[made.uuid])).content.decode()
            assert "Your teacher has not released the grades yet." in page
            return "You can submit again" in page

        assert says()
        closed = rule(evening, close_at=timezone.now() - DAY)
        assert not says()
        closed.delete()
        Class.objects.filter(pk=evening.pk).update(ends_at=timezone.now())
        assert not says()

    def test_the_path_has_the_next_date_alone(self, ada_client, evening, member, sea_or_sky):
        rule(evening, due_at=NOON, early=[{"until": str(NOON - DAY), "credit": 1.1}], after=0.5, close_at=NOON + DAY)
        with time_machine.travel(NOON - 2 * DAY, tick=False):
            path = ada_client.get("/path/").content.decode()
        assert "due on" in path and "110 %" not in path and "closes on" not in path

    def test_the_same_request_again_after_it_closed_gets_the_same_attempt(self, ada, evening, member, sea_or_sky):
        rule(evening, close_at=NOON)
        challenge, asked = factories.challenge("sea-or-sky"), {"idempotency_key": "one"}
        with time_machine.travel(NOON - DAY, tick=False):
            made, _ = services.submit(ada, challenge, factories.PROMPT, **asked)
        with time_machine.travel(NOON + DAY, tick=False):
            assert services.submit(ada, challenge, factories.PROMPT, **asked) == (made, False)

    def test_a_closed_challenge_can_still_be_read_and_run(self, ada, ada_client, evening, member, sea_or_sky):
        rule(evening, close_at=timezone.now() - DAY)
        page = ada_client.get(reverse("learn:challenge", args=[sea_or_sky.slug]))
        assert page.status_code == 200 and "Closed since" in page.content.decode()
        assert services.start_run(ada, sea_or_sky.version, factories.PROMPT)
        sent = ada_client.post(
            reverse("learn:submit", args=[sea_or_sky.slug]), {"kind": "prompt", "instructions": "Sort.", "key": "k"}
        )
        assert sent.status_code == 403 and "closed on" in sent.content.decode()

    def test_whoever_leaves_submits_for_no_class_and_comes_back_to_its_dates(self, ada, evening, member, sea_or_sky):
        rule(evening, close_at=timezone.now() - DAY)
        Member.objects.filter(pk=member.pk).update(state="left", left_at=timezone.now())
        assert factories.submit(ada).of_class is None
        Member.objects.filter(pk=member.pk).update(state="active", left_at=None)
        with pytest.raises(Refused, match="closed on"):
            factories.submit(ada)

    def test_after_the_class_has_ended_attempts_count_for_none(self, ada, evening, member, sea_or_sky):
        rule(evening, close_at=timezone.now() - 2 * DAY)
        Class.objects.filter(pk=evening.pk).update(ends_at=timezone.now() - DAY)
        assert factories.submit(ada).of_class is None

    @pytest.mark.parametrize(
        ("fields", "said"),
        [
            ({"due_at": NOON}, ["Due on", SHOWN, "From 1 Dec 2026", "counts 0 %"]),
            ({"due_at": NOON - 2 * DAY, "after": 0.5}, ["It was due on", "now counts <strong>50 %</strong>"]),
            ({"close_at": NOON}, ["It closes on", SHOWN]),
        ],
    )
    def test_the_page_says_what_an_attempt_counts_and_what_changes_when(
        self, ada_client, evening, member, sea_or_sky, fields, said
    ):
        rule(evening, **fields)
        with time_machine.travel(NOON - DAY, tick=False):
            text = ada_client.get(reverse("learn:challenge", args=[sea_or_sky.slug])).content.decode()
        assert [one for one in said if one not in text] == []


class TestGrantedAttempts:
    @pytest.fixture
    def most(self, sea_or_sky: Challenge) -> int:
        return sea_or_sky.spec.limits.attempts_per_day

    def use(self, ada: User, number: int) -> None:
        for _time in range(number):
            factories.grade(factories.submit(ada))

    def test_they_are_used_when_those_of_the_day_are(self, ada, ada_client, evening, member, teacher, sea_or_sky, most):
        dates.grant(evening, [member], by=teacher, challenge=sea_or_sky, attempts=2, reason="The page was down.")
        self.use(ada, most + 1)
        text = ada_client.get(reverse("learn:challenge", args=[sea_or_sky.slug])).content.decode()
        assert f"<strong>1 of {most}</strong>" in text
        self.use(ada, 1)
        with pytest.raises(Refused) as refused:
            factories.submit(ada)
        assert refused.value.code == "over_quota"
        used = Slot.objects.of(limits.GRANTED_ATTEMPTS).order_by("number")
        assert [(one.number, one.allowed) for one in used] == [(1, 2), (2, 2)]
        for number in (0, 1, 3):
            with pytest.raises(IntegrityError), transaction.atomic():
                used.filter(number=2).update(number=number)

    def test_they_do_not_come_back_the_next_day(self, ada, evening, member, teacher, sea_or_sky, most):
        dates.grant(evening, [member], by=teacher, challenge=sea_or_sky, attempts=1, reason="ill")
        self.use(ada, most + 1)
        with time_machine.travel(timezone.now() + DAY):
            self.use(ada, most)
            with pytest.raises(Refused, match="attempts of today"):
                factories.submit(ada)

    def test_a_cancelled_one_is_given_back(self, ada, evening, member, teacher, sea_or_sky, most):
        dates.grant(evening, [member], by=teacher, challenge=sea_or_sky, attempts=1, reason="ill")
        self.use(ada, most)
        services.cancel(factories.submit(ada))
        assert not Slot.objects.of(limits.GRANTED_ATTEMPTS).exists()
        self.use(ada, 1)

    def test_they_are_for_one_member_one_challenge_and_one_class(
        self, ada, bob, course, evening, member, teacher, sea_or_sky, most
    ):
        dates.grant(evening, [member], by=teacher, challenge=factories.challenge("ticket"), attempts=9, reason="ill")
        other = factories.member(factories.a_class(course, title="Morning group"), bob)
        dates.grant(other.of_class, [other], by=teacher, challenge=sea_or_sky, attempts=9, reason="ill")
        self.use(ada, most)
        with pytest.raises(Refused, match="attempts of today"):
            factories.submit(ada)


def test_an_extension_lets_a_learner_submit_again(ada, evening, member, teacher, sea_or_sky):
    now = timezone.now()
    dates.set_dates(Target(evening), Values(due_at=now - 2 * DAY, close_at=now - DAY), by=teacher)
    with pytest.raises(Refused, match="closed on"):
        factories.submit(ada)
    dates.extend(evening, [member], by=teacher, until=now + DAY, reason="ill", challenge=sea_or_sky)
    assert factories.submit(ada).of_class == evening
