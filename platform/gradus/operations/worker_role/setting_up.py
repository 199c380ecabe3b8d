"""Brings the roles and rights of workers into PostgreSQL, and takes them away for the time of a migration.

Roles belong to the server: one for all workers of this database, one for each lane, and one with a password for each
machine. Rights, row policies and functions belong to the database.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import structlog
from django.db import DatabaseError, connection, transaction

from challenges.kinds.base import Lane
from gradus.operations.worker_role.rights import RIGHTS, Right
from gradus.operations.worker_role.rules import PREFIX, functions

log = structlog.get_logger(__name__)
# Connections that a machine may have at once, unless the operator says otherwise. The server has 100 by default, and a
# lane takes one for its worker and one for its heartbeat; the lane `judge` takes these for each of its threads.
CONNECTIONS = 20
NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
# A table that is in use is waited for so long. Then nothing has changed, and the command can be run again.
LOCK_WAIT = "10s"


class NotPossible(Exception):
    """The role cannot be made here. The message says why, and what to do."""


def group() -> str:
    """The role of all workers of this database. The server has one space of names for the roles of all databases."""
    plain = re.sub(r"[^a-z0-9_]", "_", str(connection.settings_dict["NAME"]).lower())
    return f"{plain[:40]}_worker"


def role_statements(name: str, lanes: Collection[str], password: str, connections: int = CONNECTIONS) -> list[str]:
    """What makes the role `name` for workers of these lanes, and its groups. An empty password keeps the one it has.

    The role may have so many `connections` at once, so that a stolen machine cannot take those of the site.

    Raises:
        NotPossible: `name` cannot be a worker's role.
    """
    groups = [group(), *(f"{group()}_{lane}" for lane in Lane)]
    if not NAME.fullmatch(name) or name in groups:
        raise NotPossible(f"{name} cannot be the role's name: use small letters, digits and _, at most 40 characters.")
    made = [_unless_there(role, "NOLOGIN") for role in groups]
    made += [f"GRANT {group()} TO {group()}_{lane}" for lane in Lane]
    login = "LOGIN INHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"
    login += f" CONNECTION LIMIT {connections}"
    made += [_unless_there(name, login), f"ALTER ROLE {name} {login}"]
    if password:
        made.append(f"ALTER ROLE {name} PASSWORD '{password}'")
    for lane in Lane:
        of_lane = f"{group()}_{lane}"
        made.append(f"GRANT {of_lane} TO {name}" if lane in lanes else f"REVOKE {of_lane} FROM {name}")
    return made


def _unless_there(role: str, options: str) -> str:
    return f"DO $$ BEGIN CREATE ROLE {role} {options}; EXCEPTION WHEN duplicate_object THEN NULL; END $$"


def right_statements() -> list[str]:
    """What gives the workers of this database their rights, and takes all others. The owner of the tables runs it."""
    everybody = ", ".join([group(), *(f"{group()}_{lane}" for lane in Lane)])
    schema = _one("SELECT current_schema()")
    return [
        f"REVOKE CREATE ON SCHEMA {schema} FROM PUBLIC",
        f"REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {everybody}",
        f"GRANT USAGE ON SCHEMA {schema} TO {group()}",
        *(statement for right in RIGHTS for statement in _grants(right)),
    ]


def _grants(right: Right) -> Iterable[str]:
    to = f"{group()}_{right.lane}" if right.lane else group()
    for what, columns in {"SELECT": right.reads, "INSERT": right.adds, "UPDATE": right.changes}.items():
        if columns:
            listed = ", ".join(f'"{column}"' for column in columns.split())
            yield f"GRANT {what} ({listed}) ON {right.table} TO {to}"
    if right.removes:
        yield f"GRANT DELETE ON {right.table} TO {to}"


def policy_statements() -> list[str]:
    """What limits workers to rows. The last statement notes a digest of all others, so that they are made only once."""
    made = [WITHDRAW, *functions(group(), _one("SELECT current_schema()"))]
    for right in RIGHTS:
        made.append(f"ALTER TABLE {right.table} ENABLE ROW LEVEL SECURITY")
        made += [f"CREATE POLICY {PREFIX}{name} ON {right.table} {rule}" for name, rule in _policies(right)]
    digest = hashlib.sha256("\n".join(made).encode()).hexdigest()
    return [*made, f"COMMENT ON FUNCTION {PREFIX}fenced() IS '{digest}'"]


def _policies(right: Right) -> Iterable[tuple[str, str]]:
    yield "reads", f"FOR SELECT USING ({right.rows})"
    if right.adds:
        yield "adds", f"FOR INSERT WITH CHECK ({right.writes})"
    if right.changes:
        yield "changes", f"FOR UPDATE USING ({right.rows}) WITH CHECK ({right.writes})"
    if right.removes:
        yield "removes", f"FOR DELETE USING ({right.rows})"


WITHDRAW = """DO $$ DECLARE found record; BEGIN
  FOR found IN SELECT * FROM pg_policies WHERE starts_with(policyname, 'gradus_worker_') LOOP
    EXECUTE format('DROP POLICY %I ON %I.%I', found.policyname, found.schemaname, found.tablename);
  END LOOP;
  FOR found IN SELECT oid::regprocedure AS name FROM pg_proc WHERE starts_with(proname, 'gradus_worker_') LOOP
    EXECUTE 'DROP FUNCTION IF EXISTS ' || found.name || ' CASCADE';
  END LOOP;
