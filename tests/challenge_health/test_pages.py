"""Who sees how a challenge does, on pages, in files and over the API; and that every look at hidden rows is noted."""

from __future__ import annotations

import csv
import io

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from challenges.reading import read_course
from gradus.accounts.models import ApiToken, StaffAction
from gradus.accounts.token_rules import Content, LearnerData, Scope
from gradus.challenge_health.models import Figures
from gradus.courses import bundles
from gradus.courses.services import publish
from gradus.reports.models import ProblemReport
from gradus.submissions.models import Evaluation, Score
from tests import factories
from tests.challenge_health.test_figures import attempt, rows_for
from tests.challenges.factory import write_course
from tests.conftest import logged_in
from tests.markup import Markup
from tests.teach.test_similar import attempts

__all__ = ["attempts"]

PAGE, ROWS = "/teach/challenges/sea-or-sky/", "/teach/challenges/sea-or-sky/rows/"
SIMILAR = f"{PAGE}similar/"
FILES = (f"{PAGE}health.csv", f"{PAGE}rows.csv")
API = ("/api/v1/challenges/sea-or-sky/health", "/api/v1/challenges/sea-or-sky/health/rows")
LOOKS = StaffAction.objects.filter(what=StaffAction.What.HIDDEN_ROWS_READ)


def person(course, *levels):
    made = factories.UserFactory.create()
    factories.enrol(made, course, Scope(*levels))
    return logged_in(made)


@pytest.fixture
def hidden(course):
    return bundles.load(factories.challenge("sea-or-sky").version).hidden


@pytest.mark.parametrize(
    ("levels", "page", "rows"),
    [
        ((Content.NONE, LearnerData.NONE), 404, 404),
        ((Content.PREVIEWER, LearnerData.NONE), 403, 403),
        ((Content.VIEWER, LearnerData.NONE), 200, 403),
        ((Content.NONE, LearnerData.VIEWER), 200, 403),
        ((Content.EDITOR, LearnerData.NONE), 200, 200),
        ((Content.OWNER, LearnerData.EDITOR), 200, 200),
    ],
)
def test_roles_decide_what_is_seen_on_pages_in_files_and_over_the_api(ada, course, hidden, levels, page, rows):
    attempt(ada, wrong=2)
    viewer = factories.UserFactory.create()
    factories.enrol(viewer, course, Scope(*levels))
    client = logged_in(viewer)
    assert [client.get(address).status_code for address in (PAGE, FILES[0], API[0])] == [page] * 3
    for scope, answered in ((Scope(), 403), (Scope(*levels), page)):
        secret = ApiToken.issue(viewer, "a script", scope)[1]
        answer = Client().get(API[0], headers={"Authorization": f"Bearer {secret}"})
        assert answer.status_code == (404 if page == 404 else answered)
    assert not LOOKS.exists()
    assert (client.get(ROWS).status_code, client.get(FILES[1]).status_code) == (rows, rows)
    assert LOOKS.count() == (2 if rows == 200 else 0)
    if page == 200:
        shown = client.get(PAGE).content.decode()
        assert not any(one.input in shown for one in hidden)


def test_nobody_without_a_role_finds_the_pages(ada, ada_client, guest_client, client, course):
    for address in (PAGE, ROWS, SIMILAR, *FILES):
        assert ada_client.get(address).status_code == 404
        assert guest_client.get(address).status_code in (302, 404)
        assert client.get(address).status_code == 302
    for address in API:
        assert ada_client.get(address).status_code == 404 and client.get(address).status_code == 401


def test_what_is_computed_from_private_rows_is_for_editors(ada, course):
    evaluation = attempt(ada, 0.8)
    Score.objects.filter(evaluation=evaluation).update(private_value=0.5)
    viewer, editor = person(course, Content.VIEWER), person(course, Content.EDITOR)
    assert "Shown score minus private score" not in Markup(viewer.get(PAGE).content.decode())
    assert "Shown score minus private score" in Markup(editor.get(PAGE).content.decode())
    for client, gap in ((viewer, ""), (editor, "0.3")):
        lines = list(csv.DictReader(io.StringIO(client.get(FILES[0]).content.decode())))
        assert [line["public_minus_private"] for line in lines if line["track"] == "prompt"] == [gap]


def test_the_rows_say_what_was_answered_and_what_to_do(course, hidden, grace_client):
    for _number in range(20):
        attempt(factories.UserFactory.create(), 0.4, wrong=1)
    page = Markup(grace_client.get(ROWS).content.decode())
    assert "somewhere else" in page and "Most learners get the same wrong answer" in page and "Look at this" in page
    lines = list(csv.DictReader(io.StringIO(grace_client.get(FILES[1]).content.decode())))
    assert lines[0]["id"] == hidden[0].id and lines[0]["most_common_wrong"] == "somewhere else (20)"
    assert [line["share_right"] for line in lines] == ["0.0"] + ["1.0"] * (len(hidden) - 1)


