"""Run by `test_suites.py` in a process whose database is PostgreSQL; by its name no other run collects it.

Workers of two machines with few rights, each logged in as its own role: what they can do, and what is denied to them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.test import Client
from pytest_httpserver import HTTPServer

from gradus.accounts.models import StaffAction, User
from gradus.courses.models import Course
from gradus.operations.doctor import rights
from gradus.operations.worker_role import setting_up
from gradus.operations.worker_role.rights import RIGHTS, Right
from gradus.preferences.services import lot
from gradus.reviews.models import JudgeCall
from gradus.submissions import services
from gradus.submissions.models import Evaluation, HandedIn, Score, Standing, Submission, WorkerStatus
from gradus.submissions.services import handed_in
from gradus.submissions.services.finish import LeaseLost
from tests import factories
from tests.judge_server import JudgeServer, judgement
from tests.postgres.roles import command, logged_in
from tests.waiting import wait_until
from tests.workers.test_guests import MET
from tests.workers.test_work import TableRunner
from workers import reconciler, status
from workers.recorder import Recorder
from workers.sandbox.supervisor import RunnerDied
from workers.work import Worker

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]
PROFILE = "cpu/float32/1"
Machine = Callable[[], AbstractContextManager[str]]


@pytest.fixture(autouse=True)
def model_is_here(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "digests", lambda: {"smollm2-135m-instruct": "d" * 64})


@pytest.fixture
def first(passwords: dict[str, str]) -> Machine:
    """The machine with all lanes."""
    role, password = next(iter(passwords.items()))
    return lambda: logged_in(role, password)


@pytest.fixture
def second(passwords: dict[str, str]) -> Machine:
    """The machine that only trains."""
    role, password = list(passwords.items())[1]
    return lambda: logged_in(role, password)


@pytest.fixture
def third(passwords: dict[str, str]) -> Machine:
    """The machine that only grades."""
    role, password = list(passwords.items())[2]
    return lambda: logged_in(role, password)


def claim(role: str, lane: str = "grade") -> Evaluation:
    found = services.claim(lane, worker=f"{role}@host:{lane}:1", profile=PROFILE)
    assert found is not None
    return found


def test_an_attempt_is_graded_and_recorded(ada: User, course: Course, first: Machine) -> None:
    attempt = factories.submit(ada)
    with first() as role:
        worker = Worker("grade", runner=TableRunner())
        assert worker.step() and not worker.step()
        assert WorkerStatus.objects.get(name=worker.name).lane == "grade"
    assert attempt.current.state == "running" and attempt.current.worker.startswith(f"{role}@")
    assert handed_in.record_all() == 1
    assert attempt.current.state == "scored" and Standing.objects.get(user=ada).shown == 1.0
    assert list(attempt.current.events.values_list("type", flat=True)) == ["started", "progress", "finished"]


def test_a_machine_that_only_grades_needs_no_right_of_another_lane(ada: User, course: Course, third: Machine) -> None:
    attempt = factories.submit(ada)
    with third():
        assert Worker("grade", runner=TableRunner()).step()
    assert handed_in.record_all() == 1
    assert attempt.current.state == "scored"


def test_the_reconciler_records_it_a_moment_later(ada: User, course: Course, first: Machine) -> None:
    attempt, stop = factories.submit(ada), threading.Event()
    recorder = Recorder(stop)
    recorder.start()
    try:
        with first():
            assert Worker("grade", runner=TableRunner()).step()
        with transaction.atomic():
            # It waits for the lock of the recorder, or comes before it.
            list(HandedIn.objects.select_for_update())
        wait_until(lambda: not attempt.current.is_open)
        assert attempt.current.state == "scored"
    finally:
        stop.set()
        recorder.join()


def test_an_answer_in_free_text_is_judged_and_compared_with_earlier_ones(
    ada: User, bob: User, explain: Any, first: Machine, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = JudgeServer(httpserver, lambda asked: judgement([(id, "met", quotes) for id, quotes in MET.items()]))
    for name, value in {"GRADUS_JUDGE_MODEL": "judge", "OPENAI_BASE_URL": judge.url, "OPENAI_API_KEY": "k"}.items():
        monkeypatch.setenv(name, value)
    attempts = [factories.submit(user, "explain", factories.FREE_TEXT) for user in (ada, bob)]
    with first():
        worker = Worker("judge", runner=TableRunner())
        assert worker.step()
        asked = len(judge.bodies)
        assert asked and worker.step() and not worker.step()
        # The same answer again: its reply is known, although the worker cannot read the call that gave it.
        assert len(judge.bodies) == asked
    assert handed_in.record_all() == 2
    assert [one.current.state for one in attempts] == ["review", "review"]
    assert JudgeCall.objects.filter(evaluation=attempts[0].current).exists()


def test_a_job_that_cannot_end_goes_back_and_is_counted_as_before(ada: User, course: Course, first: Machine) -> None:
    attempt = factories.submit(ada)
    with first():
        assert Worker("grade", runner=TableRunner(RunnerDied("killed"))).step()
    assert (attempt.current.state, attempt.current.attempt, attempt.current.fence) == ("queued", 1, 1)
    Evaluation.objects.update(available_at="2026-01-01T00:00:00Z")
    with first() as role:
        held = claim(role)
        assert (held.attempt, held.fence) == (2, 2)
        services.postpone(held.pk, held.fence, 0, "busy")
        held = claim(role)
        assert services.heartbeat(held.pk, held.fence) and (held.attempt, held.fence) == (2, 3)
        assert services.release(held.pk, held.fence, broken=True)
        held = claim(role)
        services.keep_trained(held.pk, held.fence, {"file": "f", "fence": held.fence})
        assert services.append_events(held.pk, held.fence, [("progress", {"done": 1})])
        assert not services.append_events(held.pk, held.fence - 1, [("progress", {"done": 2})])
        with pytest.raises(LeaseLost):
            services.hand_in(held.pk, held.fence - 1, services.Outcome(result={}, score=1.0))
        services.hand_in_error(held.pk, held.fence, "timeout")
    handed_in.record_all()
    assert (attempt.current.state, attempt.current.error_code) == ("failed", "timeout")


def test_a_cancelled_attempt_is_noticed_and_not_recorded(ada: User, course: Course, first: Machine) -> None:
    attempt = factories.submit(ada)
    with first() as role:
        held = claim(role)
    services.cancel(attempt)
    with first():
        assert not services.heartbeat(held.pk, held.fence)
        with pytest.raises(LeaseLost):
            services.hand_in(held.pk, held.fence, services.Outcome(result={}, score=1.0))
    assert attempt.current.state == "cancelled"


def test_a_worker_leaves_jobs_of_a_base_model_to_others_without_seeing_them(
    ada: User, course: Course, first: Machine
) -> None:
    attempt = factories.submit(ada)
    with first() as role:
        assert not Submission.objects.exists()
        name = {"worker": f"{role}@host:grade:1", "profile": PROFILE}
        assert services.claim("grade", **name, without=["smollm2-135m-instruct"]) is None
        found = services.claim("grade", **name, without=["another"])
        assert found is not None and found.submission == attempt


def test_choices_of_a_learner_fall_alike_without_the_secret_key(ada: User, first: Machine) -> None:
    before = lot(ada.pk, 7)
    with first():
        assert lot(ada.pk, 7) == before


# --- what a stolen machine cannot do ------------------------------------------------------------------------------

READS = {
    "password hashes": "SELECT password FROM accounts_user",
    "addresses": "SELECT email FROM accounts_user",
    "confirmed addresses": "SELECT * FROM account_emailaddress",
    "who is a guest, of others": "SELECT id FROM accounts_user WHERE id <> {ada}",
    "sessions": "SELECT * FROM django_session",
    "tokens": "SELECT * FROM accounts_apitoken",
    "second factors": "SELECT * FROM mfa_authenticator",
    "codes of classes": "SELECT join_code FROM classes_class",
    "members of classes": "SELECT * FROM classes_member",
    "scores": "SELECT * FROM submissions_score",
    "standings": "SELECT * FROM submissions_standing",
    "reviews": "SELECT * FROM reviews_review",
    "staff actions": "SELECT * FROM accounts_staffaction",
    "migrations": "SELECT * FROM django_migrations",
    "what others handed in": "SELECT payload FROM submissions_submission WHERE id <> {submission}",
    "the solution of another challenge": "SELECT solution FROM courses_challengeversion WHERE id <> {version}",
    "statements of another challenge": "SELECT statement FROM courses_challengeversion WHERE id <> {version}",
    "another worker's job": "SELECT * FROM submissions_evaluation WHERE id = {theirs}",
    "payloads of what waits": "SELECT s.payload FROM submissions_submission s JOIN submissions_evaluation e"
    " ON e.submission_id = s.id WHERE e.state = 'queued'",
    "answers of others to what it does not hold": "SELECT * FROM gradus_worker_other_answers("
    "{waiting}, ARRAY['free_text', 'prompt'], 100)",
    "replies of a judge": "SELECT * FROM reviews_judgecall",
    "a reply whose call it does not know": "SELECT * FROM gradus_worker_known_reply('')",
    "what others have handed in as outcomes": "SELECT outcome FROM submissions_handedin",
    "rows without row policies": "SET row_security = off; SELECT payload FROM submissions_submission",
    "files of the server": "SELECT pg_read_file('/etc/passwd')",
    "folders of the server": "SELECT pg_ls_dir('/')",
    "passwords of roles": "SELECT * FROM pg_authid",
    "a table that is new": "SELECT * FROM brand_new",
    "a column that is new": "SELECT brand_new FROM submissions_submission",
}
MINE = "UPDATE submissions_evaluation SET {} WHERE id = {{mine}}"
WRITES = {
    "a score": "INSERT INTO submissions_score (evaluation_id, value, shown, passed, gold, provisional, judge,"
    " created_at) VALUES ({mine}, 1, 1, true, false, true, '', now())",
    "a standing": "UPDATE submissions_standing SET shown = 1",
    "the end of its own job": MINE.format("state = 'scored', lease_until = NULL"),
    "the result of its own job": MINE.format("result = '{{}}'"),
    "its own fence": MINE.format("fence = fence + 1"),
    "attempts of its own job": MINE.format("attempt = 0"),
    "a lease for ever": MINE.format("lease_until = now() + interval '1 year'"),
    "its own job for another day": MINE.format(
        "state = 'queued', lease_until = NULL, available_at = now() + interval '1 year'"
    ),
    "its own job as another worker's": MINE.format("worker = 'somebody@host:grade:1'"),
    "a claim without a fence": "UPDATE submissions_evaluation SET state = 'running', attempt = attempt + 1,"
    " lease_until = now() + interval '1 minute', started_at = now(), worker = session_user || '@h' WHERE id = {queued}",
    "a claim in another's name": "UPDATE submissions_evaluation SET state = 'running', attempt = attempt + 1,"
    " fence = fence + 1, lease_until = now() + interval '1 minute', started_at = statement_timestamp(),"
    " worker = 'other@h' WHERE id = {queued}",
    "another worker's claim": "UPDATE submissions_evaluation SET worker = session_user || '@h' WHERE id = {theirs}",
    "another worker's lease": "UPDATE submissions_evaluation SET lease_until = now() WHERE id = {theirs}",
    "another worker's job, given back": "UPDATE submissions_evaluation SET state = 'queued', lease_until = NULL"
    " WHERE id = {theirs}",
    "an outcome with an old fence": "INSERT INTO submissions_handedin (evaluation_id, fence, outcome, error_code)"
    " VALUES ({mine}, {fence} - 1, '{{}}', '')",
    "an outcome of another worker's job": "INSERT INTO submissions_handedin (evaluation_id, fence, outcome, error_code)"
    " VALUES ({theirs}, 1, '{{}}', '')",
    "an outcome of what waits": "INSERT INTO submissions_handedin (evaluation_id, fence, outcome, error_code)"
    " VALUES ({queued}, 0, '{{}}', '')",
    "an event of another worker's job": "INSERT INTO submissions_event (evaluation_id, seq, type, data)"
    " VALUES ({theirs}, 99, 'progress', '{{}}')",
    "the end, as an event": "INSERT INTO submissions_event (evaluation_id, seq, type, data)"
    " VALUES ({mine}, 99, 'finished', '{{}}')",
    "a submission": "INSERT INTO submissions_submission (user_id) VALUES ({ada})",
    "a payload": "UPDATE submissions_submission SET payload = '{{}}'",
    "an evaluation": "INSERT INTO submissions_evaluation (submission_id, lane) VALUES ({submission}, 'grade')",
    "a member of staff": "UPDATE accounts_user SET is_staff = true",
    "a role in a course": "INSERT INTO accounts_enrolment (user_id) VALUES ({ada})",
    "a challenge": "UPDATE courses_challengeversion SET solution = ''",
    "a calibration": "INSERT INTO courses_calibration (version_id, passed) VALUES ({version}, true)",
    "the status of another worker": "UPDATE submissions_workerstatus SET problem = 'x' WHERE name = 'other@h'",
    "a status in another's name": "INSERT INTO submissions_workerstatus (name, lane, device, profile, base_models,"
    " judge, problem) VALUES ('new', 'grade', '', '', '{{}}', '', '')",
    "a budget of a question that it does not hold": "INSERT INTO reviews_budget (scope, day, spent, allowed,"
    " spent_micros) VALUES ('user:0', now(), 0, 0, 0)",
    "rows, removed": "DELETE FROM submissions_submission",
    "all rows of a table, removed": "TRUNCATE submissions_event",
    "a table, dropped": "DROP TABLE submissions_score",
    "a table, locked": "LOCK TABLE submissions_evaluation IN ACCESS EXCLUSIVE MODE",
    "a table, made": "CREATE TABLE of_a_thief (id integer)",
    "a function, made": "CREATE FUNCTION of_a_thief() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
    "row policies, switched off": "ALTER TABLE submissions_submission DISABLE ROW LEVEL SECURITY",
    "a policy, dropped": "DROP POLICY gradus_worker_reads ON submissions_submission",
    "the trigger, dropped": "DROP FUNCTION gradus_worker_fenced() CASCADE",
    "triggers, switched off": "SET session_replication_role = replica",
    "the owner's role": 'SET ROLE "{owner}"',
    "the owner's session": 'SET SESSION AUTHORIZATION "{owner}"',
    "a superuser": 'ALTER ROLE "{me}" SUPERUSER',
    "a role": "CREATE ROLE of_a_thief",
    "another lane": 'GRANT "{group}" TO "{other}"',
    "an extension": "CREATE EXTENSION dblink",
    "a program": "COPY (SELECT 1) TO PROGRAM 'true'",
    "a file of the server": "COPY (SELECT 1) TO '/tmp/of-a-thief'",
    "another's session, ended": "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{owner}'",
}


@pytest.fixture
def places(ada: User, bob: User, ada_client: Client, course: Course, first: Machine, second: Machine) -> dict[str, Any]:
    """What the statements above name: a job that the first machine holds, one of the second, and two that wait."""
    mine, theirs = factories.submit(ada), factories.submit(bob, "sea-or-sky", factories.LORA)
    later = factories.UserFactory.create_batch(2)
    queued, waiting = factories.submit(later[0]), factories.submit(later[1], "explain", factories.FREE_TEXT)
    with first() as role:
        held = claim(role)
    with second() as other:
        claim(other, "train")
    WorkerStatus.objects.create(name="other@h", lane="grade")
    assert held.submission_id == mine.pk and theirs.current.state == "running" and User.objects.count() > 1
    return {
        "ada": ada.pk,
        "mine": held.pk,
        "fence": held.fence,
        "submission": mine.pk,
        "version": mine.version_id,
        "theirs": theirs.current.pk,
        "queued": queued.current.pk,
        "waiting": waiting.pk,
        "owner": connection.settings_dict["USER"],
        "me": role,
        "other": other,
        "group": f"{setting_up.group()}_grade",
    }


@pytest.fixture
def new_things(places: dict[str, Any]) -> Iterator[None]:
    """A table and a column that a later release adds."""
    setting_up.run(["CREATE TABLE brand_new (id integer)", "INSERT INTO brand_new VALUES (1)"])
    setting_up.run(["ALTER TABLE submissions_submission ADD COLUMN brand_new text DEFAULT 'x'"])
    yield
    setting_up.run(["DROP TABLE brand_new", "ALTER TABLE submissions_submission DROP COLUMN brand_new"])


def tried(statement: str) -> str:
    """What comes of a statement, which is undone: refused, nothing, or how many rows."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
            count = len(cursor.fetchall()) if cursor.description else max(cursor.rowcount, 0)
            is_done = cursor.description is None and not statement.startswith(("UPDATE", "DELETE"))
            transaction.set_rollback(True)
            return f"{count} rows" if count or is_done else "nothing"
    except DatabaseError as error:
        state = getattr(error.__cause__, "sqlstate", "")
        return "refused" if state == "42501" else f"{state}: {error}"


