"""The tokens of machines: what makes, binds, releases, drains and revokes them, and what the database refuses."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
import structlog
import time_machine
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from gradus.accounts.models import StaffAction, User
from gradus.fleet import tokens
from gradus.fleet.models import LANE_LISTS, ChoiceProposal, WorkerToken
from gradus.fleet.tokens import TokenRefused
from gradus.refusal import Refused
from gradus.submissions import services
from gradus.submissions.models import WorkerStatus
from tests import factories


def in_days(days: float) -> Any:
    return timezone.now() + timedelta(days=days)


def made(name: str = "gpu-1", lanes: tuple[str, ...] = ("grade", "train")) -> tuple[WorkerToken, str]:
    return tokens.make(name, lanes, in_days(180), None)


@pytest.fixture
def token(db: None) -> WorkerToken:
    return made()[0]


def refusal(secret: str, machine: str = "host-a") -> TokenRefused:
    with pytest.raises(TokenRefused) as refused:
        tokens.of_request(secret, machine)
    return refused.value


def changes() -> list[str]:
    return [one.details["change"] for one in StaffAction.objects.filter(what="worker_token_changed").order_by("pk")]


def test_a_secret_is_stored_nowhere(grace: User) -> None:
    with structlog.testing.capture_logs() as logs:
        token, secret = tokens.make("gpu-1", ["train", "grade"], in_days(10), grace)
        tokens.of_request(secret, "host-a")
    assert secret.startswith("gradus-worker-") and len(secret) > 50
    assert (token.lanes, token.made_by, token.machine) == (["grade", "train"], grace, "")
    entry = StaffAction.objects.get(what="worker_token_changed")
    assert (entry.about, entry.user_id, entry.details["lanes"]) == ("gpu-1", grace.pk, ["grade", "train"])
    stored = f"{WorkerToken.objects.values().get()} {vars(entry)} {logs}"
    assert secret not in stored and secret.removeprefix("gradus-worker-") not in stored


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("name", {"name": ""}),
        ("name", {"name": "-gpu"}),
        ("name", {"name": "GPU"}),
        ("name", {"name": "gpu\n"}),
        ("name", {"name": "a:b"}),
        ("name", {"name": "x" * 41}),
        ("name", {"name": "taken"}),
        ("name", {"name": "web-1"}),
        ("lanes", {"lanes": []}),
        ("lanes", {"lanes": ["grade", "judge"]}),
        ("ends_at", {"days": 0}),
        ("ends_at", {"days": 732}),
    ],
)
def test_a_token_that_cannot_be_made(db: None, field: str, given: dict[str, Any]) -> None:
    made("taken")
    WorkerStatus.objects.create(name="web-1:grade:1", lane="grade")
    given = {"name": "gpu-1", "lanes": ["grade"], "days": 1, **given}
    with pytest.raises(Refused) as refused:
        tokens.make(given["name"], given["lanes"], in_days(given["days"]), None)
    assert [problem["field"] for problem in refused.value.problems] == [field]
    assert WorkerToken.objects.count() == 1 and changes() == ["made"]


def test_a_name_that_somebody_else_takes_meanwhile(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    made()
    monkeypatch.setattr(tokens, "_check", lambda *given: None)
    with pytest.raises(Refused) as refused:
        made()
    assert refused.value.code == "taken" and changes() == ["made"]


def test_the_first_machine_binds_it_and_another_one_is_refused(db: None) -> None:
    token, secret = made()
    assert tokens.of_request(secret, "host-a") == token
    token.refresh_from_db()
    assert token.machine == "host-a" and token.bound_at is not None
    assert tokens.of_request(secret, "host-a") == token
    refused = refusal(secret, "host-b")
    assert (refused.code, refused.status) == ("token_of_another_machine", 403) and "release it" in refused.message
    assert tokens.release(token) and not tokens.release(token)
    assert tokens.of_request(secret, "host-b").machine == "host-b"
    assert refusal(secret, "host-a").code == "token_of_another_machine"
    assert changes() == ["made", "released"]


def test_two_machines_at_once_have_one_winner(db: None) -> None:
    token, secret = made()
    late = WorkerToken.objects.get(pk=token.pk)
    tokens.of_request(secret, "host-a")
    tokens._bind(late, "host-b")
    assert late.machine == "host-a"


def test_it_is_revoked_or_released_between_the_look_and_the_binding(db: None) -> None:
    token, _secret = made()
    late = WorkerToken.objects.get(pk=token.pk)
    tokens.revoke(token)
    with pytest.raises(TokenRefused, match="revoked"):
        tokens._bind(late, "host-a")
    assert WorkerToken.objects.get().machine == ""


@pytest.mark.parametrize("machine", ["", "x" * 65, "a\0b"])
def test_a_request_that_does_not_name_its_machine_binds_nothing(db: None, machine: str) -> None:
    assert refusal(made()[1], machine).code == "token_of_another_machine"
    assert WorkerToken.objects.get().machine == ""


@pytest.mark.parametrize("secret", ["", "gradus-worker-", "gradus-worker-" + "x" * 43, "\udc80", "x" * 100_000])
def test_a_wrong_secret(token: WorkerToken, secret: str) -> None:
    refused = refusal(secret)
    assert (refused.code, refused.status) == ("token_wrong", 401)


def test_an_ended_and_a_revoked_token(db: None) -> None:
    token, secret = made()
    with time_machine.travel(in_days(181)):
        assert refusal(secret).code == "token_expired"
        assert list(WorkerToken.objects.live()) == []
    assert tokens.revoke(token) and not tokens.revoke(token)
    assert refusal(secret).code == "token_revoked"
    assert changes() == ["made", "revoked"] and not WorkerToken.objects.live().exists()


@pytest.mark.parametrize("end", [tokens.revoke, tokens.release])
def test_its_jobs_go_back_to_the_queue_at_once_and_no_others(
    ada: User,
    bob: User,
    course: object,
    end: Any,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    token, secret = made()
    tokens.of_request(secret, "host-a")
    rung: list[str] = []
    monkeypatch.setattr("gradus.submissions.queue.ring", lambda lane: rung.append(lane))
    held = {}
    for worker, user in (("gpu-1:grade:1", ada), ("gpu-10:grade:1", bob), ("GPU-1:grade:1", None)):
        WorkerStatus.objects.create(name=worker, lane="grade")
        factories.submit(user or factories.UserFactory.create())
        held[worker] = services.claim("grade", worker=worker, profile="cuda/bfloat16/1")
    rung.clear()
    with django_capture_on_commit_callbacks(execute=True):
        assert end(token)
    for evaluation in held.values():
        evaluation.refresh_from_db()
    back = held["gpu-1:grade:1"]
    assert (back.state, back.lease_until, back.attempt, back.engine_profile) == ("queued", None, 0, "")
    assert {held[name].state for name in ("gpu-10:grade:1", "GPU-1:grade:1")} == {"running"}
    assert sorted(WorkerStatus.objects.values_list("name", flat=True)) == ["GPU-1:grade:1", "gpu-10:grade:1"]
    assert rung == ["grade"] and not services.heartbeat(back.pk, back.fence)
    assert StaffAction.objects.latest("pk").details["jobs_returned"] == 1


def test_draining(token: WorkerToken) -> None:
    assert tokens.drain(token, True) and token.is_draining and not tokens.drain(token, True)
    assert tokens.drain(token, False) and not token.is_draining
    assert changes() == ["made", "draining", "takes jobs again"]


REVOKED = "revoked_at = '2026-01-01 00:00:00+00:00'"
BOUND = "machine = 'a', bound_at = '2026-01-01 00:00:00+00:00'"
# Each statement, by what has to be true before.
REFUSED = [
    ("", "name = 'other'"),
    ("", "digest = '{other}'"),
    ("", "lanes = '[]'"),
    ("", "lanes = '[\"judge\"]'"),
    ("", 'lanes = \'["grade", "judge"]\''),
    ("", 'lanes = \'["grade", "grade"]\''),
    ("", "lanes = '{{\"grade\": 1}}'"),
    ("", "ends_at = made_at"),
    ("", "machine = 'a'"),
    ("", "bound_at = made_at"),
    ("", "machine = '{long}', bound_at = made_at"),
    (BOUND, "machine = 'b'"),
    (BOUND, "machine = ''"),
    (REVOKED, "revoked_at = NULL"),
    (REVOKED, "revoked_at = '2027-01-01 00:00:00+00:00'"),
]
ALLOWED = [
    ("", BOUND),
    ("", REVOKED),
    ("", 'lanes = \'["interactive", "grade", "train"]\''),
    (BOUND, "machine = '', bound_at = NULL"),
    (BOUND, BOUND),
    (REVOKED, REVOKED),
    (REVOKED, "is_draining = (1 = 1)"),
]


def update(assignments: str) -> None:
    filled = assignments.format(other="0" * 64, long="x" * 65)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE fleet_workertoken SET {filled}")


@pytest.mark.parametrize(("before", "wrong"), REFUSED)
def test_the_database_refuses(token: WorkerToken, before: str, wrong: str) -> None:
    if before:
        update(before)
    row = WorkerToken.objects.values().get()
    with pytest.raises(DatabaseError):
        update(wrong)
    assert WorkerToken.objects.values().get() == row


@pytest.mark.parametrize(("before", "right"), ALLOWED)
def test_the_database_takes(token: WorkerToken, before: str, right: str) -> None:
    for assignments in filter(None, (before, right)):
        update(assignments)


@pytest.mark.parametrize(
    "wrong",
    [
        *({"name": name} for name in ("", "-a", "A", "a b", "a:b", "ä", "x" * 41)),
        *({"digest": digest} for digest in ("", "gradus-worker-secret", "G" * 64)),
        *({"lanes": lanes} for lanes in ([], ["judge"], ["train", "grade"], {})),
        {"ends_at": timezone.now() - timedelta(days=1)},
        {"machine": "a"},
    ],
)
def test_the_database_refuses_such_a_new_row(token: WorkerToken, wrong: dict[str, Any]) -> None:
    row = {"name": "new", "digest": "1" * 64, "lanes": ["grade"], "ends_at": in_days(1)}
    with pytest.raises(DatabaseError), transaction.atomic():
        WorkerToken.objects.create(**row | wrong)
    WorkerToken.objects.create(**row)


def test_all_selections_of_lanes_can_be_stored(db: None) -> None:
    for number, text in enumerate(LANE_LISTS):
        assert tokens.make(f"gpu-{number}", json.loads(text), in_days(1), None)[0].lanes == json.loads(text)
    assert len(set(LANE_LISTS)) == 7


def test_a_machine_has_one_proposal_for_a_place(token: WorkerToken) -> None:
    given = {"key": "k", "digest": "d", "place": {}, "choice": {}}
    ChoiceProposal.objects.create(token=token, **given)
    with pytest.raises(DatabaseError), transaction.atomic():
        ChoiceProposal.objects.create(token=token, **given)
    ChoiceProposal.objects.create(token=made("gpu-2")[0], **given)


def test_a_token_outlives_the_account_that_made_it(grace: User) -> None:
    tokens.make("gpu-1", ["grade"], in_days(1), grace)
    grace.delete()
    assert WorkerToken.objects.get().made_by is None
