"""Run by `test_suites.py` in a process whose database is PostgreSQL; by its name no other run collects it.

Workers with few rights and without a key of the bucket: they get an address for each file of their job, and no other.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import httpx
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.files.storage.handler import StorageHandler
from django.db import ProgrammingError
from moto.server import ThreadedMotoServer
from pytest_django.fixtures import Settings
from pytest_httpserver import HTTPServer

from gradus import settings as site_settings
from gradus import stores
from gradus.accounts.models import User
from gradus.courses import bundles
from gradus.courses.models import ChallengeVersion, Course
from gradus.submissions import claimed_files, services
from gradus.submissions.claimed_files import ClaimedFiles
from gradus.submissions.models import Evaluation, FileLink
from gradus.submissions.services import file_links
from tests import factories
from tests.postgres.roles import logged_in
from tests.waiting import wait_until
from tests.workers.test_work import TableRunner
from workers import status
from workers.recorder import Recorder
from workers.work import Worker

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]
BUCKET = "gradus"
PLACE = {"LocationConstraint": "eu-central-1"}


@pytest.fixture(autouse=True)
def model_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "digests", lambda: {"smollm2-135m-instruct": "d" * 64})


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(autouse=True)
def bucket(
    server: str, settings: Settings, monkeypatch: pytest.MonkeyPatch, private_folders: None, course: Course
) -> Iterator[Any]:
    """The bucket, which the reconciler has the key of; `storages` are those of a worker's machine."""
    for name, value in {
        "AWS_ENDPOINT_URL": server,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "eu-central-1",
    }.items():
        monkeypatch.setenv(name, value)
    made = boto3.resource("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration=PLACE)
    for file in stores.walk(storages["private"]):
        with storages["private"].open(file.name) as content:
            made.put_object(Key=f"private/{file.name}", Body=content.read())
    monkeypatch.setattr(site_settings, "BUCKET", BUCKET)
    monkeypatch.setattr(
        file_links, "storages", StorageHandler({name: site_settings.storage(name) for name in ("private", "artifacts")})
    )
    monkeypatch.setattr(site_settings, "WORKER_KEY", "0" * 40)
    kept = {name: site_settings.storage(name) for name in ("private", "artifacts")}
    settings.STORAGES = {**settings.STORAGES, **kept}
    bundles._load.cache_clear()
    yield made
    made.objects.delete()
    made.delete()


@pytest.fixture
def recorder(bucket: Any) -> Iterator[None]:
    stop = threading.Event()
    thread = Recorder(stop)
    thread.start()
    yield
    stop.set()
    thread.join()


@pytest.fixture
def held(ada: User, passwords: dict[str, str]) -> Evaluation:
    """A job that the first machine holds."""
    factories.submit(ada)
    role = next(iter(passwords))
    found = services.claim("grade", worker=f"{role}@host:grade:1", profile="cpu/float32/1")
    assert found is not None
    return found


def first(passwords: dict[str, str]) -> Any:
    return logged_in(*next(iter(passwords.items())))


def read(store: Any, name: str) -> bytes:
    with store.open(name) as file:
        content: bytes = file.read()
        return content


def files_of(bucket: Any, prefix: str) -> set[str]:
    return {found.key for found in bucket.objects.filter(Prefix=prefix)}


def asked(held: Evaluation, store: str, name: str, size: int | None = None, fence: int | None = None) -> FileLink:
    """What the reconciler answers."""
    link = FileLink.objects.create(
        evaluation=held, fence=held.fence if fence is None else fence, store=store, name=name, size=size
    )
    assert file_links.sign_all() == 1
    link.refresh_from_db()
    assert link.refused == (not link.url)
    return link


def test_an_attempt_is_graded_without_a_key_of_the_bucket(
    bucket: Any, recorder: None, ada: User, passwords: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = factories.submit(ada)
    with first(passwords):
        worker = Worker("grade", runner=TableRunner())
        assert worker.step()
        assert not FileLink.objects.exists()
    wait_until(lambda: not attempt.current.is_open)
    assert attempt.current.state == "scored"
    raw = f"raw/{attempt.current.pk}/{attempt.current.fence}.json"
    assert attempt.current.raw == raw and f"private/{raw}" in files_of(bucket, "private/raw/")
    assert b'"score"' in bucket.Object(f"private/{raw}").get()["Body"].read()


def test_what_a_job_names_is_signed_for_some_minutes_and_nothing_else(held: Evaluation, bob: User) -> None:
    at = f"{held.pk}/{held.fence}"
    content = bundles.path_of(held.version.digest)
    other = bundles.path_of(ChallengeVersion.objects.exclude(digest=held.version.digest).first().digest)
    Evaluation.objects.filter(pk=held.pk).update(trained={"file": other})
    reads = {
        "its content": asked(held, "private", content),
        "another job's content": asked(held, "private", other),
        "what it says it has trained": asked(held, "private", other),
        "an archive": asked(held, "private", f"courses/{'0' * 64}.zip"),
        "a list": asked(held, "private", ""),
        "another store": asked(held, "default", content),
        "another's raw rows": asked(held, "private", f"raw/{held.pk + 1}/1.json"),
        "a stale claim": asked(held, "private", content, fence=held.fence - 1),
        "a way around": asked(held, "private", f"bundles/../{content}"),
    }
    assert {what for what, link in reads.items() if link.url} == {"its content"}
    writes = {
        "its raw rows": asked(held, "private", f"raw/{at}.json", 100),
        "its adapter": asked(held, "artifacts", f"{at}/adapter.zip", 100),
        "what it has trained": asked(held, "private", f"trained/{at}.zip", 100),
        "too much": asked(held, "private", f"raw/{at}.json", file_links.RAW_MOST + 1),
        "its content": asked(held, "private", content, 100),
        "another's adapter": asked(held, "artifacts", f"{held.pk + 1}/1/adapter.zip", 100),
        "rows of another fence": asked(held, "private", f"raw/{held.pk}/{held.fence + 1}.json", 100),
    }
    assert {what for what, link in writes.items() if link.url} == {"its raw rows", "its adapter", "what it has trained"}
    signed = parse_qs(urlsplit(writes["its raw rows"].url).query)
    assert signed["X-Amz-Expires"] == [str(file_links.SECONDS)]
    assert "content-length" in signed["X-Amz-SignedHeaders"][0].split(";")
    assert httpx.get(reads["its content"].url).content.startswith(b"{")


def test_a_claim_that_is_over_gets_nothing(held: Evaluation) -> None:
    content = bundles.path_of(held.version.digest)
    Evaluation.objects.filter(pk=held.pk).update(lease_until="2026-01-01T00:00:00Z")
    assert asked(held, "private", content).refused
    services.cancel(held.submission)
    assert asked(held, "private", content).refused


def test_a_machine_asks_only_for_its_own_claims(held: Evaluation, bob: User, passwords: dict[str, str]) -> None:
    link = FileLink.objects.create(evaluation=held, fence=held.fence, store="private", name="a")
    other = factories.claimed(factories.submit(bob, "sea-or-sky", factories.LORA))
    FileLink.objects.create(evaluation=other, fence=other.fence, store="private", name="b", url="https://secret")
    with first(passwords):
        assert [one.pk for one in FileLink.objects.all()] == [link.pk]
        for evaluation, fence in ((held.pk, held.fence - 1), (other.pk, other.fence)):
            with pytest.raises(ProgrammingError, match="row-level security"):
                FileLink.objects.create(evaluation_id=evaluation, fence=fence, store="private", name="a")
        with pytest.raises(ProgrammingError, match="permission denied"):
            FileLink.objects.filter(pk=link.pk).update(name="c")
    with logged_in(*list(passwords.items())[1]):
        assert not FileLink.objects.exists()


def test_an_address_that_is_too_old_is_replaced_once(
    bucket: Any, held: Evaluation, monkeypatch: pytest.MonkeyPatch, httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/old").respond_with_data("Request has expired", status=403)
    httpserver.expect_request("/new", method="PUT").respond_with_data("")
    httpserver.expect_request("/new").respond_with_data("content")
    given = ["/old", "/new"]
    monkeypatch.setattr(ClaimedFiles, "_address", lambda *_: httpserver.url_for(given.pop(0)))
    assert read(ClaimedFiles("private"), "a") == b"content"
    given[:] = ["/old", "/new"]
    assert ClaimedFiles("private").save("a", ContentFile(b"whole")) == "a"
    assert [request.get_data() for request, _ in httpserver.log if request.method == "PUT"] == [b"whole", b"whole"]
    given[:] = ["/old", "/old"]
    with pytest.raises(stores.StoreAway, match="403"):
        ClaimedFiles("private").open("a")


@pytest.mark.parametrize("fault", ["503", "half of it", "another", "silent"])
def test_a_bucket_that_fails_costs_no_attempt(
    fault: str,
    recorder: None,
    ada: User,
    passwords: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    httpserver: HTTPServer,
) -> None:
    attempt = factories.submit(ada)
    other = ChallengeVersion.objects.exclude(digest=attempt.version.digest)[0]
    store = file_links.storages["private"]
    own, another = (read(store, bundles.path_of(one.digest)) for one in (attempt.version, other))
    answers = {"503": (b"", 503), "half of it": (own[: len(own) // 2], 200), "another": (another, 200)}
    url = "http://127.0.0.1:9/"
    if fault in answers:
        body, code = answers[fault]
        httpserver.expect_request("/").respond_with_data(body, status=code)
        url = httpserver.url_for("/")
    with monkeypatch.context() as patch, first(passwords):
        patch.setattr(file_links, "_signed", lambda link: url)
        assert Worker("grade", runner=TableRunner()).step()
    assert (attempt.current.state, attempt.current.error_code, attempt.current.attempt) == ("queued", "", 1)
    Evaluation.objects.update(available_at="2026-01-01T00:00:00Z")
    with first(passwords):
        assert Worker("grade", runner=TableRunner()).step()
    wait_until(lambda: not attempt.current.is_open)
    assert attempt.current.state == "scored"


def test_without_a_reconciler_the_job_waits(
    held: Evaluation, passwords: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claimed_files, "SIGNED_WITHIN", 0.1)
    with (
        first(passwords),
        claimed_files.of_claim(held.pk, held.fence),
        pytest.raises(stores.StoreAway, match="No reconciler has given the address"),
    ):
        ClaimedFiles("private").exists(bundles.path_of(held.version.digest))
    assert not FileLink.objects.exists()


def test_a_site_whose_files_lie_in_folders_signs_nothing(held: Evaluation, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = {"BACKEND": "django.core.files.storage.FileSystemStorage"}
    monkeypatch.setattr(file_links, "storages", StorageHandler({"private": folder}))
    assert asked(held, "private", bundles.path_of(held.version.digest)).refused


def test_the_files_of_a_demo_are_those_that_the_worker_reads() -> None:
    from workers.sandbox import adapter_files

    assert file_links.ADAPTER == adapter_files.NAMES
