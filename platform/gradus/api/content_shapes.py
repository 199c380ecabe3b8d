"""From rows to what the API gives. Everything here is for its owner's eyes: public samples and floored scores."""

from functools import partial
from typing import Any

from challenges import metrics
from challenges.kinds import registry as kinds
from challenges.kinds.rag_keys import RagKeys
from challenges.lesson.spec import Approach, Demo, Retriever
from challenges.models.catalogue import MODELS
from challenges.rows import Sample
from challenges.spec import dump
from gradus.accounts.models import User
from gradus.api import schemas
from gradus.courses import catalogue
from gradus.courses.models import Challenge, Course, Lesson
from gradus.learn.lesson.advisor import Advice
from gradus.learn.path.steps import ChallengeStep, CoursePath, LessonStep
from gradus.reviews.who_grades import guest_note, who_grades
from gradus.submissions import limits, services
from gradus.submissions.limits import Use
from gradus.submissions.models import Standing
from gradus.submissions.services import slots


def course(course: Course) -> schemas.CourseOut:
    return schemas.CourseOut(
        id=course.slug,
        title=course.title,
        summary=course.summary,
        version=course.version,
        lessons=[
            schemas.LessonBrief(
                id=lesson.slug,
                title=lesson.title,
                summary=lesson.summary,
                minutes=lesson.minutes,
                challenges=[item.slug for item in lesson.current_challenges],
            )
            for lesson in course.current_lessons
        ],
    )


def lesson(lesson: Lesson) -> schemas.LessonOut:
    spec, shown = lesson.parsed, partial(catalogue.now().challenge_named, lesson.course)
    return schemas.LessonOut(
        id=lesson.slug,
        course=lesson.course.slug,
        title=lesson.title,
        summary=lesson.summary,
        minutes=lesson.minutes,
        text=lesson.text,
        faq=[schemas.FaqOut(question=item.question, answer=item.answer) for item in spec.faq],
        challenges=[one.slug for one in lesson.current_challenges],
        advisor=[
            schemas.AdvisorQuestionOut(
                id=question.id,
                text=question.text,
                choices=[schemas.AdvisorChoiceOut(id=one.id, label=one.label) for one in question.choices],
            )
            for question in (spec.advisor.questions if spec.advisor else ())
        ],
        demo=_playground(spec.demo, spec.demo.notice) if spec.demo and shown(spec.demo.challenge) else None,
        retriever=_playground(spec.retriever) if spec.retriever and shown(spec.retriever.challenge) else None,
    )


def _playground(spec: Demo | Retriever, notice: str = "") -> schemas.PlaygroundOut:
    return schemas.PlaygroundOut(
        title=spec.title, notice=notice, examples=list(spec.chips), input_chars=spec.input_chars
    )


def path(path: CoursePath) -> schemas.PathOut:
    lessons = [_lesson_step(lesson) for lesson in path.lessons]
    return schemas.PathOut(
        id=path.course.slug,
        title=path.course.title,
        passed=sum(lesson.done for lesson in path.lessons),
        total=sum(len(lesson.challenges) for lesson in path.lessons),
        next=path.next.challenge.slug if path.next else None,
        lessons=lessons,
    )


def _lesson_step(step: LessonStep) -> schemas.LessonStep:
    return schemas.LessonStep(
        id=step.lesson.slug,
        title=step.lesson.title,
        summary=step.lesson.summary,
        minutes=step.lesson.minutes,
        state=step.state,
        requires=[needed.slug for needed in step.needs],
        challenges=[_challenge_step(item) for item in step.challenges],
    )


def _challenge_step(step: ChallengeStep) -> schemas.ChallengeStep:
    return schemas.ChallengeStep.model_validate(
        {
            "id": step.challenge.slug,
            "title": step.challenge.title,
            "kind": step.challenge.kind,
            "state": step.state,
            "score": step.standing.shown if step.standing else None,
            "version": step.standing.version.version if step.standing else None,
            "provisional": step.standing.provisional if step.standing else False,
        }
    )


def advice(advice: Advice, unanswered: list[str]) -> schemas.AdviceOut:
    return schemas.AdviceOut.model_validate(
        {
            "recommended": [_approach(item) for item in advice.recommended],
            "reasons": [vars(reason) for reason in advice.reasons],
            "against": [vars(reason) for reason in advice.against],
            "ruled_out": [vars(reason) for reason in advice.ruled_out],
            "would_change": [{**vars(flip), "leads_to": [item.id for item in flip.leads_to]} for flip in advice.flips],
            "try_first": [_approach(item) for item in advice.cheaper],
            "scores": [{**vars(item), "approach": item.approach.id} for item in advice.scores],
            "unanswered": unanswered,
        }
    )


def _approach(approach: Approach) -> dict[str, str]:
    return {key: getattr(approach, key) for key in ("id", "title", "summary", "first_step")}


def challenge(challenge: Challenge, user: User | None, hints: list[str]) -> schemas.ChallengeOut:
    spec, version = challenge.spec, challenge.version
    assert version is not None
    values = dump(spec)
    return schemas.ChallengeOut.model_validate(
        {
            **{key: values[key] for key in ("title", "summary", "minutes", "model", "answer", "prompt")},
            **{key: values[key] for key in ("kind", "public_metrics", "pass", "gold", "limits", "feedback")},
            "base_model": _base_model(spec.model),
            "track_gold": values.get("track_gold", {}),
            "id": challenge.slug,
            "course": challenge.lesson.course.slug,
            "lesson": challenge.lesson.slug,
            "version": version.version,
            "verified": version.is_verified,
            "tracks": list(spec.tracks),
            "statement": version.statement,
            "metric": spec.metric.name,
            "metric_title": metrics.in_words(spec.metric),
            "orders": spec.metric.orders,
            "token_budget": dump(spec.metric.tokens) if spec.metric.tokens else None,
            "samples": [_sample(sample) for sample in version.samples],
            "train": version.train,
            "details": {name: kinds.find(name).shown_keys(spec) for name in spec.tracks},
            "unavailable": {name: lacking for name in spec.tracks if (lacking := services.unavailable(spec, name))},
            "graded_by": who_grades(challenge, user).by,
            "attempts_left": slots.left(limits.ATTEMPTS, Use(user=user, challenge=challenge)),
            "guest_note": guest_note(user, challenge.kind) or None,
            "hints_total": len(spec.hints),
            "hints": hints,
            "best": _best(user, challenge),
        }
    )


def _base_model(name: str | None) -> dict[str, Any] | None:
    model = MODELS.get(name or "")
    if model is None:
        return None
    keys = ("name", "title", "licence", "parameters", "context", "source", "digest", "checkpoint", "precision")
    return {key: getattr(model, key) or None for key in keys}


def _sample(sample: Sample) -> dict[str, Any]:
    return {"id": sample.id, "input": sample.input, "target": sample.target, "documents": sample.documents}


def documents(keys: RagKeys) -> schemas.DocumentsOut:
    return schemas.DocumentsOut.model_validate(
        {"documents": [dump(one) for one in keys.corpus], "updates": [dump(one) for one in keys.updates]}
    )


def _best(user: User | None, challenge: Challenge) -> dict[str, float]:
    if user is None:
        return {}
    return dict(Standing.objects.of(user).filter(version=challenge.version).values_list("track", "shown"))
