"""Makes database rows for tests, with the services of the site where possible."""

from __future__ import annotations

import io
import itertools
import zipfile
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import factory
from django.contrib.auth.hashers import get_hasher, make_password
from django.core.files.base import ContentFile
from django.core.files.storage import storages

from challenges.course_bundle import CourseBundle
from challenges.lesson.spec import Lesson
from challenges.reading import read_course
from gradus.accounts.models import Enrolment, User
from gradus.accounts.token_rules import LEARNER, Content, LearnerData, Scope
from gradus.classes.models import Class, Member
from gradus.courses.models import Challenge, Course
from gradus.courses.services import publish
from gradus.submissions import services
from gradus.submissions.models import Evaluation, Run, Submission
from tests.challenges.factory import write_course
from tests.published import published

# The scopes that a reviewer's token needs.
REVIEWING = Scope(learner_data=LearnerData.EDITOR)
# The roles of people who grade a course, and of those who also write it.
TEACHER = Scope(Content.VIEWER, LearnerData.EDITOR)
AUTHOR = Scope(Content.EDITOR, LearnerData.EDITOR)
PASSWORD = "a-long-password-for-tests"
KEYS = itertools.count(1)

PROMPT: dict[str, Any] = {
    "kind": "prompt",
    "instructions": "Sea or sky?",
    "examples": [{"input": "a gull over the bay", "output": "sky"}, {"input": "a rusty buoy", "output": "sea"}],
}
LORA: dict[str, Any] = {
    "kind": "tune",
    "rows": [{"input": "a heron", "output": "sky"}, {"input": "an oyster", "output": "sea"}],
    "hyperparameters": {"r": 8, "num_train_epochs": 2},
}
FREE_TEXT: dict[str, Any] = {
    "kind": "free_text",
    "answer": "Because the weights keep old facts, whereas a look-up reads the newest ones.",
}


def hashed(password: str) -> str:
    """By the hasher of the settings, once for all learners."""
    return _hashed(password, get_hasher().algorithm)


@cache
def _hashed(password: str, algorithm: str) -> str:
    return make_password(password, hasher=algorithm)


class UserFactory(factory.django.DjangoModelFactory[User]):
    """A learner with an account; the password is `PASSWORD`."""

    class Meta:
        model = User
        skip_postgeneration_save = True

    username = factory.Sequence(lambda n: f"learner{n}")
    email = factory.LazyAttribute(lambda user: f"{user.username}@example.org")
    pseudonym = factory.Sequence(lambda n: f"learner-{n:04d}")
    password = factory.Transformer(PASSWORD, transform=hashed)


def enrol(user: User, course: Course, scope: Scope = LEARNER) -> Enrolment:
    return Enrolment.objects.create(user=user, course=course, **vars(scope))


def a_class(course: Course, **fields: Any) -> Class:
    """A class of the course that runs now, without an end; keywords set its fields."""
    given = {"title": "Evening group", "timezone": course.timezone, **fields}
    return Class.objects.create(course=course, **given)


def member(of_class: Class, user: User | None = None, *, labels: Iterable[str] = (), **fields: Any) -> Member:
    """A member of the class with these labels, by account or, with `email`, by address only."""
    made = Member.objects.create(of_class=of_class, user=user, **fields)
    made.labels.set([of_class.labels.get_or_create(name=name)[0] for name in labels])
    return made


def tiny_bundle(folder: Path, **lesson: Any) -> CourseBundle:
    """The bundle of the course in `tests.challenges.factory`; keywords change fields of its lesson."""
    for name, content in _tiny_files().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    bundle = _tiny()
    first = bundle.lessons[0]
    spec = Lesson.model_validate({**first.lesson.model_dump(mode="json", by_alias=True), **lesson})
    return replace(bundle, lessons=(replace(first, lesson=spec),))


@cache
def _tiny_files() -> dict[str, bytes]:
    with TemporaryDirectory() as folder:
        root = write_course(Path(folder))
        return {str(file.relative_to(root)): file.read_bytes() for file in root.rglob("*") if file.is_file()}


