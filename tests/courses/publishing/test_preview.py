"""The preview of a draft on the site: who sees it, and that nothing of it reaches anybody else."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from django.core.exceptions import SynchronousOnlyOperation
from django.test import Client
from django.urls import reverse

from gradus.accounts.models import Enrolment, User
from gradus.accounts.token_rules import Content, LearnerData, Scope
from gradus.courses import catalogue, publishing
from gradus.courses.models import Course, CourseVersion
from gradus.preferences.models import PairChoice
from gradus.questions.models import Answer
from gradus.submissions.models import HintsTaken, Run, Submission
from tests import factories
from tests.challenges.factory import write_prompt_challenge
from tests.conftest import logged_in
from tests.courses.publishing.conftest import Push
from tests.threads import at_once

ALL = ("sea-or-sky", "ticket", "explain")
NEW_TEXT, OLD_TEXT = "Whales sing in the draft.", "Some text."
DRAWING = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 40">'
    '<text x="10" y="20">drawn for the draft</text></svg>\n'
)


@pytest.fixture
def live(push: Push, grace: User) -> Course:
    """The course as it is published."""
    return publishing.publish(push().version, by=grace, unverified=ALL).course


def edit(path: Path, **changes: object) -> None:
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **changes}, sort_keys=False))


@pytest.fixture
def changed(folder: Path, live: Course) -> Path:
    """The folder with another title, text, order, statement and row, a drawing, and a lesson and a challenge more."""
    edit(folder / "course.yaml", version="1.1.0", title="Tiny in the draft", lessons=["second", "first"])
    edit(folder / "first" / "lesson.yaml", challenges=["explain", "ticket", "sea-or-sky"])
    (folder / "first" / "lesson.md").write_text(f"# First\n\n{NEW_TEXT}\n\n![A drawing](assets/drawn.svg)\n")
    (folder / "first" / "assets").mkdir()
    (folder / "first" / "assets" / "drawn.svg").write_text(DRAWING)
    challenge = folder / "first" / "sea-or-sky"
    (challenge / "statement.md").write_text("# Sea or sky\n\nThe statement of the draft.\n")
    edit(challenge / "challenge.yaml", version="1.1.0")
    rows = [json.loads(line) for line in (challenge / "public.jsonl").read_text().splitlines()]
    rows[0]["input"] = "a kraken"
    (challenge / "public.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    second = folder / "second"
    write_prompt_challenge(second / "fresh-water", id="fresh-water")
    lesson = {"title": "Second", "summary": "New.", "minutes": 5, "challenges": ["fresh-water"]}
    (second / "lesson.yaml").write_text(yaml.safe_dump(lesson))
    (second / "lesson.md").write_text("# Second\n\nOnly the draft has this lesson.\n")
    return folder


@pytest.fixture
def draft(changed: Path, push: Push) -> CourseVersion:
    return push().version


@pytest.fixture
def previewer(ada: User, live: Course) -> Client:
    """A client of Ada, who may see drafts and nothing more."""
    factories.enrol(ada, live, Scope(Content.PREVIEWER))
    return logged_in(ada)


@pytest.fixture
def previewing(previewer: Client, draft: CourseVersion) -> Client:
    response = previewer.get(reverse("teach:preview", args=["tiny"]))
    assert response.status_code == 302 and response["Location"] == "/courses/tiny/"
    return previewer


def text(client: Client, path: str, status: int = 200) -> str:
    response = client.get(path)
    assert response.status_code == status, response.status_code
    return response.content.decode()


def test_the_pages_of_the_course_are_those_of_the_draft(previewing):
    course = text(previewing, "/courses/tiny/")
    assert "Preview of a draft" in course and "Tiny in the draft" in course
    assert course.index("Second") < course.index("First")
    lesson = text(previewing, "/lessons/first/")
    assert NEW_TEXT in lesson and OLD_TEXT not in lesson and "drawn for the draft" in lesson
    challenge = text(previewing, "/challenges/sea-or-sky/")
    assert "The statement of the draft." in challenge and "a kraken" in challenge
    assert "a kraken" in b"".join(previewing.get("/challenges/sea-or-sky/public.jsonl")).decode()
    assert "Only the draft has this lesson." in text(previewing, "/lessons/second/")
    assert "fresh" in text(previewing, "/challenges/fresh-water/").lower()


def test_hints_and_the_solution_are_open_in_a_preview(previewing):
    assert "Hint 3 of 3" in text(previewing, "/challenges/sea-or-sky/")
    assert text(previewing, "/challenges/sea-or-sky/solution/")


def test_no_hidden_row_is_shown(previewing, changed):
    rows = (changed / "first" / "sea-or-sky" / "hidden.jsonl").read_text().splitlines()
    hidden = [json.loads(line)["input"] for line in rows]
    pages = ["/courses/tiny/", "/lessons/first/", "/challenges/sea-or-sky/", "/challenges/sea-or-sky/costs/"]
    shown = "".join(text(previewing, page) for page in pages)
    assert hidden and not [row for row in hidden if row in shown]


@pytest.mark.parametrize("path", ["/courses/tiny/", "/lessons/first/", "/challenges/sea-or-sky/", "/", "/path/"])
def test_a_page_of_a_preview_is_kept_by_no_cache(previewing, path):
    response = previewing.get(path)
    assert "no-store" in response["Cache-Control"] and "private" in response["Cache-Control"]


def test_nobody_else_sees_anything_of_it(previewing, bob_client, draft, client):
    assert NEW_TEXT in text(previewing, "/lessons/first/")
    for other in (bob_client, client, logged_in(User.objects.get(username="ada"))):
        course, lesson = text(other, "/courses/tiny/"), text(other, "/lessons/first/")
        assert "draft" not in course and OLD_TEXT in lesson and NEW_TEXT not in lesson
        assert "kraken" not in text(other, "/challenges/sea-or-sky/")
        text(other, "/lessons/second/", 404)
        text(other, "/challenges/fresh-water/", 404)
        text(other, "/api/v1/challenges/fresh-water", 404)


def test_scripts_of_the_previewer_see_what_is_live(previewing):
    assert "kraken" not in text(previewing, "/api/v1/challenges/sea-or-sky")


def test_a_stranger_does_not_learn_that_there_is_a_draft(draft, bob_client, client):
    path = reverse("teach:preview", args=["tiny"])
    assert bob_client.get(path).status_code == 404
    assert client.get(path)["Location"].startswith("/accounts/login/")
    assert OLD_TEXT in text(bob_client, "/lessons/first/")


def test_who_may_only_grade_may_not_preview(draft, bob, live):
    factories.enrol(bob, live, Scope(learner_data=LearnerData.EDITOR))
    assert logged_in(bob).get(reverse("teach:preview", args=["tiny"])).status_code == 403


def test_a_session_that_names_a_draft_shows_nothing_to_whom_it_is_not_for(draft, bob_client):
    session = bob_client.session
    session["preview"] = {"course": draft.course_id, "version": draft.pk}
    session.save()
    assert NEW_TEXT not in text(bob_client, "/lessons/first/")
    assert "preview" not in bob_client.session


def test_a_role_that_is_taken_away_ends_the_preview(previewing, ada):
    assert NEW_TEXT in text(previewing, "/lessons/first/")
    Enrolment.objects.filter(user=ada).update(content=Content.NONE)
    page = text(previewing, "/lessons/first/")
    assert NEW_TEXT not in page and "The preview of the draft has ended." in page


def test_a_published_draft_ends_the_preview_and_says_so(previewing, draft, grace):
    publishing.publish(draft, by=grace, unverified=(*ALL, "fresh-water"))
    page = text(previewing, "/lessons/first/")
    assert NEW_TEXT in page and "because the draft was published" in page and "Preview of a draft" not in page


def test_a_discarded_draft_ends_the_preview_and_says_so(previewing, draft, grace):
    publishing.discard(draft, by=grace)
    page = text(previewing, "/lessons/first/")
    assert OLD_TEXT in page and "there is no draft any more" in page


def test_a_new_push_is_what_the_preview_shows_from_then_on(previewing, changed, push):
    edit(changed / "course.yaml", title="Tiny again")
    push()
    assert "Tiny again" in text(previewing, "/courses/tiny/")


def test_every_page_that_the_preview_links_can_be_shown(previewing):
    seen: dict[str, int] = {}
    asked = ["/courses/tiny/", "/lessons/second/", "/challenges/fresh-water/", "/teach/courses/tiny/"]
    while asked:
        page = asked.pop()
        if page in seen:
            continue
        response = previewing.get(page)
        seen[page] = response.status_code
        if response.get("Content-Type", "").startswith("text/html"):
            links = re.findall(r'href="(/[^"#?]*)', response.content.decode())
            asked += [link for link in links if not link.startswith(("/static/", "/admin/", "/accounts/"))]
    assert len(seen) > 15 and set(seen.values()) <= {200, 302}, seen


def test_leaving_shows_what_is_live(previewing):
    assert previewing.post(reverse("teach:preview_leave", args=["tiny"]))["Location"] == "/courses/tiny/"
    assert OLD_TEXT in text(previewing, "/lessons/first/")


def test_without_a_draft_the_address_says_so(previewer, live):
    response = previewer.get(reverse("teach:preview", args=["tiny"]), follow=True)
    assert "There is no draft of this course" in response.content.decode()


def test_the_draft_of_a_course_that_was_never_published_can_be_seen(push, ada, bob_client):
    course = push().version.course
    factories.enrol(ada, course, Scope(Content.PREVIEWER))
    client = logged_in(ada)
    client.get(reverse("teach:preview", args=["tiny"]))
    assert "Tiny" in text(client, "/courses/tiny/") and OLD_TEXT in text(client, "/lessons/first/")
    text(bob_client, "/courses/tiny/", 404)
    # Their own pages speak of what is stored, and act on it.
    assert "Leave the preview" not in client.get(reverse("teach:course", args=["tiny"])).content.decode()
    assert client.post(reverse("teach:preview_leave", args=["tiny"]))["Location"] == "/teach/courses/tiny/"
    assert bob_client.post(reverse("teach:preview_leave", args=["tiny"]))["Location"] == "/"


@pytest.mark.parametrize("path", ["run", "submit"])
def test_nothing_is_run_or_graded_in_a_preview(previewing, ada, path):
    form = {"kind": "prompt", "instructions": "Sea or sky?", "key": "key-1", "learner": str(ada.pk), "whole": "1"}
    response = previewing.post(f"/challenges/sea-or-sky/{path}", form)
    page = response.content.decode()
    assert response.status_code == 409, page
    assert "This is a preview of a draft" in page
    assert not Run.objects.filter(user=ada).exists() and not Submission.objects.exists()


def test_nothing_is_kept_of_what_a_previewer_does(previewing):
    response = previewing.post("/challenges/sea-or-sky/hint", headers={"Referer": "http://testserver/lessons/first/"})
    assert response["Location"] == "http://testserver/lessons/first/"
    assert "nothing is run, graded or kept" in text(previewing, "/lessons/first/")
    answered = previewing.post("/lessons/first/questions/water/answer", {"option": "0"})
    assert answered.status_code == 422 and "nothing is run, graded or kept" in answered.content.decode()
    assert not HintsTaken.objects.exists() and not Answer.objects.exists() and not PairChoice.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_requests_at_the_same_moment_do_not_mix(previewing, bob):
    """A previewer and a learner ask in turn from eight threads, which share the process's cache of the catalogue."""
    cookies = {True: previewing.cookies, False: logged_in(bob).cookies}

    def ask(number: int) -> list[str]:
        is_previewer, client = number % 2 == 0, Client()
        client.cookies = cookies[is_previewer]
        pages = [text(client, "/lessons/first/") for _ in range(5)]
        return [page for page in pages if (NEW_TEXT in page) != is_previewer or (OLD_TEXT in page) == is_previewer]

    assert not [page for wrong in at_once(ask, 16) for page in wrong]
    assert catalogue.now() is catalogue.live()


def test_an_error_in_a_page_leaves_no_draft_behind(live):
    shown = Course(pk=live.pk, slug="tiny", title="Instead")
    shown.current_lessons = []
    with pytest.raises(SynchronousOnlyOperation), catalogue.instead(shown):
        assert catalogue.now().course("tiny").title == "Instead"
        raise SynchronousOnlyOperation
    assert catalogue.now().course("tiny").title == "Tiny"
