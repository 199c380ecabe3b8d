"""The page of a roster: a preview stores nothing, and only what was previewed is applied."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from gradus.accounts.models import StaffAction, User
from gradus.accounts.token_rules import LearnerData
from gradus.classes.models import Class, Member
from gradus.courses.models import Course
from tests.conftest import logged_in
from tests.hostile.rosters.cast import account, class_of, state_of
from tests.hostile.rosters.test_pages import applied, uploaded

ROSTER = b"email,firstname,labels\ndan@example.org,Daniel,Section B\nlena@example.org,Lena,Section A\n"


@pytest.fixture
def evening(course: Course) -> Class:
    return class_of(course)


@pytest.fixture
def tom(evening: Class) -> Client:
    return logged_in(User.objects.get(username="tom"))


def address(of_class: Class) -> str:
    return reverse("teach:roster", args=[of_class.pk])


def test_a_roster_is_previewed_then_applied(tom: Client, evening: Class) -> None:
    before = state_of(evening)
    page = uploaded(tom, evening, ROSTER)
    assert b"What the roster would change" in page.content and b"Section B" in page.content
    assert state_of(evening) == before and not StaffAction.objects.filter(what="members_changed").exists()
    done = applied(tom, evening, page)
    assert b"The roster is applied" in done.content
    assert Member.objects.get(email="dan@example.org").first_name == "Daniel"
    assert b"There is nothing to apply" in uploaded(tom, evening, ROSTER).content


def test_a_list_of_addresses_is_pasted(tom: Client, evening: Class) -> None:
    page = tom.post(address(evening), {"text": "lena@example.org\nsam@example.org"})
    assert applied(tom, evening, page).context["plan"].counts["add"] == 2


def test_what_changed_meanwhile_is_shown_and_nothing_applied(tom: Client, evening: Class) -> None:
    page = uploaded(tom, evening, ROSTER)
    Member.objects.filter(email="dan@example.org").update(first_name="Danny")
    before = state_of(evening)
    again = applied(tom, evening, page)
    assert again.status_code == 409 and b"has changed since this preview" in again.content and b"Danny" in again.content
    assert state_of(evening) == before
    assert applied(tom, evening, again).status_code == 200
    assert Member.objects.get(email="dan@example.org").first_name == "Daniel"


def test_sync_is_offered_again_without_removing_while_a_row_is_wrong(tom: Client, evening: Class) -> None:
    page = uploaded(tom, evening, ROSTER + b"sam,,\n", sync="on")
    assert b"Preview without removing" in page.content and b'name="seen"' not in page.content
    page = uploaded(tom, evening, ROSTER, sync="on")
    assert b"Removed" in page.content and Member.objects.active().count() == 5


def test_nothing_chosen_is_said_beside_the_file(tom: Client, evening: Class) -> None:
    page = tom.post(address(evening), {})
    assert page.status_code == 422 and b"no text in it" in page.content


def test_one_person_is_added_and_a_wrong_cell_has_its_message(tom: Client, evening: Class) -> None:
    given = {"action": "add", "email": "lena@example.org", "firstname": "Lena", "labels": "Lab", "role": "learner"}
    assert tom.post(address(evening), given).status_code == 302
    lena = Member.objects.get(email="lena@example.org")
    assert lena.first_name == "Lena" and [str(one) for one in lena.labels.all()] == ["Lab"]
    for wrong, said in ((given | {"email": "eva@example.org", "registrationnumber": "1001"}, b"another account"),
                        (given | {"email": "", "login": ""}, b"Write the email address of this person."),
                        (given | {"email": "", "login": "max"}, b"To add somebody new, write the email address."),
                        (given | {"firstname": "=1+1"}, b"as a formula does")):  # fmt: skip
        page = tom.post(address(evening), wrong)
        assert page.status_code == 422 and said in page.content
    assert Member.objects.count() == 6


def test_the_people_are_downloaded(tom: Client, evening: Class) -> None:
    answer = tom.get(reverse("teach:roster_download", args=[evening.pk]))
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    lines = answer.content.decode().splitlines()
    assert lines[0] == "login,email,registrationnumber,firstname,lastname,labels,role"
    assert ",ann@example.org,1001,Ann,Lee,Section A,learner" in lines
    assert ",dan@example.org,,Dan,,extra time; Section A,learner" in lines


def test_others_do_not_see_it(evening: Class, ada: User) -> None:
    assistant, teacher = account("al", "al@example.org"), account("other", "other@example.org")
    Member.objects.create(of_class=evening, user=assistant, learner_data=LearnerData.VIEWER)
    other = Class.objects.create(course=evening.course, title="Another", timezone="UTC")
    Member.objects.create(of_class=other, user=teacher, learner_data=LearnerData.EDITOR)
    download = reverse("teach:roster_download", args=[evening.pk])
    for user, statuses in ((ada, (404, 404)), (teacher, (404, 404)), (assistant, (403, 200))):
        client = logged_in(user)
        assert (client.get(address(evening)).status_code, client.get(download).status_code) == statuses
        assert client.post(address(evening), {"text": "new@example.org"}).status_code == statuses[0]
    assert not Member.objects.filter(email="new@example.org").exists()


def test_the_encoding_of_a_file_can_be_chosen(tom: Client, evening: Class) -> None:
    polish = "E-Mail-Adresse,Vorname,Nachname,Gruppe\nlukasz@example.org,Łukasz,Dąbrowski,Abend\n".encode(
        "windows-1250"
    )
    guessed = uploaded(tom, evening, polish).content.decode()
    assert "Łukasz" not in guessed and "choose the encoding of the file" in guessed
    page = uploaded(tom, evening, polish, encoding="windows-1250")
    assert "Łukasz Dąbrowski" in page.content.decode()
    applied(tom, evening, page)
    member = Member.objects.get(email="lukasz@example.org")
    assert (member.first_name, member.last_name) == ("Łukasz", "Dąbrowski")
    assert [label.name for label in member.labels.all()] == ["Abend"]


def test_an_encoding_that_the_file_does_not_have_is_said_beside_the_choice(tom: Client, evening: Class) -> None:
    page = uploaded(tom, evening, "email,firstname\nlena@example.org,Zoë\n".encode("windows-1252"), encoding="utf-8")
    assert page.status_code == 422 and "not in UTF-8: see byte" in str(page.context["form"].errors["encoding"])
    assert uploaded(tom, evening, ROSTER, encoding="klingon").status_code == 422
