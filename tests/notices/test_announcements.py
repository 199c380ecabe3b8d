"""Announcements of a class: who reads them and when, that members are told once, and by mail who wishes that."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.utils import timezone

from gradus.accounts.models import StaffAction, User
from gradus.accounts.token_rules import LearnerData
from gradus.classes import changes
from gradus.classes import services as classes
from gradus.classes.models import Announcement, Class
from gradus.courses.models import Course
from gradus.notices import announcements, mails
from gradus.notices.models import MailWish, Notice
from gradus.reconciling import reconciler
from gradus.refusal import Refused
from tests import factories
from tests.conftest import logged_in

LATER = timedelta(days=1)


@pytest.fixture
def evening(course: Course, ada: User, bob: User) -> Class:
    """Ada is in the morning section, and Bob in none."""
    made = factories.a_class(course)
    factories.member(made, ada, labels=["Morning"])
    factories.member(made, bob)
    return made


@pytest.fixture
def tess(evening: Class) -> User:
    person = factories.UserFactory.create(username="tess", email="tess@example.org", pseudonym="tutor")
    factories.member(evening, person, learner_data=LearnerData.EDITOR)
    return person


def announced(evening: Class, by: User, **given: Any) -> Announcement:
    return announcements.announce(evening, by=by, **{"title": "Room", "text": "We meet in *room 4*.", **given})


def page(user: User, evening: Class, at: str = "") -> str:
    return logged_in(user).get(at or f"/courses/{evening.course.slug}/").content.decode()


def test_members_read_it_on_the_course_and_the_path_and_are_told(evening: Class, tess: User, ada: User) -> None:
    announced(evening, tess)
    for at in ("", "/path/"):
        assert "We meet in <em>room 4</em>." in page(ada, evening, at)
    notice = Notice.objects.get(user=ada)
    assert (notice.kind, notice.announcement.title) == ("announced", "Room")
    listed = page(ada, evening, "/notices/")
    assert "Evening group: Room" in listed
    assert f"/courses/{evening.course.slug}/#announcement-{notice.announcement_id}" in listed
    assert logged_in(ada).get("/api/v1/notices").json()[0]["kind"] == "announced"
    stranger = factories.UserFactory.create()
    assert "room 4" not in page(stranger, evening)
    assert not Notice.objects.filter(user=stranger).exists()


def test_the_path_has_the_newest_alone(evening: Class, tess: User, ada: User) -> None:
    announced(evening, tess, title="The first")
    announced(evening, tess, title="The second")
    assert "The first" in page(ada, evening) and "The second" in page(ada, evening)
    path = page(ada, evening, "/path/")
    assert "The first" not in path and "The second" in path


def test_one_for_a_label_is_for_its_members_only(evening: Class, tess: User, ada: User, bob: User) -> None:
    announced(evening, tess, label=evening.labels.get())
    assert "room 4" in page(ada, evening)
    assert "room 4" not in page(bob, evening)
    assert list(Notice.objects.values_list("user", flat=True)) == [ada.pk]


def test_a_later_one_is_told_by_the_reconciler_once(
    evening: Class, tess: User, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = announced(evening, tess, publish_at=timezone.now() + LATER)
    reconciler.sweep()
    assert "room 4" not in page(ada, evening)
    assert not Notice.objects.exists()
    Announcement.objects.update(publish_at=timezone.now())
    assert reconciler.sweep()["announced"] == 1
    assert reconciler.sweep()["announced"] == 0
    assert not announcements.tell(made.pk)
    assert Notice.objects.filter(user=ada).count() == 1
    assert "room 4" in page(ada, evening)


def test_a_round_that_dies_while_it_tells_leaves_it_due(
    evening: Class, tess: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    announced(evening, tess, publish_at=timezone.now() + LATER)
    Announcement.objects.update(publish_at=timezone.now())

    def dies(*_given: object, **_more: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(type(Notice.objects.all()), "bulk_create", dies)
        patch.setattr(Notice.objects, "bulk_create", dies)
        with pytest.raises(SystemExit):
            announcements.tell_due()
    assert Announcement.objects.due().exists()
    assert announcements.tell_due() == 1
    assert Notice.objects.count() == 3


def test_an_announcement_with_a_fault_delays_no_other(
    evening: Class, tess: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        announced(evening, tess, publish_at=timezone.now() + LATER)
    Announcement.objects.update(publish_at=timezone.now())
    faulty, addressees = Announcement.objects.order_by("pk")[0], announcements.addressees

    def of(announcement: Announcement) -> Any:
        return addressees(announcement) if announcement.pk != faulty.pk else 1 / 0

    monkeypatch.setattr(announcements, "addressees", of)
    assert announcements.tell_due() == 1 and list(Announcement.objects.due()) == [faulty]
    monkeypatch.setattr(announcements, "addressees", addressees)
    assert announcements.tell_due() == 1 and not Announcement.objects.due().exists()


@pytest.mark.parametrize("by_mail", [True, False])
def test_who_wishes_notices_by_mail_gets_the_text(
    evening: Class, tess: User, ada: User, bob: User, by_mail: bool
) -> None:
    for one in (ada, bob):
        EmailAddress.objects.update_or_create(user=one, email=one.email, defaults={"primary": True, "verified": True})
    MailWish.objects.create(user=ada, site="https://gradus.example.org/", since=timezone.now() - LATER)
    announced(evening, tess, by_mail=by_mail)
    Notice.objects.update(created_at=timezone.now() - timedelta(minutes=2))
    assert mails.send_due(10) == (1 if by_mail else 0)
    if by_mail:
        (sent,) = mail.outbox
        assert sent.to == [ada.email]
        assert sent.subject == "Evening group: Room"
        assert "We meet in *room 4*." in sent.body


def test_what_members_have_read_can_be_corrected_but_not_addressed_anew(
    evening: Class, tess: User, ada: User, bob: User
) -> None:
    made = announced(evening, tess, label=evening.labels.get())
    seen = changes.version_of(announcements.settings_of(made))
    announcements.change(made, by=tess, seen=seen, text="Room 5.", label=None)
    made.refresh_from_db()
    assert (made.text, made.label) == ("Room 5.", evening.labels.get())
    assert Notice.objects.count() == 1
    with pytest.raises(Refused, match="Somebody else changed this") as refused:
        announcements.change(made, by=tess, seen=seen, text="Room 6.")
    assert refused.value.status == 409


def test_a_withdrawn_one_is_gone_with_its_notices_and_noted(evening: Class, tess: User, ada: User) -> None:
    made = announced(evening, tess)
    announcements.withdraw(made, by=tess)
    assert "room 4" not in page(ada, evening)
    assert not Notice.objects.exists()
    noted = StaffAction.objects.filter(what=StaffAction.What.ANNOUNCED).first()
    assert noted.details["class"] == evening.pk
    assert noted.details["after"]["withdrawn_at"]
    with pytest.raises(Refused):
        announcements.withdraw(made, by=tess)


def test_a_withdrawn_one_is_never_told(evening: Class, tess: User) -> None:
    made = announced(evening, tess, publish_at=timezone.now() + LATER)
    announcements.withdraw(made, by=tess)
    Announcement.objects.update(publish_at=timezone.now())
    assert announcements.tell_due() == 0


def test_a_label_with_an_announcement_stays(evening: Class, tess: User) -> None:
    made = announced(evening, tess, label=evening.labels.get())
    with pytest.raises(Refused) as refused:
        classes.remove_label(evening.labels.get(), by=tess)
    assert refused.value.code == "label_has_announcements"
    announcements.withdraw(made, by=tess)
    classes.remove_label(evening.labels.get(), by=tess)


def test_a_label_of_another_class_is_refused(evening: Class, tess: User) -> None:
    other = factories.a_class(evening.course, title="Other")
    label = other.labels.create(name="Theirs")
    with pytest.raises(Refused) as refused:
        announced(evening, tess, label=label)
    assert refused.value.problems[0]["field"] == "label"


def test_what_a_script_would_be_is_text(evening: Class, tess: User, ada: User) -> None:
    announced(evening, tess, text="<script>alert(1)</script> \n\n[x](javascript:alert(1)) **b**")
    shown = page(ada, evening)
    assert "<script>alert" not in shown
    assert 'href="javascript' not in shown
    assert "<strong>b</strong>" in shown


def test_the_page_writes_changes_and_withdraws(evening: Class, tess: User, ada: User) -> None:
    client, at = logged_in(tess), f"/teach/classes/{evening.pk}/announcements/"
    assert client.post(at, {"title": "", "text": "x", "label": "all"}).status_code == 422
    refused = client.post(at, {"title": "Room", "text": "Room 4."})
    assert refused.status_code == 422 and not Announcement.objects.exists()
    # Whom it reaches is said before: all members, also those who teach.
    members = evening.members.active().count()
    assert f"Everybody in the class ({members})" in refused.content.decode()
    later = (timezone.now() + LATER).astimezone(evening.zone).strftime("%Y-%m-%dT%H:%M")
    assert client.post(at, {"title": "Room", "text": "Room 4.", "label": "all", "publish_at": later}).status_code == 302
    made = Announcement.objects.get()
    assert made.sent_at is None
    assert abs(made.publish_at - timezone.now() - LATER) < timedelta(minutes=2)
    form = client.get(f"{at}{made.pk}/").context["form"]
    given = {"title": "Room", "text": "Room 5.", "label": "all", "publish_at": later, "seen": form.initial["seen"]}
    assert client.post(f"{at}{made.pk}/", given).status_code == 302
    again = client.post(f"{at}{made.pk}/", {**given, "text": "Room 6."})
    assert again.status_code == 409
    assert "Room 5." in again.content.decode()
    assert client.post(f"{at}{made.pk}/", {"action": "withdraw"}).status_code == 302
    assert "Withdrawn on" in client.get(at).content.decode()
    assert client.get(f"{at}{made.pk}/").status_code == 404


@pytest.mark.parametrize(("level", "statuses"), [(LearnerData.NONE, (404, 404)), (LearnerData.VIEWER, (200, 403))])
def test_who_may_not_decide_writes_none(
    evening: Class, bob: User, level: LearnerData, statuses: tuple[int, int]
) -> None:
    evening.members.filter(user=bob).update(learner_data=level)
    client, at = logged_in(bob), f"/teach/classes/{evening.pk}/announcements/"
    assert (client.get(at).status_code, client.post(at, {"title": "A", "text": "B"}).status_code) == statuses
    assert not Announcement.objects.exists()
