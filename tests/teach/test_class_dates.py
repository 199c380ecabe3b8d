"""The pages on which a class gets its dates, and on which its teachers see why a member can submit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from gradus.accounts.models import StaffAction, User
from gradus.accounts.token_rules import LearnerData
from gradus.classes import access
from gradus.classes.date_rules import seen
from gradus.classes.models import Class, DateRule, Grant, Member
from gradus.courses.models import Challenge, Course
from tests import factories

DAY = timedelta(days=1)
VIENNA_NOON = datetime(2026, 12, 1, 11, tzinfo=UTC)


@pytest.fixture
def evening(course: Course) -> Class:
    return factories.a_class(course, timezone="Europe/Vienna")


@pytest.fixture
def ann(evening: Class) -> Member:
    return factories.member(
        evening, factories.UserFactory(), first_name="Ann", last_name="Novak", labels=["Extra time"]
    )


@pytest.fixture
def teacher(course: Course, grace: User) -> User:
    factories.enrol(grace, course, factories.TEACHER)
    return grace


def edit(evening: Class, key: str = "course", query: str = "") -> str:
    return reverse("teach:dates_edit", args=[evening.pk, key]) + query


class TestTheForm:
    def test_dates_are_typed_and_shown_in_the_zone_of_the_class(self, grace_client, evening, teacher, sea_or_sky):
        page = edit(evening, f"challenge-{sea_or_sky.pk}")
        sent = {
            "due_at": "2026-12-01T12:00",
            "late_0_until": "2026-12-03T12:00",
            "late_0_credit": "50",
            "late_1_until": "2026-12-05 12:00",
            "late_1_credit": "25 %",
            "after": "10",
            "no_close_at": "on",
            "seen": "0",
        }
        assert grace_client.post(page, sent).status_code == 302
        rule = access.rule_of(DateRule.objects.get())
        assert (rule.due_at, rule.after, rule.cleared) == (VIENNA_NOON, 0.1, {"close_at"})
        assert [(one.until, one.credit) for one in rule.late] == [
            (VIENNA_NOON + 2 * DAY, 0.5),
            (VIENNA_NOON + 4 * DAY, 0.25),
        ]
        form = grace_client.get(page).content.decode()
        assert 'value="2026-12-01T12:00"' in form
        assert [form.count(f'value="{one}"') for one in ("2026-12-03T12:00", "2026-12-05T12:00", "50", "25")] == [1] * 4
        assert 'name="late_2_until"' in form and 'name="early_1_until"' in form
        table = grace_client.get(reverse("teach:dates", args=[evening.pk])).content.decode()
        assert "<strong>1 Dec 2026, 12:00</strong>" in table
        assert "50 % until 3 Dec 2026, 12:00, 25 % until 5 Dec 2026, 12:00, then 10 %" in table

    @pytest.mark.parametrize(
        ("sent", "said"),
        [
            ({"due_at": "soon"}, "Enter a valid date/time."),
            ({"due_at": "0001-01-01T00:00"}, "Write a year from 1970 to 2199."),
            (
                {"early_0_until": "0001-01-01T00:00", "early_0_credit": "110"},
                "Line 1: write a year from 1970 to 2199.",
            ),
            (
                {"late_1_until": "9999-12-31T23:59", "late_1_credit": "50"},
                "Line 2: write a year from 1970 to 2199.",
            ),
            ({"late_0_until": "tomorrow", "late_0_credit": "50"}, "Line 1: “tomorrow” is not a date with a time"),
            ({"late_0_until": "2026-12-01T12:00", "late_0_credit": "half"}, "Line 1: “half” is not a percentage"),
            (
                {"late_0_until": "2026-12-01T12:00", "late_0_credit": "150"},
                "Line 1: the credit must be from 0 % to 100 %.",
            ),
            ({"late_0_until": "2026-12-01T12:00"}, "Line 1: write how many percent"),
            ({"late_0_credit": "50"}, "Line 1: choose the date and the time"),
            (
                {
                    "late_0_until": "2026-12-02T12:00",
                    "late_0_credit": "50",
                    "late_1_until": "2026-12-01T12:00",
                    "late_1_credit": "20",
                },
                "Line 2: it must end after the line before it.",
            ),
            ({"release_at": "2026-12-02T12:00", "due_at": "2026-12-01T12:00"}, "The due date must come after"),
            ({"after": "101"}, "less than or equal to 100"),
        ],
    )
    def test_what_is_wrong_stands_beside_the_field_and_what_was_typed_stays(
        self, grace_client, evening, teacher, sent, said
    ):
        response = grace_client.post(edit(evening), {"seen": "0", **sent})
        text = response.content.decode()
        assert response.status_code == 422
        assert said in text.replace("\n", " ") and "field-error" in text
        assert all(value in text for value in sent.values())
        assert not DateRule.objects.exists()

    def test_saving_another_date_keeps_the_steps_to_the_second(self, grace_client, evening, teacher):
        until = (VIENNA_NOON + timedelta(seconds=33)).isoformat()
        rule = DateRule.objects.create(of_class=evening, late=[{"until": until, "credit": 0.07}], early=[])
        form = grace_client.get(edit(evening)).context["form"]
        [line] = [step for _n, step in form.step_lines("late") if step.credit]
        assert (line.until, line.credit) == ("2026-12-01T12:00", "7")
        sent = {"late_0_until": line.until, "late_0_credit": line.credit, "early_none": "on", "after": "5"}
        assert grace_client.post(edit(evening), {**sent, "seen": form["seen"].value()}).status_code == 302
        rule.refresh_from_db()
        assert (rule.late, rule.early, rule.after) == ([{"until": until, "credit": 0.07}], [], 0.05)

    def test_of_two_teachers_the_second_sees_both(self, grace_client, evening, teacher):
        assert grace_client.post(edit(evening), {"after": "50", "seen": "0"}).status_code == 302
        response = grace_client.post(edit(evening), {"after": "20", "seen": "0"})
        text = response.content.decode()
        assert response.status_code == 409
        said = ["Somebody else changed this in the meantime", "Credit after that: 50 %", 'value="20"']
        assert [one for one in said if one not in text] == []
        rule = DateRule.objects.get()
        assert f'name="seen" value="{seen(rule)}"' in text
        assert rule.after == 0.5

    def test_a_member_needs_a_reason_and_a_label_does_not(self, grace_client, evening, teacher, ann):
        refused = grace_client.post(edit(evening, query=f"?member={ann.pk}"), {"after": "50", "seen": "0"})
        assert refused.status_code == 422
        label = ann.labels.get()
        assert grace_client.post(edit(evening, query=f"?label={label.pk}"), {"after": "50"}).status_code == 302
        assert DateRule.objects.get().label == label

    def test_dates_are_removed(self, grace_client, evening, teacher):
        grace_client.post(edit(evening), {"after": "50", "seen": "0"})
        assert grace_client.post(edit(evening), {"action": "remove"}).status_code == 302
        assert not DateRule.objects.exists()

    @pytest.mark.parametrize("key", ["challenge-0", "lesson-999", "nothing"])
    def test_what_is_not_of_the_course_is_not_found(self, grace_client, evening, teacher, key):
        assert grace_client.get(edit(evening, key)).status_code == 404

    def test_a_label_or_member_of_another_class_is_not_found(self, grace_client, course, evening, teacher):
        other = factories.a_class(course, title="Morning group")
        label, member = other.labels.create(name="A"), factories.member(other, factories.UserFactory())
        for query in (f"?label={label.pk}", f"?member={member.pk}", f"?member={2**70}", "?label=all"):
            assert grace_client.get(edit(evening, query=query)).status_code == 404


class TestMoreTime:
    def test_several_learners_get_more_time_at_once(self, grace_client, evening, teacher, ann, sea_or_sky):
        ben = factories.member(evening, factories.UserFactory(), first_name="Ben")
        DateRule.objects.create(of_class=evening, due_at=VIENNA_NOON)
        sent = {
            "extend-members": [ann.pk, ben.pk],
            "extend-place": f"challenge-{sea_or_sky.pk}",
            "extend-until": "2026-12-24T12:00",
            "extend-reason": "The train stood still.",
        }
        response = grace_client.post(reverse("teach:extend", args=[evening.pk]), sent, follow=True)
        text = response.content.decode()
        assert "2 learners have more time." in text
        assert "More time until: 24 Dec 2026, 12:00" in text and "The train stood still." in text
        assert DateRule.objects.filter(member__in=[ann, ben], challenge=sea_or_sky).count() == 2

    def test_it_says_what_moved_and_what_became_shorter(self, grace_client, evening, teacher, ann, sea_or_sky, ticket):
        late = [{"until": (VIENNA_NOON + 7 * DAY).isoformat(), "credit": 0.5}]
        DateRule.objects.create(of_class=evening, challenge=sea_or_sky, due_at=VIENNA_NOON, late=late)
        sent = {
            "members": [ann.pk],
            "place": f"challenge-{sea_or_sky.pk}",
            "until": "2026-12-04T12:00",
            "reason": "ill",
        }
        given = {f"extend-{name}": one for name, one in sent.items()}
        text = grace_client.post(reverse("teach:extend", args=[evening.pk]), given, follow=True).content.decode()
        assert "1 learner has more time. For: Ann Novak. Sea or sky: due 4 Dec 2026, 12:00" in text
        assert "before it was 1 Dec 2026, 12:00" in text and "50 % until 8 Dec 2026, 12:00" in text
        assert "so it is shorter now at: Sea or sky." in text

    def test_without_a_date_there_is_nothing_to_extend(self, grace_client, evening, teacher, ann, sea_or_sky, ticket):
        page = reverse("teach:more_time", args=[evening.pk])
        assert "there is no time to extend" in grace_client.get(page).content.decode()
        DateRule.objects.create(of_class=evening, challenge=sea_or_sky, due_at=VIENNA_NOON)
        assert "there is no time to extend" not in grace_client.get(page).content.decode()
        sent = {"members": [ann.pk], "place": f"challenge-{ticket.pk}", "until": "2030-12-04T12:00", "reason": "ill"}
        given = {f"extend-{name}": one for name, one in sent.items()}
        refused = grace_client.post(reverse("teach:extend", args=[evening.pk]), given)
        assert refused.status_code == 422 and "there is nothing to extend" in refused.content.decode()
        assert not DateRule.objects.filter(member=ann).exists()

    def test_nothing_is_chosen_before_and_equal_names_are_told_apart(self, grace_client, evening, teacher, ann):
        for number in ("7001", "7002"):
            names = {"first_name": "Zoe", "last_name": "Ilic", "registration_number": number}
            factories.member(evening, factories.UserFactory(), labels=["Group B"], **names)
        response = grace_client.get(reverse("teach:more_time", args=[evening.pk]))
        text = response.content.decode()
        assert "Zoe Ilic · 7001 · Group B" in text and "Zoe Ilic · 7002 · Group B" in text and "Ann Novak ·" not in text
        assert response.context["extend"]["place"].value() == ""
        given = {"extend-members": [ann.pk], "extend-until": "2030-12-04T12:00", "extend-reason": "ill"}
        refused = grace_client.post(reverse("teach:extend", args=[evening.pk]), {**given, "extend-place": ""})
        assert refused.status_code == 422 and not DateRule.objects.exists()

    def test_a_whole_label_gets_more_time_and_more_attempts(self, grace_client, evening, teacher, ann, sea_or_sky):
        label = ann.labels.get()
        DateRule.objects.create(of_class=evening, challenge=sea_or_sky, due_at=VIENNA_NOON)
        given = {"label": label.pk, "place": f"challenge-{sea_or_sky.pk}", "reason": "No light.", "attempts": "3",
                 "until": "2026-12-24T12:00"}  # fmt: skip
        for form in ("extend", "grant"):
            sent = {f"{form}-{name}": one for name, one in given.items()}
            page = grace_client.post(reverse(f"teach:{form}", args=[evening.pk]), sent, follow=True).content.decode()
            assert f"1 learner has more {'time' if form == 'extend' else 'attempts'}." in page
        assert (DateRule.objects.get(label=label).extended_to, Grant.objects.get().member) == (
            datetime(2026, 12, 24, 11, tzinfo=UTC), ann,
        )  # fmt: skip

    def test_an_extension_is_changed_like_other_dates(self, grace_client, evening, teacher, ann):
        sent = {"extended_to": "2026-12-24T12:00", "reason": "ill"}
        page = edit(evening, query=f"?member={ann.pk}")
        assert grace_client.post(page, sent).status_code == 302
        assert 'value="2026-12-24T12:00"' in grace_client.get(page).content.decode()
        assert DateRule.objects.get().extended_to == datetime(2026, 12, 24, 11, tzinfo=UTC)
        assert 'name="extended_to"' not in grace_client.get(edit(evening)).content.decode()

    def test_granted_attempts_are_withdrawn_with_a_reason(self, grace_client, evening, teacher, ann, sea_or_sky):
        granted = Grant.objects.create(member=ann, challenge=sea_or_sky, attempts=2, reason="ill")
        page = reverse("teach:withdraw", args=[evening.pk, granted.pk])
        shown = reverse("teach:dates", args=[evening.pk])
        assert page in grace_client.get(shown).content.decode()
        refused = grace_client.post(page, {"reason": ""})
        assert refused.status_code == 422 and "This field is required." in refused.content.decode()
        said = grace_client.post(page, {"reason": "It was Ben"}, follow=True).content.decode()
        assert "The attempts are withdrawn." in said and "It was Ben" in said and page not in said
        assert not Grant.objects.in_force().exists()
        assert grace_client.get(page).status_code == 404

    def test_several_learners_get_more_attempts_at_once(self, grace_client, evening, teacher, ann, sea_or_sky):
        sent = {
            "grant-members": [ann.pk],
            "grant-place": f"challenge-{sea_or_sky.pk}",
            "grant-attempts": "3",
            "grant-reason": "ill",
        }
        response = grace_client.post(reverse("teach:grant", args=[evening.pk]), sent, follow=True)
        assert "1 learner has more attempts." in response.content.decode()
        assert Grant.objects.get().attempts == 3

    @pytest.mark.parametrize(
        ("form", "sent", "said"),
        [
            ("extend", {"reason": ""}, "This field is required."),
            ("extend", {"members": []}, "Choose at least one learner."),
            ("extend", {"members": ["9" * 30]}, "Select a valid choice."),
            ("extend", {"until": "2020-01-01T12:00"}, "This time is past."),
            ("grant", {"attempts": "0"}, "greater than or equal to 1"),
            ("grant", {"place": "course"}, "Select a valid choice."),
        ],
    )
    def test_what_is_wrong_stands_beside_the_field(
        self, grace_client, evening, teacher, ann, sea_or_sky, form, sent, said
    ):
        given = {"members": [ann.pk], "place": f"challenge-{sea_or_sky.pk}", "until": "2030-12-24T12:00",
                 "attempts": "2", "reason": "ill", **sent}  # fmt: skip
        response = grace_client.post(
            reverse(f"teach:{form}", args=[evening.pk]), {f"{form}-{name}": one for name, one in given.items()}
        )
        assert response.status_code == 422 and said in response.content.decode()
        assert not DateRule.objects.exists() and not Grant.objects.exists()

    def test_a_large_class_is_searched(self, grace_client, evening, teacher, ann, monkeypatch):
        monkeypatch.setattr("gradus.teach.views.dates.LISTED", 1)
        factories.member(evening, factories.UserFactory(), first_name="Zoe", last_name="Zander")
        page = reverse("teach:more_time", args=[evening.pk])
        assert "1 of 2 learners can be chosen below." in grace_client.get(page).content.decode()
        found = grace_client.get(page, {"search": "zander"}).content.decode()
        assert "Zoe Zander" in found and "Ann Novak" not in found


class TestWhy:
    def why(self, client: Client, evening: Class, ann: Member, **asked: str) -> str:
        response = client.get(reverse("teach:why", args=[evening.pk, ann.pk]), asked)
        assert response.status_code == 200
        return " ".join(response.content.decode().split())

    def test_it_names_each_rule_that_applied_with_its_reason(self, grace_client, evening, teacher, ann, sea_or_sky):
        DateRule.objects.create(of_class=evening, due_at=VIENNA_NOON, close_at=VIENNA_NOON + DAY)
        DateRule.objects.create(of_class=evening, label=ann.labels.get(), after=0.5)
        DateRule.objects.create(
            of_class=evening, member=ann, challenge=sea_or_sky, due_at=VIENNA_NOON + DAY, reason="ill"
        )
        text = self.why(grace_client, evening, ann, challenge=sea_or_sky.slug, at="2026-12-01T13:00")
        assert "Ann Novak can submit, and an attempt counts <strong>100 %</strong>" in text
        assert "for this person, at this challenge" in text and "ill" in text
        assert "for the label “Extra time”, in the whole course" in text
        assert "for everybody, in the whole course" in text
        closed = self.why(grace_client, evening, ann, challenge=sea_or_sky.slug, at="2026-12-02T12:00")
        assert "Ann Novak <strong>cannot</strong> submit. It closed on 2 Dec 2026, 12:00 (Europe/Vienna)." in closed

    def test_it_works_for_people_without_an_account_and_for_whoever_left(self, grace_client, evening, teacher, ann):
        invited = factories.member(evening, email="zoe@example.org")
        assert "There is no account with this address yet" in self.why(grace_client, evening, invited)
        Member.objects.filter(pk=ann.pk).update(state="left", left_at=timezone.now())
        assert "has left the class" in self.why(grace_client, evening, ann)

    def test_an_exception_leads_to_its_own_challenge(self, grace_client, evening, teacher, ann, sea_or_sky, ticket):
        links = {}
        for place in ({"challenge": ticket}, {"lesson": ticket.lesson}, {}):
            rule = DateRule.objects.create(of_class=evening, member=ann, due_at=VIENNA_NOON, reason="ill", **place)
            [links[next(iter(place), "course")]] = [
                one.why for one in grace_client.get(reverse("teach:dates", args=[evening.pk])).context["exceptions"]
            ]
            rule.delete()
        page = reverse("teach:why", args=[evening.pk, ann.pk])
        assert links["challenge"] == f"{page}?challenge=ticket"
        firsts = [one for one in access.places_of(evening.course) if isinstance(one, Challenge)]
        in_lesson = next(one for one in firsts if one.lesson_id == ticket.lesson_id)
        assert links["lesson"] == f"{page}?challenge={in_lesson.slug}"
        assert links["course"] == f"{page}?challenge={firsts[0].slug}"

    def test_a_wrong_time_is_said(self, grace_client, evening, teacher, ann):
        page = reverse("teach:why", args=[evening.pk, ann.pk])
        response = grace_client.get(page, {"challenge": "sea-or-sky", "at": "soon"})
        assert response.status_code == 422 and "Enter a valid date/time." in response.content.decode()


class TestWhoMay:
    def pages(self, evening: Class, ann: Member) -> list[str]:
        return [
            reverse("teach:dates", args=[evening.pk]),
            reverse("teach:why", args=[evening.pk, ann.pk]),
            reverse("teach:more_time", args=[evening.pk]),
            edit(evening),
        ]

    def test_assistants_look_and_do_not_change(self, bob_client, bob, evening, ann):
        factories.member(evening, bob, learner_data=LearnerData.VIEWER)
        assert [bob_client.get(one).status_code for one in self.pages(evening, ann)] == [200, 200, 403, 403]
        assert bob_client.post(edit(evening), {"after": "50"}).status_code == 403
        assert not StaffAction.objects.filter(what="dates_changed").exists()

    def test_learners_and_assistants_of_other_classes_find_nothing(self, bob_client, bob, course, evening, ann):
        factories.member(evening, bob)
        other = factories.a_class(course, title="Morning group")
        factories.member(other, bob, learner_data=LearnerData.EDITOR)
        assert {bob_client.get(one).status_code for one in self.pages(evening, ann)} == {404}
