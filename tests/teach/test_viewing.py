"""Somebody who teaches a class looks at the site as a learner of it, and nothing changes meanwhile."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from challenges.reading import read_course
from gradus.accounts.models import StaffAction, User
from gradus.accounts.token_rules import LearnerData
from gradus.classes.models import Class, DateRule, Member
from gradus.courses.models import Course
from gradus.courses.services import publish
from gradus.notices.models import Notice
from gradus.submissions.models import Submission
from gradus.submissions.results import releasing
from gradus.teach import viewing
from tests import factories
from tests.challenges.factory import write_course
from tests.conftest import logged_in


@pytest.fixture
def evening(course: Course) -> Class:
    return factories.a_class(course)


@pytest.fixture
def tess(evening: Class) -> User:
    """Sees the answers of this class, and has no role in its course."""
    person = factories.UserFactory.create(username="tess", email="tess@example.org", pseudonym="tutor")
    factories.member(evening, person, learner_data=LearnerData.VIEWER)
    return person


@pytest.fixture
def ann(evening: Class, ada: User) -> Member:
    return factories.member(evening, ada, first_name="Ann", last_name="Example", labels=["Morning"])


@pytest.fixture
def other_course(course: Course, tmp_path: Path) -> Course:
    made = publish(read_course(write_course(tmp_path / "other", id="other")))
    Course.objects.filter(pk=made.pk).update(title="Elsewhere")
    return made


def look(client: Client, of_class: Class, who: str = "", at: str = "") -> object:
    return client.post(f"/teach/classes/{of_class.pk}/view-as/", {"who": who, "at": at})


@pytest.fixture
def client(tess: User, evening: Class, ann: Member) -> Iterator[Client]:
    """Looks as Ann."""
    client = logged_in(tess)
    assert look(client, evening, f"member-{ann.pk}").status_code == 302
    yield client


def said(response: object) -> str:
    return response.content.decode()


def attempt(ada: User, evening: Class) -> Submission:
    made = factories.submit(ada, of_class=evening.pk)
    factories.grade(made, 0.7)
    return made


def test_the_course_is_shown_as_the_learner_sees_it_with_a_bar_that_ends_it(
    ann: Member, ada: User, evening: Class, client: Client
) -> None:
    page = said(client.get(f"/courses/{evening.course.slug}/"))
    assert "Ann Example" in page
    assert ada.pseudonym in page
    assert "Email addresses" not in page
    done = client.post("/teach/view-as/stop")
    assert done.url == f"/teach/classes/{evening.pk}/"
    assert "You see the site as" not in said(client.get(f"/courses/{evening.course.slug}/"))


def test_an_attempt_of_the_learner_is_shown_and_its_notice_stays_new(
    ann: Member, ada: User, evening: Class, client: Client
) -> None:
    made = attempt(ada, evening)
    notice = Notice.objects.create(user=ada, kind=Notice.Kind.GRADED, evaluation=made.current)
    assert client.get(f"/submissions/{made.uuid}/").status_code == 200
    notice.refresh_from_db()
    assert notice.seen_at is None


def test_the_pages_of_a_course_are_shown_without_a_write(
    ann: Member, ada: User, evening: Class, client: Client
) -> None:
    made = attempt(ada, evening)
    addresses = [
        "/",
        "/path/",
        "/leaderboards/",
        "/leaderboards/sea-or-sky/",
        f"/courses/{evening.course.slug}/",
        *(f"/lessons/{one.slug}/" for one in evening.course.lessons.all()),
        *(f"/challenges/sea-or-sky/{page}" for page in ("", "history", "costs/", "solution/")),
        f"/submissions/{made.uuid}/fragment",
    ]
    for address in addresses:
        with CaptureQueriesContext(connection) as queries:
            response = client.get(address)
        assert response.status_code == 200, address
        wrote = [
            one["sql"] for one in queries if viewing.WRITES.match(one["sql"]) and "django_session" not in one["sql"]
        ]
        assert not wrote, address


@pytest.mark.parametrize(
    "at", ["challenges/sea-or-sky/submit", "challenges/sea-or-sky/hint", "profile/tokens/", "language/"]
)
def test_what_writes_is_refused(client: Client, at: str) -> None:
    response = client.post(f"/{at}", {"language": "en"})
    assert response.status_code == 409
    assert "nothing can be changed here" in said(response)
    assert "You see the site as" in said(response)
    assert not Submission.objects.exists()


def test_htmx_reads_the_refusal_on_the_page(client: Client) -> None:
    response = client.post("/challenges/sea-or-sky/hint", headers={"HX-Request": "true"})
    assert response.status_code == 409
    assert "nothing can be changed here" in json.loads(response["HX-Trigger"])["gradus:toast"]["value"]


def test_what_a_page_counts_by_itself_is_answered(client: Client) -> None:
    typed = {"track": "prompt", "instructions": "Sea or sky?"}
    assert client.post("/challenges/sea-or-sky/tokens", typed, headers={"HX-Request": "true"}).status_code == 200


@pytest.mark.parametrize(
    "address",
    ["/profile/", "/profile/my-data.json", "/accounts/email/", "/notices/", "/teach/classes/", "/admin/", "/reviews/"],
)
def test_what_is_the_learners_own_is_not_shown(client: Client, address: str) -> None:
    response = client.get(address)
    assert response.status_code == 403
    assert "not shown while you look at the site as a learner" in said(response)


def test_a_write_on_a_shown_page_is_refused_by_the_database(
    transactional_db: None, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def writes(*_given: object) -> None:
        Course.objects.update(title="Changed")

    monkeypatch.setattr("gradus.learn.views.path.paths.path_of", writes)
    course = Course.objects.get()
    assert client.get(f"/courses/{course.slug}/").status_code == 409
    course.refresh_from_db()
    assert course.title != "Changed"


def test_the_api_is_not_affected(client: Client, tess: User) -> None:
    assert client.get("/api/v1/courses").status_code == 200


def test_pages_of_another_course_and_attempts_in_it_are_not_shown(
    ann: Member, ada: User, client: Client, other_course: Course
) -> None:
    assert client.get(f"/courses/{other_course.slug}/").status_code == 404
    assert "Elsewhere" not in said(client.get("/path/"))
    slug = other_course.lessons.get().challenges.first().slug
    elsewhere = factories.submit(ada, slug)
    assert client.get(f"/submissions/{elsewhere.uuid}/").status_code == 404


def test_who_teaches_the_class_alone_does_not_look_as_somebody_with_other_attempts(
    ann: Member, ada: User, evening: Class, tess: User
) -> None:
    attempt(ada, evening)
    other = factories.a_class(evening.course, title="Other")
    factories.member(other, ada)
    factories.submit(ada, of_class=other.pk)
    client = logged_in(tess)
    response = look(client, evening, f"member-{ann.pk}")
    assert response.status_code == 403
    assert "not for this class" in said(response)
    assert viewing.KEY not in client.session
    factories.enrol(tess, evening.course, factories.TEACHER)
    assert look(client, evening, f"member-{ann.pk}").status_code == 302


@pytest.mark.parametrize("role", ["staff", "course", "class"])
def test_nobody_looks_as_a_person_who_sees_more(ann: Member, ada: User, evening: Class, tess: User, role: str) -> None:
    if role == "staff":
        User.objects.filter(pk=ada.pk).update(is_staff=True)
    elif role == "course":
        factories.enrol(ada, evening.course, factories.TEACHER)
    else:
        Member.objects.filter(pk=ann.pk).update(learner_data=LearnerData.VIEWER)
    response = look(logged_in(tess), evening, f"member-{ann.pk}")
    assert response.status_code == (422 if role == "class" else 403)


def test_it_ends_when_the_learner_gets_a_role(client: Client, ada: User, evening: Class) -> None:
    User.objects.filter(pk=ada.pk).update(is_staff=True)
    page = said(client.get(f"/courses/{evening.course.slug}/"))
    assert "You no longer look" in page
    assert ada.pseudonym not in page


def test_it_ends_after_an_hour_and_with_the_role(client: Client, tess: User, evening: Class) -> None:
    session = client.session
    session[viewing.KEY] = {**session[viewing.KEY], "until": (timezone.now() - timedelta(seconds=1)).isoformat()}
    session.save()
    assert "You see the site as" not in said(client.get("/"))
    assert viewing.KEY not in client.session
    look(client, evening)
    assert "You see the site as" in said(client.get("/"))
    Member.objects.filter(user=tess).update(learner_data=LearnerData.NONE)
    assert "You see the site as" not in said(client.get("/"))


def test_it_lasts_an_hour_and_is_noted(client: Client, ann: Member, evening: Class, tess: User) -> None:
    noted = StaffAction.objects.get(what=StaffAction.What.VIEWED_AS)
    assert (noted.user_id, noted.details["class"], noted.details["member"]) == (tess.pk, evening.pk, ann.pk)
    until = timezone.datetime.fromisoformat(client.session[viewing.KEY]["until"])
    assert timedelta(minutes=59) < until - timezone.now() <= timedelta(hours=1)


def test_learners_and_strangers_find_no_such_page(ann: Member, ada: User, bob: User, evening: Class) -> None:
    for person in (ada, bob):
        client = logged_in(person)
        assert client.get(f"/teach/classes/{evening.pk}/view-as/").status_code == 404
        assert look(client, evening, f"member-{ann.pk}").status_code == 404
        assert viewing.KEY not in client.session


def test_a_label_at_a_chosen_time_sees_what_its_dates_open(evening: Class, tess: User, ann: Member) -> None:
    label = evening.labels.get()
    opens = timezone.now() + timedelta(days=10)
    DateRule.objects.create(of_class=evening, label=label, release_at=opens)
    client = logged_in(tess)
    at = (opens + timedelta(days=1)).astimezone(evening.zone).strftime("%Y-%m-%dT%H:%M")
    with_label = {}
    for when in ("", at):
        look(client, evening, f"label-{label.pk}", when)
        page = client.get("/challenges/sea-or-sky/")
        with_label[when] = page.status_code
        assert "with the label" in said(page)
        client.post("/teach/view-as/stop")
    assert with_label[at] == 200


def test_after_the_end_of_the_class_the_bar_says_so_and_its_dates_are_gone(
    evening: Class, tess: User, ann: Member
) -> None:
    ends = timezone.now() + timedelta(days=10)
    Class.objects.filter(pk=evening.pk).update(ends_at=ends)
    DateRule.objects.create(of_class=evening, close_at=ends - timedelta(days=1))
    client = logged_in(tess)
    shown = {}
    for days in (9.5, 11):
        at = (timezone.now() + timedelta(days=days)).astimezone(evening.zone).strftime("%Y-%m-%dT%H:%M")
        look(client, evening, f"member-{ann.pk}", at)
        shown[days] = said(client.get("/challenges/sea-or-sky/"))
        client.post("/teach/view-as/stop")
    assert "The class is over then" in shown[11] and "The class is over then" not in shown[9.5]
    closed = 'data-state="closed"'
    assert closed in shown[9.5] and closed not in shown[11]


def test_at_another_time_grades_are_shown_as_they_are_released_now(
    ann: Member, ada: User, evening: Class, tess: User, grace: User
) -> None:
    """The page says so: the dates are those of that time, and the release is not."""
    releases_at = timezone.now() + timedelta(days=2)
    factories.enrol(grace, evening.course, factories.TEACHER)
    releasing.change_rule(evening, None, by=grace, score="date", score_at=releases_at, details="now")
    made = attempt(ada, evening)
    client = logged_in(tess)
    at = (releases_at + timedelta(days=1)).astimezone(evening.zone).strftime("%Y-%m-%dT%H:%M")
    look(client, evening, f"member-{ann.pk}", at)
    page = said(client.get(f"/submissions/{made.uuid}/"))
    assert "Your teacher releases the grades on" in page and "0.70" not in page


def test_the_grades_in_the_class_are_shown_and_chats_are_not(
    ann: Member, ada: User, evening: Class, client: Client
) -> None:
    assert client.get(f"/classes/{evening.pk}/grades/").status_code == 200
    made = attempt(ada, evening)
    assert client.get(f"/submissions/{made.uuid}/").status_code == 200
    assert client.get(f"/submissions/{made.uuid}/chat/").status_code in (403, 404)
    page = client.get("/path/")
    assert page.context["predictions"] is None and page.context["week"] is None
