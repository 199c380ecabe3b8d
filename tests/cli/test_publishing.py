"""`gradus course ...` as an author starts it: push, status, publish, discard, versions, rollback and pull."""

from __future__ import annotations

import json
import os
import random
import shutil
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest
import yaml
from click.testing import Result
from django.core.files.storage import FileSystemStorage, storages
from django.utils import timezone

from challenges.lint.run import inspect
from challenges.reading import read_course
from gradus import private_files
from gradus.accounts.models import ApiToken, StaffAction, User
from gradus.accounts.token_rules import Content, LearnerData, Scope
from gradus.api import uploads as api_uploads
from gradus.cli import archives
from gradus.cli.client import UNREACHABLE, Api, Failure
from gradus.courses import uploads
from gradus.courses.archives import keep_folder
from gradus.courses.models import ChallengeVersion, Course, CourseVersion, Upload
from gradus.courses.services import import_course
from gradus.reconciling import orphan_files
from gradus.reviews.models import Regrade
from gradus.submissions import services
from gradus.submissions.models import Evaluation
from gradus.submissions.models import Run as Owner
from tests import factories
from tests.challenges.factory import write_course
from tests.cli.conftest import Gradus
from tests.courses.test_versions import verify
from tests.learn.findings import made_up

pytestmark = pytest.mark.django_db(transaction=True)
Run = Callable[..., Result]


@pytest.fixture
def folder(home: Path, course: Course) -> Path:
    """The author's folder, with the content that is published."""
    return write_course(home / "work" / "tiny")


@pytest.fixture
def author(ada: User, course: Course, monkeypatch: pytest.MonkeyPatch) -> User:
    """Ada edits the course `tiny`."""
    factories.enrol(ada, course, Scope(Content.EDITOR, LearnerData.EDITOR))
    monkeypatch.setenv("GRADUS_TOKEN", ApiToken.issue(ada, "push", Scope(Content.EDITOR, LearnerData.EDITOR))[1])
    return ada


