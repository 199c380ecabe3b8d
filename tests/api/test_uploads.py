"""An archive arrives part by part: it goes on from where it broke off, and nothing wrong is ever pushed."""

from __future__ import annotations

import hashlib
import io
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.core.files.storage import storages
from django.db import IntegrityError, transaction
from django.utils import timezone

from challenges.authoring.archive import ARCHIVE_MAX, pack
from gradus import private_files, retention
from gradus.accounts.models import ApiToken, User
from gradus.accounts.token_rules import Content, Scope
from gradus.courses import uploads
from gradus.courses.models import Course, CourseVersion, Upload
from gradus.reconciling import orphan_files
from gradus.request_bodies import PART_BYTES
from tests import factories
from tests.api.conftest import Caller, problem
from tests.challenges.factory import write_course
from tests.courses.test_versions import turn_labels
from tests.threads import at_once

PART = uploads.PART_MIN
DATA = bytes(range(256)) * (PART // 256) + b"second part" * (PART // 11 + 1) + b"end"
SHA256 = hashlib.sha256(DATA).hexdigest()
BEGUN = {"bytes": len(DATA), "sha256": SHA256}


def editor(user: User, course: Course | None = None, content: Content = Content.EDITOR) -> Caller:
    """A caller whose role and whose token reach to this level."""
    if course is not None:
        factories.enrol(user, course, Scope(content))
    return Caller(ApiToken.issue(user, "push", Scope(content))[1])


def put(api: Caller, upload: str, offset: int, data: bytes) -> Any:
    return api.client.put(
        f"/api/v1/uploads/{upload}/{offset}", data, content_type="application/octet-stream", headers=api.headers
    )


def files() -> list[str]:
    return [file.name for file in private_files.walk(storages["private"], uploads.FOLDER)]


def stored(upload: Upload) -> bytes:
    found = b""
    for name in upload.parts:
        with storages["private"].open(name) as part:
            found += part.read()
    return found


@pytest.fixture
def api(ada: User, course: Course) -> Caller:
    return editor(ada, course)


@pytest.fixture
def begun(api: Caller) -> str:
    found = api.post("/courses/tiny/uploads", BEGUN)
    assert found.status_code == 201
    upload: str = found.json()["id"]
    return upload


def test_parts_of_any_size_arrive_in_order_and_an_upload_that_broke_off_goes_on(api: Caller, ada: User) -> None:
    begun = api.post("/courses/tiny/uploads", BEGUN).json()
    upload = Upload.objects.get(uuid=begun["id"])
    assert (begun["offset"], begun["bytes"], begun["chunk_bytes"]) == (0, len(DATA), PART_BYTES)
    assert (upload.user, upload.course_slug, upload.sha256) == (ada, "tiny", SHA256)
    assert put(api, begun["id"], 0, DATA[: PART + 7]).json()["offset"] == PART + 7
    assert orphan_files.sweep(timedelta(0)) == 0
    again = api.post("/courses/tiny/uploads", BEGUN)
    assert (again.status_code, again.json()["id"], again.json()["offset"]) == (200, begun["id"], PART + 7)
    assert api.get(f"/uploads/{begun['id']}").json()["offset"] == PART + 7
    assert put(api, begun["id"], PART + 7, DATA[PART + 7 :]).json()["offset"] == len(DATA)
    assert stored(Upload.objects.get()) == DATA


@pytest.mark.parametrize("offset", [0, 1, PART - 1, PART + 1, len(DATA), 10**30])
def test_another_offset_than_the_expected_one_is_told_the_right_one(api: Caller, begun: str, offset: int) -> None:
    put(api, begun, 0, DATA[:PART])
    told = problem(put(api, begun, offset, DATA[PART:]), 409, "wrong_offset")
    assert told["problems"][0]["message"] == str(PART)
    assert Upload.objects.get().offset == PART and len(files()) == 1


def test_a_part_beyond_the_end_and_one_too_small_are_refused(api: Caller, begun: str) -> None:
    problem(put(api, begun, 0, DATA + b"x"), 422, "too_long")
    problem(put(api, begun, 0, DATA[: PART - 1]), 422, "part_too_small")
    assert Upload.objects.get().offset == 0 and files() == []


def test_an_archive_that_is_too_large_is_refused_before_it_is_sent(api: Caller) -> None:
    told = problem(api.post("/courses/tiny/uploads", {**BEGUN, "bytes": ARCHIVE_MAX + 1}), 413, "too_large")
    assert "268,435,456 are allowed" in told["detail"]
    with pytest.raises(IntegrityError), transaction.atomic():
        Upload.objects.create(
            user=User.objects.get(username="ada"), course_slug="a", sha256=SHA256, slot=1, bytes=ARCHIVE_MAX + 1,
            expires_at=timezone.now(),
        )  # fmt: skip


@pytest.mark.parametrize("wrong", [{"bytes": 0}, {"sha256": "A" * 64}, {"sha256": "a"}])
def test_what_is_no_size_or_digest_is_refused(api: Caller, wrong: dict[str, Any]) -> None:
    problem(api.post("/courses/tiny/uploads", {**BEGUN, **wrong}), 422, "bad_payload")


def test_an_upload_is_its_owners_alone(begun: str, bob: User, course: Course) -> None:
    other = editor(bob, course)
    problem(other.get(f"/uploads/{begun}"), 404, "not_found")
    problem(put(other, begun, 0, DATA), 404, "not_found")
    assert other.post("/courses/tiny/uploads", BEGUN).json()["id"] != begun


@pytest.mark.parametrize(("content", "code"), [(Content.VIEWER, "missing_role"), (Content.NONE, "no_course")])
def test_only_editors_upload(bob: User, course: Course, content: Content, code: str) -> None:
    """His other course makes him an editor, so that his token may say so."""
    factories.enrol(bob, course, Scope(content))
    api = editor(bob, Course.objects.create(slug="his", title="His", digest="x"))
    told = problem(api.post("/courses/tiny/uploads", BEGUN), 403 if code == "missing_role" else 404, code)
    if code == "no_course":
        assert [one["message"] for one in told["problems"]] == ["his"]
    assert not Upload.objects.exists()


def test_a_new_course_takes_the_right_to_create_one(bob: User, course: Course) -> None:
    api = editor(bob, Course.objects.create(slug="his", title="His", digest="x"))
    problem(api.post("/courses/new/uploads", BEGUN), 404, "no_course")
    User.objects.filter(pk=bob.pk).update(may_create_courses=True)
    assert api.post("/courses/new/uploads", BEGUN).status_code == 201
    problem(api.post("/courses/tiny/uploads", BEGUN), 409, "name_taken")
    for name in ("New_Course", "x" * 65):
        problem(api.post(f"/courses/{name}/uploads", BEGUN), 422, "bad_id")


def test_a_role_that_was_taken_away_ends_an_upload(api: Caller, begun: str, ada: User, course: Course) -> None:
    other = Course.objects.create(slug="hers", title="Hers", digest="x")
    factories.enrol(ada, other, Scope(Content.EDITOR))
    ada.enrolments.filter(course=course).delete()
    problem(put(api, begun, 0, DATA[:PART]), 404, "no_course")
    assert files() == []


def test_few_uploads_are_open_at_a_time_and_one_that_waits_gives_way(api: Caller, begun: str) -> None:
    put(api, begun, 0, DATA[:PART])
    for number in range(1, Upload.OPEN_MAX):
        assert api.post("/courses/tiny/uploads", {**BEGUN, "sha256": f"{number}" * 64}).status_code == 201
    another = {**BEGUN, "sha256": "f" * 64}
    answer = api.post("/courses/tiny/uploads", another)
    problem(answer, 429, "too_many_uploads")
    assert answer["Retry-After"] == "600"
    with time_machine.travel(timezone.now() + uploads.IDLE + timedelta(seconds=1)):
        assert api.post("/courses/tiny/uploads", another).status_code == 201
    assert Upload.objects.count() == Upload.OPEN_MAX


@pytest.mark.django_db(transaction=True)
def test_an_upload_that_is_pushed_makes_no_room_and_a_whole_one_does(api: Caller, begun: str, ada: User) -> None:
    """However long they have waited: else the parts would be deleted while they are read."""
    put(api, begun, 0, DATA[:PART])
    put(api, begun, PART, DATA[PART:])
    for number in range(1, Upload.OPEN_MAX):
        api.post("/courses/tiny/uploads", {**BEGUN, "sha256": f"{number}" * 64})
    long = timezone.now() + retention.UPLOADS.time - 2 * uploads.IDLE
    Upload.objects.filter(uuid=begun).update(pushing_until=timezone.now() + timedelta(minutes=1), expires_at=long)
    another = {**BEGUN, "sha256": "f" * 64}
    problem(api.post("/courses/tiny/uploads", another), 429, "too_many_uploads")
    assert len(files()) == 2
    Upload.objects.filter(uuid=begun).update(pushing_until=None, expires_at=timezone.now() + retention.UPLOADS.time)
    assert api.post("/courses/tiny/uploads", another).status_code == 201
    problem(api.get(f"/uploads/{begun}"), 404, "not_found")
    assert Upload.objects.count() == Upload.OPEN_MAX and files() == []


def test_an_expired_upload_is_not_there_and_its_row_and_files_go(api: Caller, begun: str) -> None:
    put(api, begun, 0, DATA[:PART])
    [name] = files()
    with time_machine.travel(timezone.now() + retention.UPLOADS.time + timedelta(hours=1)):
        problem(api.get(f"/uploads/{begun}"), 404, "not_found")
        problem(put(api, begun, PART, DATA[PART:]), 404, "not_found")
        assert orphan_files.sweep() == 0 and storages["private"].exists(name)
        assert retention.UPLOADS.carry_out() == 1
        assert orphan_files.sweep() == 1 and not storages["private"].exists(name)


@pytest.mark.django_db(transaction=True)
def test_two_clients_that_send_one_part_do_no_harm(ada: User, course: Course) -> None:
    api = editor(ada, course)
    begun = api.post("/courses/tiny/uploads", BEGUN).json()["id"]
    statuses = at_once(lambda number: put(api, begun, 0, DATA[: PART + number]).status_code, 4)
    assert sorted(statuses) == [200, 409, 409, 409]
    upload = Upload.objects.get()
    assert len(files()) == len(upload.parts) == 1
    put(api, begun, upload.offset, DATA[upload.offset :])
    assert stored(Upload.objects.get()) == DATA


@pytest.mark.django_db(transaction=True)
def test_uploads_begun_at_once_are_one_and_never_too_many(ada: User, course: Course) -> None:
    api = editor(ada, course)
    same = at_once(lambda number: api.post("/courses/tiny/uploads", BEGUN), 4)
    assert len({one.json()["id"] for one in same}) == 1
    at_once(lambda number: api.post("/courses/tiny/uploads", {**BEGUN, "sha256": f"{number}" * 64}), 6)
    assert Upload.objects.count() <= Upload.OPEN_MAX


def sent(api: Caller, folder: Path, course: str = "tiny") -> str:
    """Uploads the archive of a folder. Returns the upload's id."""
    made = io.BytesIO()
    packed = pack(folder, made)
    begun: str = api.post(f"/courses/{course}/uploads", {"bytes": packed.bytes, "sha256": packed.sha256}).json()["id"]
    assert put(api, begun, 0, made.getvalue()).status_code == 200
    return begun


def new_title(folder: Path, title: str) -> Path:
    text = (folder / "course.yaml").read_text()
    (folder / "course.yaml").write_text(text.replace("Tiny", title).replace("1.0.0", "1.1.0"))
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return new_title(write_course(tmp_path / "author" / "tiny"), "Larger")


@pytest.mark.django_db(transaction=True)
def test_a_push_makes_a_draft_and_the_upload_goes(api: Caller, folder: Path, course: Course) -> None:
    answer = api.post(f"/uploads/{sent(api, folder)}/push", {"note": "larger"})
    assert answer.status_code == 201 and answer.json()["state"] == "draft"
    draft = CourseVersion.objects.drafts().get()
    assert (draft.version, draft.note) == ("1.1.0", "larger")
    assert not Upload.objects.exists() and files() == []
    assert Course.objects.get().title == "Tiny"


def test_what_is_not_whole_or_no_archive_or_lost_is_not_pushed(api: Caller, begun: str) -> None:
    push = f"/uploads/{begun}/push"
    put(api, begun, 0, DATA[:PART])
    assert problem(api.post(push, {}), 409, "wrong_offset")["problems"][0]["message"] == str(PART)
    put(api, begun, PART, DATA[PART:])
    told = problem(api.post(push, {}), 422, "bundle_problems")
    assert [one["file"] for one in told["problems"]] == ["course.zip"]
    lost = api.post("/courses/tiny/uploads", BEGUN).json()["id"]
    put(api, lost, 0, DATA)
    for name in Upload.objects.get().parts:
        storages["private"].delete(name)
    problem(api.post(f"/uploads/{lost}/push", {}), 409, "upload_ended")


@pytest.mark.django_db(transaction=True)
def test_an_archive_with_another_digest_is_not_read(api: Caller, begun: str, monkeypatch: pytest.MonkeyPatch) -> None:
    put(api, begun, 0, DATA[:-1] + b"?")
    monkeypatch.setattr(uploads, "unpack", None)
    problem(api.post(f"/uploads/{begun}/push", {}), 422, "wrong_digest")
    assert not Upload.objects.exists() and files() == []


@pytest.mark.django_db(transaction=True)
def test_every_problem_of_the_bundle_is_told_and_the_upload_goes(api: Caller, folder: Path) -> None:
    (folder / "first" / "lesson.md").unlink()
    (folder / "course.yaml").write_text((folder / "course.yaml").read_text() + "- second\n")
    told = problem(api.post(f"/uploads/{sent(api, folder)}/push", {}), 422, "bundle_problems")
    found = [(one["file"], one["line"]) for one in told["problems"]]
    assert found == [("course.yaml", 8), ("first/lesson.md", None)]
    assert all(one["what"] and one["fix"] for one in told["problems"])
    assert not Upload.objects.exists() and files() == []
    other = sent(api, write_course(folder.parent / "other", id="other"))
    told = problem(api.post(f"/uploads/{other}/push", {}), 422, "bundle_problems")
    assert "`other`" in told["problems"][0]["what"]


def test_a_push_that_died_can_be_made_again(api: Caller, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its process could not say that it has ended, so for a while nobody knows."""
    upload = sent(api, folder)
    Upload.objects.update(pushing_until=timezone.now() + timedelta(seconds=uploads.PUSH_SECONDS))
    busy = api.post(f"/uploads/{upload}/push", {})
    problem(busy, 409, "busy")
    assert busy["Retry-After"] == "5"
    with time_machine.travel(timezone.now() + timedelta(seconds=uploads.PUSH_SECONDS + 1)):
        assert api.post(f"/uploads/{upload}/push", {}).status_code == 201


@pytest.mark.django_db(transaction=True)
def test_pushes_that_are_refused_for_their_version_are_no_uploads_under_way(api: Caller, folder: Path) -> None:
    turn_labels(folder)
    for number in range(Upload.OPEN_MAX + 1):
        (folder / "first/lesson.md").write_text(f"# First\n\nTry {number}.\n")
        problem(api.post(f"/uploads/{sent(api, folder)}/push", {}), 409, "version_refused")
    assert not Upload.objects.exists() and files() == []


def test_pushes_that_are_refused_because_of_others_do_not_lock_the_author_out_and_can_be_forced(
    api: Caller, folder: Path
) -> None:
    for number in range(Upload.OPEN_MAX + 1):
        (folder / "first/lesson.md").write_text(f"# First\n\nTry {number}.\n")
        upload = sent(api, folder)
        problem(api.post(f"/uploads/{upload}/push", {"base": "0" * 64}), 409, "moved")
    assert Upload.objects.count() == Upload.OPEN_MAX
    assert api.post(f"/uploads/{upload}/push", {"base": "0" * 64, "force": True}).status_code == 201


@pytest.mark.django_db(transaction=True)
def test_one_upload_that_is_pushed_twice_at_once_is_one_draft(ada: User, course: Course, folder: Path) -> None:
    api = editor(ada, course)
    upload = sent(api, folder)
    statuses = at_once(lambda number: api.post(f"/uploads/{upload}/push", {}).status_code, 3)
    assert statuses.count(201) == 1 and set(statuses) <= {201, 404, 409}
    assert CourseVersion.objects.count() == 1 + (CourseVersion.objects.published().count())
    assert not Upload.objects.exists() and files() == []


@pytest.mark.django_db(transaction=True)
def test_two_editors_who_push_at_once_leave_one_draft(ada: User, bob: User, course: Course, tmp_path: Path) -> None:
    """The other one's is told what was pushed, or was replaced by it; nothing is half done."""
    callers = [editor(ada, course), editor(bob, course)]
    folders = [new_title(write_course(tmp_path / name / "tiny"), name) for name in ("One", "Two")]
    pushed = [sent(api, folder) for api, folder in zip(callers, folders, strict=True)]
    answers = at_once(lambda number: callers[number].post(f"/uploads/{pushed[number]}/push", {}), 2)
    assert {answer.status_code for answer in answers} <= {201, 409} and 201 in {one.status_code for one in answers}
    assert {one.json()["code"] for one in answers if one.status_code == 409} <= {"moved"}
    assert CourseVersion.objects.drafts().count() == 1 and Course.objects.get().title == "Tiny"


def test_a_person_pushes_so_many_drafts_an_hour(
    ada: User, bob: User, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ACCOUNT_RATE_LIMITS = {**settings.ACCOUNT_RATE_LIMITS, "draft": "2/h/key"}
    monkeypatch.setattr(uploads, "PART_MIN", 1)
    User.objects.update(may_create_courses=True)
    folder = write_course(tmp_path / "mine")

    def pushed(api: Caller, words: str) -> Any:
        (folder / "first/lesson.md").write_text(f"# First\n\n{words}\n")
        with io.BytesIO() as file:
            packed = pack(folder, file)
            begun = api.post("/courses/tiny/uploads", {"bytes": packed.bytes, "sha256": packed.sha256}).json()["id"]
            assert put(api, begun, 0, file.getvalue()).status_code == 200
        return api.post(f"/uploads/{begun}/push", {})

    with time_machine.travel(timezone.now(), tick=False) as clock:
        mine = editor(ada)
        # What is the draft already stores nothing.
        assert [pushed(mine, words).status_code for words in ("One.", "One.", "Two.")] == [201, 200, 201]
        refused = pushed(mine, "Three.")
        problem(refused, 429, "too_many_drafts")
        assert int(refused.headers["Retry-After"]) <= 3600
        assert CourseVersion.objects.count() == 2 and Upload.objects.count() == 1
        others = editor(bob, Course.objects.get())
        assert pushed(others, "Four.").status_code == 201
        clock.shift(timedelta(hours=1, seconds=1))
        waiting = Upload.objects.get().uuid
        assert editor(ada).post(f"/uploads/{waiting}/push", {"force": True}).status_code == 201
