"""The work of the harness's child processes, which run the real commands."""

from __future__ import annotations

from gradus.reconciling.management.commands import reconcile as reconcile_command
from workers import elsewhere
from workers.management.commands import work as work_command

ROUND_SECONDS = 0.5


def work() -> None:
    work_command.Command().handle(lane="grade", once=False)


def work_elsewhere(url: str, secret: str) -> None:
    elsewhere.Crew(url, secret).work()


def verify() -> None:
    work_command.Command().handle(lane="judge", once=False)


def reconcile() -> None:
    reconcile_command.Command().handle(once=False, every=ROUND_SECONDS)
