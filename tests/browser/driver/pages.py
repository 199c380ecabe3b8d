"""All pages of the site with content, for the checks that visit each of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings

from challenges import payloads
from challenges.course_bundle import CourseBundle
from challenges.kinds.tune_keys import candidates
from challenges.reading import read_course
from graders.base import Assignment
from graders.registry import grade
from gradus.accounts.models import User, digest_of
from gradus.accounts.token_rules import Content, LearnerData, Scope
from gradus.chats import services as chats
from gradus.courses import bundles, catalogue
from gradus.courses.models import Calibration, Course, CourseVersion
from gradus.courses.services import publish
from gradus.fleet.jobs import job_of
from gradus.laboratory import runs
from gradus.reviews.models import Review
from gradus.reviews.services import start_regrade
from gradus.submissions import services
from gradus.submissions.models import Mark, Run, Submission
from gradus.submissions.results import board_decisions as decisions
from gradus.teach import people
from gradus.teach.models import Invitation
from tests import example_course, factories
from tests.browser.driver.classes import CODE, class_pages, own_grades, platform_pages
from tests.kinds.rag_engine import PAYLOAD, Engine
from tests.learn import scene
from tests.reviews.test_calibration import JUDGE, report
from workers.execute import execute
from workers.grading import outcomes

LIBRARY = settings.BASE_DIR / "challenges" / "library"
LINK = "a-link-of-a-mail"
MARK = {
    "id": "cause",
    "label": "Names the cause",
    "mark": "partial",
    "points": 25.0,
    "points_max": 50,
    "evidence": ["the weights keep old facts"],
    "improve": "Say why.",
}


@cache
def library() -> CourseBundle:
    """The built-in course, read once: a bundle never changes."""
    return read_course(LIBRARY)


def lessons(*ids: str) -> CourseBundle:
    """The built-in course with these lessons only."""
    kept = tuple(lesson for lesson in library().lessons if lesson.id in ids)
    assert len(kept) == len(ids)
    return replace(library(), lessons=kept, digest="")


def publish_lessons(*ids: str) -> None:
    publish(lessons(*ids))


@dataclass(frozen=True)
class Pages:
    """The paths of pages for everybody, for the learner, and for staff.

    `more` are those for everybody that differ from another one in their contents only: further lessons and challenges.
    """

    open: list[str]
    more: list[str]
    own: list[str]
    staff: list[str]


def taught(slug: str, learner: User, owner: User) -> list[str]:
    """A course with people, an invitation and a draft; the pages about them."""
    course = Course.objects.get(slug=slug)
    factories.enrol(owner, course, Scope(Content.OWNER, LearnerData.EDITOR))
    factories.enrol(factories.UserFactory.create(), course, Scope(Content.PREVIEWER))
    made = people.invite(course, by=owner, email="lena@example.org", scope=Scope(Content.VIEWER), site="/").invitation
    Invitation.objects.filter(pk=made.pk).update(digest=digest_of(LINK))
    contents = dict(course.challenges.exclude(version=None).values_list("name", "version__digest"))
    lines = ["challenge explain: 2 hidden rows were added, 1 was removed", "lesson first: the text was changed"]
    CourseVersion.objects.create(
        course=course,
        version="1.1.0",
        digest="d" * 64,
        contents=contents,
        pushed_by=owner,
        difference={"lines": lines},
        note="A correction that a learner asked for",
    )
    named = f"/teach/courses/{slug}/"
    return ["/teach/", named, f"{named}people/", f"/teach/invitations/{LINK}/"]


def furnish(folder: Path, learner: User) -> Pages:
    """Publishes the built-in course and a small one, in which the learner submits one attempt of each kind."""
    built_in = publish(library())
    first, more = pages_of(built_in.slug)
    scene.scene_course(folder / "scene")
    scene.with_baselines(factories.challenge("sea-or-sky").version)
    attempts = graded(learner)
    run = services.start_run(learner, factories.challenge("sea-or-sky").version, factories.PROMPT)
    factories.grade(run)
    message = chats.send(Submission.objects.get(pk=attempts[2].pk), "a heron over the bay", "challenge")
    factories.grade(message.run, None, result={"chat": factories.CHAT})
    shown = catalogue.now().lesson("first")
    for repeated in runs.start(shown, shown.parsed_findings[0], learner, 2):
        factories.grade(repeated)
    looked_up, tried = with_documents(folder / "examples", learner)
    staff = factories.UserFactory.create(is_staff=True)
    of_class = class_pages(Course.objects.get(slug="tiny"), staff, learner)
    waiting = factories.submit(learner, "ticket", {**factories.LORA, "rows": TICKETS})
    explain = factories.challenge("explain")
    entry = f"/teach/boards/sea-or-sky/{learner.pk}/"
    decisions.mark(learner, factories.challenge("ticket"), Mark.Kind.HIDDEN, by=staff, reason="The rows of another")
    decisions.mark(learner, factories.challenge("sea-or-sky"), Mark.Kind.FLAG, by=staff, reason="Look at this again")
    regrade = start_regrade(explain, by=staff, note="A new judge")
    missed = ["Only 30 answers that people have marked were graded, and 40 are needed."]
    shut = report(passed=False, missed=missed)
    measured = Calibration.objects.create(version=explain.version, model=JUDGE[0], template=JUDGE[1], report=shut)
    return Pages(
        open=[
            "/",
            "/path/",
            *first,
            "/leaderboards/",
            "/leaderboards/sea-or-sky/",
            LIBRARY_PAGE,
            f"{LIBRARY_PAGE}documents/",
            "/challenges/short-and-steady/",
            "/receipts/",
            "/teach/write-a-challenge/",
            "/join/",
            f"/join/{CODE}/",
            "/accounts/login/",
            "/accounts/signup/",
            "/accounts/password/reset/",
        ],
        more=more,
        own=[
            "/courses/tiny/",
            own_grades(),
            "/lessons/first/",
            "/lessons/first/findings/few-shot/",
            "/lessons/first/advisor/?changes=weekly&rows=many",
            "/challenges/sea-or-sky/",
            "/challenges/explain/",
            *(f"/submissions/{one.uuid}/" for one in (*attempts, waiting)),
            f"/submissions/{attempts[0].uuid}/receipt/",
            f"/submissions/{attempts[3].uuid}/receipt/",
            f"/runs/{run.uuid}/",
            f"/submissions/{attempts[2].uuid}/chat/",
            f"/submissions/{looked_up.uuid}/",
            *(f"/runs/{one.uuid}/" for one in tried),
            f"/challenges/short-and-steady/compare/?a={tried[1].uuid}&b={tried[2].uuid}",
            f"/challenges/sea-or-sky/compare/?a={attempts[0].uuid}&b={attempts[1].uuid}",
            "/challenges/sea-or-sky/costs/",
            "/challenges/sea-or-sky/solution/",
            "/challenges/sea-or-sky/report/",
            "/leaderboards/ticket/",
            "/leaderboards/ticket/hidden/",
            "/notices/",
            "/profile/",
            "/profile/friends/",
        ],
        staff=[
            *taught("tiny", learner, staff),
            *of_class,
            "/teach/boards/",
            "/teach/boards/sea-or-sky/",
            "/teach/courses/new",
            "/teach/courses/tiny/studio/",
            "/teach/courses/tiny/studio/file/?path=first/lesson.md",
            "/teach/challenges/sea-or-sky/",
            "/teach/challenges/sea-or-sky/rows/",
            "/teach/challenges/sea-or-sky/similar/",
            "/teach/challenges/explain/",
            entry,
            "/teach/merge/",
            "/teach/platforms/new",
            *platform_pages(staff),
            "/teach/courses/tiny/use/",
            "/reviews/",
            f"/reviews/{Review.objects.get(evaluation__submission=attempts[3]).pk}/",
            "/reviews/question/explain/",
            "/reviews/question/explain/bulk/",
            "/reviews/snippets/",
            "/reviews/accuracy/",
            "/reviews/calibration/",
            f"/reviews/calibration/{measured.version_id}/",
            "/reviews/judge/",
            "/reviews/regrades/",
            f"/reviews/regrades/{regrade.pk}/",
        ],
    )


LIBRARY_PAGE = "/challenges/ask-the-library/"


def pages_of(slug: str) -> tuple[list[str], list[str]]:
    """A course with a lesson and a challenge of each kind; its further lessons and challenges.

    Tracks, documents and choices have pages of their own.
    """
    course = catalogue.now().course(slug)
    listed = [challenge for lesson in course.current_lessons for challenge in lesson.current_challenges]
    trained = next(challenge for challenge in listed if "tune" in challenge.spec.also)
    kinds = {(challenge.kind, *challenge.spec.also): challenge for challenge in reversed(listed)}
    documents = [f"/challenges/{challenge.slug}/documents/" for challenge in listed if challenge.kind == "rag"]
    choices = [f"/challenges/{challenge.slug}/choices/" for challenge in listed if candidates(challenge.spec)]
    read, *unread = course.current_lessons
    first = [
        f"/courses/{slug}/",
        f"/lessons/{read.slug}/",
        "/lessons/fine-tuning-vs-prompting/one-page/",
        "/lessons/fine-tuning-vs-prompting/steps/change-one-thing-at-a-time/",
        "/lessons/retrieval/steps/search-reading-or-document-what-failed/",
        *(f"/challenges/{challenge.slug}/" for challenge in kinds.values()),
        f"/challenges/{trained.slug}/?track=tune&rows=starter",
        *documents[:1],
        *choices[:1],
    ]
    more = [f"/lessons/{lesson.slug}/" for lesson in unread]
    more += [f"/challenges/{challenge.slug}/" for challenge in listed if challenge not in kinds.values()]
    return first, [*more, *documents[1:], *choices[1:]]


def with_documents(folder: Path, learner: User) -> tuple[Submission, list[Run]]:
    """Publishes the examples of the documentation. A retrieval is submitted and tried, and two prompts are tried whose
    score is the worst of three orders and depends on their tokens.
    """
    publish(read_course(example_course.write_course(folder)))
    submission = factories.submit(learner, "ask-the-library", PAYLOAD)
    factories.grade(submission, 0.5, result=looked_up(submission))
    run = services.start_run(learner, factories.challenge("ask-the-library").version, PAYLOAD)
    factories.grade(run, result=looked_up(run))
    return submission, [run, *(steady(learner, orders) for orders in ([0.5, 0.875, 0.625], [0.75, 0.875, 0.75]))]


def looked_up(owner: Submission | Run) -> dict[str, Any]:
    """What a worker writes, with passages that are looked up for real and answers of a table."""
    assignment = Assignment(bundles.load(owner.version), payloads.parse(owner.payload), hidden=False)
    graded = execute(grade(assignment), Engine(), None, lambda event: None, lambda: False, 60)  # type: ignore[arg-type]
    return outcomes.visible(job_of(owner.current), graded)


def steady(learner: User, orders: list[float]) -> Run:
    given = [{"input": f"Day {n} was great.", "output": label} for n, label in enumerate(("praise", "complaint") * 2)]
    payload = {"kind": "prompt", "instructions": f"Praise? {orders[0]}", "examples": given}
    run = services.start_run(learner, factories.challenge("short-and-steady").version, payload)
    result = factories.result_for(run, wrong=round(8 * (1 - min(orders))))
    public = result["public"]
    public |= {"orders": orders, "charged": {"tokens": 140, "factor": 0.8}, "score": 0.8 * public["score"]}
    factories.grade(run, result=result)
    return run


TICKETS = [{"input": "My anchor is lost", "output": '{"priority": "low", "summary": "lost anchor"}'}] * 2


def graded(learner: User) -> list[Submission]:
    """Grades two prompts, an adapter, and a free-text answer that waits for a person."""
    made = []
    for words, wrong in (("Sea or sky?", 1), ("Is it sea or is it sky?", 0)):
        prompt = factories.submit(learner, payload={**factories.PROMPT, "instructions": words})
        factories.grade(prompt, 0.9, result=factories.result_for(prompt, wrong=wrong))
        made.append(prompt)
    adapter = factories.submit(learner, payload=factories.LORA)
    factories.grade(adapter, 0.7, artifact=factories.adapter_zip())
    answer = factories.submit(learner, "explain", factories.FREE_TEXT)
    factories.grade(answer, 0.65, provisional=True, review=("provisional",), result={"marks": [MARK]})
    return [*made, adapter, answer]