def test_a_stolen_machine_reads_and_writes_nothing_else(
    places: dict[str, Any], new_things: None, first: Machine
) -> None:
    with first():
        found = {name: tried(sql.format(**places)) for name, sql in (READS | WRITES).items()}
        allowed = {
            "its own job": tried(f"SELECT * FROM submissions_evaluation WHERE id = {places['mine']}"),
            "its payload": tried("SELECT payload FROM submissions_submission"),
            "its challenge": tried("SELECT solution FROM courses_challengeversion"),
            "its lease": tried("UPDATE submissions_evaluation SET lease_until = now() WHERE state = 'running'"),
        }
    assert {name: what for name, what in found.items() if what not in ("refused", "nothing")} == {}
    assert {name for name in WRITES if found[name] == "nothing"} <= {name for name in WRITES if "another" in name}
    # The same statements are no nonsense.
    assert allowed == dict.fromkeys(allowed, "1 rows")
    assert not Score.objects.exists() and Evaluation.objects.get(pk=places["theirs"]).state == "running"


def test_the_owner_is_bound_by_none_of_it(places: dict[str, Any]) -> None:
    assert tried("SELECT payload FROM submissions_submission") == f"{Submission.objects.count()} rows"
    assert tried("UPDATE submissions_evaluation SET fence = fence + 5") == f"{Evaluation.objects.count()} rows"
    assert reconciler.sweep()["requeued"] == 0


