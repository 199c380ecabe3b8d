"""Run by `test_suites.py` in a process whose database is PostgreSQL; by its name no other run collects it.

A site on which an earlier release has made roles for workers has none of their rights after `migrate`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.migrations.executor import MigrationExecutor

from gradus.accounts.models import User
from gradus.courses.models import Course
from gradus.submissions import services
from tests import factories

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
BEFORE = [("submissions", "0032_hand_in_set_aside")]
# As `manage.py worker_role` has made them, some of each kind. {group} is the role of all workers of this database.
MADE = (
    "CREATE ROLE {group} NOLOGIN",
    "CREATE ROLE {group}_judge NOLOGIN",
    "GRANT {group} TO {group}_judge",
    "CREATE ROLE {group}_gpu1 LOGIN INHERIT",
    "GRANT {group}_judge TO {group}_gpu1",
    "CREATE FUNCTION gradus_worker_held() RETURNS SETOF bigint LANGUAGE sql STABLE SECURITY DEFINER"
    " AS $$ SELECT id FROM submissions_evaluation $$",
    "CREATE FUNCTION gradus_worker_object(value jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT true $$",
    "CREATE FUNCTION gradus_worker_fenced() RETURNS trigger LANGUAGE plpgsql"
    " AS $$ BEGIN RAISE EXCEPTION 'a worker claims'; END $$",
    "CREATE TRIGGER gradus_worker_fenced BEFORE UPDATE ON submissions_evaluation FOR EACH ROW"
    " WHEN (session_user <> current_user) EXECUTE FUNCTION gradus_worker_fenced()",
    "ALTER TABLE submissions_evaluation ENABLE ROW LEVEL SECURITY",
    "CREATE POLICY gradus_worker_reads ON submissions_evaluation FOR SELECT USING (true)",
    "ALTER TABLE submissions_handedin ENABLE ROW LEVEL SECURITY",
    "CREATE POLICY gradus_worker_adds ON submissions_handedin FOR INSERT"
    " WITH CHECK (evaluation_id IN (SELECT gradus_worker_held()) AND gradus_worker_object(outcome))",
    "ALTER TABLE accounts_user ENABLE ROW LEVEL SECURITY",
    "CREATE POLICY gradus_worker_reads ON accounts_user FOR SELECT USING (true)",
    "ALTER TABLE reviews_budget ENABLE ROW LEVEL SECURITY",
    "CREATE POLICY of_an_operator ON reviews_budget FOR SELECT USING (true)",
    "GRANT USAGE ON SCHEMA public TO {group}",
    "GRANT SELECT (id, state) ON submissions_evaluation TO {group}",
    "GRANT UPDATE (state) ON submissions_evaluation TO {group}",
    "GRANT INSERT (evaluation_id, fence, outcome) ON submissions_handedin TO {group}",
    "GRANT SELECT (id, is_guest) ON accounts_user TO {group}_judge",
)
DROPPED = ("DROP POLICY of_an_operator ON reviews_budget", "ALTER TABLE reviews_budget DISABLE ROW LEVEL SECURITY")
# As docs/operations/workers.md says it.
GONE = ("DROP ROLE {group}_gpu1", "DROP ROLE {group}_judge", "DROP ROLE {group}")


def run(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement.format(group=group()))


def group() -> str:
    return re.sub(r"[^a-z0-9_]", "_", str(connection.settings_dict["NAME"]).lower())[:40] + "_worker"


def rows(query: str) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return list(cursor.fetchall())


def may(role: str, statement: str) -> bool:
    try:
        with transaction.atomic():
            run(f"SET LOCAL ROLE {role}", statement)
        return True
    except DatabaseError as error:
        assert getattr(error.__cause__, "sqlstate", None) == "42501", error
        return False


@pytest.fixture
def an_old_site(transactional_db: None) -> Iterator[None]:
    assert connection.vendor == "postgresql"
    MigrationExecutor(connection).migrate(BEFORE)
    run(*MADE)
    yield
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())
    run(*DROPPED)


def test_roles_of_workers_may_do_nothing_after_migrate(an_old_site: None) -> None:
    role = f"{group()}_gpu1"
    reads = ("SELECT id, state FROM submissions_evaluation", "SELECT id FROM accounts_user")
    assert [may(role, one) for one in reads] == [True, True]

    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())
    assert [may(role, one) for one in reads] == [False, False]
    assert rows("SELECT relname FROM pg_class WHERE relrowsecurity") == [("reviews_budget",)]
    assert rows("SELECT policyname FROM pg_policies") == [("of_an_operator",)]
    assert rows("SELECT proname FROM pg_proc WHERE starts_with(proname, 'gradus_worker_')") == []
    assert rows("SELECT tgname FROM pg_trigger WHERE starts_with(tgname, 'gradus_worker_')") == []
    assert rows("SELECT to_regclass('submissions_handedin'), to_regclass('submissions_filelink')") == [(None, None)]
    # Nothing in this database depends on them any more.
    run(*GONE)


def test_the_way_back_makes_the_empty_tables_again(ada: User, course: Course) -> None:
    attempt = factories.submit(ada)
    try:
        MigrationExecutor(connection).migrate(BEFORE)
        assert rows("SELECT count(*) FROM submissions_handedin") == rows("SELECT count(*) FROM submissions_filelink")
        run(
            "INSERT INTO submissions_handedin (evaluation_id, fence, outcome, error_code)"
            f" VALUES ({attempt.current.pk}, 1, NULL, '')"
        )
    finally:
        executor = MigrationExecutor(connection)
        executor.migrate(executor.loader.graph.leaf_nodes())
    held = factories.claimed(attempt)
    services.record(held.pk, held.fence, services.Outcome(factories.result_for(attempt), 0.7))
    assert attempt.current.state == "scored"
