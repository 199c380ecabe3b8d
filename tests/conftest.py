"""Fixtures for all tests of the site: named users and a published tiny course."""

from __future__ import annotations

import gc
import os
from collections.abc import Generator, Iterator
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
import structlog
from django.conf import settings as site
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.core.cache import cache
from django.core.management.color import no_style
from django.db import connection, transaction
from django.test import Client, TransactionTestCase
from hypothesis import HealthCheck, settings
from pytest_django.fixtures import Settings

from gradus.accounts import triggers as accounts
from gradus.accounts.guests import SESSION_KEY
from gradus.accounts.models import User
from gradus.courses import catalogue
from gradus.courses import models as contents
from gradus.courses import triggers as courses
from gradus.courses.models import Challenge, Course
from gradus.receipts import triggers as receipts
from gradus.reviews import triggers as reviews
from tests import factories, migrated

pytest_plugins = ["tests.requirements", "tests.packages", "tests.times"]

# Set before NumPy or torch is loaded. With a second thread, sums of small matrices take eight times the computing: the
# other one spins while it waits, on a core where another process runs tests.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")

OF_MIGRATE = {ContentType._meta.db_table, Permission._meta.db_table}

# A busy machine generates data slowly; that says nothing about our code.
settings.register_profile("gradus", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("gradus")


def pytest_configure(config: pytest.Config) -> None:
    migrated.begin(config.add_cleanup)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keeps the modules and tests out of the search for garbage, which took a tenth of all computing to find none."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session", autouse=True)
def quick_hashes_of_passwords() -> Iterator[None]:
    """Argon2 as in production, with the least work: there each password takes up to 0.4 seconds of computing."""
    with pytest.MonkeyPatch.context() as patch:
        for name, least in {"time_cost": 1, "memory_cost": 8, "parallelism": 1}.items():
            patch.setattr(Argon2PasswordHasher, name, least)
        yield


@pytest.fixture(autouse=True)
def forgotten_limits() -> None:
    """Clears rate limits and the process's cache of contents, which outlive a test."""
    cache.clear()
    catalogue.forget()
    contents.forget()


@pytest.fixture(scope="session", autouse=True)
def emptied_after_transactions() -> Iterator[None]:
    """Empties the tables after a transactional test, which the append-only ones would refuse Django.

    What `migrate` itself writes for each model stays: Django would compute it anew, for most of the time that it takes.
    """

    def teardown(case: TransactionTestCase) -> None:
        tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
        left = [table for table in tables if table not in OF_MIGRATE]
        if is_superuser():
            delete_rows(left)
            return
        guards("remove")
        connection.ops.execute_sql_flush(connection.ops.sql_flush(no_style(), left))
        guards("install")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", teardown)
        yield


def is_superuser() -> bool:
    """Whether the tests may switch off the triggers of a PostgreSQL database."""
    if connection.vendor != "postgresql":
        return False
    with connection.cursor() as cursor:
        cursor.execute("select current_setting('is_superuser')")
        return cursor.fetchone() == ("on",)


def delete_rows(tables: list[str]) -> None:
    """Empties those tables that have rows: TRUNCATE makes new files for each table and index, a quarter of a second."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("set local session_replication_role = replica")
        cursor.execute(" union all ".join(f"select '{one}' where exists (select from \"{one}\")" for one in tables))
        for (table,) in cursor.fetchall():
            cursor.execute(f'delete from "{table}"')


def guards(do: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        editor = SimpleNamespace(connection=connection, execute=cursor.execute)
        getattr(accounts, f"{do}_log")(None, editor)
        getattr(receipts, do)(None, editor)
        getattr(courses, f"{do}_versions")(None, editor)
        getattr(reviews, f"{do}_call_guards")(None, editor)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    request: pytest.FixtureRequest, django_db_modify_db_settings_parallel_suffix: None
) -> None:
    """The database of the tests themselves begins as a copy, too."""
    database = site.DATABASES["default"]
    if request.config.getoption("nomigrations"):
        return
    if site.SQLITE:
        file = Path(os.environ[migrated.FOLDER]) / f"tests-{os.getpid()}.sqlite3"
        migrated.copy_sqlite(file)
        database["TEST"]["NAME"] = file
        # What a test has written need not survive a power cut.
        database["OPTIONS"]["init_command"] = "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;"
        return
    server = os.environ.get("GRADUS_TEST_POSTGRES", "")
    if (urlsplit(server).hostname, urlsplit(server).port) == (database["HOST"], int(database["PORT"] or 0)):
        database["TEST"]["TEMPLATE"] = migrated.postgres_template(server)


@pytest.fixture(scope="session")
def django_db_keepdb(request: pytest.FixtureRequest, django_db_modify_db_settings: None) -> bool:
    """True for the copy: Django would remove it first. It goes with its folder."""
    return bool(site.SQLITE or request.config.getoption("reuse_db"))


@pytest.fixture(autouse=True)
def private_folders(settings: Settings, tmp_path: Path) -> None:
    """Uses temporary folders instead of the real data folder."""
    store = "django.core.files.storage.FileSystemStorage"
    kept = {name: {"BACKEND": store, "OPTIONS": {"location": tmp_path / name}} for name in ("private", "artifacts")}
    # Plain names of static files, even if files were collected on this machine.
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, **kept, "staticfiles": plain}


@pytest.fixture(autouse=True)
def unchanged_log() -> Iterator[None]:
    """A test that sets the log up anew would take every later line to its own output, which is closed when it ends."""
    factory = type(structlog.get_config()["logger_factory"])
    yield
    assert type(structlog.get_config()["logger_factory"]) is factory


@pytest.fixture(autouse=True)
def drawn_by_nobody(settings: Settings) -> None:
    """Switches off random audits; a test that needs one switches them on."""
    settings.AUDIT_SHARE = settings.AUDIT_SHARE_NEW = 0.0


@pytest.fixture
def ada(db: None) -> User:
    """A learner with an account."""
    return factories.UserFactory.create(username="ada", email="ada@example.org", pseudonym="enchantress")


@pytest.fixture
def bob(db: None) -> User:
    """Another learner, who must not see or change Ada's objects."""
    return factories.UserFactory.create(username="bob", email="bob@example.org", pseudonym="builder")


@pytest.fixture
def grace(db: None) -> User:
    """A member of staff."""
    return factories.UserFactory.create(
        username="grace", email="grace@example.org", pseudonym="admiral", is_staff=True, is_superuser=True
    )


@pytest.fixture
def ada_client(ada: User) -> Client:
    return logged_in(ada)


@pytest.fixture
def bob_client(bob: User) -> Client:
    return logged_in(bob)


@pytest.fixture
def grace_client(grace: User) -> Client:
    return logged_in(grace)


@pytest.fixture
def guest(db: None) -> User:
    """A visitor without an account who has already done something."""
    return User.objects.create_guest()


@pytest.fixture
def guest_client(guest: User) -> Client:
    client = Client()
    session = client.session
    session[SESSION_KEY] = guest.pk
    session.save()
    client.cookies["sessionid"] = session.session_key or ""
    return client


def logged_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def course(db: None, tmp_path: Path) -> Course:
    """A published course with the challenges `sea-or-sky`, `ticket` and `explain`."""
    return factories.tiny_course(tmp_path / "tiny")


@pytest.fixture
def sea_or_sky(course: Course) -> Challenge:
    return factories.challenge("sea-or-sky")


@pytest.fixture
def ticket(course: Course) -> Challenge:
    return factories.challenge("ticket")


@pytest.fixture
def explain(course: Course) -> Challenge:
    return factories.challenge("explain")