def test_the_api_gives_the_same(ada, course, hidden, grace_client):
    attempt(ada, 0.4, wrong=1)
    found = grace_client.get(API[0]).json()["versions"]
    line = next(one for one in found if one["track"] == "prompt")
    assert (line["learners"], line["attempts"], line["passed"]) == (1, 1, 0) and sum(line["histogram"]) == 1
    items = grace_client.get(API[1]).json()["items"]
    assert [one["share_right"] for one in items] == [0.0] + [1.0] * (len(hidden) - 1)
    assert items[0]["wrong"] == [{"answer": "somewhere else", "learners": 1}]
    assert LOOKS.get().via == StaffAction.Via.API


@pytest.mark.parametrize(
    ("levels", "reports", "similar"),
    [
        ((Content.VIEWER, LearnerData.NONE), False, 403),
        ((Content.EDITOR, LearnerData.NONE), True, 403),
        ((Content.NONE, LearnerData.VIEWER), True, 200),
    ],
)
def test_reports_and_similar_attempts_are_for_those_who_may_read_them(
    ada, course, grace_client, levels, reports, similar
):
    version = factories.challenge("sea-or-sky").version
    for number in range(12):
        text = f"\nThe row {number} is <b>wrong</b>.\nA second line."
        ProblemReport.objects.create(user=ada, version=version, track="prompt", what="sample", text=text)
    client = person(course, *levels)
    page = client.get(PAGE).content.decode()
    assert ("The row 11 is &lt;b&gt;wrong" in page) is ("The row 2 is" in page) is reports
    assert "The row 1 is" not in page and "A second line" not in page and ada.pseudonym not in page
    assert ("/admin/reports/" in page) is False
    assert (SIMILAR in page) is (similar == 200)
    assert client.get(SIMILAR).status_code == similar
    last = ProblemReport.objects.latest("pk")
    assert f"/admin/reports/problemreport/{last.pk}/change/" in grace_client.get(PAGE).content.decode()


def test_similar_attempts_are_listed_once_and_nobody_reads_about_the_own(attempts, ada, bob, course):
    client = person(course, Content.NONE, LearnerData.VIEWER)
    for more in ({}, {"HX-Request": "true"}):
        page = client.get(SIMILAR, headers=more).content.decode()
        assert page.count("Show both side by side") == 1 and "look at both attempts before you decide" in page
        assert ("<html" in page) is (not more)
    factories.enrol(ada, course, factories.TEACHER)
    assert "Show both side by side" not in logged_in(ada).get(SIMILAR).content.decode()


def test_a_challenge_without_scores_with_one_and_with_a_failed_one(ada, course, grace_client):
    for query in ("?version=9.9.9", "?track=rag", "?against=9.9.9"):
        assert grace_client.get(PAGE + query).status_code == 404
        assert grace_client.get(API[1] + query).status_code in (404, 422)
    page = Markup(grace_client.get(PAGE).content.decode())
    assert "Nobody has a score at this version yet" in page and "say little about the challenge" not in page
    assert "No attempt at this version" in Markup(grace_client.get(ROWS).content.decode())
    attempt(ada)
    assert "until 20 learners have taken part (so far: 1)." in Markup(grace_client.get(PAGE).content.decode())
    made = factories.submit(ada)
    Evaluation.objects.filter(submission=made).update(state="failed", error_code="work_limit")
    Figures.objects.all().delete()
    assert "work_limit" in Markup(grace_client.get(PAGE).content.decode())


def test_more_learners_need_no_more_queries(course, grace_client):
    counts = []
    for _round in range(2):
        for _number in range(3):
            attempt(factories.UserFactory.create())
        grace_client.get(PAGE)
        with CaptureQueriesContext(connection) as queries:
            assert grace_client.get(PAGE).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 30


def test_a_script_in_an_answer_is_text(ada, course, grace_client):
    made = factories.submit(ada)
    rows = dict.fromkeys(rows_for("sea-or-sky", 0), (0.0, "<script>alert(1)</script>\u202e =1+1"))
    factories.grade(made, 0.1, rows=rows)
    assert b"<script>alert" not in grace_client.get(ROWS).content
    assert "<script>alert" in grace_client.get(FILES[1]).content.decode()


def test_versions_are_compared(ada, tmp_path, grace_client):
    folder = write_course(tmp_path / "mine")
    publish(read_course(folder))
    attempt(ada, wrong=1)
    file = folder / "first/sea-or-sky/challenge.yaml"
    old = factories.challenge("sea-or-sky").version.version
    file.write_text(file.read_text().replace(f"version: {old}", "version: 9.0.0"))
    publish(read_course(folder))
    assert factories.challenge("sea-or-sky").version.version == "9.0.0" != old
    opened = Markup(grace_client.get(PAGE).content.decode())
    assert "Nobody has a score at this version yet" in opened and f"How version {old} does" in opened
    attempt(ada, wrong=0)
    page = Markup(grace_client.get(f"{PAGE}?against={old}").content.decode())
    assert "9.0.0" in page and old in page
    first, *others = grace_client.get(f"{API[1]}?against={old}").json()["items"]
    assert (first["share_right"], first["before"]) == (1.0, 0.0)
    assert {one["before"] for one in others} == {1.0}
