"""Roles of workers with few rights in the database of the tests, and what lets this process work as one of them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection, connections

from gradus.operations.worker_role import setting_up
from gradus.preferences.services import lot_key

LANES = ("interactive", "grade", "train", "judge")
# Machines by their roles: one for all lanes, one that only trains, and one that only grades.
MACHINES = {"first": LANES, "second": ("train",), "third": ("grade",)}


@pytest.fixture(scope="session")
def passwords(django_db_setup: None, django_db_blocker: Any) -> Iterator[dict[str, str]]:
    """The passwords of the machines' roles, by role. The database has no such role before and afterwards."""
    with django_db_blocker.unblock():
        made = {f"{setting_up.group()}_{name}": made_role(name, lanes) for name, lanes in MACHINES.items()}
        connection.close()
    yield made
    with django_db_blocker.unblock():
        groups = [setting_up.group(), *(f"{setting_up.group()}_{lane}" for lane in LANES)]
        setting_up.withdraw()
        setting_up.run([f"DROP OWNED BY {role}" for role in [*made, *groups]])
        setting_up.run([f"DROP ROLE {role}" for role in [*made, *reversed(groups)]])


def made_role(name: str, lanes: tuple[str, ...]) -> str:
    """Makes the role with the command that operators use, and returns its password."""
    role = f"{setting_up.group()}_{name}"
    said = command(role, "--lanes", *lanes, "--apply", "--new-password")
    return said.partition(f"postgres://{role}:")[2].partition("@")[0]


def command(*arguments: str) -> str:
    out = io.StringIO()
    call_command("worker_role", *arguments, stdout=out)
    return out.getvalue()


@contextmanager
def a_worker(role: str, password: str) -> Iterator[None]:
    """This process has the settings of a worker's machine: new connections have its role, and its key is not the
    site's secret one.
    """
    given, key, secret = connections.settings["default"], lot_key(), settings.SECRET_KEY
    kept = {name: given[name] for name in ("USER", "PASSWORD")}
    given.update(USER=role, PASSWORD=password)
    settings.WORKER_KEY, settings.SECRET_KEY = key, "another key than the site's"
    try:
        yield
    finally:
        given.update(kept)
        settings.WORKER_KEY, settings.SECRET_KEY = "", secret


@contextmanager
def logged_in(role: str, password: str) -> Iterator[str]:
    """This process is a worker, and its connection is one of the role."""
    connection.close()
    with a_worker(role, password):
        try:
            yield role
        finally:
            connection.close()


@contextmanager
def within(role: str, password: str) -> Iterator[None]:
    """As `logged_in`, on the connection that is there, with what its transaction has not committed yet."""
    with a_worker(role, password):
        setting_up.run([f"SET SESSION AUTHORIZATION {role}"])
        try:
            yield
        finally:
            setting_up.run(["RESET SESSION AUTHORIZATION"])
