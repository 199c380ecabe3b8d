"""What staff did, in a shell, the admin, on the pages and over the API, is written down and stays as it was written."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.utils import timezone

from gradus.accounts import staff_actions as staff
from gradus.accounts import tokens
from gradus.accounts.models import ApiToken, Enrolment, StaffAction, User
from gradus.courses.models import Challenge, Course
from gradus.reviews import services as reviews
from tests import factories
from tests.api.conftest import Caller
from tests.challenges.factory import write_course
from tests.conftest import logged_in
from tests.reviews import cases

What = StaffAction.What
# What each command of ours does about the log. `manage.py up` imports and makes the first administrator.
COMMANDS = {
    "import_course": What.COURSE_IMPORTED,
    "rebuild": What.STANDINGS_REBUILT,
    "revoke_tokens": What.TOKEN_REVOKED,
    "delete_account": What.DELETION_ASKED,
    "backup": What.BACKUP_TAKEN,
    "restore": What.BACKUP_RESTORED,
    "up": What.COURSE_IMPORTED,
    "export": What.DATA_EXPORTED,
    "worker_token": What.WORKER_TOKEN_CHANGED,
    **dict.fromkeys(
        ("doctor", "engine_choices", "fetch_models", "export_gold", "language", "work", "reconcile", "rebuild_health"),
        "nothing of staff's",
    ),
}


def noted(what: str) -> StaffAction:
    """The one entry of that kind."""
    return StaffAction.objects.get(what=what)


@pytest.fixture(autouse=True)
def database(db: None) -> None:
    pass


def since() -> Any:
    last = StaffAction.objects.order_by("pk").last()
    return StaffAction.objects.filter(pk__gt=last.pk if last else 0).order_by("pk")


def kinds(entries: Any) -> list[str]:
    return list(entries.values_list("what", flat=True))


def test_every_command_is_known() -> None:
    root = Path(staff.__file__).parents[3]
    packages = ("platform", "challenges", "graders", "workers")
    found = {path.stem for name in packages for path in (root / name).rglob("management/commands/[!_]*.py")}
    assert found == set(COMMANDS), "say in COMMANDS what the command leaves in the log of staff's actions"


@pytest.fixture
def nothing_similar(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows of the tiny course resemble each other, which lint would say."""
    monkeypatch.setattr("gradus.cli.authors.load", lambda name: lambda bundle: [])


def test_an_import_by_the_command_line(tmp_path: Path, nothing_similar: None) -> None:
    call_command("import_course", str(write_course(tmp_path / "tiny")))
    entry = noted(What.COURSE_IMPORTED)
    assert (entry.about, entry.via, entry.user_id) == ("tiny 1.0.0", "shell", None)
    assert getpass.getuser() in entry.who and "@" in entry.who
    assert entry.details["digest"] == Course.objects.get().digest
    assert abs((timezone.now() - entry.at).total_seconds()) < 60


def test_an_import_that_fails_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nothing_similar: None
) -> None:
    def refuse(*args: object, **values: object) -> None:
        raise DatabaseError("the disk is full")

    monkeypatch.setattr(StaffAction.objects, "create", refuse)
    with pytest.raises(DatabaseError):
        call_command("import_course", str(write_course(tmp_path / "tiny")))
    assert not Course.objects.exists()


def test_an_administrator_made_in_a_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", factories.PASSWORD)
    call_command("createsuperuser", interactive=False, username="root", email="root@example.org")
    entry = noted(What.RIGHTS_CHANGED)
    assert (entry.about, entry.via) == ("root@example.org", "shell")
    assert entry.details == {"is_staff": True, "is_superuser": True}
    assert factories.PASSWORD not in str(vars(entry))


def test_rights_groups_roles_and_passwords_given_in_a_shell(ada: User, course: Course) -> None:
    entries = since()
    ada.is_staff = True
    ada.save()
    ada.groups.add(Group.objects.create(name="authors"))
    factories.enrol(ada, course, factories.TEACHER)
    factories.enrol(factories.UserFactory.create(), course)
    ada.set_password("another-long-password")
    ada.save()
    assert kinds(entries) == [What.RIGHTS_CHANGED, What.RIGHTS_CHANGED, What.ROLE_CHANGED, What.PASSWORD_SET]
    assert entries[0].details == {"is_staff": True}