@cache
def _tiny() -> CourseBundle:
    """Read once: a bundle never changes, and thousands of tests publish this one."""
    with TemporaryDirectory() as folder:
        return read_course(write_course(Path(folder) / "tiny"))


def tiny_course(folder: Path, **lesson: Any) -> Course:
    """Publishes `sea-or-sky` (prompt, also tune), `ticket` (tune, also prompt) and `explain` (free text)."""
    bundle = tiny_bundle(folder, **lesson)
    return publish(bundle) if lesson else published(bundle, "tiny")


def challenge(slug: str) -> Challenge:
    return Challenge.objects.shown().get(slug=slug)


def submit(user: User, slug: str = "sea-or-sky", payload: dict[str, Any] | None = None, **options: Any) -> Submission:
    """A queued submission."""
    key = f"made-{next(KEYS)}"
    submission, _ = services.submit(user, challenge(slug), payload or PROMPT, idempotency_key=key, **options)
    return submission


def claimed(owner: Submission | Run) -> Evaluation:
    """Claims the evaluation of a submission or run, which must be the next one in its lane."""
    evaluation = services.claim(owner.current.lane, worker="worker-1", profile="cpu/float32/1")
    assert evaluation is not None and owner.current.pk == evaluation.pk
    return evaluation


def grade(owner: Submission | Run, score: float | None = 0.7, **outcome: Any) -> Evaluation:
    """Claims and records an evaluation; `outcome` holds fields of `services.Outcome`."""
    evaluation = claimed(owner)
    kept = score if isinstance(owner, Submission) else None
    values = {"result": result_for(owner), **outcome}
    return services.record(evaluation.pk, evaluation.fence, services.Outcome(score=kept, **values))


def result_for(owner: Submission | Run, wrong: int = 1) -> dict[str, Any]:
    """The result that a learner may see, with wrong answers to the first `wrong` public rows."""
    spec, samples = owner.version.parsed, owner.version.samples
    labels = spec.answer.labels if spec.answer is not None and spec.answer.type == "label" else ("?", "??")
    rows = [row_for(sample.id, sample.target, labels, right=number >= wrong) for number, sample in enumerate(samples)]
    right = sum(row["correct"] for row in rows)
    score = right / len(rows) if rows else None
    return {
        "public": {"score": score, "metrics": {spec.metric.name: score}, "rows": rows},
        "metrics": {},
        "cost": {"prompt_tokens": 41.0, "new_tokens": 0.0, "ms": 12.5} if rows else {},
        "marks": [],
        "training": {},
    }


def row_for(id: str, target: Any, labels: tuple[str, ...], *, right: bool) -> dict[str, Any]:
    said = target if right else next(label for label in labels if label != target)
    other = next(label for label in labels if label != said)
    return {
        "id": id,
        "output": said if isinstance(said, str) else str(said),
        "score": float(right),
        "correct": right,
        "confidence": 0.8,
        "probabilities": {said: 0.8, other: 0.2} if isinstance(said, str) else {},
        "why": "",
    }


def trained(user: User, slug: str = "sea-or-sky", payload: dict[str, Any] | None = None) -> Submission:
    """A graded attempt whose adapter lies in the store."""
    made = submit(user, slug, payload or LORA)
    grade(made, artifact=adapter_zip())
    return Submission.objects.get(pk=made.pk)


CHAT: dict[str, Any] = {
    "prompt": "Thing: a heron\nPlace:",
    "answers": {
        stage: {
            "text": text,
            "probabilities": {},
            "prompt_tokens": 9.0,
            "new_tokens": 2.0,
            "ms": 120.0,
            "tokens": [[piece, 0.5, [[piece, 0.5], ["", 0.25]]] for piece in (text[:3], text[3:])],
        }
        for stage, text in (("base", "Herons\nfly"), ("trained", "sky, of course"))
    },
}


def adapter_zip(weights: bytes = b"weights", file: str = "adapter_model.safetensors") -> str:
    """Stores the zip of a trained adapter, or of a whole model, and returns its name."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(file, weights)
        archive.writestr("README.md", "a card")
    return storages["artifacts"].save("1/1/adapter.zip", ContentFile(buffer.getvalue()))
