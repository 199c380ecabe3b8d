"""Learners cancel on page and API, and so do guests, who have a session and no account; nobody cancels for others."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from gradus.accounts.guests import SESSION_KEY
from gradus.accounts.models import User
from gradus.courses.models import Challenge
from gradus.submissions import services
from gradus.submissions.budgets import limits
from gradus.submissions.models import Evaluation, Refund, Run, Slot, Submission
from gradus.submissions.services.finish import LeaseLost
from tests import factories

HTMX = {"HX-Request": "true"}
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


class Visitor:
    """A guest's browser, which has to send the token of its page, as real ones do."""

    def __init__(self, user: User) -> None:
        self.user = user
        self.client = Client(enforce_csrf_checks=True)
        session = self.client.session
        session[SESSION_KEY] = user.pk
        session.save()
        self.client.cookies["sessionid"] = session.session_key or ""
        page = self.client.get("/challenges/sea-or-sky/").content.decode()
        found = TOKEN.search(page)
        assert found
        self.token = found.group(1)

    def post(self, address: str, **headers: str):
        if address.startswith("/api/"):
            given = {"X-CSRFToken": self.token, **headers}
            return self.client.post(address, "{}", content_type="application/json", headers=given)
        return self.client.post(address, {"csrfmiddlewaretoken": self.token}, headers=headers)


@pytest.fixture
def visitor(guest: User, sea_or_sky: Challenge) -> Visitor:
    return Visitor(guest)


@pytest.fixture
def stranger(db: None, sea_or_sky: Challenge) -> Visitor:
    """Another guest."""
    return Visitor(User.objects.create_guest())


def made(user: User, what: str, challenge: Challenge) -> Submission | Run:
    if what == "submissions":
        return factories.submit(user)
    return services.start_run(user, challenge.version, factories.PROMPT)


@pytest.mark.parametrize("what", ["submissions", "runs"])
@pytest.mark.parametrize("where", ["", "/api/v1"])
@pytest.mark.parametrize("running", [False, True])
def test_a_guest_cancels_what_waits_or_runs(
    guest: User, visitor: Visitor, stranger: Visitor, sea_or_sky: Challenge, what: str, where: str, running: bool
) -> None:
    mine = made(guest, what, sea_or_sky)
    if running:
        factories.claimed(mine)
    address = f"{where}/{what}/{mine.uuid}/cancel"

    assert stranger.post(address).status_code == 404
    assert Client().post(address).status_code in (401, 404)
    assert Evaluation.objects.get().is_open

    assert visitor.post(address).status_code == (200 if where else 302)
    ended = Evaluation.objects.get()
    assert (ended.state, ended.lease_until) == ("cancelled", None)
    assert not Slot.objects.of(limits.ATTEMPTS, limits.GUEST_ATTEMPTS, limits.OPEN_RUNS).exists()
    assert Refund.objects.count() == (1 if what == "submissions" else 0)
    assert ended.events.filter(type="finished", data__status="cancelled").count() == 1


@pytest.mark.parametrize("what", ["submissions", "runs"])
def test_the_page_has_a_button_for_it_as_long_as_it_is_open(
    guest: User, visitor: Visitor, sea_or_sky: Challenge, what: str
) -> None:
    mine = made(guest, what, sea_or_sky)
    page = f"/{what}/{mine.uuid}/"
    assert f'action="{page}cancel"' in visitor.client.get(page).content.decode()
    visitor.post(f"{page}cancel")
    text = visitor.client.get(page).content.decode()
    assert f'action="{page}cancel"' not in text
    said = "You cancelled this attempt. It was given back." if what == "submissions" else "It cost no attempt."
    assert said in text


def test_with_htmx_the_run_is_shown_where_it_stood(guest: User, visitor: Visitor, sea_or_sky: Challenge) -> None:
    run = made(guest, "runs", sea_or_sky)
    response = visitor.post(f"/runs/{run.uuid}/cancel", **HTMX)
    text = response.content.decode()
    assert response.status_code == 200 and "<!doctype" not in text
    assert f'id="run-{run.uuid}"' in text and "You cancelled this run" in text


@pytest.mark.parametrize("what", ["submissions", "runs"])
@pytest.mark.parametrize("where", ["", "/api/v1"])
def test_what_has_ended_stays_as_it_is(
    guest: User, visitor: Visitor, sea_or_sky: Challenge, what: str, where: str
) -> None:
    ended = made(guest, what, sea_or_sky)
    factories.grade(ended)
    response = visitor.post(f"{where}/{what}/{ended.uuid}/cancel")
    if where:
        assert (response.status_code, response.json()["code"]) == (409, "not_open")
    else:
        assert "has already ended" in visitor.client.get(response.url).content.decode()
    assert ended.current.state == "scored" and ended.current.result


@pytest.mark.parametrize(("what", "cancel"), [("submissions", services.cancel), ("runs", services.cancel_run)])
def test_a_worker_that_comes_too_late_stops_and_changes_nothing(guest, sea_or_sky, what, cancel) -> None:
    cancelled = made(guest, what, sea_or_sky)
    evaluation = factories.claimed(cancelled)
    cancel(cancelled)
    assert not services.heartbeat(evaluation.pk, evaluation.fence)
    with pytest.raises(LeaseLost):
        services.record(evaluation.pk, evaluation.fence, services.Outcome(result=factories.result_for(cancelled)))
    assert (cancelled.current.state, cancelled.current.result) == ("cancelled", None)


def test_a_demo_of_nobody_is_cancelled_by_nobody(ada_client: Client, sea_or_sky: Challenge) -> None:
    run = services.start_run(None, sea_or_sky.version, factories.PROMPT, purpose="demo", inputs=["a gull"])
    assert ada_client.post(f"/api/v1/runs/{run.uuid}/cancel").status_code == 404
    assert run.current.is_open


def test_submitting_and_cancelling_in_a_loop_is_not_free(ada: User, sea_or_sky: Challenge) -> None:
    allowed = sea_or_sky.spec.limits.attempts_per_day
    for number in range(10):
        services.cancel(factories.submit(ada))
        assert Slot.objects.of(limits.ATTEMPTS).count() == 0, number
    for number in range(allowed):
        assert services.cancel(factories.submit(ada)).error_code == "cancelled_late"
        assert Slot.objects.of(limits.ATTEMPTS).count() == number + 1
    with pytest.raises(services.Refused) as refused:
        factories.submit(ada)
    assert refused.value.code == "over_quota"
    assert Submission.objects.count() == Evaluation.objects.count() == 10 + allowed


def test_attempts_that_waited_take_no_place_of_those_that_ran(ada: User, sea_or_sky: Challenge) -> None:
    for _ in range(3):
        services.cancel(factories.submit(ada))
    for expected in ("cancelled", "cancelled", "cancelled_late"):
        made = factories.submit(ada)
        factories.claimed(made)
        assert services.cancel(made).error_code == expected
