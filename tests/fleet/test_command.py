"""`manage.py worker_token` makes, revokes and lists the tokens of machines."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from gradus.accounts.models import StaffAction
from gradus.fleet import tokens
from gradus.fleet.models import WorkerToken
from gradus.submissions.models import WorkerStatus


@pytest.fixture(autouse=True)
def database(db: None) -> None:
    pass


def run(*arguments: str) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command("worker_token", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_only_the_secret_is_on_stdout() -> None:
    out, err = run("gpu-1", "--lanes", "train, interactive", "--days", "30")
    token = WorkerToken.objects.get()
    assert tokens.of_request(out.removesuffix("\n"), "host-a") == token
    assert token.lanes == ["interactive", "train"] and "gradus-worker" not in err and "gpu-1" in err
    assert abs(token.ends_at - timezone.now() - timedelta(days=30)) < timedelta(minutes=1)
    entry = StaffAction.objects.get(what="worker_token_changed")
    assert (entry.via, entry.about, entry.user_id) == ("shell", "gpu-1", None)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "Name the machine"),
        (("Gpu",), "a-z"),
        (("gpu-1", "--lanes", "judge"), "lanes"),
        (("gpu-1", "--lanes", ""), "lanes"),
        (("gpu-1", "--days", "0"), "--days"),
        (("gpu-1", "--days", "731"), "--days"),
        (("--revoke", "gpu-1"), "no token"),
    ],
)
def test_what_it_refuses(arguments: tuple[Any, ...], said: str) -> None:
    with pytest.raises(CommandError, match=said):
        run(*arguments)
    assert not WorkerToken.objects.exists()


def test_revoking_and_listing() -> None:
    for name in ("gpu-1", "gpu-2"):
        run(name)
    WorkerStatus.objects.create(name="web:judge:1", lane="judge")
    assert "revoked" in run("--revoke", "gpu-1")[1]
    with pytest.raises(CommandError, match="before"):
        run("--revoke", "gpu-1")
    listed = [line.split("\t")[:3] for line in run("--list")[0].splitlines()]
    assert listed == [
        ["gpu-2", "grade,train", "waits"],
        ["web", "judge", "own"],
        ["gpu-1", "grade,train", "revoked"],
    ]