def test_what_people_do_with_their_own_account_is_no_action_of_staff(ada: User, course: Course) -> None:
    entries, client = since(), Client()
    client.post("/accounts/signup/", {"email": "eve@example.org", "password1": factories.PASSWORD})
    other = Client()
    other.post("/accounts/login/", {"login": ada.email, "password": factories.PASSWORD})
    assert "_auth_user_id" in other.session
    change = {
        "oldpassword": factories.PASSWORD,
        "password1": "another-long-password",
        "password2": "another-long-password",
    }
    other.post("/accounts/password/change/", change)
    ada.refresh_from_db()
    assert ada.check_password("another-long-password")
    token, _ = ApiToken.issue(ada, "laptop")
    other.post(f"/profile/tokens/{token.pk}/revoke")
    assert not ada.api_tokens.live().exists()
    factories.submit(ada)
    assert kinds(entries) == []


def test_a_freeze_by_a_form_of_the_admin_and_in_a_shell(grace: User, grace_client: Client, course: Course) -> None:
    entries = since()
    frozen = {"is_published": "on", "frozen_at_0": "2026-01-02", "frozen_at_1": "03:04:05"}
    answer = grace_client.post(f"/admin/courses/course/{course.pk}/change/", frozen)
    assert answer.status_code == 302
    assert kinds(entries) == [What.COURSE_CHANGED, What.ADMIN_FORM]
    freeze, form = entries
    assert freeze.details == {"frozen_at": "2026-01-02T03:04:05Z"}
    assert {(one.user_id, one.who, one.via) for one in entries} == {(grace.pk, grace.email, "page")}
    assert "frozen" in form.details["change"].lower() and len(form.request) == 36
    entries, course.frozen_at = since(), timezone.now()
    course.save()
    assert [(one.what, one.about, one.via) for one in entries] == [(What.COURSE_CHANGED, "tiny", "shell")]


def test_accounts_and_roles_that_staff_remove(grace: User, grace_client: Client, ada: User, course: Course) -> None:
    for user in (ada, grace):
        factories.enrol(user, course, factories.AUTHOR)
    entries, pks = since(), list(Enrolment.objects.values_list("pk", flat=True))
    chosen = {"action": "delete_selected", "_selected_action": pks, "post": "yes"}
    grace_client.post("/admin/accounts/enrolment/", chosen)
    assert not Enrolment.objects.exists()
    ApiToken.issue(ada, "goes with the account")
    ada.delete()
    User.objects.create_guest().delete()
    assert [(one.what, one.via) for one in entries] == [(What.REMOVED, via) for via in ("page", "page", "shell")]
    assert "content:editor" in entries[0].about and ada.email in entries[2].about


def test_tokens_that_staff_revoke_in_the_admin_and_in_a_shell(
    ada: User, ada_api: Caller, grace: User, grace_client: Client, course: Course
) -> None:
    chosen = {"action": "revoke", "_selected_action": ada.api_tokens.get().pk}
    grace_client.post("/admin/accounts/apitoken/", chosen)
    assert ada_api.get("/submissions").status_code == 401
    assert (noted(What.TOKEN_REVOKED).user_id, noted(What.TOKEN_REVOKED).details) == (grace.pk, {"owner": ada.pk})
    secrets = [ApiToken.issue(ada, name)[1] for name in ("one", "another")]
    entries = since()
    call_command("revoke_tokens", ada.email.upper())
    assert [Caller(secret).get("/submissions").status_code for secret in secrets] == [401, 401]
    assert not ada.api_tokens.live().exists()
    assert kinds(entries) == [What.TOKEN_REVOKED] * 2
    assert tokens.revoke_all(ada) == 0


