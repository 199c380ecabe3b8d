"""The private stores in a bucket, on a server that speaks S3 on the loopback address (moto)."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.test import Client
from moto.server import ThreadedMotoServer
from pytest_django.fixtures import Settings
from storages.backends.s3 import S3Storage

from challenges.authoring.archive import pack
from gradus import private_files
from gradus import settings as site_settings
from gradus.accounts.models import User
from gradus.courses import uploads
from gradus.courses.models import Challenge
from gradus.reconciling import orphan_files as orphans
from gradus.submissions import services
from tests import factories
from tests.challenges.factory import write_course

BUCKET = "gradus"
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(autouse=True)
def bucket(server: str, settings: Settings, monkeypatch: pytest.MonkeyPatch, private_folders: None) -> Iterator[Any]:
    """As on a site: the bucket's name is Gradus's setting, all else boto3's own variables."""
    for name, value in {
        "AWS_ENDPOINT_URL": server,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "eu-central-1",
    }.items():
        monkeypatch.setenv(name, value)
    made = boto3.resource("s3").create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    monkeypatch.setattr(site_settings, "BUCKET", BUCKET)
    kept = {name: site_settings.storage(name) for name in ("private", "artifacts")}
    settings.STORAGES = {**settings.STORAGES, **kept}
    yield made
    made.objects.delete()
    made.delete()


def keys(bucket: Any) -> set[str]:
    return {found.key for found in bucket.objects.all()}


def test_bundles_and_adapters_lie_in_the_bucket(bucket: Any, ada: User, ticket: Challenge) -> None:
    assert isinstance(storages["private"], S3Storage)
    assert any(key.startswith("private/bundles/") for key in keys(bucket))
    kept = storages["artifacts"].save("1/1/adapter.zip", ContentFile(b"zip"))
    assert f"artifacts/{kept}" in keys(bucket)
    grants = bucket.Object(f"artifacts/{kept}").Acl().grants
    assert not any("AllUsers" in grant["Grantee"].get("URI", "") for grant in grants)


def test_an_adapter_goes_through_the_site_to_its_owner_alone(
    ada: User, ticket: Challenge, ada_client: Client, bob_client: Client
) -> None:
    made = factories.submit(ada, "ticket", factories.LORA)
    name = storages["artifacts"].save("1/1/adapter.zip", ContentFile(b"zip"))
    factories.grade(made, 0.7, artifact=name)
    mine = ada_client.get(f"/submissions/{made.uuid}/artifact")
    content = b"".join(mine.streaming_content) if mine.streaming else mine.content  # type: ignore[attr-defined]
    assert (mine.status_code, content) == (200, b"zip")
    assert bob_client.get(f"/submissions/{made.uuid}/artifact").status_code == 404


def test_a_walk_lists_pages_of_a_bucket(bucket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "10")
    names = {f"raw/{n}/1.json" for n in range(25)}
    for name in sorted(names):
        bucket.put_object(Key=f"private/{name}", Body=b"{}")
    bucket.put_object(Key="private/bundles/a.json", Body=b"{}")
    found = list(private_files.walk(storages["private"], "raw/"))
    assert {file.name for file in found} == names
    assert {file.size for file in found} == {2}


@pytest.mark.django_db(transaction=True)
def test_an_archive_is_put_together_from_its_parts_in_the_bucket(bucket: Any, grace: User, tmp_path: Path) -> None:
    made = io.BytesIO()
    packed = pack(write_course(tmp_path / "tiny"), made)
    upload, _ = uploads.begin(grace, "tiny", size=packed.bytes, sha256=packed.sha256)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(uploads, "PART_MIN", 1)
        for start in range(0, packed.bytes, 2000):
            upload = uploads.add_part(upload, start, made.getvalue()[start : start + 2000])
    assert len([key for key in keys(bucket) if f"/{uploads.FOLDER}" in key]) > 2
    pushed = uploads.push(upload)
    assert pushed.is_new and pushed.version.archive == packed.sha256
    assert not [key for key in keys(bucket) if f"/{uploads.FOLDER}" in key]


def test_orphans_leave_the_bucket(bucket: Any, ada: User, sea_or_sky: Challenge) -> None:
    running = factories.claimed(factories.submit(ada))
    named = storages["private"].save(f"raw/{running.pk}/{running.fence}.json", ContentFile(b"{}"))
    storages["private"].save("raw/123456/1.json", ContentFile(b"{}"))
    storages["artifacts"].save("123456/2/adapter.zip", ContentFile(b"zip"))
    services.record(running.pk, running.fence, services.Outcome(result={}, score=0.5, raw=named))
    bundles = {key for key in keys(bucket) if key.startswith("private/bundles/")}
    assert orphans.sweep() == 0, "younger than the grace period"
    assert orphans.sweep(timedelta(seconds=-5)) == 2
    assert keys(bucket) == {f"private/{named}", *bundles}
