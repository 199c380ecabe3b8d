"""Makes a site in which every text is an XSS payload: those of authors, learners, the judge and workers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import cycle
from pathlib import Path
from typing import Any

from django.contrib import admin
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.urls import reverse
from django.utils import timezone

from challenges.bundle import ChallengeBundle
from challenges.course_bundle import CourseBundle
from challenges.findings.spec import Finding, Records, dump_records
from challenges.lesson.spec import Course, Lesson
from challenges.rows import Sample, TrainRow
from challenges.spec import Challenge, dump
from gradus.accounts.models import ApiToken, User
from gradus.chats import services as chats
from gradus.courses.services import publish
from gradus.fleet import tokens
from gradus.fleet.models import MACHINE_MAX, WorkerToken
from gradus.learn.demo.demo import DEMO
from gradus.reports import services as reports
from gradus.reviews import services as reviews
from gradus.reviews.models import JudgeCall, Regrade, Review
from gradus.submissions import services
from gradus.submissions.models import Evaluation, Run, Submission, WorkerStatus
from tests import factories
from tests.browser.script import xss_payloads
from tests.hostile.drawings import DRAWINGS, as_bytes
from tests.learn import scene
from tests.reviews import cases

# The keys of a bundle whose values people read.
WORDS = {
    "title", "summary", "question", "answer", "model_answer", "label", "text", "improve", "help", "first_step", "intro",
    "notice", "explanation", "claim", "source", "condition", "statement", "limits", "machine", "day",
}  # fmt: skip
LISTS = {"hints", "chips"}
KEPT = {"sea", "sky", "string"}
LIMITS = {"attempts_per_day": 100, "instructions_chars": 16_384, "prompt_tokens_max": 4096, "answer_chars": 16_384}
ROOMY = {"rows_max": 500, "row_tokens_max": 512, "tokens_max": 150_000}
ROWS = 60
HARMLESS = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><rect width="9" height="9"/></svg>'
OPEN = ("/", "/path/", "/courses/tiny/", "/leaderboards/", "/leaderboards/sea-or-sky/")


@dataclass(frozen=True)
class Stop:
    """A page, the user who opens it, and the texts that it must show unchanged."""

    who: User | None
    path: str
    texts: tuple[str, ...] = ()


@dataclass
class Poison:
    """Replaces texts in a bundle by the payloads in turn."""

    supply: Iterator[str] = field(default_factory=lambda: cycle(xss_payloads.texts(most=90)))

    def into(self, value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: self.into(one, "label" if key == "because" else name) for name, one in value.items()}
        if isinstance(value, list | tuple):
            return [self.into(one, "text" if key in LISTS else "") for one in value]
        wanted = isinstance(value, str) and key in WORDS and value not in KEPT
        return f"{value} {next(self.supply)}" if wanted else value


def marked() -> str:
    """All payloads as CommonMark, each between two words that must be shown."""
    return "\n\n".join(f"before{one.number}\n\n{one.text}\n\nafter{one.number}" for one in xss_payloads.PAYLOADS)


def drawings() -> tuple[str, dict[str, bytes]]:
    """Illustrations in Markdown, and their files: hostile drawings, and harmless drawings with hostile words."""
    files = {f"assets/hostile-{n}.svg": one for n, one in enumerate(map(as_bytes, DRAWINGS.values()))}
    shown = [f"![a drawing]({name})" for name in files]
    files["assets/harmless.svg"] = HARMLESS
    words = [text.replace("\n", " ") for text in xss_payloads.texts(without='[]"\\<>')]
    shown += [f'![{text}](assets/harmless.svg "{text}")' for text in words]
    return "\n\n".join(shown), files


def course(folder: Path) -> CourseBundle:
    bundle, poison = scene.scene_bundle(folder), Poison()
    lesson = bundle.lessons[0]
    spec = Lesson.model_validate(poison.into(dump(lesson.lesson)))
    faq = [{"question": "Why?", "answer": marked()}]
    pictures, files = drawings()
    hostile = replace(
        lesson,
        lesson=Lesson.model_validate({**dump(spec), "faq": faq}),
        text=f"{scene.TEXT}\n\n{marked()}\n\n{pictures}",
        files={**lesson.files, **files},
        challenges=tuple(challenge(one, poison) for one in lesson.challenges),
        findings=tuple(Finding.model_validate(poison.into(dump(one))) for one in lesson.findings),
        records=Records.model_validate(poison.into(dump_records(lesson.records))),
    )
    title = {"title": "Tiny <script>xss(0)</script>", "summary": next(poison.supply)}
    course = Course.model_validate({**dump(bundle.course), **title})
    return replace(bundle, course=course, lessons=(hostile,), digest="")


def challenge(bundle: ChallengeBundle, poison: Poison) -> ChallengeBundle:
    values = poison.into(dump(bundle.challenge)) | {"limits": LIMITS, "hints": [marked()] * 3}
    if "words" in values:
        values["words"] = [1, 10_000]
    if "tune" in values:
        values["tune"] = ROOMY
    texts = xss_payloads.texts()
    public, train = bundle.public[:2], bundle.train[:2]
    samples = [Sample(id=f"p{n}", input=one, target=public[n % 2].target) for n, one in enumerate(texts[:80]) if public]
    starter = [TrainRow(input=one, output=train[n % 2].output) for n, one in enumerate(texts) if train]
    return replace(
        bundle,
        challenge=Challenge.model_validate(values),
        statement=marked(),
        solution=marked(),
        public=tuple(samples),
        train=tuple(starter),
        digest="",
    )


def make(folder: Path, ada: User, grace: User) -> list[Stop]:
    publish(course(folder))
    scene.with_baselines(factories.challenge("sea-or-sky").version)
    words = [f"before{one.number}" for one in xss_payloads.PAYLOADS] + [
        f"after{one.number}" for one in xss_payloads.PAYLOADS
    ]
    named(ada, grace)
    learner = [*prompts(ada), *rows(ada), answers(ada, grace), chatted(ada)]
    others(ada)
    return [
        *(Stop(None, path) for path in OPEN),
        Stop(None, "/lessons/first/", tuple(words)),
        Stop(ada, "/lessons/first/advisor/?changes=weekly&rows=many"),
        Stop(ada, "/lessons/first/findings/few-shot/"),
        *(Stop(ada, f"/challenges/{slug}/", tuple(words)) for slug in ("sea-or-sky", "ticket", "explain")),
        Stop(ada, "/challenges/sea-or-sky/?track=tune&rows=starter"),
        Stop(ada, "/challenges/sea-or-sky/solution/", tuple(words)),
        *learner,
        *trials(ada),
        Stop(ada, "/profile/"),
        *reported(ada, grace),
        *(Stop(grace, path) for path in staff_pages()),
        *(Stop(grace, path) for path in admin_pages()),
    ]


def batched(texts: list[str], size: int) -> list[tuple[str, ...]]:
    return [tuple(texts[at : at + size]) for at in range(0, len(texts), size)]


def named(ada: User, grace: User) -> None:
    """Gives users names that the forms would refuse, as if they came from an old row or another source."""
    names = iter(xss_payloads.texts(most=40))
    for user in (ada, grace):
        User.objects.filter(pk=user.pk).update(pseudonym=next(names), first_name=next(names), last_name=next(names))
        ApiToken.issue(user, next(names))
    for text in list(names)[:20]:
        other = factories.UserFactory.create(pseudonym=text)
        factories.grade(factories.submit(other), 0.8)


def prompts(ada: User) -> list[Stop]:
    """Submits prompts with payloads in all fields; the model's outputs are payloads too."""
    texts = xss_payloads.texts(learners=True)
    parts = batched(texts, len(texts) // 3 + 1)
    made = []
    for part in parts:
        submission = factories.submit(ada, payload=prompt_payload(part))
        factories.grade(submission, 0.7, result=hostile_result(submission))
        made.append((submission, (*part,)))
    (first, _), (second, _) = made[:2]
    pages = [Stop(ada, f"/submissions/{one.uuid}/", texts) for one, texts in made]
    drafts = [Stop(ada, f"/challenges/sea-or-sky/?from={one.uuid}", texts) for one, texts in made]
    return [*pages, *drafts, Stop(ada, f"/challenges/sea-or-sky/compare/?a={first.uuid}&b={second.uuid}")]


def prompt_payload(part: tuple[str, ...]) -> dict[str, Any]:
    words = xss_payloads.texts(True, most=38, without="{}\n")
    return {
        "kind": "prompt",
        "instructions": "\n".join(part),
        "examples": [{"input": text, "output": "sky"} for text in part[:12]],
        "example": f"{words[0]} {{input}}: {{output}}",
        "label_words": {"sea": words[1], "sky": words[2]},
    }


def hostile_result(owner: Submission | Run) -> dict[str, Any]:
    result = factories.result_for(owner)
    for row, text in zip(result["public"]["rows"], cycle(xss_payloads.texts()), strict=False):
        row |= {"output": text, "why": text}
    return result


def rows(ada: User) -> list[Stop]:
    """Submits training rows with payloads in their JSON outputs."""
    stops = []
    for part in batched(xss_payloads.texts(learners=True, most=120), ROWS):
        lines = [{"input": one, "output": json.dumps({"priority": "low", "summary": one})} for one in part]
        submission = factories.submit(ada, "ticket", {**factories.LORA, "rows": lines})
        factories.grade(submission, 0.7)
        stops += [
            Stop(ada, f"/submissions/{submission.uuid}/"),
            Stop(ada, f"/challenges/ticket/?from={submission.uuid}"),
        ]
    return stops


def answers(ada: User, grace: User) -> Stop:
    """Submits a free-text answer that waits for review; the judge's texts about it are payloads too."""
    text, texts = "\n".join(xss_payloads.texts(learners=True)), xss_payloads.texts(most=90)
    votes = [
        {"marks": [{"id": "cause", "mark": "met", "reason": one, "quotes": [one]}], "problem": one} for one in texts[:3]
    ]
    raw = {
        "private": {
            "nearest": [{"likeness": 0.9, "answer": one, "marks": cases.ALL_MET} for one in texts[:20]],
            "flags": texts[:20], "problems": texts[:20], "votes": [cases.MARKS], "judge": votes,
        }
    }  # fmt: skip
    name = storages["private"].save("raw/hostile.json", ContentFile(json.dumps(raw).encode()))
    result = cases.result()
    for mark, one in zip(result["marks"], texts, strict=False):
        mark |= {"label": one, "evidence": [one], "improve": one}
    submission = cases.submit(ada, text)
    factories.grade(submission, 0.6, provisional=True, review=("provisional",), raw=name, result=result)
    reviews.appeal(submission, "\n".join(texts[:30])[:2000])
    return Stop(ada, f"/submissions/{submission.uuid}/", tuple(xss_payloads.texts(learners=True)))


def chatted(ada: User) -> Stop:
    """A chat in which the learner's text, the prompt, and every token and its rivals are payloads."""
    attempt, texts = factories.trained(ada), xss_payloads.texts(learners=True)
    text = "\n".join(texts)[:1000].strip()
    message = chats.send(attempt, text, "challenge")
    said = {"text": text, "tokens": [[one, 0.5, [[one, 0.5]]] for one in texts]}
    answers = {stage: {**answer, **said} for stage, answer in factories.CHAT["answers"].items()}
    factories.grade(message.run, None, result={"chat": {"prompt": "\n".join(texts), "answers": answers}})
    return Stop(ada, f"/submissions/{attempt.uuid}/chat/", (text,))


def trials(ada: User) -> list[Stop]:
    version = factories.challenge("sea-or-sky").version
    assert version is not None
    run = services.start_run(
        ada, version, {**factories.PROMPT, "instructions": "\n".join(xss_payloads.texts(True)[:60])}
    )
    factories.grade(run, result=hostile_result(run))
    runs = DEMO.start(version.challenge.lesson, ada, xss_payloads.texts(True, most=60)[0])
    for one in runs:
        scene.answer_demo(one, {"sea": 0.7, "sky": 0.3})
    place = "/".join(str(one.uuid) for one in runs)
    return [Stop(ada, f"/runs/{run.uuid}/"), Stop(ada, f"/lessons/first/demo/{place}/")]


def reported(ada: User, grace: User) -> list[Stop]:
    """Reports a problem; the report and its answer are payloads, which the learner's notices show."""
    told = [text for text in xss_payloads.texts(learners=True, most=1900) if text.strip()]
    half = len(told) // 2
    asked, answered = ("\n".join(part)[:1900].strip() for part in (told[:half], told[half:]))
    made = reports.report(ada, factories.challenge("sea-or-sky"), track="prompt", what="task", text=asked)
    reports.answer(made, by=grace, text=answered)
    return [Stop(ada, "/notices/", (asked, answered)), Stop(ada, "/challenges/sea-or-sky/report/")]


def others(ada: User) -> None:
    texts = iter(xss_payloads.texts(most=80))
    WorkerStatus.objects.create(
        name=next(texts), lane="grade", device=next(texts), judge=next(texts), problem=next(texts),
        lacks={f"{next(texts)}/{next(texts)}": next(texts)},
    )  # fmt: skip
    token = tokens.make("gpu-1", ["grade"], timezone.now() + timedelta(days=1), None)[0]
    said = {"report": {"device": next(texts), "version": next(texts)}, "machine": next(texts)[:MACHINE_MAX]}
    WorkerToken.objects.filter(pk=token.pk).update(**said, bound_at=timezone.now())
    services.keep_choice(
        "k", {"model": next(texts), "cpu": next(texts), "threads": 1, "device": "cpu", "versions": next(texts)},
        "0" * 12, {"timings": {next(texts): 1.0}},
    )  # fmt: skip
    evaluation = Evaluation.objects.filter(submission__user=ada).latest("pk")
    JudgeCall.objects.create(
        evaluation=evaluation, key="k", template=next(texts)[:64], model=next(texts), rung="x", problem=next(texts),
        request={next(texts): next(texts)}, response=next(texts), reply={"said": next(texts)},
    )  # fmt: skip
    staff = factories.UserFactory.create(is_staff=True)
    reviews.start_regrade(factories.challenge("sea-or-sky"), by=staff, note=next(texts))
    decided = cases.waiting(factories.UserFactory.create())
    reviews.decide(decided, by=staff, marks=cases.ALL_MET, reason=next(texts))
    decided.refresh_from_db()
    reviews.make_gold(decided, by=staff, role="test")


def staff_pages() -> list[str]:
    lists = ("", "accuracy/", "calibration/", "judge/", "regrades/")
    single = [f"{pk}/" for pk in Review.objects.values_list("pk", flat=True)]
    regrades = [f"regrades/{pk}/" for pk in Regrade.objects.values_list("pk", flat=True)]
    return [f"/reviews/{path}" for path in (*lists, *single, *regrades)]


def admin_pages(most: int = 3) -> list[str]:
    """The addresses of each list in the admin, and of its `most` newest objects."""
    pages = [reverse("admin:index"), reverse("health"), reverse("workers")]
    for model in admin.site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        pages.append(reverse(f"{name}_changelist"))
        newest = model._default_manager.order_by("-pk").values_list("pk", flat=True)[:most]
        pages += [reverse(f"{name}_change", args=[pk]) for pk in newest]
    return pages