def test_a_machine_claims_only_in_its_lanes(ada: User, course: Course, second: Machine) -> None:
    factories.submit(ada)
    with second() as role:
        assert services.claim("grade", worker=f"{role}@host:grade:1", profile=PROFILE) is None
        assert not Evaluation.objects.exists()


# --- the command --------------------------------------------------------------------------------------------------


def test_the_command_may_be_run_again_and_keeps_the_password(first: Machine, passwords: dict[str, str]) -> None:
    role = next(iter(passwords))
    before = tried("SELECT * FROM pg_policies")
    said = command(role, "--lanes", "interactive", "grade", "train", "judge", "--apply")
    assert "THE-PASSWORD-IT-HAS" in said and "GRADUS_WORKER_KEY=" in said
    assert tried("SELECT * FROM pg_policies") == before
    with first():
        assert not Evaluation.objects.exists()


def test_what_it_prints_is_what_it_does(passwords: dict[str, str]) -> None:
    role = next(iter(passwords))
    printed = command(role, "--lanes", "interactive", "grade", "train", "judge")
    with psycopg.connect(**setting_up_link(), autocommit=True) as link:
        link.execute(printed.encode())
        granted = "SELECT count(*) FROM information_schema.column_privileges WHERE grantee = %s"
        (count,) = link.execute(granted, [setting_up.group()]).fetchone() or (0,)
    assert count >= sum(len(one.reads.split()) for one in RIGHTS if not one.lane)


