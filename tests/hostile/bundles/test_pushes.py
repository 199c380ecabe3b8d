"""A push of a broken bundle answers with every problem that lint finds, and leaves nothing behind."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import storages
from django.test import TestCase
from pytest_django.live_server_helper import LiveServer
from typer.testing import CliRunner

from challenges.lint.run import lint
from challenges.problems import ANY_CODE, Problem
from challenges.reading import BundleErrors
from gradus import private_files
from gradus.accounts.models import ApiToken, User
from gradus.accounts.token_rules import Content, Scope
from gradus.cli.main import app
from gradus.courses import publishing
from gradus.courses.models import Challenge, ChallengeVersion, Course, CourseVersion, Lesson, Upload
from gradus.request_bodies import PART_BYTES
from tests.api.conftest import Caller, problem
from tests.hostile.bundles import course
from tests.hostile.bundles.breaking import Break, append, row, swap
from tests.hostile.bundles.harness import broken, problems_of
from tests.hostile.bundles.in_archives import CASES as ARCHIVES
from tests.hostile.bundles.in_archives import packed
from tests.hostile.bundles.table import FOLDERS, named

pytestmark = pytest.mark.django_db
TABLES = (Course, CourseVersion, Lesson, Challenge, ChallengeVersion, Upload)
# What a folder cannot be packed with, so that it never reaches the site.
UNPACKED = (
    "a link to a file of the course",
    "a link out of the course",
    "a folder that is a link",
    "a pipe",
    "a name with a colon",
    "a name with a backslash",
    "a name with a line break",
    "two names that differ in case",
)
# An archive without a file is refused as one, and no archive holds an empty folder.
OTHER_WORDS = ("an empty folder", "a folder named challenge.yaml", "a folder named hidden.jsonl")


@pytest.fixture
def author(ada: User) -> User:
    User.objects.filter(pk=ada.pk).update(may_create_courses=True)
    ada.refresh_from_db()
    return ada


@pytest.fixture
def api(author: User) -> Caller:
    return Caller(ApiToken.issue(author, "push", Scope(Content.EDITOR))[1])


def begin(api: Caller, data: bytes) -> dict[str, Any]:
    announced = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    found = api.post("/courses/coast/uploads", announced)
    assert found.status_code in (200, 201), found.content
    begun: dict[str, Any] = found.json()
    return begun


def upload(api: Caller, data: bytes) -> str:
    """Uploads an archive from where it broke off. Returns its id."""
    begun = begin(api, data)
    for offset in range(begun["offset"], len(data), PART_BYTES):
        address, part = f"/api/v1/uploads/{begun['id']}/{offset}", data[offset : offset + PART_BYTES]
        sent = api.client.put(address, part, content_type="application/octet-stream", headers=api.headers)
        assert sent.status_code == 200, sent.content
    return str(begun["id"])


def push(api: Caller, data: bytes, **options: Any) -> Any:
    whole = upload(api, data)
    with TestCase.captureOnCommitCallbacks(execute=True):
        return api.post(f"/uploads/{whole}/push", options)


def told(response: Any) -> list[dict[str, Any]]:
    """The problems of a refused push, without the keys that every error of the API has."""
    found = problem(response, 422, "bundle_problems")["problems"]
    return [{key: one[key] for key in ("file", "line", "what", "fix", "code")} for one in found]


def as_told(problems: list[Problem]) -> list[dict[str, Any]]:
    return [{**vars(one), "code": one.code or ANY_CODE} for one in problems]


def stored() -> tuple[list[int], list[str]]:
    """How many rows each table has, and the files of courses and uploads."""
    kept = [
        file.name for folder in ("courses/", "uploads/") for file in private_files.walk(storages["private"], folder)
    ]
    return [table.objects.count() for table in TABLES], sorted(kept)


NOTHING: tuple[list[int], list[str]] = ([0] * len(TABLES), [])


@pytest.mark.parametrize("part", FOLDERS)
def test_a_push_tells_what_lint_tells_and_stores_nothing(part: str, api: Caller, tmp_path: Path) -> None:
    """Every fourth, without what only similarity finds, which workers check, and what cannot be packed."""
    compared = 0
    cases = FOLDERS[part][::4]
    for number, case in enumerate(cases):
        root = broken(case, tmp_path / str(number))
        problems = lint(root)
        if not problems or case.name in (*UNPACKED, *OTHER_WORDS):
            continue
        assert (case.name, told(push(api, packed(root)))) == (case.name, as_told(problems))
        assert (case.name, stored()) == (case.name, NOTHING)
        compared += 1
    assert compared >= 0.5 * len(cases)


@pytest.mark.parametrize("name", UNPACKED)
def test_what_cannot_be_packed_is_told_before_anything_is_sent(name: str, tmp_path: Path) -> None:
    root = broken(named(name), tmp_path / "broken")
    with pytest.raises(BundleErrors) as errors:
        packed(root)
    (problem,) = errors.value.problems
    assert any(one.file.startswith(problem.file) for one in lint(root))


@pytest.mark.parametrize("case", ARCHIVES, ids=str)
def test_a_broken_archive_is_refused_with_the_same_words(case: Any, api: Caller, tmp_path: Path) -> None:
    data = case.breaks(packed(course.write(tmp_path / "coast")))
    if not data:
        assert problem(api.post("/courses/coast/uploads", {"bytes": 0, "sha256": "0" * 64}), 422, "bad_payload")
    else:
        assert told(push(api, data)) == as_told(problems_of(data, tmp_path / "unpacked"))
    assert stored() == NOTHING


def test_an_upload_that_breaks_off_is_not_pushed_and_goes_on(api: Caller, tmp_path: Path) -> None:
    data = packed(course.write(tmp_path / "coast"))
    begun = begin(api, data)
    assert problem(api.post(f"/uploads/{begun['id']}/push", {}), 409, "wrong_offset")
    assert CourseVersion.objects.count() == 0
    assert push(api, data).status_code == 201
    assert CourseVersion.objects.get().state == "draft" and Upload.objects.count() == 0


@pytest.fixture
def live(api: Caller, author: User, tmp_path: Path) -> CourseVersion:
    """The course as it was pushed and published."""
    assert push(api, packed(course.write(tmp_path / "live"))).status_code == 201
    draft = CourseVersion.objects.get()
    names = ("sea-or-sky", "explain", "ask-the-library")
    return publishing.publish(draft, by=author, unverified=names)


def test_a_push_of_what_is_live_writes_nothing(live: CourseVersion, api: Caller, tmp_path: Path) -> None:
    before = stored()
    again = push(api, packed(course.write(tmp_path / "coast")))
    assert (again.status_code, again.json()["state"], again.json()["is_live"]) == (200, "published", True)
    assert stored() == before


@pytest.mark.parametrize(
    ("breaks", "status", "code"),
    [
        (append("course.yaml", "colour: red\n"), 422, "bundle_problems"),
        (row(f"{course.CHALLENGE}/hidden.jsonl", 1, target="sky"), 409, "version_refused"),
        (swap(f"{course.CHALLENGE}/challenge.yaml", "version: 1.0.0", "version: 0.9.0"), 409, "version_refused"),
        (swap("course.yaml", "version: 1.0.0", "version: 0.9.0"), 409, "version_refused"),
    ],
)
def test_a_refused_push_leaves_what_is_live_and_the_draft(
    breaks: Break, status: int, code: str, live: CourseVersion, api: Caller, tmp_path: Path
) -> None:
    corrected = course.write(tmp_path / "corrected")
    swap("course.yaml", "version: 1.0.0", "version: 1.1.0")(corrected)
    append("first/lesson.md", "\nMore about waves.\n")(corrected)
    assert push(api, packed(corrected)).status_code == 201
    before = stored()
    root = course.write(tmp_path / "coast")
    breaks(root)
    said = problem(push(api, packed(root)), status, code)
    assert said["problems"]
    tables, kept = stored()
    assert (tables[:-1], [name for name in kept if name.startswith("courses/")]) == (
        before[0][:-1],
        [name for name in before[1] if name.startswith("courses/")],
    )
    assert list(Course.objects.get().versions.order_by("pk").values_list("state", flat=True)) == ["published", "draft"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", ["a tab as indentation", "CSV", "a hidden row that is a public one"])
def test_the_command_prints_what_the_site_answers(
    name: str, author: User, live_server: LiveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bundle that the command itself would refuse is sent as an older command line would send it."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("GRADUS_URL", live_server.url)
    monkeypatch.setenv("GRADUS_TOKEN", ApiToken.issue(author, "push", Scope(Content.EDITOR))[1])
    root = broken(named(name), tmp_path / "broken")
    done = CliRunner().invoke(app, ["course", "push", str(root)])
    assert done.exit_code != 0
    assert all(f"{one.what}: {one.fix}" in done.output for one in lint(root))
    assert stored() == NOTHING
