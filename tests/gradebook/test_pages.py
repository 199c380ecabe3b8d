"""The pages of the gradebook, for those who decide, for assistants, and for nobody else."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from gradus.accounts.models import StaffAction, User
from gradus.accounts.token_rules import LearnerData
from gradus.classes.models import Class, Member, ReleaseRule
from gradus.courses.models import Challenge, Course
from gradus.gradebook import queries, services
from gradus.gradebook.models import Override
from gradus.submissions.results import releasing
from tests import factories
from tests.conftest import logged_in
from tests.markup import Markup

pytestmark = pytest.mark.django_db


def address(of_class: Class, more: str = "") -> str:
    return f"/teach/classes/{of_class.pk}/grades/{more}"


def text(client: Client, where: str) -> str:
    answer = client.get(where)
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_table_shows_states_in_words_and_totals(
    evening: Class, ann: Member, ben: Member, eve: Member, ada: User, bob: User, teacher: User, teacher_client: Client
) -> None:
    factories.grade(factories.submit(ada), 0.5)
    factories.submit(bob)
    services.excuse([eve], factories.challenge("ticket"), by=teacher, reason="joined late")
    found = text(teacher_client, address(evening))
    for words in ("Ada Lovelace", "eve@example.org", "5.00", "Being graded", "Excused", "50.0 %", "average 5.00"):
        assert words in found
    assert f"{ann.pk}/sea-or-sky/" in found


def test_learners_are_filtered_searched_and_paged(
    evening: Class, ann: Member, ben: Member, eve: Member, teacher_client: Client
) -> None:
    label = evening.labels.get(name="Section B")
    found = text(teacher_client, address(evening, f"?label={label.pk}"))
    assert "Bob Builder" in found and "Ada Lovelace" not in found
    found = text(teacher_client, address(evening, "?search=love+0012345"))
    assert "Ada Lovelace" in found and "Bob Builder" not in found
    assert "No learner matches" in text(teacher_client, address(evening, "?search=nobody"))
    for n in range(60):
        factories.member(evening, email=f"zz{n}@example.org")
    assert "Page 1 of 2" in text(teacher_client, address(evening))
    assert "zz59@example.org" in text(teacher_client, address(evening, "?page=2"))
    assert "zz59@example.org" in text(teacher_client, address(evening, "?size=100"))
    for strange in ("?label=x&page=-1&size=7", "?page=999999999999", "?label=999", f"?search={'x' * 200}"):
        assert "Learner" in text(teacher_client, address(evening, strange))


def test_a_page_takes_as_many_queries_for_sixty_learners_as_for_three(
    evening: Class, ann: Member, ada: User, teacher_client: Client
) -> None:
    factories.grade(factories.submit(ada), 0.5)
    counts = []
    text(teacher_client, address(evening))
    for _again in range(2):
        with CaptureQueriesContext(connection) as caught:
            text(teacher_client, address(evening))
        counts.append(len(caught))
        for n in range(40):
            factories.member(evening, email=f"m{n}-{_again}@example.org", labels=["Section A"])
    assert counts[0] == counts[1] <= 34


def test_a_cell_shows_its_attempts_and_takes_an_override(
    evening: Class, ann: Member, ada: User, teacher_client: Client, sea_or_sky: Challenge
) -> None:
    factories.grade(factories.submit(ada), 0.5)
    where = address(evening, f"{ann.pk}/sea-or-sky/")
    found = text(teacher_client, where)
    assert "Sea or sky?" in found and "0.50" in found and "100 %" in found
    answer = teacher_client.post(where, {"action": "override", "value": "8", "reason": "", "seen": "none"})
    assert answer.status_code == 422 and b"Write why" in answer.content and b'value="8"' in answer.content
    answer = teacher_client.post(where, {"action": "override", "value": "8", "reason": "read again", "seen": "none"})
    assert answer.status_code == 302
    assert Override.objects.get().value == Decimal(8)
    found = text(teacher_client, where)
    assert "read again" in found and "Set by teacher" in found and "Clear, and use" in found
    # Somebody who still sees the page from before.
    late = teacher_client.post(where, {"action": "override", "value": "3", "reason": "late", "seen": "none"})
    assert late.status_code == 409 and b"Somebody else changed" in late.content and b"read again" in late.content
    assert b'value="3"' in late.content and f'name="seen" value="{Override.objects.get().pk}"'.encode() in late.content
    assert teacher_client.post(where, {"action": "clear", "seen": Override.objects.get().pk}).status_code == 302
    assert teacher_client.post(where, {"action": "excuse", "reason": "ill", "seen": "none"}).status_code == 302
    assert Override.objects.open().get().kind == "excused"


def test_points_of_challenges_are_saved_and_checked(
    evening: Class, ann: Member, ada: User, teacher_client: Client, sea_or_sky: Challenge
) -> None:
    factories.grade(factories.submit(ada), 0.5)
    where = address(evening, "points")
    answer = teacher_client.post(where, {str(sea_or_sky.pk): "many"})
    assert answer.status_code == 422 and b"Write a number of points" in answer.content
    assert teacher_client.post(where, {str(sea_or_sky.pk): "20"}).status_code == 302
    assert queries.table(evening).lines[0].cells[0].points == Decimal(10)


def test_all_with_a_label_are_excused(
    evening: Class, ann: Member, ben: Member, eve: Member, teacher_client: Client, sea_or_sky: Challenge
) -> None:
    label = evening.labels.get(name="Section B")
    given = {"label": label.pk, "challenge": sea_or_sky.pk, "reason": "no lecture"}
    answer = teacher_client.post(address(evening, "excuse"), {**given, "reason": ""})
    assert answer.status_code == 422 and not Override.objects.exists()
    assert teacher_client.post(address(evening, "excuse"), given).status_code == 302
    assert set(Override.objects.open().values_list("member", flat=True)) == {ben.pk, eve.pk}


def test_canvas_gets_as_sections_only_the_labels_that_somebody_chose(
    evening: Class, ann: Member, ada: User, teacher_client: Client
) -> None:
    factories.member(evening, email="zoe@example.org", labels=["Extra time", "Section B"])
    chosen = evening.labels.get(name="Section B")
    without = text(teacher_client, address(evening, "canvas.csv"))
    assert "Extra time" not in without and "Section" in without and "Section B" not in without
    found = text(teacher_client, address(evening, f"canvas.csv?section={chosen.pk}&section=x&section=999"))
    assert "Section B" in found and "Extra time" not in found


def test_full_points_are_a_choice_and_the_form_says_what_is_allowed(
    evening: Class, ann: Member, ada: User, teacher: User, teacher_client: Client, sea_or_sky: Challenge
) -> None:
    services.weigh(evening, {sea_or_sky.pk: "15"}, by=teacher)
    where = address(evening, f"{ann.pk}/sea-or-sky/")
    found = text(teacher_client, where)
    assert "The challenge is worth 15 points; you can give up to 30" in found
    # Without an attempt there is no entry.
    assert "Leaderboards keep the score" in found and "/teach/boards/" not in found
    factories.grade(factories.submit(ada), 0.5)
    assert f"/teach/boards/sea-or-sky/{ada.pk}/" in text(teacher_client, where)
    refused = teacher_client.post(where, {"action": "full", "reason": "", "seen": "none"})
    assert refused.status_code == 422 and not Override.objects.exists()
    answer = teacher_client.post(where, {"action": "full", "value": "3", "reason": "our mistake", "seen": "none"})
    assert answer.status_code == 302 and Override.objects.get().value == Decimal(15)
    assert "No, what a person set counts" in text(teacher_client, where)


def test_the_page_of_a_member_shows_the_work_at_each_challenge(
    evening: Class, ann: Member, ada: User, teacher: User, teacher_client: Client
) -> None:
    factories.grade(factories.submit(ada), 0.5)
    services.excuse([ann], factories.challenge("ticket"), by=teacher, reason="joined late")
    found = text(teacher_client, f"/teach/classes/{evening.pk}/members/{ann.pk}/")
    for words in ("5.00", "Graded", "Excused", "50.0 %", address(evening, f"{ann.pk}/sea-or-sky/")):
        assert words in found
    helper = factories.member(evening, factories.UserFactory.create(), learner_data=LearnerData.VIEWER)
    assert "Work and grades" not in text(teacher_client, f"/teach/classes/{evening.pk}/members/{helper.pk}/")


def test_equal_names_are_told_apart(evening: Class, ann: Member, teacher_client: Client) -> None:
    for number in ("0099", "0098"):
        given = {"first_name": "Zoe", "last_name": "Ilic", "registration_number": number}
        factories.member(evening, email=f"zoe{number}@example.org", **given)
    found = text(teacher_client, address(evening))
    assert "0099" in found and "0098" in found and "0012345" not in found


def test_while_somebody_is_searched_the_average_is_that_of_the_class(
    evening: Class, ann: Member, ben: Member, ada: User, bob: User, teacher_client: Client
) -> None:
    factories.grade(factories.submit(ada), 0.5)
    factories.grade(factories.submit(bob), 0.7)
    found = text(teacher_client, address(evening, "?search=love"))
    assert "average 6.00" in found and "2 of 2 released" in found


@pytest.mark.parametrize("format", ["canvas", "moodle", "wide", "long"])
def test_each_file_is_sent_and_recorded(
    evening: Class, ann: Member, ada: User, teacher: User, teacher_client: Client, format: str
) -> None:
    factories.grade(factories.submit(ada), 0.5)
    answer = teacher_client.get(address(evening, f"{format}.csv"))
    assert answer["Content-Type"] == "text/csv; charset=utf-8" and f"-{format}.csv" in answer["Content-Disposition"]
    assert "5.00" in answer.content.decode()
    noted = StaffAction.objects.get(what="data_exported", user_id=teacher.pk)
    assert (noted.details["class"], noted.details["format"], noted.details["rows"]) == (evening.pk, format, 1)
    assert teacher_client.get(address(evening, "xlsx.csv")).status_code == 404


def test_what_files_leave_out_stands_on_the_page(
    evening: Class, ann: Member, ada: User, teacher_client: Client
) -> None:
    ReleaseRule.objects.create(of_class=evening, score="hand", details="hand")
    factories.grade(factories.submit(ada), 0.5)
    found = text(teacher_client, address(evening))
    assert "1 grade is left out" in found and "Not released" in found
    assert "Gradus cannot import grades" in found


def test_an_assistant_reads_and_changes_nothing(evening: Class, ann: Member, sea_or_sky: Challenge) -> None:
    assistant = factories.UserFactory.create()
    factories.member(evening, assistant, learner_data=LearnerData.VIEWER)
    client = logged_in(assistant)
    where = address(evening, f"{ann.pk}/sea-or-sky/")
    assert "Change the points" not in text(client, address(evening))
    assert "Set these points" not in text(client, where)
    given = {"action": "override", "value": "8", "reason": "x"}
    assert client.post(where, given).status_code == 403
    assert client.post(address(evening, "points"), {str(sea_or_sky.pk): "1"}).status_code == 403
    assert not Override.objects.exists()


def test_nobody_else_sees_it(
    evening: Class, ann: Member, ada_client: Client, bob_client: Client, course: Course
) -> None:
    other = factories.a_class(course, title="Another class")
    assistant = factories.UserFactory.create()
    factories.member(other, assistant, learner_data=LearnerData.EDITOR)
    for client in (ada_client, bob_client, logged_in(assistant)):
        for more in ("", "wide.csv", f"{ann.pk}/sea-or-sky/"):
            assert client.get(address(evening, more)).status_code == 404
    # Nor is a member of one class reached through another.
    assert logged_in(assistant).get(address(other, f"{ann.pk}/sea-or-sky/")).status_code == 404


def test_a_cell_shows_the_work_as_its_learner_sees_it_with_the_pass_mark(
    evening: Class, ann: Member, ada: User, teacher_client: Client
) -> None:
    factories.grade(factories.submit(ada, "ticket", factories.LORA), 0.5)
    factories.grade(factories.submit(ada, "ticket", factories.LORA), 0.9)
    found = Markup(text(teacher_client, address(evening, f"{ann.pk}/ticket/")))
    assert "(passes from 0.60)" in found and "not passed" in found
    # Rows stand as lines of the form and not as JSON.
    assert factories.LORA["rows"][0]["input"] in found and '"input"' not in found
    assert "Learners never read it" in found


def test_changing_points_says_before_how_many_released_grades_change(
    evening: Class, ann: Member, ben: Member, ada: User, bob: User, sea_or_sky: Challenge, teacher: User,
    teacher_client: Client,
) -> None:  # fmt: skip
    for user in (ada, bob):
        factories.grade(factories.submit(user), 0.5)
    page = Markup(text(teacher_client, address(evening)))
    assert "Changes 2 released grades." in page and "Changes no released grade." in page
    services.override([ann], sea_or_sky, value="7", reason="orally", by=teacher)
    assert queries.changing(evening) == {sea_or_sky.pk: 1}
    releasing.change_rule(evening, None, by=teacher, score="hand", details="hand")
    factories.grade(factories.submit(bob, of_class=evening.pk), 0.9)
    assert queries.changing(evening) == {}


def test_a_member_without_an_account_gets_a_text_to_copy(evening: Class, ann: Member, eve: Member) -> None:
    client = logged_in(factories.UserFactory.create(is_staff=True))
    found = Markup(text(client, f"/teach/classes/{evening.pk}/members/{eve.pk}/"))
    assert 'data-copy="#invitation-text"' in found
    assert f"http://testserver/accounts/signup/?next=%2Fcourses%2F{evening.course.slug}%2F" in found
    assert "invitation-text" not in text(client, f"/teach/classes/{evening.pk}/members/{ann.pk}/")