def setting_up_link() -> dict[str, Any]:
    given = connection.settings_dict
    return {
        "dbname": given["NAME"],
        "user": given["USER"],
        "password": given["PASSWORD"],
        "host": given["HOST"],
        "port": given["PORT"],
    }


@pytest.mark.parametrize("name", ["Gpu 1", "x; DROP TABLE a", "", "ä", "a" * 41])
def test_a_name_that_is_no_name_is_refused(passwords: dict[str, str], name: str) -> None:
    with pytest.raises(CommandError, match="cannot be the role's name"):
        command(name, "--apply")


def limit_of(role: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolconnlimit FROM pg_roles WHERE rolname = %s", [role])
        return int(cursor.fetchone()[0])


def test_a_machine_takes_no_more_connections_than_its_role_may(passwords: dict[str, str]) -> None:
    role, password = next(iter(passwords.items()))
    assert limit_of(role) == 20
    with connection.cursor() as cursor:
        # As a release before had made it.
        cursor.execute(f"ALTER ROLE {role} CONNECTION LIMIT -1")
    assert any(f"{role} may take all connections" in result.text for result in rights.rights())
    lanes = ("--lanes", "interactive", "grade", "train", "judge")
    command(role, *lanes, "--apply", "--connections", "3")
    assert limit_of(role) == 3 and not any("may take all connections" in result.text for result in rights.rights())
    place = {**setting_up_link(), "user": role, "password": password}
    links = []
    try:
        with pytest.raises(psycopg.OperationalError, match="too many connections for role"):
            for _ in range(4):
                links.append(psycopg.connect(**place))
        assert len(links) == 3
    finally:
        for link in links:
            link.close()
        command(role, *lanes, "--apply")
    assert limit_of(role) == 20


def test_a_removed_machine_gets_in_no_more(passwords: dict[str, str]) -> None:
    role = f"{setting_up.group()}_gone"
    said = command(role, "--lanes", "grade", "--apply")
    password = said.partition(f"postgres://{role}:")[2].partition("@")[0]
    with logged_in(role, password):
        assert not Evaluation.objects.exists()
    assert command(role, "--remove", "--apply").startswith(f"The role {role} is gone.")
    log = StaffAction.objects.filter(what="worker_role_changed", about=role).order_by("pk")
    assert [entry.details.get("removed", False) for entry in log] == [False, True]
    assert password not in str([entry.details for entry in log])
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(**{**setting_up_link(), "user": role, "password": password})
    with pytest.raises(CommandError, match="is not the role of a worker"):
        command(str(connection.settings_dict["USER"]), "--remove", "--apply")


def test_rights_follow_a_migration(ada: User, course: Course, first: Machine) -> None:
    factories.submit(ada)
    setting_up.before_migration(None, plan=[object()])
    with first() as role:
        assert services.claim("grade", worker=f"{role}@host:grade:1", profile=PROFILE) is None
    # What a policy names can be altered meanwhile.
    setting_up.run(["ALTER TABLE submissions_evaluation ALTER COLUMN worker TYPE varchar(121)"])
    setting_up.run(["ALTER TABLE submissions_evaluation ALTER COLUMN worker TYPE varchar(120)"])
    call_command("migrate", verbosity=0)
    with first() as role:
        assert claim(role).fence == 1


def test_a_migration_to_tables_of_another_release_ends_nevertheless(
    passwords: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(setting_up, "RIGHTS", (*RIGHTS, Right("of_a_later_release", "id", "true")))
    with pytest.raises(DatabaseError):
        setting_up.apply_rights()
    setting_up.after_migration(None)