@pytest.fixture
def push(gradus: Gradus, folder: Path) -> Run:
    return lambda *words: gradus("course", "push", str(folder), "--no-lint", *words)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small parts, so that a small course has many, and no waiting between tries."""
    monkeypatch.setattr(api_uploads, "PART_BYTES", 1000)
    monkeypatch.setattr(uploads, "PART_MIN", 100)
    monkeypatch.setattr(archives, "PART_MIN", 100)
    monkeypatch.setattr(archives, "WAIT_SECONDS", 0.0)


def change(folder: Path, version: str = "1.1.0", **keys: Any) -> None:
    """Gives the course another title, and a new number."""
    found = yaml.safe_load((folder / "course.yaml").read_text())
    (folder / "course.yaml").write_text(yaml.safe_dump({**found, "version": version, "title": version, **keys}))


def correct_a_row(folder: Path, version: str = "1.1.0") -> None:
    """Changes a hidden row, with new numbers for the challenge and the course."""
    challenge = folder / "first" / "sea-or-sky"
    rows = (challenge / "hidden.jsonl").read_text().splitlines()
    rows[0] = json.dumps({**json.loads(rows[0]), "input": "a gull above the waves"})
    (challenge / "hidden.jsonl").write_text("\n".join(rows) + "\n")
    spec = yaml.safe_load((challenge / "challenge.yaml").read_text())
    (challenge / "challenge.yaml").write_text(yaml.safe_dump({**spec, "version": version}, sort_keys=False))
    change(folder, version)


def released(gradus: Gradus, folder: Path, edit: Callable[[Path, str], None], version: str) -> None:
    """Edits the folder, pushes it and publishes all of it."""
    edit(folder, version)
    said(gradus("course", "push", str(folder), "--no-lint"))
    said(gradus("course", "publish", str(folder), "--all-unverified"))


def said(result: Result, status: int = 0) -> str:
    assert result.exit_code == status, result.output
    return result.output


def test_a_course_is_pushed_looked_at_and_published(
    gradus: Gradus, push: Run, folder: Path, author: User, course: Course
) -> None:
    change(folder)
    told = said(push("--note", "a better title"))
    assert "course.yaml: title, version changed" in told and "tiny 1.1.0 is a draft now" in told
    draft = CourseVersion.objects.drafts().get()
    assert (draft.version, draft.pushed_by, draft.note) == ("1.1.0", author, "a better title")
    assert not Upload.objects.exists() and not list(private_files.walk(storages["private"], uploads.FOLDER))
    course.refresh_from_db()
    assert course.title == "Tiny"

    assert "tiny 1.1.0, draft" in gradus("course", "status", str(folder)).output
    assert "tiny 1.1.0 is published." in said(gradus("course", "publish", str(folder)))
    course.refresh_from_db()
    assert course.title == "1.1.0"
    listed = said(gradus("course", "versions", str(folder))).splitlines()
    assert [line.split()[:2] for line in listed if line[:1].isdigit()] == [["1.1.0", "live"], ["1.0.0", "published"]]
    assert "Nothing to push: tiny 1.1.0 is published" in said(push())


def test_a_draft_is_discarded(gradus: Gradus, push: Run, folder: Path, author: User) -> None:
    change(folder)
    push()
    done = gradus("course", "discard", "--course", "tiny")
    assert (done.exit_code, done.stdout) == (0, "The draft of tiny is discarded.\n")
    assert not CourseVersion.objects.drafts().exists()
    told = gradus("course", "publish", str(folder))
    assert "has no draft" in said(told, 1)


def test_a_draft_that_a_colleague_pushed_meanwhile_is_neither_published_nor_discarded(
    gradus: Gradus, push: Run, folder: Path, home: Path, author: User
) -> None:
    change(folder)
    said(push("--note", "mine"))
    other = write_course(home / "other" / "tiny")
    change(other, "1.2.0")
    told = said(gradus("course", "push", str(other), "--no-lint"))
    assert "This replaces the draft 1.1.0 with other content, pushed " in told and "(mine)" in told
    for act in ("publish", "discard"):
        assert "This is not what you saw" in said(gradus("course", act, str(folder)), 1)
    assert CourseVersion.objects.drafts().get().version == "1.2.0"
    gradus("course", "status", str(folder))
    assert "tiny 1.2.0 is published." in said(gradus("course", "publish", str(folder)))


def test_a_draft_that_was_never_shown_here_is_shown_before_it_is_published(
    gradus: Gradus, push: Run, folder: Path, home: Path, author: User
) -> None:
    change(folder)
    said(push())
    done = gradus("course", "publish", str(home), "--course", "tiny", "--json")
    assert "tiny 1.1.0, draft, pushed " in done.stderr and "course.yaml: title, version changed" in done.stderr
    assert json.loads(done.stdout)["version"] == "1.1.0"


def test_another_machine_publishes_only_what_is_in_its_folder(
    gradus: Gradus, push: Run, folder: Path, home: Path, author: User
) -> None:
    """As in CI, where nothing is known of earlier pushes: a colleague's draft is not taken for the folder's."""
    change(folder)
    said(push())
    other = write_course(home / "other" / "tiny")
    told = said(gradus("course", "publish", str(other)), 1)
    assert f"The draft of tiny is not what is in {other}: it was pushed " in told and "--course tiny" in told
    same = home / "same" / "tiny"
    shutil.copytree(folder, same)
    assert "tiny 1.1.0 is published." in said(gradus("course", "publish", str(same)))


def test_another_machine_does_not_undo_what_it_has_not_seen(
    gradus: Gradus, push: Run, folder: Path, home: Path, author: User
) -> None:
    """Two clones of one repository go on from the same content, and both call theirs 1.1.0."""
    clone, third = home / "clone" / "tiny", home / "third" / "tiny"
    shutil.copytree(folder, clone)
    shutil.copytree(folder, third)
    change(folder)
    said(push())
    said(gradus("course", "publish", str(folder)))
    change(clone, summary="Another one.")
    told = said(gradus("course", "push", str(clone), "--no-lint"), 1)
    assert "tiny 1.1.0 is published already, with other content, pushed " in told and "`gradus course pull`" in told
    assert not CourseVersion.objects.drafts().exists()
    # A higher number is taken for a decision. The draft is the clone's alone, and the author merges before that.
    change(clone, "1.2.0", summary="Another one.")
    said(gradus("course", "push", str(clone), "--no-lint"))
    change(clone, summary="Another one.")
    said(gradus("course", "push", str(clone), "--no-lint", "--force"))
    # A higher number is taken, as the guide says.
    change(third, "1.2.0", summary="A third one.")
    said(gradus("course", "push", str(third), "--no-lint"))


def test_a_rollback_publishes_what_it_has_made_and_nothing_else(
    gradus: Gradus, folder: Path, home: Path, author: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A colleague pushes between its two calls."""
    released(gradus, folder, change, "1.1.0")
    released(gradus, folder, change, "1.2.0")
    other = write_course(home / "other" / "tiny")
    change(other, "1.3.0")
    post = Api.post

    def late(api: Api, path: str, *given: Any, **more: Any) -> Any:
        if path.endswith("draft/publish"):
            monkeypatch.setattr(Api, "post", post)
            said(gradus("course", "push", str(other), "--no-lint"))
        return post(api, path, *given, **more)

    monkeypatch.setattr(Api, "post", late)
    assert "This is not what you saw" in said(gradus("course", "rollback", "1.1.0", str(folder), "-y"), 1)
    assert Course.objects.get().version == "1.2.0" and CourseVersion.objects.drafts().get().version == "1.3.0"


