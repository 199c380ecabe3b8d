"""All pages of the site with content, for the checks that visit each of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from challenges.reading import read_course
from gradus.accounts.models import User
from gradus.chats import services as chats
from gradus.courses import catalogue
from gradus.courses.services import publish
from gradus.learn.findings import runs
from gradus.reviews.models import Review
from gradus.reviews.services import start_regrade
from gradus.submissions import services
from gradus.submissions.models import Submission
from tests import factories
from tests.learn import scene

LIBRARY = settings.BASE_DIR / "challenges" / "library"
MARK = {
    "id": "cause",
    "label": "Names the cause",
    "mark": "partial",
    "points": 25.0,
    "points_max": 50,
    "evidence": ["the weights keep old facts"],
    "improve": "Say why.",
}


@dataclass(frozen=True)
class Pages:
    """The paths of pages for everybody, for the learner, and for staff."""

    open: list[str]
    own: list[str]
    staff: list[str]


def furnish(folder: Path, learner: User) -> Pages:
    """Publishes the built-in course and a small one, in which the learner submits one attempt of each kind."""
    built_in = publish(read_course(LIBRARY))
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
    waiting = factories.submit(learner, "ticket", {**factories.LORA, "rows": TICKETS})
    lesson = built_in.lessons.get()
    staff = factories.UserFactory.create(is_staff=True)
    regrade = start_regrade(factories.challenge("explain"), by=staff, note="A new judge")
    slugs = [challenge.slug for challenge in lesson.challenges.order_by("pk")]
    return Pages(
        open=[
            "/",
            "/path/",
            f"/courses/{built_in.slug}/",
            f"/lessons/{lesson.slug}/",
            *(f"/challenges/{slug}/" for slug in slugs),
            f"/challenges/{slugs[0]}/?track=tune&rows=starter",
            "/leaderboards/",
            "/leaderboards/sea-or-sky/",
            "/accounts/login/",
            "/accounts/signup/",
            "/accounts/password/reset/",
        ],
        own=[
            "/lessons/first/",
            "/lessons/first/findings/few-shot/",
            "/lessons/first/advisor/?changes=weekly&rows=many",
            "/challenges/sea-or-sky/",
            "/challenges/explain/",
            *(f"/submissions/{one.uuid}/" for one in (*attempts, waiting)),
            f"/runs/{run.uuid}/",
            f"/submissions/{attempts[2].uuid}/chat/",
            f"/challenges/sea-or-sky/compare/?a={attempts[0].uuid}&b={attempts[1].uuid}",
            "/challenges/sea-or-sky/costs/",
            "/challenges/sea-or-sky/solution/",
            "/challenges/sea-or-sky/report/",
            "/notices/",
            "/profile/",
        ],
        staff=[
            "/reviews/",
            f"/reviews/{Review.objects.get().pk}/",
            "/reviews/accuracy/",
            "/reviews/calibration/",
            "/reviews/judge/",
            "/reviews/regrades/",
            f"/reviews/regrades/{regrade.pk}/",
        ],
    )


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