def test_reviews_on_pages_and_over_the_api(
    ada: User, bob: User, grace: User, grace_client: Client, explain: Challenge
) -> None:
    entries = since()
    first, second = cases.waiting(ada), cases.waiting(bob)
    marks = {f"mark-{id}": mark for id, mark in cases.ALL_MET.items()}
    grace_client.post(f"/reviews/{first.pk}/", {"action": "decide", "reason": "", **marks})
    api = Caller(ApiToken.issue(grace, "tests", factories.REVIEWING)[1])
    assert api.post(f"/reviews/{second.pk}/decision", {"marks": cases.ALL_MET}).status_code == 200
    assert api.post(f"/reviews/{second.pk}/gold", {}).status_code == 201
    assert [(one.what, one.via) for one in entries] == [
        (What.GRADE_DECIDED, "page"), (What.GRADE_DECIDED, "api"), (What.GOLD_KEPT, "api"),
    ]  # fmt: skip
    assert {one.user_id for one in entries} == {grace.pk}
    assert entries[0].details["review"] == first.pk


def test_a_regrade_in_a_shell_names_the_account_and_the_shell(ada: User, grace: User, explain: Challenge) -> None:
    cases.final(ada)
    entries = since()
    regrade = reviews.start_regrade(explain, by=grace, note="A new judge")
    reviews.discard(regrade, by=grace)
    assert kinds(entries) == [What.REGRADE_STARTED, What.REGRADE_DISCARDED]
    assert all(one.user_id == grace.pk and grace.email in one.who and getpass.getuser() in one.who for one in entries)
    assert entries[0].details == {"regrade": regrade.pk, "note": "A new judge"}


def test_who_became_root_is_named(monkeypatch: pytest.MonkeyPatch, course: Course) -> None:
    monkeypatch.setenv("SUDO_USER", "hopper")
    call_command("rebuild")
    assert noted(What.STANDINGS_REBUILT).who.startswith("hopper as ")


def test_a_backup(tmp_path: Path, course: Course) -> None:
    entries = since()
    staff.note(What.BACKUP_TAKEN, tmp_path / "backup", secret_key=True)
    assert [(one.what, one.details) for one in entries] == [(What.BACKUP_TAKEN, {"secret_key": True})]


ALL_AT_ONCE = {"sqlite": "DELETE FROM {table}", "postgresql": "TRUNCATE {table} CASCADE"}


@pytest.mark.parametrize("statement", ["UPDATE {table} SET who = 'nobody'", "DELETE FROM {table}", "all at once"])
@pytest.mark.parametrize("table", ["accounts_staffaction", "reviews_judgecall"])
def test_the_database_refuses_to_change_a_log(ada: User, explain: Challenge, table: str, statement: str) -> None:
    from gradus.reviews.models import JudgeCall

    call = {"key": "k", "template": "t", "model": "m", "rung": "r", "request": {}}
    JudgeCall.objects.create(evaluation=factories.submit(ada, "explain", factories.FREE_TEXT).current, **call)
    sql = ALL_AT_ONCE[connection.vendor] if statement == "all at once" else statement
    sql = sql.replace("who", "model") if table == "reviews_judgecall" else sql
    # What waits for the end of the transaction would be refused first, for another reason.
    connection.check_constraints()
    before = counted(table)
    with pytest.raises(DatabaseError, match=r"never changed|stays with"), transaction.atomic():
        counted(table, sql.format(table=table))
    assert counted(table) == before > 0


def counted(table: str, sql: str = "") -> int:
    with connection.cursor() as cursor:
        if sql:
            cursor.execute(sql)
        cursor.execute(f"SELECT count(*) FROM {table}")
        return int(cursor.fetchone()[0])


def test_the_admin_shows_it_to_who_may_read_it_and_changes_nothing(grace_client: Client, course: Course) -> None:
    entry = noted(What.COURSE_IMPORTED)
    page = grace_client.get("/admin/accounts/staffaction/").content.decode()
    assert "tiny 1.0.0" in page and getpass.getuser() in page
    assert grace_client.get(f"/admin/accounts/staffaction/{entry.pk}/change/").status_code == 200
    for path in (f"{entry.pk}/change/", f"{entry.pk}/delete/", "add/"):
        assert grace_client.post(f"/admin/accounts/staffaction/{path}", {"who": "x", "post": "yes"}).status_code == 403
    assert StaffAction.objects.filter(pk=entry.pk, who=entry.who).exists()
    reader = factories.UserFactory.create(is_staff=True)
    assert logged_in(reader).get("/admin/accounts/staffaction/").status_code == 403
