"""Courses that use the same ids are imported side by side, in any order: none of them loses anything to another."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models import F
from django.test import Client

from challenges.bundle import ChallengeBundle
from challenges.course_bundle import CourseBundle, LessonBundle
from challenges.lesson.spec import Course as CourseSpec
from challenges.reading import read_course
from gradus.accounts.models import User
from gradus.courses import catalogue
from gradus.courses.models import Challenge, ChallengeVersion, Course, Lesson
from gradus.courses.services import publish
from gradus.learn.demo.demo import DEMO
from gradus.receipts import services as receipts
from gradus.submissions import services
from gradus.submissions.models import Run, Score, Standing, Submission
from tests import factories
from tests.challenges.factory import write_course
from tests.conftest import logged_in
from tests.learn import scene

pytestmark = pytest.mark.django_db
COURSES = ("north", "south", "copied")
LESSONS = ("start", "middle", "end")
CHALLENGES = ("harbour", "cloud", "tide", "storm", "shore", "wind", "gull", "reef")


@dataclass(frozen=True)
class Shape:
    """What a generated course consists of: the ids of its challenges by lesson, and the number of its contents."""

    course: str
    lessons: Mapping[str, tuple[str, ...]]
    number: int

    def bundle(self, of: LessonBundle) -> CourseBundle:
        """Each lesson builds on the first, and each challenge is one that a learner answers with a prompt."""
        first = next(iter(self.lessons))
        spec = {"schema": 1, "id": self.course, "version": f"1.0.{self.number}", "title": self.course.title()}
        lessons = []
        for name, ids in self.lessons.items():
            lesson = of.lesson.model_copy(
                update={
                    "title": f"{name} of {self.course}",
                    "challenges": ids,
                    "requires": () if name == first else (first,),
                }
            )
            challenges = tuple(self._challenge(of.challenges[0], id) for id in ids)
            lessons.append(replace(of, id=name, lesson=lesson, challenges=challenges))
        course = CourseSpec.model_validate({**spec, "summary": "A course for tests.", "lessons": list(self.lessons)})
        return CourseBundle(course, tuple(lessons))

    def _challenge(self, of: ChallengeBundle, id: str) -> ChallengeBundle:
        spec = of.challenge.model_copy(
            update={"id": id, "version": f"1.0.{self.number}", "title": f"{id} of {self.course} {self.number}"}
        )
        return replace(of, challenge=spec, statement=f"{self.course} {self.number}", digest="")


def shapes(seed: int) -> Iterator[Shape]:
    """Imports in a random order: three courses of a few ids, each imported again with other ids; one is a copy."""
    draw = random.Random(seed)
    made: dict[str, Shape] = {}
    for number in (1, 2):
        for course in draw.sample(COURSES, 3):
            if course == "copied" and "north" in made:
                made[course] = replace(made["north"], course=course, number=number)
            else:
                ids, names = draw.sample(CHALLENGES, 6), draw.sample(LESSONS, 2)
                lessons = {names[0]: tuple(ids[:3]), names[1]: tuple(ids[3:])}
                made[course] = Shape(course, lessons, number)
            yield made[course]


@dataclass
class World:
    """A site with learners, who attempt one challenge of each course that was imported."""

    of: LessonBundle
    learners: tuple[User, User]

    def publish(self, shape: Shape) -> Course:
        course = publish(shape.bundle(self.of))
        challenge = Challenge.objects.shown().filter(course=course).order_by("lesson__position", "position")[0]
        for user, score in zip(self.learners, (0.9, 0.7), strict=True):
            made, _ = services.submit(
                user, challenge, factories.PROMPT, idempotency_key=f"{shape.course}-{shape.number}"
            )
            factories.grade(made, score)
        return course

    def belongings(self, course: Course) -> dict[str, Any]:
        """All that a course has, with what its learners reached, as rows."""
        lessons = Lesson.objects.filter(course=course)
        challenges = Challenge.objects.filter(lesson__course=course)
        return {
            "lessons": list(lessons.order_by("pk").values()),
            "challenges": list(challenges.order_by("pk").values()),
            "versions": list(ChallengeVersion.objects.filter(challenge__in=challenges).order_by("pk").values()),
            "submissions": list(Submission.objects.filter(challenge__in=challenges).order_by("pk").values()),
            "scores": list(
                Score.objects.filter(evaluation__submission__challenge__in=challenges).order_by("pk").values()
            ),
            "standings": list(Standing.objects.filter(challenge__in=challenges).order_by("pk").values()),
        }

    def answers(self, course: Course) -> dict[str, Any]:
        """What the API says of a course to one of the learners: its path, and the boards that have a score."""
        client = logged_in(self.learners[0])
        path = client.get(f"/api/v1/courses/{course.slug}/path").json()
        scored = [one["id"] for lesson in path["lessons"] for one in lesson["challenges"] if one["score"] is not None]
        return {"path": path, **{id: client.get(f"/api/v1/challenges/{id}/leaderboard").json() for id in scored}}


@pytest.fixture
def world(tmp_path: Path, ada: User, bob: User) -> World:
    return World(read_course(write_course(tmp_path / "pattern")).lessons[0], (ada, bob))


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
def test_no_course_loses_anything_to_another(world: World, seed: int) -> None:
    owners: dict[tuple[type[Any], int], tuple[int, str, str]] = {}
    for shape in shapes(seed):
        others = [course for course in Course.objects.all() if course.slug != shape.course]
        before = {course.slug: (world.belongings(course), world.answers(course)) for course in others}
        mine = Course.objects.filter(slug=shape.course).first()
        had = world.belongings(mine) if mine else {}
        assert not others or any(len(said) > 1 for _, said in before.values())
        course = world.publish(shape)

        assert {one.slug: (world.belongings(one), world.answers(one)) for one in others} == before
        has = world.belongings(course)
        for kept in ("submissions", "scores", "standings"):
            assert [row for row in has[kept] if row in had.get(kept, [])] == had.get(kept, [])
        for model in (Lesson, Challenge):
            for row in model.objects.all():
                place = (row.course_id, row.name, row.slug)
                assert owners.setdefault((model, row.pk), place) == place
        assert not Challenge.objects.exclude(course=F("lesson__course")).exists()
        _consists_of(course, shape)
    _answers_everywhere(world)


def _consists_of(course: Course, shape: Shape) -> None:
    """The course shows what was imported last, and nothing else."""
    shown = {
        lesson.name: tuple(one.name for one in lesson.current_challenges)
        for lesson in catalogue.now().course(course.slug).current_lessons
    }
    assert shown == dict(shape.lessons)
    contents = Challenge.objects.filter(course=course, is_current=True)
    assert {one.version.statement for one in contents if one.version} == {f"{shape.course} {shape.number}"}


def _answers_everywhere(world: World) -> None:
    """Pages, API and boards of all courses answer, and say of which course they are."""
    client, shown = logged_in(world.learners[0]), catalogue.now()
    assert len(shown.courses) == 3 and len(shown.challenges) > len({one.name for one in shown.challenges.values()})
    for page in ("/", "/path/", "/leaderboards/", *(f"/courses/{course.slug}/" for course in shown.courses)):
        assert client.get(page).status_code == 200, page
    for address, lesson in shown.lessons.items():
        text = client.get(f"/lessons/{address}/").content.decode()
        assert f"{lesson.name} of {lesson.course.slug}" in text
        assert all(f"/challenges/{one.slug}/" in text for one in lesson.current_challenges)
    for address, challenge in shown.challenges.items():
        for page in (f"/challenges/{address}/", f"/leaderboards/{address}/"):
            assert f"{challenge.name} of {challenge.course.slug}" in client.get(page).content.decode()
        found = client.get(f"/api/v1/challenges/{address}").json()
        assert (found["course"], found["lesson"]) == (challenge.course.slug, challenge.lesson.slug)
    for course in shown.courses:
        steps = client.get(f"/api/v1/courses/{course.slug}/path").json()["lessons"]
        assert [step["requires"] for step in steps] == [[], [steps[0]["id"]]]
        made = Submission.objects.filter(challenge__course=course).with_current().latest("pk")
        facts = receipts.receipt(made, "http://testserver")
        assert facts is not None and facts["receipt"]["course"] == course.slug


def test_a_bare_id_is_of_the_course_that_held_it_first(world: World, client: Client) -> None:
    """Also after the first course has dropped it."""
    publish(Shape("north", {"start": ("harbour", "cloud", "tide")}, 1).bundle(world.of))
    publish(Shape("south", {"start": ("harbour", "storm", "shore")}, 1).bundle(world.of))
    assert client.get("/api/v1/challenges/harbour").json()["course"] == "north"
    assert client.get("/api/v1/challenges/south_harbour").json()["course"] == "south"
    assert client.get("/api/v1/challenges/storm").json()["course"] == "south"
    assert "start of north" in client.get("/lessons/start/").content.decode()
    assert "start of south" in client.get("/lessons/south_start/").content.decode()
    publish(Shape("north", {"start": ("cloud", "tide", "wind")}, 2).bundle(world.of))
    publish(Shape("south", {"start": ("harbour", "storm", "shore")}, 2).bundle(world.of))
    assert client.get("/api/v1/challenges/harbour").status_code == 404
    assert client.get("/api/v1/challenges/south_harbour").json()["version"] == "1.0.2"


def test_what_the_files_of_a_course_name_is_in_that_course(db: None, tmp_path: Path, ada: User, client: Client) -> None:
    """Findings, their runs, the demo and the links in texts of a copied course."""
    text = (
        "[One](../../challenges/sea-or-sky/?a#b), [two](/lessons/first/), [other](https://example.org/lessons/first/)."
    )
    for id in ("tiny", "copied"):
        bundle = scene.scene_bundle(tmp_path / id)
        lesson = bundle.lessons[0]
        results = {"digest": lesson.challenges[0].digest, "results": scene.BASELINES}
        measured = {**lesson.measured, "baselines": {"sea-or-sky": results}}
        lesson = replace(lesson, text=f"{lesson.text}\n{text}", measured=measured)
        course = bundle.course.model_copy(update={"id": id, "title": id.title()})
        publish(CourseBundle(course, (lesson,)))
    copied = catalogue.now().lesson("copied_first")
    page = client.get("/lessons/copied_first/").content.decode()
    assert 'href="../../challenges/copied_sea-or-sky/?a#b"' in page and 'href="/lessons/copied_first/"' in page
    assert 'href="https://example.org/lessons/first/"' in page and 'href="/lessons/first/' not in page
    found = client.get("/api/v1/lessons/copied_first/findings").json()
    assert {one["challenge"] for finding in found for one in finding["experiments"]} == {"copied_sea-or-sky"}
    assert factories.challenge("copied_sea-or-sky").version.author_baselines == scene.BASELINES
    asked = DEMO.start(copied, None, "a heron over the reef")
    logged_in(ada).post("/api/v1/lessons/copied_first/findings/few-shot/runs", {}, "application/json")
    again = Run.objects.filter(purpose="finding")
    assert again.exists() and {run.version.challenge.slug for run in (*asked, *again)} == {"copied_sea-or-sky"}


def test_the_longest_ids_are_kept_apart(world: World, client: Client) -> None:
    course, id = "c" * 64, "i" * 64
    publish(Shape("north", {id: (id, "cloud", "tide")}, 1).bundle(world.of))
    publish(Shape(course, {id: (id, "cloud", "tide")}, 1).bundle(world.of))
    assert client.get(f"/challenges/{course}_{id}/").status_code == 200
    assert client.get(f"/lessons/{course}_{id}/").status_code == 200


def test_the_database_moves_nothing_to_another_course(world: World) -> None:
    one = publish(Shape("north", {"start": ("harbour", "cloud", "tide")}, 1).bundle(world.of))
    two = publish(Shape("south", {"end": ("harbour", "storm", "shore")}, 1).bundle(world.of))
    lesson, challenge = one.lessons.get(), one.challenges.first()
    elsewhere = two.lessons.get()
    moves: list[Any] = [
        lambda: Lesson.objects.filter(pk=lesson.pk).update(course=two),
        lambda: Challenge.objects.filter(pk=challenge.pk).update(lesson=elsewhere),
        lambda: Challenge.objects.filter(pk=challenge.pk).update(lesson=elsewhere, course=two),
        lambda: Challenge.objects.create(course=one, lesson=elsewhere, name="new", slug="new", position=4),
        lambda: Challenge.objects.create(course=one, lesson=lesson, name="harbour", slug="new", position=4),
        lambda: Lesson.objects.create(course=one, name="start", slug="new", position=4, minutes=1, spec={}),
    ]
    for move in moves:
        with pytest.raises(IntegrityError), transaction.atomic():
            move()
    assert [set(course.challenges.values_list("name", flat=True)) for course in (one, two)] == [
        {"harbour", "cloud", "tide"},
        {"harbour", "storm", "shore"},
    ]