# Each command, its options and a key of what it prints. They are called in this order, after one release.
JSON_CALLS: dict[str, tuple[list[str], str]] = {
    "course push": (["{folder}", "--no-lint"], "difference"),
    "course status": (["{folder}"], "progress"),
    "course publish": (["{folder}", "--all-unverified"], "published_by"),
    "course versions": (["{folder}"], "1.1.0"),
    "course rollback": (["1.1.0", "{folder}", "--dry-run"], "difference"),
    "course pull": (["{folder}"], "written"),
    "course discard": (["{folder}"], "error"),
}


def test_every_command_prints_json_alone(gradus: Gradus, folder: Path, author: User) -> None:
    released(gradus, folder, change, "1.1.0")
    change(folder, "1.2.0")
    for name, (given, key) in JSON_CALLS.items():
        done = gradus(*name.split(), *(word.format(folder=folder) for word in given), "--json")
        found = json.loads(done.stdout)
        assert key in (found if isinstance(found, dict) else [one["version"] for one in found]), name


def test_what_is_wrong_with_the_folder_is_told_here_and_there_alike(gradus: Gradus, folder: Path, author: User) -> None:
    (folder / "first" / "lesson.md").unlink()
    change(folder, lessons=["first", "second"])
    here = gradus("course", "push", str(folder))
    there = gradus("course", "push", str(folder), "--no-lint")
    lines = [line for line in said(there, 1).splitlines() if line.startswith(("course.yaml:", "first/"))]
    assert len(lines) == 2
    # A machine with the worker extra also looks for rows that are alike.
    assert set(lines) <= set(said(here, 1).splitlines())
    problems = json.loads(gradus("course", "push", str(folder), "--no-lint", "--json").stdout)["error"]["problems"]
    assert [(one["file"], bool(one["fix"])) for one in problems] == [("course.yaml", True), ("first/lesson.md", True)]
    (folder / "link").symlink_to("/etc/passwd")
    packing = gradus("course", "push", str(folder), "--no-lint")
    assert "link: is a symbolic link: put the file itself there" in said(packing, 1)
    assert not Upload.objects.exists() and not CourseVersion.objects.drafts().exists()


def test_a_wrong_name_is_told_with_the_known_ones(gradus: Gradus, push: Run, folder: Path, author: User) -> None:
    told = said(push("--course", "tyni"), 2)
    assert "no course with the id “tyni”" in told and "Known are: tiny" in told
    asked = said(gradus("course", "status", "--course", "tyni"), 2)
    assert "Known are: tiny" in asked and "`gradus course push` makes a course that is new" in asked
    assert "there is no course.yaml" in said(gradus("course", "push", str(folder / "first")), 2)
    assert "1.0.0" in said(gradus("course", "rollback", "9.9.9", str(folder)), 2)
    change(folder)
    push()
    assert "sea-or-sky" in said(gradus("course", "publish", str(folder), "--unverified", "see-or-sky"), 2)


