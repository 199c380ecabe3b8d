"""The pages with which people teach a class, and with which learners join and leave one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.test import Client
from django.utils import timezone

from gradus.accounts.models import StaffAction, User
from gradus.accounts.token_rules import Content, LearnerData, Scope
from gradus.classes import changes, members, services
from gradus.classes.models import Class, Member
from gradus.courses.models import Course
from tests import factories
from tests.conftest import logged_in

SETTINGS = {
    "title": "Autumn",
    "timezone": "Europe/Vienna",
    "begins_at": "2026-10-05T09:00",
    "ends_at": "2027-01-31T00:00",
    "points": "share",
    "steps": "",
    "board": "off",
}


def said(response: object) -> str:
    return response.content.decode()


def test_a_new_class_is_made_and_its_dates_are_in_its_zone(course: Course, teacher: User) -> None:
    client = logged_in(teacher)
    assert "You teach no class yet" in said(client.get("/teach/classes/"))
    response = client.post("/teach/classes/new", {**SETTINGS, "course": course.slug})
    made = Class.objects.get()
    assert response.url == f"/teach/classes/{made.pk}/"
    assert (made.course, made.title, made.created_by) == (course, "Autumn", teacher)
    assert made.begins_at == datetime(2026, 10, 5, 7, tzinfo=UTC)
    assert made.ends_at == datetime(2027, 1, 30, 23, tzinfo=UTC)
    assert StaffAction.objects.get(what="class_created").details["class"] == made.pk
    assert "Autumn" in said(client.get("/teach/classes/"))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"timezone": "Atlantis"}, "There is no such time zone"),
        ({"timezone": "Vienne"}, "There is no such time zone. Did you mean Europe/Vienna"),
        ({"ends_at": "2026-10-05T09:00"}, "would end before it begins"),
        ({"title": " "}, "This field is required"),
        ({"begins_at": "tomorrow"}, "Enter a valid date/time"),
        ({"begins_at": "0001-01-01T00:00"}, "Write a year from 1970 to 2199"),
    ],
)
def test_what_is_wrong_stands_beside_the_field(course: Course, teacher: User, wrong: dict, message: str) -> None:
    response = logged_in(teacher).post("/teach/classes/new", {**SETTINGS, "course": course.slug, **wrong})
    assert response.status_code == 422 and message in said(response)
    assert not Class.objects.exists()


def test_a_local_time_that_comes_twice_or_never_is_read_in_favour_of_learners(course: Course, teacher: User) -> None:
    changed = {"begins_at": "2026-10-25T02:30", "ends_at": "2027-03-28T02:30"}
    logged_in(teacher).post("/teach/classes/new", {**SETTINGS, "course": course.slug, **changed})
    made = Class.objects.get()
    assert made.begins_at == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert made.ends_at == datetime(2027, 3, 28, 1, 30, tzinfo=UTC)


def test_an_author_without_learner_data_teaches_the_class_that_he_made(course: Course) -> None:
    author = factories.UserFactory.create()
    factories.enrol(author, course, Scope(Content.EDITOR))
    logged_in(author).post("/teach/classes/new", {**SETTINGS, "course": course.slug})
    made = Class.objects.get()
    assert Member.objects.get(of_class=made).learner_data == LearnerData.EDITOR
    other = factories.a_class(course)
    assert logged_in(author).get(f"/teach/classes/{made.pk}/members/").status_code == 200
    assert logged_in(author).get(f"/teach/classes/{other.pk}/members/").status_code == 403


def test_settings_that_somebody_else_changed_meanwhile_are_not_overwritten(evening: Class, teacher: User) -> None:
    client, address = logged_in(teacher), f"/teach/classes/{evening.pk}/"
    seen = changes.version_of(services.settings_of(evening))
    services.change(evening, by=teacher, title="Morning group")
    sent = {**SETTINGS, "seen": seen}
    response = client.post(address, sent)
    assert response.status_code == 409
    assert "Somebody else changed this" in said(response) and "Morning group" in said(response)
    assert Class.objects.get().title == "Morning group"
    again = response.context["form"]["seen"].value()
    assert client.post(address, {**sent, "seen": again}).status_code == 302
    assert Class.objects.get().title == "Autumn"
    noted = StaffAction.objects.filter(what="class_changed").latest("pk").details
    assert (noted["before"]["title"], noted["after"]["title"]) == ("Morning group", "Autumn")


def test_steps_are_written_line_by_line(evening: Class, teacher: User) -> None:
    client, address = logged_in(teacher), f"/teach/classes/{evening.pk}/"
    sent = {**SETTINGS, "points": "steps"}
    assert client.post(address, {**sent, "steps": "0.9 1\n0.5 0.8\n"}).status_code == 302
    assert Class.objects.get().steps == [{"from": 0.5, "points": 0.8}, {"from": 0.9, "points": 1.0}]
    for wrong in ("", "0.5", "0.5 2", "0.5 0.8\n0.9 0.1", "a b"):
        response = client.post(address, {**sent, "steps": wrong})
        assert response.status_code == 422 and "steps" in response.context["form"].errors


def test_a_learner_signs_up_by_the_link_and_joins(evening: Class, teacher: User) -> None:
    until = timezone.now() + timedelta(days=1)
    code = services.rotate_code(evening, by=teacher, until=until).join_code
    client = Client()
    page = client.get(f"/join/{code}/")
    assert "Evening group" in said(page) and f"/accounts/signup/?next=%2Fjoin%2F{code}%2F" in said(page)
    assert client.post(f"/join/{code}/").status_code == 200 and not Member.objects.exists()
    ann = {"email": "ann@example.org", "password1": factories.PASSWORD, "next": f"/join/{code}/"}
    assert client.post("/accounts/signup/", ann).url == f"/join/{code}/"
    assert client.post(f"/join/{code}/").url == f"/courses/{evening.course.slug}/"
    assert Member.objects.get().user == User.objects.get(email="ann@example.org")
    course_page = said(client.get(f"/courses/{evening.course.slug}/"))
    assert "Evening group" in course_page and "Leave the class" in course_page
    assert client.post(f"/classes/{evening.pk}/leave").status_code == 302
    assert Member.objects.get().state == "left"
    assert "Leave the class" not in said(client.get(f"/courses/{evening.course.slug}/"))


def test_a_code_that_is_stopped_replaced_or_too_old_lets_nobody_in(
    evening: Class, teacher: User, ada_client: Client
) -> None:
    client, address = logged_in(teacher), f"/teach/classes/{evening.pk}/code"
    client.post(address, {"join_code_until": "2199-01-01T00:00"})
    first = Class.objects.get().join_code
    client.post(address, {"join_code_until": "2199-01-01T00:00"})
    second = Class.objects.get().join_code
    assert first != second
    assert ada_client.get(f"/join/{first}/").status_code == 404
    assert ada_client.get("/join/", {"code": f" {second.upper()} "}).url == f"/join/{second}/"
    Class.objects.update(join_code_until=timezone.now())
    assert ada_client.post(f"/join/{second}/").status_code == 404
    Class.objects.update(join_code_until=timezone.now() + timedelta(1), ends_at=timezone.now())
    assert ada_client.post(f"/join/{second}/").status_code == 404
    Class.objects.update(ends_at=None)
    client.post(address, {"action": "stop"})
    assert Class.objects.get().join_code is None
    assert ada_client.post(f"/join/{second}/").status_code == 404
    assert client.post(address, {"join_code_until": "2020-01-01T00:00"}).status_code == 422
    assert not Member.objects.exists()


def test_people_are_added_by_address_and_told_by_mail(evening: Class, teacher: User, ada: User) -> None:
    EmailAddress.objects.create(user=ada, email=ada.email, verified=True)
    address = f"/teach/classes/{evening.pk}/members/"
    given = {
        "emails": f"Ben <ben@example.org>\n{ada.email}",
        "learner_data": "none",
        "labels": "One, Two",
        "mail": "on",
    }
    response = logged_in(teacher).post(address, given)
    assert response.url == address
    ben, known = Member.objects.get(email="ben@example.org"), Member.objects.get(user=ada)
    assert {str(one) for one in ben.labels.all()} == {"One", "Two"} and ben.user is None
    assert (known.joined_via, known.invited_by) == ("invitation", teacher)
    sent = {one.to[0]: one.body for one in mail.outbox}
    assert set(sent) == {"ben@example.org", ada.email}
    assert "/accounts/signup/?next=" in sent["ben@example.org"] and "signup" not in sent[ada.email]
    page = said(logged_in(teacher).get(address))
    assert "ben@example.org" in page and "none yet" in page and "2 members" in page


def test_one_wrong_address_adds_nobody(evening: Class, teacher: User) -> None:
    given = {"emails": "ben@example.org, nobody", "learner_data": "none", "labels": ""}
    response = logged_in(teacher).post(f"/teach/classes/{evening.pk}/members/", given)
    assert response.status_code == 422 and "“nobody” is not an email address" in said(response)
    assert not Member.objects.exists() and not mail.outbox


def test_the_list_is_searched_and_filtered_and_marked_members_get_a_label(evening: Class, teacher: User) -> None:
    client, address = logged_in(teacher), f"/teach/classes/{evening.pk}/members/"
    ann = factories.member(evening, email="ann@example.org", first_name="Ann", last_name="Lee", labels=["One"])
    ben = factories.member(evening, factories.UserFactory.create(), first_name="Ben")
    foreign = factories.member(factories.a_class(evening.course, title="Other"), email="x@example.org")
    marked = {"member": [ann.pk, ben.pk, foreign.pk], "action": "label", "label": "two"}
    client.post(f"{address}marked", marked)
    assert {str(one) for one in ben.labels.all()} == {"two"} and not foreign.labels.exists()
    client.post(f"{address}marked", {**marked, "label": "TWO", "action": "unlabel", "member": ben.pk})
    assert not ben.labels.exists() and evening.labels.count() == 2

    def names(**query: object) -> set[str]:
        return {one.name for one in client.get(address, query).context["rows"]}

    assert names() == {"Ann Lee", "Ben"}
    assert names(search="lee an") == {"Ann Lee"}
    assert names(label=evening.labels.get(name="two").pk) == {"Ann Lee"}
    assert names(state="new") == {"Ann Lee"}
    client.post(f"{address}marked", {"member": ann.pk, "action": "remove"})
    assert (names(), names(state="left")) == ({"Ben"}, {"Ann Lee"})


def test_a_member_is_changed_removed_and_let_back_in(evening: Class, teacher: User) -> None:
    member = factories.member(evening, email="ann@example.org", labels=["One"])
    client, address = logged_in(teacher), f"/teach/classes/{evening.pk}/members/{member.pk}/"
    seen = changes.version_of(members.values_of(member))
    given = {"first_name": "Ann", "last_name": "Lee", "email": "ANN@example.org", "learner_data": "viewer"}
    assert client.post(address, {**given, "labels": "Two", "seen": seen}).status_code == 302
    member.refresh_from_db()
    assert (member.name, member.email, member.learner_data) == ("Ann Lee", "ann@example.org", "viewer")
    assert [str(one) for one in member.labels.all()] == ["Two"]
    response = client.post(address, {**given, "last_name": "Late", "labels": "", "seen": seen})
    assert response.status_code == 409 and "Now it says: Ann Lee" in said(response)
    client.post(address, {"action": "remove"})
    member.refresh_from_db()
    assert member.state == "left" and member.left_at
    client.post(address, {"action": "back"})
    member.refresh_from_db()
    assert member.state == "active" and [str(one) for one in member.labels.all()] == ["Two"]


def test_an_address_of_another_member_is_refused(evening: Class, teacher: User) -> None:
    factories.member(evening, email="ben@example.org")
    ann = factories.member(evening, email="ann@example.org")
    given = {"email": "ben@example.org", "learner_data": "none", "labels": ""}
    response = logged_in(teacher).post(f"/teach/classes/{evening.pk}/members/{ann.pk}/", given)
    assert response.status_code == 409 and "belongs to another member" in said(response)


def test_labels_are_renamed_and_removed(evening: Class, teacher: User) -> None:
    member = factories.member(evening, email="ann@example.org", labels=["One", "Two"])
    client, one = logged_in(teacher), evening.labels.get(name="One")
    address = f"/teach/classes/{evening.pk}/labels/{one.pk}"
    client.post(address, {"name": "two"})
    assert evening.labels.filter(name="One").exists()
    client.post(address, {"name": "Section 1"})
    assert {str(label) for label in member.labels.all()} == {"Section 1", "Two"}
    client.post(address, {"action": "remove"})
    assert {str(label) for label in member.labels.all()} == {"Two"}


def test_nobody_sees_another_class(evening: Class, teacher: User, ada: User, ada_client: Client, bob: User) -> None:
    other = factories.a_class(evening.course, title="Other")
    factories.member(other, bob, learner_data="viewer")
    factories.member(other, ada)
    member = factories.member(evening, factories.UserFactory.create())
    pages = (f"/teach/classes/{evening.pk}/", f"/teach/classes/{evening.pk}/members/")
    for address in (*pages, f"{pages[1]}{member.pk}/"):
        assert ada_client.get(address).status_code == 404
        assert logged_in(bob).get(address).status_code == 404
    for address in (f"{pages[0]}code", f"{pages[1]}marked", f"/classes/{evening.pk}/leave"):
        assert logged_in(bob).post(address, {"action": "stop"}).status_code == 404
    assert logged_in(teacher).get(f"/teach/classes/{other.pk}/members/{member.pk}/").status_code == 404
    assert ada_client.get(f"/teach/classes/{other.pk}/").status_code == 404
    assert "Evening group" not in said(logged_in(bob).get("/teach/classes/"))


def test_an_assistant_reads_the_own_class_and_changes_nothing(evening: Class, bob: User) -> None:
    factories.member(evening, bob, learner_data="viewer")
    member = factories.member(evening, email="ann@example.org")
    client, address = logged_in(bob), f"/teach/classes/{evening.pk}/"
    assert bob.has_role and client.get("/teach/").status_code == 200
    for page in (address, f"{address}members/", f"{address}members/{member.pk}/"):
        assert client.get(page).status_code == 200
    for page in (address, f"{address}code", f"{address}members/", f"{address}members/{member.pk}/"):
        assert client.post(page, {**SETTINGS, "emails": "x@example.org"}).status_code == 403
    Member.objects.filter(user=bob).update(state="left", left_at=timezone.now())
    assert client.get(address).status_code == 404


def test_the_page_for_a_code_is_linked_where_people_begin(ada_client, evening):
    link = '<a href="/join/">Join a class</a>'
    for address in ("/", "/path/"):
        assert link in Client().get(address).content.decode()
        # The menu of an account has a link of its own.
        assert ada_client.get(address).content.decode().count(link) == 2
