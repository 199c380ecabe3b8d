"""When a roster is fetched: rounds, processes that stop, faults, and what operators change meanwhile."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models import F
from django.test import Client
from django.utils import timezone

from gradus.accounts.models import User
from gradus.classes.models import Class
from gradus.lti import rosters, services
from gradus.lti.models import Context, Platform
from gradus.outgoing import Unreachable
from tests import factories
from tests.conftest import logged_in
from tests.lti.roster import URL, Service, follow, person


def test_too_many_requests_are_waited_for(context: Context, service: Service) -> None:
    service.answers[URL] = Unreachable("The platform answered with the status 429.", status=429, retry_after=120)
    Context.objects.update(roster_due_at=timezone.now())
    assert rosters.run() == 0
    kept = Context.objects.get()
    assert kept.roster_due_at is not None and kept.roster_due_at > timezone.now() + timedelta(seconds=100)
    assert rosters.run() == 0 and len(service.asked) == 1
    service.answers[URL] = Unreachable("Wait.", status=503, retry_after=10**8)
    Context.objects.update(roster_due_at=timezone.now())
    rosters.run()
    kept.refresh_from_db()
    assert kept.roster_due_at is not None and kept.roster_due_at < timezone.now() + timedelta(days=2)


def test_a_roster_is_fetched_again_where_a_process_has_stopped(context: Context, service: Service) -> None:
    class Stopped(BaseException):
        """As kill -9: nothing of ours catches it."""

    def stop() -> None:
        raise Stopped

    service.pages, service.meanwhile = [[person("bob")]], stop
    Context.objects.update(roster_due_at=timezone.now())
    with pytest.raises(Stopped):
        rosters.run()
    service.meanwhile = lambda: None
    assert Context.objects.get().is_being_fetched and rosters.run() == 0
    Context.objects.update(roster_due_at=F("roster_due_at") - Context.HELD)
    assert rosters.run() == 1 and Context.objects.get().roster_due_at is None
    # Whoever asks while it is fetched has it fetched again.
    service.meanwhile = lambda: Context.objects.update(roster_due_at=timezone.now())
    service.meanwhile()
    assert rosters.run() == 1 and rosters.run() == 1 and len(service.asked) == 4


def test_a_roster_with_a_fault_here_delays_no_other(context: Context, service: Service, of_class: Class) -> None:
    other = factories.a_class(of_class.course, title="Second")
    second = {"context_id": "course-8", "of_class": other, "roster_url": f"{URL}/8"}
    Context.objects.create(deployment=context.deployment, **second)
    service.answers = {URL: ZeroDivisionError(), f"{URL}/8": {"members": [person("cem")]}}
    Context.objects.update(roster_due_at=timezone.now())
    assert rosters.run() == 1 and other.members.count() == 1
    context.refresh_from_db()
    assert "Its log says why" in context.roster_fault and context.roster_due_at is None


def test_another_class_gets_a_roster_of_its_own(
    context: Context, service: Service, of_class: Class, operator: User
) -> None:
    context, other = follow(context, service, person("bob")), factories.a_class(of_class.course, title="Second")
    services.connect(context, other, by=operator)
    context.refresh_from_db()
    assert (context.roster_at, context.roster_found) == (None, {})
    assert rosters.run() == 1 and other.members.count() == 1
    # Nobody follows a roster that comes when its course is another class.
    service.meanwhile = lambda: services.connect(Context.objects.get(), None, by=operator)
    service.pages = [[person("cem")]]
    Context.objects.update(roster_due_at=timezone.now())
    assert rosters.run() == 0 and other.members.count() == 1 and Context.objects.get().roster_due_at is None


@pytest.mark.parametrize("change", ["deployment", "platform"])
def test_nobody_asks_for_a_roster_that_will_not_be_fetched(
    context: Context, of_class: Class, ada: User, change: str
) -> None:
    factories.member(of_class, ada, learner_data="editor")
    if change == "deployment":
        context.deployment.platform.deployments.update(approved_at=None)
    else:
        Platform.objects.update(is_open=False)
    page = logged_in(ada).post(f"/teach/classes/{of_class.pk}/roster/fetch", follow=True).content.decode()
    assert "switched off here" in page and Context.objects.get().roster_due_at is None


@pytest.mark.parametrize("change", ["deployment", "platform", "class"])
def test_what_an_operator_has_ended_is_not_fetched(context: Context, service: Service, change: str) -> None:
    Context.objects.update(roster_due_at=timezone.now())
    match change:
        case "deployment":
            context.deployment.platform.deployments.update(approved_at=None)
        case "platform":
            Platform.objects.update(is_open=False)
        case _:
            Context.objects.update(of_class=None)
    assert rosters.run() == 0 and not service.asked


def test_an_instructor_has_it_fetched(
    context: Context, service: Service, of_class: Class, ada: User, bob: User
) -> None:
    factories.member(of_class, ada, learner_data="editor")
    factories.member(of_class, bob, learner_data="viewer")
    teacher, page = logged_in(ada), f"/teach/classes/{of_class.pk}/roster/"
    assert "Models of language" in teacher.get(page).content.decode()
    assert "within a minute" in teacher.post(f"{page}fetch", follow=True).content.decode()
    service.answers[URL] = Unreachable("It is away.", is_certain=True)
    rosters.run()
    text = teacher.get(page).content.decode()
    assert "It is away. Nothing was changed." in text
    assert "less than a minute ago" in teacher.post(f"{page}fetch", follow=True).content.decode()
    Context.objects.update(roster_tried_at=timezone.now() - timedelta(minutes=2))
    service.answers.clear()
    service.pages = [[person("cem")]]
    teacher.post(f"{page}fetch")
    assert rosters.run() == 1
    text = teacher.get(page).content.decode()
    assert "People: 1; new: 1; changed: 0; left: 0." in text and "It is away." not in text
    assert logged_in(bob).post(f"{page}fetch").status_code == 403 and Client().post(f"{page}fetch").status_code == 302
    Context.objects.update(roster_url="")
    assert "has not offered its roster" in teacher.get(page).content.decode()
    assert "offered no roster" in teacher.post(f"{page}fetch", follow=True).content.decode()
