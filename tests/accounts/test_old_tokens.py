"""Tokens from before they had an end and a scope become learners' tokens that work for another 90 days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import time_machine
from django.core.management import call_command
from django.db import connection

from gradus.accounts.models import ApiToken, User, digest_of
from gradus.accounts.scopes import LEARNER
from tests.api.conftest import Caller, problem

BEFORE = "0005"
NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
INSERT = """
insert into accounts_apitoken (user_id, name, digest, prefix, created_at) values (%s, 'old', %s, 'gradus_old', %s)
"""


def test_old_tokens_become_learners_tokens(transactional_db: None, grace: User, explain) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        call_command("migrate", "accounts", BEFORE, verbosity=0)
        try:
            with connection.cursor() as cursor:
                cursor.execute(INSERT, [grace.pk, digest_of("gradus_old"), NOW - timedelta(days=400)])
        finally:
            call_command("migrate", "accounts", verbosity=0)
        token = ApiToken.objects.get()
        assert (token.scope, token.expires_at) == (LEARNER, NOW + timedelta(days=90))
        old = Caller("gradus_old")
        assert old.get("/submissions").status_code == 200
        problem(old.get("/reviews"), 403, "missing_scope")
        clock.shift(timedelta(days=90))
        problem(old.get("/submissions"), 401, "token_expired")