def test_a_token_that_may_not_says_how_to_get_one(
    push: Run, ada: User, author: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADUS_TOKEN", ApiToken.issue(ada, "learner")[1])
    assert "gradus token create --content editor" in said(push(), 5)
    monkeypatch.delenv("GRADUS_TOKEN")
    assert "`gradus login`" in said(push(), 5)
    monkeypatch.setenv("GRADUS_URL", "127.0.0.1:9")
    assert "must begin with https:// or http://" in said(push(), 4)
    monkeypatch.setenv("GRADUS_URL", "http://127.0.0.1:9")
    monkeypatch.setattr(archives, "WAIT_SECONDS", 0.0)
    assert "does not answer" in said(push(), 4)


def test_a_learner_is_told_who_can_give_a_role(
    gradus: Gradus, folder: Path, course: Course, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    factories.enrol(bob, course)
    monkeypatch.setenv("GRADUS_TOKEN", ApiToken.issue(bob, "learner")[1])
    told = said(gradus("course", "status", "--course", "tiny"), 2)
    assert "You take part in tiny as a learner." in told and "Known are" not in told


@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_push_that_breaks_off_at_any_part_goes_on_there(
    push: Run, folder: Path, author: User, quick: None, monkeypatch: pytest.MonkeyPatch, every: bool
) -> None:
    """The connection breaks before a part or after it, for good: the next push sends only what is missing."""
    whole, sent = Api.put_octets, []
    monkeypatch.setattr(archives, "TRIES", 1)

    def breaking(at: int, arrives: bool) -> Callable[..., Any]:
        def put(api: Api, path: str, data: bytes, seconds: float) -> Any:
            sent.append(int(path.rpartition("/")[2]))
            if len(sent) - 1 < at:
                return whole(api, path, data, seconds)
            if arrives:
                whole(api, path, data, seconds)
            raise Failure("gone", UNREACHABLE)

        return put

    change(folder)
    parts = parts_of(push, monkeypatch)
    assert parts > 5
    for at in range(parts) if every else (0, parts // 2, parts - 1):
        for arrives in (False, True):
            change(folder, f"1.{at}.{2 + arrives}")
            sent.clear()
            monkeypatch.setattr(Api, "put_octets", breaking(at, arrives))
            said(push(), 4)
            assert Upload.objects.get().offset == sent[-1] + 1000 * arrives or at == parts - 1
            offset = Upload.objects.get().offset
            sent.clear()
            monkeypatch.setattr(Api, "put_octets", breaking(10**6, False))
            said(push())
            assert sent[:1] in ([offset], [])
            assert CourseVersion.objects.drafts().get().version == f"1.{at}.{2 + arrives}"


def parts_of(push: Run, monkeypatch: pytest.MonkeyPatch) -> int:
    """In how many parts the folder is sent."""
    whole, count = Api.put_octets, []
    with monkeypatch.context() as patch:
        patch.setattr(Api, "put_octets", lambda *given: count.append(given) or whole(*given))
        said(push())
    return len(count)


def test_a_connection_that_breaks_now_and_then_needs_no_second_push(
    push: Run, folder: Path, author: User, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, post, chance = Api.put_octets, Api.post, random.Random(1)
    lost: list[Any] = []

    def flaky(send: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **more: Any) -> Any:
            """The answer of one request in five is lost."""
            found = send(*given, **more)
            if chance.random() < 0.2:
                lost.append(given)
                raise Failure("gone", UNREACHABLE)
            return found

        return call

    monkeypatch.setattr(Api, "put_octets", flaky(put))
    monkeypatch.setattr(Api, "post", flaky(post))
    change(folder)
    said(push())
    assert CourseVersion.objects.drafts().get().version == "1.1.0" and not Upload.objects.exists()
    assert len(lost) > 1


def test_an_answer_to_the_push_that_is_lost_loses_nothing(
    push: Run, folder: Path, author: User, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    post, lost = Api.post, []

    def once(api: Api, path: str, *given: Any, **more: Any) -> Any:
        found = post(api, path, *given, **more)
        if path.endswith("/push") and not lost:
            lost.append(found)
            raise Failure("gone", UNREACHABLE)
        return found

    monkeypatch.setattr(Api, "post", once)
    change(folder)
    assert "tiny 1.1.0 is a draft now" in said(push())
    assert CourseVersion.objects.drafts().count() == 1 and len(lost) == 1


def test_a_site_that_dies_between_a_part_and_its_row_loses_no_part(
    push: Run, folder: Path, author: User, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file of the part stays behind, until it is an orphan for long enough."""
    save = FileSystemStorage.save

    def dying(store: FileSystemStorage, name: str, *given: Any, **more: Any) -> str:
        save(store, name, *given, **more)
        raise RuntimeError("the process has died")

    change(folder)
    with monkeypatch.context() as patch:
        patch.setattr(FileSystemStorage, "save", dying)
        said(push(), 1)
    assert Upload.objects.get().offset == 0
    said(push())
    assert CourseVersion.objects.drafts().get().version == "1.1.0"
    assert orphan_files.sweep(timedelta(0)) == 1


def test_a_slow_line_gets_smaller_parts(
    push: Run, folder: Path, author: User, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, sizes = Api.put_octets, []

    def slow(api: Api, path: str, data: bytes, seconds: float) -> Any:
        sizes.append(len(data))
        if len(data) > 300:
            raise Failure("slow", reason="too_slow")
        return whole(api, path, data, seconds)

    monkeypatch.setattr(Api, "put_octets", slow)
    change(folder)
    said(push())
    assert sizes[:3] == [1000, 500, 250] and set(sizes[2:-1]) == {250}


def test_something_else_that_was_published_meanwhile_is_told_before_it_is_undone(
    gradus: Gradus, push: Run, folder: Path, home: Path, author: User
) -> None:
    released(gradus, folder, change, "1.1.0")
    other = write_course(home / "other" / "tiny")
    released(gradus, other, change, "1.2.0")
    change(folder, "1.3.0")
    assert "has changed since you saw it" in said(push(), 1)
    said(push("--force"))
    change(folder, "1.4.0")
    said(push())


def test_a_rollback_shows_what_changes_asks_and_publishes(
    gradus: Gradus, push: Run, folder: Path, author: User, bob: User
) -> None:
    factories.grade(factories.submit(bob), 0.8)
    released(gradus, folder, change, "1.1.0")
    released(gradus, folder, correct_a_row, "1.2.0")
    words = ("course", "rollback", "1.1.0", str(folder))
    shown = said(gradus(*words, "--dry-run"))
    assert "challenge sea-or-sky 1.2.0" in shown and not CourseVersion.objects.drafts().exists()
    assert "as 1.2.1?" in said(gradus(*words, stdin="n\n"), 1) and Course.objects.get().version == "1.2.0"
    done = said(gradus(*words, stdin="y\n"))
    assert "sea-or-sky 1.2.1 is live, and not verified on this site" in done and "`gradus course pull` in it" in done
    assert "tiny 1.2.1 is published." in done and Course.objects.get().version == "1.2.1"


def test_the_status_says_by_its_exit_status_what_is_verified(
    gradus: Gradus, push: Run, folder: Path, author: User
) -> None:
    correct_a_row(folder)
    said(push())
    words = ("course", "status", str(folder))
    told = said(gradus(*words), 3)
    assert "sea-or-sky  1.1.0" in told and "sea-or-sky 1.1.0 is not verified" in told
    for one in list(Evaluation.objects.open().filter(run__purpose__in=("lint", "baseline"))):
        claimed = services.claim(one.lane, worker="w", profile="cpu")
        assert claimed is not None
        services.reject(claimed.pk, claimed.fence, "internal")
    assert "FAILED: " in said(gradus(*words), 1)


def test_the_list_of_versions_says_which_challenge_is_not_live_yet(gradus: Gradus, folder: Path, author: User) -> None:
    correct_a_row(folder)
    said(gradus("course", "push", str(folder), "--no-lint"))
    assert "goes live as soon as it is verified" in said(gradus("course", "publish", str(folder)))
    assert "Not live yet: sea-or-sky 1.1.0" in said(gradus("course", "versions", str(folder)))


def test_the_status_waits_until_all_is_verified(
    gradus: Gradus, push: Run, folder: Path, author: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The checks end while the command waits between two looks."""
    correct_a_row(folder)
    said(push())

    def end(seconds: float) -> None:
        Owner.objects.filter(purpose__in=("lint", "baseline")).delete()
        ChallengeVersion.objects.update(linted_at=timezone.now())
        for version in ChallengeVersion.objects.all():
            verify(version)

    monkeypatch.setattr(time, "sleep", end)
    first, _, last = said(gradus("course", "status", str(folder), "-f")).rpartition("tiny 1.1.0, draft")
    assert "not verified" in first and "sea-or-sky, lint lint: waits" in first
    assert "not verified" not in last and "verified" in last


def test_a_rollback_offers_to_grade_old_attempts_again(gradus: Gradus, folder: Path, author: User, bob: User) -> None:
    released(gradus, folder, change, "1.1.0")
    released(gradus, folder, correct_a_row, "1.2.0")
    factories.grade(factories.submit(bob), 0.8)
    planned = gradus("course", "rollback", "1.1.0", str(folder), "--dry-run").output
    assert "1 score of 1.2.0 stays on the board until it is graded again" in planned
    done = gradus("course", "rollback", "1.1.0", str(folder), "-y", "--rejudge", "--json")
    assert json.loads(done.stdout)["state"] == "published"
    # Learners had this content before, so it is live at once, verified or not.
    assert (
        [one.challenge.slug for one in Regrade.objects.all()] == json.loads(done.stdout)["regrades"] == ["sea-or-sky"]
    )


def test_a_push_of_many_files_costs_little_beside_its_lint(
    gradus: Gradus, home: Path, author: User, capsys: pytest.CaptureFixture[str]
) -> None:
    """The peer is the standard library's zip with one request: a push also checks, resumes, compares and stores, for
    15 times its work at most. What the site does for each challenge is not measured here, so no lesson reads the files.
    """
    folder = write_course(home / "many" / "tiny")
    change(folder)
    for number in range(980):
        (folder / f"notes/{number % 20}").mkdir(parents=True, exist_ok=True)
        (folder / f"notes/{number % 20}/{number}.md").write_text(f"Note {number}. " * 40)
    begun = time.process_time()
    inspect(folder)
    lint = time.process_time() - begun
    begun = time.process_time()
    with httpx.Client() as client, TemporaryDirectory() as place:
        made = shutil.make_archive(f"{place}/plain", "zip", folder)
        client.post(f"{os.environ['GRADUS_URL']}/api/v1/tokens", content=Path(made).read_bytes())
        shutil.unpack_archive(made, f"{place}/plain", "zip")
    peer = time.process_time() - begun
    begun, clock = time.process_time(), time.perf_counter()
    said(gradus("course", "push", str(folder), "--no-lint"))
    push, clock = time.process_time() - begun - lint, time.perf_counter() - clock
    with capsys.disabled():
        print(f"\n1,000 files: push {clock:.2f} s, CPU {push:.2f} s beside lint {lint:.2f} s; plain zip {peer:.2f} s")
    assert push < 15 * peer


def test_a_pull_gives_the_folder_back(gradus: Gradus, push: Run, folder: Path, home: Path, author: User) -> None:
    released(gradus, folder, change, "1.1.0")
    before = contents(folder)
    released(gradus, folder, correct_a_row, "1.2.0")
    new = home / "pulled"
    told = said(gradus("course", "pull", str(new), "--course", "tiny"))
    assert "files written" in told and contents(new) == contents(folder)
    act = StaffAction.objects.get(what=StaffAction.What.COURSE_PULLED)
    assert act.user_id == author.pk and "1.2.0" in act.about
    said(gradus("course", "pull", str(new), "--version", "1.1.0"))
    assert contents(new) == before


def test_a_pull_never_overwrites_what_was_changed(
    gradus: Gradus, push: Run, folder: Path, author: User, course: Course
) -> None:
    """Unless the author says so, and never what only her folder has."""
    released(gradus, folder, change, "1.1.0")
    assert "is up to date" in said(gradus("course", "pull", str(folder)))
    (folder / "first" / "lesson.md").write_text("my own words\n")
    (folder / "notes.md").write_text("mine\n")
    change(folder, "2.0.0")
    before = contents(folder)
    told = said(gradus("course", "pull", str(folder)), 1)
    assert "course.yaml" in told and "first/lesson.md" in told and contents(folder) == before
    told = said(gradus("course", "pull", str(folder), "--force"))
    assert "2 files written" in told and "only in your folder: notes.md" in told
    assert contents(folder)["first/lesson.md"] != b"my own words\n" and (folder / "notes.md").exists()


@pytest.mark.parametrize("force", [(), ("--force",)])
def test_a_pull_writes_nothing_through_a_link_or_in_place_of_a_folder(
    gradus: Gradus, push: Run, folder: Path, home: Path, author: User, force: tuple[str, ...]
) -> None:
    released(gradus, folder, change, "1.1.0")
    mine = home / "mine"
    (mine / "course.yaml").mkdir(parents=True)
    (home / "elsewhere").mkdir()
    (home / "elsewhere" / "lesson.md").write_text("my own words")
    (mine / "first").symlink_to(home / "elsewhere")
    told = said(gradus("course", "pull", str(mine), "--course", "tiny", *force), 1)
    assert "nothing was written" in told and told.endswith(":\ncourse.yaml\nfirst\n")
    assert contents(home / "elsewhere") == {"lesson.md": b"my own words"} and contents(mine) == {}

    shutil.rmtree(mine)
    mine.mkdir()
    (mine / "first").write_text("a file")
    assert "first" in said(gradus("course", "pull", str(mine), "--course", "tiny", *force), 1)
    assert contents(mine) == {"first": b"a file"}


def test_what_was_pushed_is_there_also_where_nothing_can_be_noted(
    gradus: Gradus, push: Run, folder: Path, author: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container of a CI whose home cannot be written."""
    change(folder)
    (folder.parent / "a-file").touch()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder.parent / "a-file"))
    told = said(push())
    assert "courses.json: cannot be written (Not a directory)" in told
    assert CourseVersion.objects.filter(state=CourseVersion.State.DRAFT).count() == 1
    said(gradus("course", "publish", str(folder), "--all-unverified"))


def contents(folder: Path) -> dict[str, bytes]:
    return {one.relative_to(folder).as_posix(): one.read_bytes() for one in folder.rglob("*") if one.is_file()}


def test_the_findings_are_checked_on_request(gradus: Gradus, push: Run, folder: Path, author: User) -> None:
    bundle = made_up.bundle(folder, [made_up.FEW], {"few-shot": made_up.few_record()})
    claims = made_up.few_record(digest=made_up.digest_of(bundle))
    claims["experiments"][0]["claims"][0]["holds"] = False
    (folder / "first/findings.json").write_text(json.dumps({"schema": 1, "findings": {"few-shot": claims}}))
    change(folder)
    import_course(read_course(folder), archive=keep_folder(folder))
    told = said(gradus("course", "status", str(folder), "--findings"), 3)
    assert "sea-or-sky, finding few-shot: FAILED: Claim 1 does not hold on sea-or-sky" in told
    assert Evaluation.objects.filter(run__purpose="proof", state="queued").count() == 3


def test_pushing_the_same_again_checks_again_what_has_failed(
    gradus: Gradus, push: Run, folder: Path, author: User
) -> None:
    correct_a_row(folder)
    push()
    for one in Evaluation.objects.filter(run__version__version="1.1.0"):
        claimed = services.claim(one.lane, worker="w", profile="cpu")
        assert claimed is not None
        services.reject(claimed.pk, claimed.fence, "internal")
    assert "lint ended without a result (internal)" in gradus("course", "status", str(folder)).output
    assert not Evaluation.objects.open().filter(run__version__version="1.1.0").exists()
    said(push())
    waiting = Evaluation.objects.open().filter(run__version__version="1.1.0")
    assert sorted(waiting.values_list("run__purpose", flat=True)) == ["baseline", "baseline", "baseline", "lint"]
