"""Nothing stays open for long, and no reconciler stays away, without being seen."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from django.conf import settings as site
from django.urls import reverse
from django.utils import timezone
from prometheus_client import generate_latest

from gradus.accounts.models import User
from gradus.accounts.token_rules import Content, Scope
from gradus.reconciling import invariants, reconciler
from gradus.submissions import health, services
from gradus.submissions.models import Evaluation, ReconcilerStatus, WorkerStatus
from tests import factories
from tests.markup import Markup

RULES = Path(site.BASE_DIR / "deploy" / "prometheus" / "gradus.rules.yml")


def later(submission, minutes):
    Evaluation.objects.filter(submission=submission).update(created_at=timezone.now() - timedelta(minutes=minutes))


def metrics():
    lines = generate_latest().decode().splitlines()
    return dict(line.rsplit(" ", 1) for line in lines if line.startswith("gradus_"))


@pytest.fixture
def quiet(db):
    """A worker in each lane and a reconciler that has just run."""
    for lane in site.LANES:
        WorkerStatus.objects.create(name=f"w-{lane}", lane=lane)
    reconciler.sweep()


def test_a_reconciler_that_never_ran_is_told(db):
    assert "The reconciler has not run for two minutes" in health.alerts()
    assert metrics()["gradus_reconciler_last_run_timestamp_seconds"] == "0.0"


def test_a_reconciler_is_told_after_two_minutes_and_not_before(quiet):
    for minutes, late in ((1.9, False), (2.1, True)):
        ReconcilerStatus.objects.update(last_run=timezone.now() - timedelta(minutes=minutes))
        assert health.reconciler_late() is late
    ReconcilerStatus.objects.create(name="elsewhere:1", last_run=timezone.now())
    assert not health.reconciler_late(), "one of several is enough"


def test_broken_invariants_are_told(ada, course, quiet, monkeypatch):
    """Whatever it is, at the start of a reconciler."""
    monkeypatch.setattr(invariants, "check", invariants.Round())
    submission = factories.submit(ada)
    Evaluation.objects.filter(submission=submission).update(state="scored")
    reconciler.sweep()
    assert [alert for alert in health.alerts() if "in_flight_without_open, scored_without_score" in alert]
    assert float(metrics()["gradus_invariants_broken"]) == 2


def test_what_is_open_for_over_15_minutes_is_on_the_page(ada, bob, course, quiet, grace_client):
    late, fresh = factories.submit(ada), factories.submit(bob)
    later(late, 16)
    later(fresh, 14)

    assert [evaluation.submission for evaluation in health.overdue()] == [late]
    page = Markup(grace_client.get(reverse("health")).content.decode())
    assert "Open for over 15 minutes: 1" in page
    assert f"/evaluation/{late.current.pk}/" in page and f"/evaluation/{fresh.current.pk}/" not in page
    assert metrics()["gradus_overdue_evaluations"] == "1.0"


def test_a_lane_with_work_and_without_a_worker_is_told(ada, course, quiet):
    factories.submit(ada)
    WorkerStatus.objects.filter(lane="grade").update(last_seen=timezone.now() - timedelta(minutes=5))
    assert health.alerts() == ["Work waits in the lane grade, but no worker runs there"]
    assert metrics()['gradus_open_evaluations{lane="grade",state="queued"}'] == "1.0"
    assert metrics()['gradus_workers{lane="grade"}'] == "0.0"


def test_a_worker_that_cannot_work_is_told(quiet):
    WorkerStatus.objects.filter(lane="train").update(problem="No model files.")
    assert health.alerts() == ["A worker in the lane train cannot work: w-train: No model files."]
    assert metrics()['gradus_troubled_workers{lane="train"}'] == "1.0"
    assert metrics()['gradus_troubled_workers{lane="grade"}'] == "0.0"


def test_failures_of_the_last_hour_are_counted_and_told(ada, course, quiet, grace_client):
    for _ in range(3):
        claimed = factories.claimed(factories.submit(ada))
        assert not [alert for alert in health.alerts() if "failed in the last hour" in alert]
        services.reject(claimed.pk, claimed.fence, "internal")

    said = "In the lane grade, 3 evaluations failed in the last hour: internal 3"
    assert health.alerts() == [said]
    assert metrics()['gradus_failed_evaluations{code="internal",lane="grade"}'] == "3.0"
    page = Markup(grace_client.get(reverse("health")).content.decode())
    assert said in page and "<code>internal</code> 3" in page
    Evaluation.objects.update(finished_at=timezone.now() - timedelta(minutes=61))
    assert health.alerts() == []
    assert metrics()['gradus_failed_evaluations{code="internal",lane="grade"}'] == "0.0"


def test_jobs_that_ran_out_of_time_are_told_by_challenge_and_lane(ada, bob, course, quiet, grace_client):
    ends = {"hour": timedelta(minutes=5), "day": timedelta(hours=5), "before": timedelta(hours=25)}
    for ago in ends.values():
        claimed = factories.claimed(factories.submit(ada))
        services.reject(claimed.pk, claimed.fence, "timeout")
        Evaluation.objects.filter(pk=claimed.pk).update(finished_at=timezone.now() - ago)
    run = services.start_run(bob, factories.challenge("ticket").version, factories.PROMPT)
    claimed = factories.claimed(run)
    services.reject(claimed.pk, claimed.fence, "work_limit")
    other = factories.claimed(factories.submit(bob))
    services.reject(other.pk, other.fence, "internal")

    late, worked = health.out_of_time()
    assert (late.lane, late.challenge, late.code) == ("grade", "sea-or-sky", "timeout")
    assert (late.in_a_day, late.in_an_hour, late.attempts) == (2, 1, 2)
    assert (worked.lane, worked.challenge, worked.code) == (run.current.lane, "ticket", "work_limit")
    assert (worked.in_a_day, worked.in_an_hour, worked.attempts) == (1, 1, 0)
    page = Markup(grace_client.get(reverse("health")).content.decode())
    assert "Ran out of time in the last day" in page and "start a worker of the lane grade" in page
    assert "ask the author" in page and "error=work_limit" in page
    Evaluation.objects.update(finished_at=timezone.now() - timedelta(hours=25))
    assert health.out_of_time() == []
    assert "No job ran out of time" in Markup(grace_client.get(reverse("health")).content.decode())


def test_deletions_that_are_held_up_are_told_with_what_holds_them_up(ada, bob, course, quiet, grace_client):
    factories.enrol(ada, course, Scope(Content.OWNER))
    role = factories.enrol(bob, course, Scope(Content.EDITOR))
    User.objects.filter(pk__in=(ada.pk, bob.pk)).update(deletion_due_at=timezone.now() - timedelta(hours=2))
    assert [(one.user, one.only_owner_of) for one in health.deletions_held_up()] == [(ada, [course]), (bob, [])]
    assert health.alerts() == ["Accounts that are due to be deleted and could not be: 2"]
    page = Markup(grace_client.get(reverse("health")).content.decode())
    assert reverse("teach:people", args=[course.slug]) in page and "account_not_deleted" in page
    role.content = Content.OWNER
    role.save()
    assert [one.only_owner_of for one in health.deletions_held_up()] == [[], []]
    User.objects.update(deletion_due_at=timezone.now() - timedelta(minutes=50))
    assert health.deletions_held_up() == [] and health.alerts() == []


def test_the_page_is_for_staff_alone_who_find_it_from_the_admin(ada_client, guest_client, client, grace_client):
    for other in (ada_client, guest_client, client):
        response = other.get(reverse("health"))
        assert response.status_code == 302 and "/admin/login/" in response["Location"]
    assert reverse("health") in Markup(grace_client.get("/admin/").content.decode())


def rules():
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def test_every_alert_names_a_metric_that_there_is(quiet):
    names = {name.partition("{")[0] for name in metrics()}
    assert len(rules()) >= 5
    for rule in rules():
        assert [name for name in names if name in rule["expr"]], rule["alert"]


def test_every_alert_is_on_the_page_of_operations():
    page = (site.BASE_DIR / "docs" / "operations" / "upkeep.md").read_text()
    assert [rule["alert"] for rule in rules() if f"`{rule['alert']}`" not in page] == []


def scrape(client, token="", **more):
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return client.get("/metrics", headers={**headers, **more.pop("headers", {})}, **more)


def test_metrics_are_for_this_machine_alone(quiet, client, settings):
    settings.METRICS_TOKEN = ""
    assert b"gradus_open_evaluations" in scrape(client).content
    assert scrape(client, REMOTE_ADDR="203.0.113.9").status_code == 404
    assert scrape(client, headers={"x-forwarded-for": "127.0.0.1"}).status_code == 404
    assert scrape(client, REMOTE_ADDR="").status_code == 404


def test_a_token_opens_metrics_from_anywhere_and_nothing_else_does(quiet, client, settings):
    settings.METRICS_TOKEN = "a-long-token"
    far = {"REMOTE_ADDR": "203.0.113.9"}
    assert b"gradus_open_evaluations" in scrape(client, "a-long-token", **far).content
    assert [scrape(client, token).status_code for token in ("", "another", "a-long-tokeñ")] == [404] * 3