END $$"""


def withdraw() -> None:
    """Takes the policies and functions away, whichever release has made them. No worker gets a row meanwhile."""
    run([WITHDRAW])


def apply_rights() -> None:
    """Gives the workers of this database their rights, in one transaction. It changes no policy that is there already.

    Raises:
        NotPossible: this role does not own the tables, or the groups of workers do not exist.
        OperationalError: a table was locked for too long.
    """
    expect_owner()
    if not are_there():
        raise NotPossible("The roles of workers do not exist yet, and this role of the database may not make roles.")
    policies = policy_statements()
    digest = policies[-1].rpartition(" ")[2].strip("'")
    noted = f"SELECT obj_description(to_regproc('{PREFIX}fenced'), 'pg_proc')"
    with transaction.atomic():
        run([f"SET LOCAL lock_timeout = '{LOCK_WAIT}'"])
        if _one(noted) != digest:
            run(policies)
        run(right_statements())


def expect_owner() -> None:
    """Raises `NotPossible` where row policies would bind the web server's role, or the tables are not its own."""
    wrong = _one(
        "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema() AND tableowner <> current_user"
        " AND tablename = ANY (%s)",
        [[right.table for right in RIGHTS]],
    )
    if wrong:
        raise NotPossible(
            "The role in DATABASE_URL does not own the site's tables, so row policies would bind the site itself. Run "
            "this with the role that has run `manage.py migrate`."
        )


def are_there() -> bool:
    """Whether this database has roles of workers."""
    return connection.vendor == "postgresql" and bool(
        _one("SELECT count(*) FROM pg_roles WHERE rolname = %s", [f"{group()}_{Lane.JUDGE}"])
    )


def may_make_roles() -> bool:
    return bool(_one("SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user"))


def is_there(name: str) -> bool:
    return bool(_one("SELECT count(*) FROM pg_roles WHERE rolname = %s", [name]))


def machines() -> list[str]:
    """The roles of machines, which are members of a lane's role."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT r.rolname FROM pg_roles r JOIN pg_auth_members m ON m.member = r.oid"
            " JOIN pg_roles g ON g.oid = m.roleid WHERE g.rolname = ANY (%s) AND r.rolcanlogin ORDER BY 1",
            [[f"{group()}_{lane}" for lane in Lane]],
        )
        return [name for (name,) in cursor.fetchall()]


def unlimited() -> list[str]:
    """The roles of machines without a limit of connections, which an earlier release has made."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolname FROM pg_roles WHERE rolname = ANY (%s) AND rolconnlimit < 0", [machines()])
        return [name for (name,) in cursor.fetchall()]


def remove_statements(name: str) -> list[str]:
    """What ends a machine's sessions and removes its role. Its jobs are claimed by others when their leases end.

    Raises:
        NotPossible: it is no role of a worker of this database.
    """
    if name not in machines():
        raise NotPossible(f"{name} is not the role of a worker of this database.")
    end = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{name}'"  # noqa: S608 - one of the above
    return [f"ALTER ROLE {name} NOLOGIN", end, f"DROP ROLE {name}"]


def run(statements: Sequence[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def _one(query: str, values: Sequence[Any] | None = None) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return cursor.fetchone()[0]


def before_migration(sender: object, plan: Sequence[Any] = (), using: str = "default", **more: Any) -> None:
    """Takes the policies away: PostgreSQL alters no column that a policy names. Workers get nothing meanwhile."""
    if plan and using == connection.alias and are_there():
        withdraw()


def after_migration(sender: object, using: str = "default", **more: Any) -> None:
    """Gives the workers their rights again. After a way back to an earlier release they get none, because the table of
    rights names what that release does not have.
    """
    if using == connection.alias and are_there():
        try:
            apply_rights()
        except (NotPossible, DatabaseError) as problem:
            log.warning("worker_rights_not_given", reason=str(problem).strip())
