"""The page on which grades of a class are released."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from gradus.accounts.models import StaffAction
from gradus.classes.models import ReleaseRule
from gradus.gradebook import services
from gradus.gradebook.models import Override
from gradus.notices.models import Notice
from gradus.submissions.models import Standing, Submission
from gradus.submissions.results import releasing
from tests import factories
from tests.conftest import logged_in


@pytest.fixture
def group(course, ada, sea_or_sky):
    made = factories.a_class(course, timezone="Europe/Vienna")
    factories.member(made, ada)
    return made


@pytest.fixture
def teacher(group):
    """An instructor of this class only."""
    user = factories.UserFactory.create()
    factories.member(group, user, learner_data="editor")
    return user


def form(challenge=None, **values):
    prefix = f"of-{challenge.pk if challenge else 'all'}"
    given = {"score": "now", "score_at": "", "details": "now", "details_at": "", "seen": "", **values}
    return {"challenge": challenge.slug if challenge else "", **{f"{prefix}-{name}": v for name, v in given.items()}}


def test_a_teacher_withholds_grades_and_releases_them(ada, ada_client, group, teacher, sea_or_sky):
    client, address = logged_in(teacher), f"/teach/classes/{group.pk}/release/"
    assert client.post(address, form(score="hand", details="hand")).status_code == 302
    made = factories.submit(ada)
    factories.grade(made)
    page = ada_client.get(f"/submissions/{made.uuid}/").content.decode()
    assert "Your teacher has not released the grades yet." in page and "0.70" not in page
    page = client.get(address).content.decode()
    assert "1 grade is withheld." in page and "0 of 1 released" in page and "Release 1 grade<" in page

    client.post(f"{address}now", {"challenge": "sea-or-sky"})
    assert Standing.objects.get().user == ada
    assert "0.70" in ada_client.get(f"/submissions/{made.uuid}/").content.decode()
    page = client.get(address).content.decode()
    assert "grade is withheld" not in page and "1 of 1 released" in page
    assert "1 learner can see this grade already and keeps seeing it" in page and "nothing to release" in page


def test_only_the_score_is_released(ada, ada_client, group, teacher, sea_or_sky):
    client, address = logged_in(teacher), f"/teach/classes/{group.pk}/release/"
    client.post(address, form(score="hand", details="hand"))
    made = factories.submit(ada)
    factories.grade(made)
    client.post(f"{address}now", {"challenge": "sea-or-sky", "part": "score"})
    page = ada_client.get(f"/submissions/{made.uuid}/").content.decode()
    assert "0.70" in page and "Your teacher releases the details of this grade later." in page
    assert "The details of 1 grade are withheld." in client.get(address).content.decode()


def test_grades_that_a_person_set_are_released_with_the_same_button(ada, group, teacher, sea_or_sky):
    client, address = logged_in(teacher), f"/teach/classes/{group.pk}/release/"
    client.post(address, form(score="hand", details="hand"))
    assert "Release all grades now" not in client.get(address).content.decode()
    services.override(group.members.filter(user=ada), sea_or_sky, by=teacher, value=9, reason="because")
    page = client.get(address).content.decode()
    assert "Release all grades now" in page and "1 grade or excuse that a person has set is withheld." in page
    assert "Released." in client.post(f"{address}now", follow=True).content.decode()
    assert "Release all grades now" not in client.get(address).content.decode()
    # The guide says that these points are visible without a notice.
    assert not Override.objects.get().withheld and not Notice.objects.exists()


def test_a_date_is_in_the_zone_of_the_class(ada, ada_client, group, teacher, sea_or_sky):
    client, address = logged_in(teacher), f"/teach/classes/{group.pk}/release/"
    given = form(sea_or_sky, score="date", score_at="2100-06-01T09:00", details="now")
    assert client.post(address, given).status_code == 302
    rule = ReleaseRule.objects.get()
    assert rule.challenge == sea_or_sky
    assert rule.score_at == datetime(2100, 6, 1, 9, tzinfo=ZoneInfo("Europe/Vienna"))
    made = factories.submit(ada)
    factories.grade(made)
    page = ada_client.get(f"/submissions/{made.uuid}/").content.decode()
    assert "releases the grades on 1 Jun 2100, 09:00 (Europe/Vienna)" in page

    assert client.post(address, form(sea_or_sky, score="class")).status_code == 302
    assert not ReleaseRule.objects.exists() and Standing.objects.get().user == ada


def test_what_is_wrong_stands_beside_its_field(group, teacher, sea_or_sky):
    client, address = logged_in(teacher), f"/teach/classes/{group.pk}/release/"
    response = client.post(address, form(sea_or_sky, score="date"))
    assert response.status_code == 422 and "Set the date and the time of the release." in response.content.decode()
    assert client.post(address, form(score="later")).status_code == 422
    assert client.post(address, {"challenge": "nothing"}).status_code == 404
    assert not ReleaseRule.objects.exists()


def test_a_change_of_somebody_else_is_not_overwritten(group, grace, teacher, sea_or_sky):
    client, address = logged_in(teacher), f"/teach/classes/{group.pk}/release/"
    seen = client.get(address).context["form"].initial["seen"]
    releasing.change_rule(group, None, by=grace, score="hand", details="hand")
    response = client.post(address, form(seen=seen))
    assert response.status_code == 409 and "Somebody else changed this" in response.content.decode()
    assert ReleaseRule.objects.get().score == "hand" and "when a teacher releases them" in response.content.decode()

    again = client.post(address, form(seen=response.context["form"]["seen"].value()))
    assert again.status_code == 302 and ReleaseRule.objects.get().score == "now"


def test_an_assistant_looks_and_does_not_release(group, sea_or_sky):
    assistant = factories.UserFactory.create()
    factories.member(group, assistant, learner_data="viewer")
    client, address = logged_in(assistant), f"/teach/classes/{group.pk}/release/"
    page = client.get(address)
    assert page.status_code == 200 and b"/release/now" not in page.content and b"of-all-score" not in page.content
    assert client.post(address, form(score="hand")).status_code == 403
    assert client.post(f"{address}now").status_code == 403
    assert not ReleaseRule.objects.exists()


def test_learners_and_teachers_of_another_class_find_nothing(ada_client, bob, course, group, sea_or_sky):
    other = factories.a_class(course, title="Another")
    factories.member(other, bob, learner_data="editor")
    for client in (ada_client, logged_in(bob)):
        assert client.get(f"/teach/classes/{group.pk}/release/").status_code == 404
        assert client.post(f"/teach/classes/{group.pk}/release/now").status_code == 404


def test_a_learner_of_two_classes_chooses_one(ada, ada_client, course, group, sea_or_sky):
    other = factories.a_class(course, title="Another")
    factories.member(other, ada)
    page = ada_client.get("/challenges/sea-or-sky/").content.decode()
    assert "Class for which this attempt counts" in page
    given = {"kind": "prompt", "key": "k1", "instructions": "Say sky or sea.", "learner": ada.pk}
    response = ada_client.post("/challenges/sea-or-sky/submit", given)
    assert response.status_code == 422 and not Submission.objects.exists()
    assert "Choose the class for which this attempt counts." in response.content.decode()
    assert ada_client.post("/challenges/sea-or-sky/submit", {**given, "class": other.pk}).status_code == 302
    assert Submission.objects.get().of_class == other
    other.ends_at = other.created_at
    other.save()
    assert "Class for which" not in ada_client.get("/challenges/sea-or-sky/").content.decode()


@pytest.mark.parametrize("challenge", ["sea-or-sky", ""])
def test_after_a_release_later_attempts_can_be_withheld_again(ada, group, teacher, sea_or_sky, challenge):
    client, address = logged_in(teacher), f"/teach/classes/{group.pk}/release/"
    said = "Later attempts are shown at once"
    client.post(address, form(score="hand", details="hand"))
    assert said not in client.get(address).content.decode()
    first = factories.submit(ada)
    factories.grade(first)
    client.post(f"{address}now", {"challenge": challenge})
    assert said in client.get(address).content.decode()

    assert client.post(f"{address}end", {"challenge": challenge}).status_code == 302
    assert said not in client.get(address).content.decode()
    second = factories.submit(ada)
    factories.grade(second)
    shown = Submission.objects.order_by("pk").values_list("grade_withheld", "details_withheld")
    assert list(shown) == [(False, False), (True, True)]
    note = StaffAction.objects.filter(what="release_changed").latest("pk")
    assert (note.user_id, note.details["after"]["withheld_again"]) == (teacher.pk, ["score", "details"])


def test_nobody_else_withholds_again(ada_client, bob, group, sea_or_sky):
    factories.member(group, bob, learner_data="viewer")
    address = f"/teach/classes/{group.pk}/release/end"
    assert [client.post(address).status_code for client in (ada_client, logged_in(bob))] == [404, 403]


def test_before_saving_the_page_says_who_has_seen_a_grade_already(ada, bob, group, teacher, sea_or_sky, ticket):
    factories.member(group, bob)
    client, address = logged_in(teacher), f"/teach/classes/{group.pk}/release/"
    factories.grade(factories.submit(ada))
    client.post(address, form(score="hand", details="hand"))
    factories.grade(factories.submit(bob))
    rows = {row["release"].challenge.slug: row for row in client.get(address).context["rows"]}
    column = rows["sea-or-sky"]["column"]
    assert (column.seen, column.held, column.graded) == (1, 1, 2)
    assert (rows["sea-or-sky"]["waiting"], rows["ticket"]["waiting"]) == ("Release 1 grade", "")
    assistant = factories.UserFactory.create()
    factories.member(group, assistant, learner_data="viewer")
    assert b"/release/now" in client.get(address).content
    assert b"/release/now" not in logged_in(assistant).get(address).content
    assert "1 of 2 released" in client.get(f"/teach/classes/{group.pk}/grades/").content.decode()
    assert "Sea or sky: 1 of 2 released." in client.get(f"/teach/classes/{group.pk}/grades/").content.decode()


def test_provisional_grades_are_counted_apart_and_released_only_by_their_own_button(
    ada, bob, group, teacher, sea_or_sky
):
    factories.member(group, bob)
    client, address = logged_in(teacher), f"/teach/classes/{group.pk}/release/"
    client.post(address, form(score="hand", details="hand"))
    factories.grade(factories.submit(ada))
    doubtful = factories.submit(bob)
    factories.grade(doubtful, provisional=True)
    page = client.get(address).content.decode()
    assert "Release 1 grade<" in page and "Release 1 grade, at all challenges together." in page
    assert page.count("Release all 2, with 1 provisional grade that no person has looked at") >= 2
    assert "later attempts are shown at once, too, when their grades are final" in page

    assert "Released: 1 attempt." in client.post(f"{address}now", follow=True).content.decode()
    doubtful.refresh_from_db()
    assert doubtful.grade_withheld
    page = client.get(address).content.decode()
    assert "Release 1 grade" not in page and "with 1 provisional grade that no person" in page
    client.post(f"{address}now", {"challenge": "sea-or-sky", "provisional": "yes"})
    doubtful.refresh_from_db()
    assert not doubtful.grade_withheld and "provisional grades too, because" in client.get(address).content.decode()


def test_set_points_are_no_other_grade_than_the_attempt_that_they_replace(ada, group, teacher, sea_or_sky):
    client, address = logged_in(teacher), f"/teach/classes/{group.pk}/release/"
    client.post(address, form(score="hand", details="hand"))
    factories.grade(factories.submit(ada))
    services.override(group.members.filter(user=ada), sea_or_sky, by=teacher, value=9, reason="because")
    page = client.get(address)
    assert page.context["waiting"] == "Release 1 grade" and page.context["rows"][0]["waiting"] == "Release 1 grade"
