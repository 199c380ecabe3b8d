"""The page *Workers* of the admin: what it shows, who may use which button, and the one answer that holds a secret."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from gradus.accounts.models import StaffAction, User
from gradus.fleet import tokens
from gradus.fleet.models import WorkerToken
from gradus.submissions import services
from gradus.submissions.models import Evaluation, WorkerStatus
from tests import factories
from tests.conftest import logged_in

PAGE = "/admin/workers/"


def made(name: str = "gpu-1") -> tuple[WorkerToken, str]:
    return tokens.make(name, ["grade", "train"], timezone.now() + timedelta(days=180), None)


def text(client: Client, *, status: int = 200) -> str:
    answer = client.get(PAGE)
    assert answer.status_code == status
    return as_text(answer.content.decode())


def as_text(html: str) -> str:
    main = html[html.index('id="content-main"') :]
    return " ".join(re.sub(r"<[^>]+>", " ", main).split())


def joining(**changes: object) -> dict[str, object]:
    day = timezone.localdate() + timedelta(days=30)
    return {"name": "gpu-1", "lanes": ["grade", "train"], "ends_on": day.isoformat(), **changes}


def act(client: Client, name: str, what: str) -> str:
    answer = client.post(f"{PAGE}{name}", {"act": what}, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def test_without_machines_it_says_what_to_do(grace_client: Client) -> None:
    page = text(grace_client)
    assert "No machine works for the site" in page and "Join a machine" in page and "Last report" not in page
    assert "Workers" in grace_client.get("/admin/").content.decode()


def test_a_machine_joins_and_its_secret_is_shown_once(grace: User, grace_client: Client) -> None:
    answer = grace_client.post(PAGE, joining(), headers={"Host": "localhost"})
    html = answer.content.decode()
    found = re.findall(r"gradus-worker-[\w-]{43}", html)
    token = WorkerToken.objects.get()
    assert len(found) == 1 and tokens.digest_of(found[0]) == token.digest
    assert (answer.status_code, token.lanes, token.made_by) == (200, ["grade", "train"], grace)
    assert "no-store" in answer["Cache-Control"]
    assert token.ends_at.date() == timezone.localdate() + timedelta(days=30)
    shown = re.findall(r"<pre><code>(.+)</code></pre>", html)
    assert shown == [
        "pip install &quot;gradus-courses[worker]&quot;".replace("&quot;", '"'),
        "(umask 077; cat &gt; token)",
        "gradus worker --site http://localhost --token-file token --check",
        "gradus worker --site http://localhost --token-file token",
    ]
    assert found[0] not in grace_client.get(PAGE).content.decode()
    assert StaffAction.objects.get(what="worker_token_changed").via == "page"


@pytest.mark.parametrize(
    ("changes", "field", "said"),
    [
        ({"name": ""}, "name", "required"),
        ({"name": "GPU 1"}, "name", "a-z"),
        ({"name": "taken"}, "name", "Choose another name"),
        ({"lanes": []}, "lanes", "at least one lane"),
        ({"lanes": ["judge"]}, "lanes", "judge"),
        ({"ends_on": ""}, "ends_on", "required"),
        ({"ends_on": "never"}, "ends_on", "date"),
        ({"ends_on": timezone.localdate().isoformat()}, "ends_on", "in the future"),
        ({"ends_on": (timezone.localdate() + timedelta(days=740)).isoformat()}, "ends_on", "two years"),
    ],
)
def test_what_is_wrong_stands_beside_its_field(
    grace_client: Client, changes: dict[str, object], field: str, said: str
) -> None:
    made("taken")
    answer = grace_client.post(PAGE, joining(**changes))
    errors = re.findall(r'id="id_(\w+)_error">(.+?)</div>', answer.content.decode(), re.DOTALL)
    assert answer.status_code == 422 and [name for name, _ in errors] == [field] and said in errors[0][1]
    assert WorkerToken.objects.count() == 1


def test_what_it_says_of_each_machine(grace_client: Client, ada: User, course: object) -> None:
    now = timezone.now()
    tokens.of_request(made()[1], "host-a")
    report = {"device": "NVIDIA H100", "version": "9.8.7", "memory": 5}
    WorkerToken.objects.update(report=report, reported_at=now - timedelta(minutes=5))
    factories.submit(ada)
    busy = services.claim("grade", worker="gpu-1:grade:1", profile="cuda")
    assert busy is not None
    WorkerStatus.objects.create(name="gpu-1:grade:1", lane="grade", last_seen=now, busy_with=busy.pk)
    WorkerStatus.objects.create(
        name="gpu-1:train:1", lane="train", last_seen=now, busy_with=10**9,
        lacks={"qlora/tiny": "The package bitsandbytes is not installed where models are trained."},
    )  # fmt: skip
    WorkerStatus.objects.create(
        name="web:judge:1", lane="judge", device="cpu", problem="Set the judge's key.",
        last_seen=now - timedelta(hours=3),
    )  # fmt: skip
    made("gpu-2")
    tokens.revoke(made("gpu-0")[0])
    page = text(grace_client)
    html = grace_client.get(PAGE).content.decode()
    assert [page.index(f" {name} ") for name in ("gpu-1", "gpu-2", "web", "gpu-0")] == sorted(
        page.index(f" {name} ") for name in ("gpu-1", "gpu-2", "web", "gpu-0")
    )
    for said in ("NVIDIA H100", "9.8.7", "Used by host-a", "now", "Waits for its machine.", "None yet", "Revoked on",
                 "Not at work: 3 hours ago", "Cannot work on judge: Set the judge&#x27;s key.", "one of the site's own",
                 "QLoRA of tiny: The package bitsandbytes is not installed"):  # fmt: skip
        assert said in page.replace("\xa0", " "), said
    assert f"/admin/submissions/evaluation/{busy.pk}/change/" in html and str(10**9) not in html


def test_a_report_of_another_form_is_no_fault(grace_client: Client) -> None:
    made()
    for report in ([], {"device": {"a": 1}, "version": 5}, {"device": "<b>" + "x" * 500}):
        WorkerToken.objects.update(report=report)
        assert "<b>" not in grace_client.get(PAGE).content.decode()


def test_jobs_are_counted_by_machine_with_a_fixed_number_of_queries(
    grace_client: Client, ada: User, course: object
) -> None:
    made()
    now = timezone.now()
    rows = (("gpu-1:grade:1", "scored", 1), ("gpu-1:train:2", "rejected", 1), ("gpu-1:grade:1", "failed", 29),
            ("gpu-1:grade:1", "scored", 31), ("gpu-10:grade:1", "scored", 1), ("gpu-1:grade:1", "cancelled", 1),
            ("nobody", "scored", 1), ("", "scored", 1))  # fmt: skip
    submission = factories.submit(ada)
    for number, (worker, state, days) in enumerate(rows, 2):
        Evaluation.objects.create(
            submission=submission, number=number, is_current=False, lane="grade", worker=worker, state=state,
            finished_at=now - timedelta(days=days),
        )  # fmt: skip
    assert "2 done, 1 failed" in text(grace_client)
    counts = []
    for number in range(2, 5):
        made(f"gpu-{number}")
        WorkerStatus.objects.create(name=f"gpu-{number}:grade:1", lane="grade", busy_with=submission.current.pk)
        with CaptureQueriesContext(connection) as queries:
            grace_client.get(PAGE)
        counts.append(len(queries))
    assert len(set(counts)) == 1 and counts[0] < 20


def test_the_buttons(grace: User, grace_client: Client) -> None:
    token, secret = made()
    tokens.of_request(secret, "host-a")
    assert "Take jobs again" not in text(grace_client)
    assert "gets no new jobs" in act(grace_client, "gpu-1", "drain") and "Take jobs again" in text(grace_client)
    token.refresh_from_db()
    assert token.is_draining
    assert "gets jobs again" in act(grace_client, "gpu-1", "resume")
    assert "Nothing was changed" in act(grace_client, "gpu-1", "resume")
    assert "is released" in act(grace_client, "gpu-1", "release") and "Release from" not in text(grace_client)
    # The button that revokes is in a part that has to be opened first.
    html = grace_client.get(PAGE).content.decode()
    assert re.search(r"<details>(?:(?!</details>).)*value=\"revoke\"", html, re.DOTALL)
    assert "was revoked" in act(grace_client, "gpu-1", "revoke")
    assert 'value="revoke"' not in grace_client.get(PAGE).content.decode()
    token.refresh_from_db()
    assert (token.machine, token.is_draining) == ("", False) and token.revoked_at
    entries = StaffAction.objects.filter(what="worker_token_changed", user_id=grace.pk).order_by("pk")
    assert [one.details["change"] for one in entries] == ["draining", "takes jobs again", "released", "revoked"]


def test_an_act_that_there_is_not_and_a_machine_that_there_is_not(grace_client: Client) -> None:
    made()
    assert grace_client.post(f"{PAGE}gpu-1", {"act": "delete"}).status_code == 400
    assert grace_client.post(f"{PAGE}gpu-9", {"act": "revoke"}).status_code == 404
    assert grace_client.get(f"{PAGE}gpu-1").status_code == 405
    assert WorkerToken.objects.live().count() == 1


def with_rights(*names: str) -> Client:
    user = factories.UserFactory.create(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=[f"{name}_workertoken" for name in names]))
    return logged_in(user)


def test_who_may_do_what(ada_client: Client, client: Client) -> None:
    made()
    for visitor in (client, ada_client):
        assert visitor.get(PAGE).status_code == 302
        assert visitor.post(f"{PAGE}gpu-1", {"act": "revoke"}).status_code == 302
    rows = (((), 403, 403, 403), (("view",), 200, 403, 403), (("change",), 200, 403, 302), (("add",), 200, 200, 403))
    for number, (names, seen, join, change) in enumerate(rows):
        staff = with_rights(*names)
        assert staff.get(PAGE).status_code == seen, names
        assert staff.post(PAGE, joining(name=f"new-{number}")).status_code == join, names
        assert staff.post(f"{PAGE}gpu-1", {"act": "drain"}).status_code == change, names
        html = staff.get(PAGE).content.decode()
        assert ("Join a machine" in html) == ("add" in names)
        assert ('value="revoke"' in html) == ("change" in names)
        assert (PAGE in staff.get("/admin/").content.decode()) == bool(names)
    assert list(WorkerToken.objects.values_list("name", "is_draining")) == [("gpu-1", True), ("new-3", False)]
