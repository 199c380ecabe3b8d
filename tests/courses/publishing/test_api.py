"""The calls for versions and drafts: what each answers, to whom, and what the audit says."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.test import AsyncRequestFactory
from django.urls import reverse

from challenges.problems import Problem
from gradus import downloads
from gradus.accounts.models import ApiToken, StaffAction, User
from gradus.accounts.token_rules import Content, LearnerData, Scope
from gradus.api.publishing import course_bundle
from gradus.courses import publishing, verification
from gradus.courses.models import ChallengeVersion, Course, CourseVersion
from gradus.submissions.models import Run
from tests import factories
from tests.api.conftest import Caller, problem
from tests.conftest import logged_in
from tests.courses.publishing.conftest import Push
from tests.courses.test_versions import edit, turn_labels

pytestmark = pytest.mark.django_db
ALL = ["sea-or-sky", "ticket", "explain"]


def api_of(user: User) -> Caller:
    return Caller(ApiToken.issue(user, "tests", Scope(Content.OWNER, LearnerData.EDITOR))[1])


@pytest.fixture
def editor(push: Push, bob: User) -> Caller:
    """Bob, who edits the course; its first draft is there."""
    push()
    factories.enrol(bob, Course.objects.get(), factories.AUTHOR)
    return api_of(bob)


def test_a_draft_is_shown_published_and_found_again(editor: Caller, bob: User) -> None:
    draft = editor.get("/courses/tiny/draft").json()
    assert (draft["state"], draft["version"], draft["is_live"], draft["pushed_by"]) == (
        "draft", "1.0.0", False, "grace@example.org",
    )  # fmt: skip
    assert draft["difference"]["lines"][:2] == ["1 lesson added: first", f"3 challenges added: {', '.join(ALL)}"]
    assert [one["id"] for one in draft["challenges"]] == ALL
    assert {run["state"] for one in draft["challenges"] for run in one["runs"]} == {"waiting"}
    assert draft["progress"]["done"] == 0 < draft["progress"]["total"]
    refused = problem(editor.post("/courses/tiny/draft/publish", {"unverified": ["tickets"]}), 422, "no_such_challenge")
    assert "Its challenges are: sea-or-sky, ticket, explain." in refused["detail"]
    made = editor.post("/courses/tiny/draft/publish", {"unverified": True}).json()
    assert (made["state"], made["is_live"], made["published_by"]) == ("published", True, "bob@example.org")
    assert {one["state"] for one in made["challenges"]} == {"live"}
    problem(editor.get("/courses/tiny/draft"), 404, "no_draft")
    problem(editor.post("/courses/tiny/draft/publish", {}), 404, "no_draft")
    assert editor.get("/courses/tiny/live").json()["digest"] == made["digest"]
    assert [one["state"] for one in editor.get("/courses/tiny/versions").json()] == ["published"]
    notes = StaffAction.objects.filter(what__startswith="draft").order_by("pk")
    assert [(note.what, note.about, note.via) for note in notes] == [
        ("draft_pushed", "tiny 1.0.0", "shell"),
        ("draft_published", "tiny 1.0.0", "api"),
    ]
    assert notes[1].user_id == bob.pk


def test_a_draft_is_discarded(editor: Caller) -> None:
    assert editor.post("/courses/tiny/draft/discard").status_code == 204
    problem(editor.get("/courses/tiny/draft"), 404, "no_draft")
    assert StaffAction.objects.filter(what="draft_discarded").count() == 1
    assert Course.objects.exists(), "Bob's role hangs on it, beside the owner's"


def test_a_pull_is_sent_piece_by_piece(editor: Caller, grace: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "PIECE", 1000)
    draft = CourseVersion.objects.drafts().get()

    request: Any = AsyncRequestFactory().get("/api/v1/courses/tiny/bundle?version=draft")
    request.auth = grace
    answer = course_bundle(request, "tiny", "draft")

    async def pulled() -> list[bytes]:
        return [piece async for piece in answer]

    found = asyncio.run(pulled())
    assert [len(piece) for piece in found[:2]] == [1000, 1000]
    assert hashlib.sha256(b"".join(found)).hexdigest() == draft.archive


def test_a_bundle_is_pulled_as_it_was_pushed(editor: Caller, folder: Path, bob: User) -> None:
    answer = editor.get("/courses/tiny/bundle?version=draft")
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/zip")
    with zipfile.ZipFile(io.BytesIO(answer.getvalue())) as archive:
        assert archive.read("first/lesson.md") == (folder / "first/lesson.md").read_bytes()
    problem(editor.get("/courses/tiny/bundle"), 404, "no_such_version")
    note = StaffAction.objects.get(what="course_pulled")
    assert (note.user_id, note.about) == (bob.pk, "tiny 1.0.0")


def test_a_rollback_is_told_first_and_made_then(editor: Caller, push: Push, folder: Path, ada: User) -> None:
    editor.post("/courses/tiny/draft/publish", {"unverified": True})
    turn_labels(folder)
    edit(folder, "1.0.1")
    push()
    editor.post("/courses/tiny/draft/publish", {"unverified": True})
    factories.grade(factories.submit(ada), 0.7)
    told = editor.post("/courses/tiny/rollback", {"version": "1.0.0", "dry_run": True})
    assert told.status_code == 200 and told.json()["draft"] is None
    problem(editor.get("/courses/tiny/draft"), 404, "no_draft")
    assert told.json()["challenges"] == [{"id": "sea-or-sky", "version": "1.0.2", "live": "1.0.1", "scores": 1}]
    made = editor.post("/courses/tiny/rollback", {"version": "1.0.0"})
    assert made.status_code == 201 and made.json()["draft"]["state"] == "draft"
    assert made.json()["difference"] == told.json()["difference"]
    assert "I saw" not in made.content.decode()
    problem(editor.post("/courses/tiny/rollback", {"version": "7.0.0"}), 404, "no_such_version")
    assert StaffAction.objects.get(what="course_rolled_back").details["to"] == "1.0.0"


def test_another_draft_than_the_one_that_was_seen_is_neither_published_nor_discarded(
    editor: Caller, push: Push, folder: Path
) -> None:
    seen = editor.get("/courses/tiny/draft").json()["digest"]
    (folder / "first/lesson.md").write_text("# First\n\nOther words.\n")
    now = push().version
    for act, given in (("publish", {"unverified": True, "digest": seen}), ("discard", {"digest": seen})):
        told = problem(editor.post(f"/courses/tiny/draft/{act}", given), 409, "moved")
        assert "grace@example.org has pushed version 1.0.0" in told["detail"]
        assert [one["message"] for one in told["problems"]] == now.difference["lines"]
    assert publishing.draft_of(now.course) == now
    problem(editor.post("/courses/tiny/draft/discard", {"digest": "1.0.0"}), 422, "bad_payload")
    made = editor.post("/courses/tiny/draft/publish", {"digest": now.digest}).json()
    assert (made["state"], made["digest"]) == ("published", now.digest)
    # What is live is named, too, where its challenges that wait are published without a draft.
    problem(editor.post("/courses/tiny/draft/publish", {"unverified": True, "digest": seen}), 409, "moved")
    editor.post("/courses/tiny/draft/publish", {"unverified": True, "digest": now.digest})
    assert {one["state"] for one in editor.get("/courses/tiny/live").json()["challenges"]} == {"live"}
    edit(folder, "1.1.0")
    draft = push().version.digest
    assert editor.post("/courses/tiny/draft/discard", {"digest": draft}).status_code == 204


def test_who_can_be_ranked_reads_nothing_about_single_hidden_rows(
    editor: Caller, push: Push, folder: Path, ada: User, bob: User
) -> None:
    """An id can tell the label, and so does a public row that is nearly the same; editors are on no board."""
    editor.post("/courses/tiny/draft/publish", {"unverified": True})
    turn_labels(folder)
    gold = folder / "first/explain/gold.jsonl"
    rows = gold.read_text().splitlines()
    rows[0] = json.dumps({**json.loads(rows[0]), "answer": "Another answer."})
    gold.write_text("".join(f"{row}\n" for row in rows))
    edit(folder, "1.1.0")
    text = (folder / "first/explain/challenge.yaml").read_text()
    (folder / "first/explain/challenge.yaml").write_text(text.replace("version: 1.0.0", "version: 1.1.0"))
    draft = push().version
    version = ChallengeVersion.objects.get(version="1.1.0", challenge__name="sea-or-sky")
    problems = [Problem("hidden.jsonl", 7, "nearly the same as public.jsonl:1 (cosine 0.99)", "remove one")]
    what = "its example 2 is nearly the same as hidden.jsonl:3"
    problems += [Problem("baselines/good.yaml", None, what, "take a row of your own")]
    verification.record_lint(version.pk, problems, "")
    Run.objects.filter(version=version).delete()
    factories.enrol(ada, version.challenge.course, Scope(Content.VIEWER))
    seen, edited = api_of(ada).get("/courses/tiny/draft").json(), editor.get("/courses/tiny/draft").json()
    assert "  hidden.jsonl: rows changed" in seen["difference"]["lines"]
    assert "  gold.jsonl: rows changed" in seen["difference"]["lines"]
    lines = list(seen["difference"]["lines"])
    lines += [line for one in seen["difference"]["challenges"]["changed"] for line in one["lines"]]
    assert not [line for line in lines if "jsonl" in line and not line.endswith("l: rows changed")]
    one = next(one for one in seen["challenges"] if one["id"] == "sea-or-sky")
    assert one["lacking"][0] == one["runs"][0]["said"] and "Editors of the course see what it is." in one["lacking"][0]
    assert one["runs"][0]["state"] == "failed" and not any(".jsonl" in line for line in one["lacking"])
    known = next(one for one in edited["challenges"] if one["id"] == "sea-or-sky")
    assert "hidden.jsonl:7: nearly the same" in known["lacking"][0] and known["lacking"][0] in known["runs"][0]["said"]
    assert [line for line in edited["difference"]["lines"] if "targets changed (" in line]
    for client, reads in ((logged_in(ada), False), (logged_in(bob), True)):
        page = client.get("/teach/courses/tiny/").content.decode()
        shown = client.get(reverse("teach:verification", args=["tiny", draft.pk]), headers={"HX-Request": "true"})
        assert ("targets changed (" in page) == reads == ("public.jsonl:1" in page)
        assert ("public.jsonl:1" in shown.content.decode()) == reads


def test_a_rollback_makes_what_its_dry_run_has_told(editor: Caller, push: Push, folder: Path) -> None:
    first = editor.post("/courses/tiny/draft/publish", {"unverified": True}).json()["digest"]
    for version in ("1.1.0", "1.2.0"):
        edit(folder, version)
        push()
        editor.post("/courses/tiny/draft/publish", {"unverified": True})
        if version == "1.1.0":
            told = editor.post("/courses/tiny/rollback", {"version": first, "dry_run": True}).json()
    problem(editor.post("/courses/tiny/rollback", {"version": first, "digest": told["digest"]}), 409, "moved")
    problem(editor.get("/courses/tiny/draft"), 404, "no_draft")
    told = editor.post("/courses/tiny/rollback", {"version": first, "dry_run": True}).json()
    made = editor.post("/courses/tiny/rollback", {"version": first, "digest": told["digest"]}).json()
    assert made["draft"]["digest"] == made["digest"] == told["digest"]


CALLS = {
    "viewer": [("get", "versions"), ("get", "draft"), ("get", "live")],
    "editor": [
        ("post", "draft/publish"),
        ("post", "draft/discard"),
        ("post", "rollback"),
        ("get", "bundle"),
        ("post", "challenges/sea-or-sky/board"),
    ],
}


@pytest.mark.parametrize("level", ["none", "previewer", "viewer"])
def test_a_role_that_does_not_reach_is_refused(push: Push, bob: User, level: str) -> None:
    draft = push().version
    factories.enrol(bob, draft.course, Scope(Content(level)))
    # A token with a wide scope, of somebody who is an owner elsewhere.
    elsewhere = Course.objects.create(slug="elsewhere", title="Elsewhere")
    factories.enrol(bob, elsewhere, Scope(Content.OWNER))
    api = api_of(bob)
    for need, calls in CALLS.items():
        for method, address in calls:
            answer = (
                api.get(f"/courses/tiny/{address}")
                if method == "get"
                else api.post(f"/courses/tiny/{address}", {"version": "1.0.0"})
            )
            if level == "none":
                problem(answer, 404, "not_found")
            elif need == "editor" or level == "previewer":
                problem(answer, 403, "missing_role")
            else:
                assert answer.status_code == 200 or answer.json()["code"] == "no_such_version"
    assert publishing.draft_of(draft.course) == draft
