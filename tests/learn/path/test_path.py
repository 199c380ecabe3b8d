import re
from dataclasses import replace

import pytest
from django.urls import reverse

from challenges.lesson.spec import Lesson
from gradus.courses.services import publish
from gradus.learn.path.steps import GOLD, LOCKED, OPEN, PASSED, PROVISIONAL, has_passed, paths
from gradus.submissions.models import Submission
from tests import factories
from tests.markup import Markup


@pytest.fixture
def two_lessons(db, tmp_path):
    """The second lesson requires the first; its challenges are copies under other ids."""
    bundle = factories.tiny_bundle(tmp_path / "tiny")
    first = bundle.lessons[0]
    names = [f"{c.challenge.id}-two" for c in first.challenges]
    challenges = tuple(
        replace(c, challenge=c.challenge.model_copy(update={"id": name}), digest="")
        for c, name in zip(first.challenges, names, strict=True)
    )
    spec = {**first.lesson.model_dump(mode="json", by_alias=True), "title": "Second", "requires": ["first"]}
    second = replace(
        first, id="second", lesson=Lesson.model_validate({**spec, "challenges": names}), challenges=challenges
    )
    return publish(replace(bundle, lessons=(first, second)))


def states(user):
    (path,) = paths(user)
    return [(lesson.state, [step.state for step in lesson.challenges]) for lesson in path.lessons]


def passed(user, slug, payload, score=0.7, **outcome):
    factories.grade(factories.submit(user, slug, payload), score, **outcome)


def test_a_visitor_begins_at_the_first_challenge(two_lessons):
    assert states(None) == [(OPEN, [OPEN] * 3), (LOCKED, [LOCKED] * 3)]
    assert paths(None)[0].next.challenge.slug == "sea-or-sky"


def test_passing_moves_the_next_step(ada, two_lessons):
    passed(ada, "sea-or-sky", factories.PROMPT, 0.9)
    assert states(ada)[0] == (OPEN, [GOLD, OPEN, OPEN])
    assert paths(ada)[0].next.challenge.slug == "ticket"


def test_another_track_does_not_pass(ada, two_lessons):
    passed(ada, "sea-or-sky", factories.LORA, 0.9)
    assert states(ada)[0] == (OPEN, [OPEN] * 3)
    assert not has_passed(ada, factories.challenge("sea-or-sky"))


def test_all_three_open_the_next_lesson_and_a_provisional_pass_too(ada, two_lessons):
    passed(ada, "sea-or-sky", factories.PROMPT)
    rows = [{"input": "m", "output": '{"priority": "low", "summary": "s"}'}]
    passed(ada, "ticket", {**factories.LORA, "rows": rows})
    assert states(ada)[1][0] == LOCKED
    passed(ada, "explain", factories.FREE_TEXT, provisional=True)
    assert states(ada) == [(PROVISIONAL, [PASSED, PASSED, PROVISIONAL]), (OPEN, [OPEN] * 3)]
    assert not has_passed(ada, factories.challenge("explain"))


def front_page(client) -> str:
    """The address that the front page advises, of a challenge or a lesson."""
    text = Markup(client.get("/").content.decode())
    button = re.search(r'<a class="btn btn-primary btn-lg" href="([^"]+)"', text)
    return button[1] if button else ""


def path_page(client) -> list[str]:
    """The addresses of the steps that the path marks as next, one for each course that has one."""
    text = Markup(client.get(reverse("learn:path")).content.decode())
    return re.findall(r'<li class="step" data-state="\w+" data-next>\s*<a class="step-body" href="([^"]+)"', text)


def result_page(client, submission) -> str:
    """The address of the step that the page of an attempt calls next; empty where it names none."""
    text = Markup(client.get(reverse("learn:submission", args=[submission.uuid])).content.decode())
    button = re.search(r'<a class="btn btn-primary" href="([^"]+)">Next:', text)
    return button[1] if button else ""


def lesson_page(client, slug) -> str:
    """The address under "What is next on your path"."""
    text = Markup(client.get(reverse("learn:lesson", args=[slug])).content.decode()).partition('id="next"')[2]
    button = re.search(r'<a class="btn btn-primary" href="([^"]+)"', text)
    return button[1] if button else ""


def challenge_page(slug) -> str:
    return reverse("learn:challenge", args=[slug])


def grade(user, slug, score) -> Submission:
    rows = [{"input": "m", "output": '{"priority": "low", "summary": "s"}'}]
    payloads = {"sea": factories.PROMPT, "tic": {**factories.LORA, "rows": rows}, "exp": factories.FREE_TEXT}
    submission = factories.submit(user, slug, payloads[slug[:3]])
    factories.grade(submission, score)
    return submission


def test_all_pages_stay_in_the_lesson_that_the_learner_is_in(ada, ada_client, two_lessons):
    """One who begins with the second lesson, though it waits for the first, is led through the second one first."""
    failed = grade(ada, "ticket-two", 0.3)
    assert front_page(ada_client) == challenge_page("ticket-two") and result_page(ada_client, failed) == ""
    assert path_page(ada_client) == [challenge_page("ticket-two")]
    for slug, following in (("ticket-two", "explain-two"), ("explain-two", "sea-or-sky-two")):
        done = grade(ada, slug, 0.7)
        assert result_page(ada_client, done) == challenge_page(following)
        assert front_page(ada_client) == challenge_page(following) == lesson_page(ada_client, "second")
        assert path_page(ada_client) == [challenge_page(following)]
    last = grade(ada, "sea-or-sky-two", 0.7)
    first_lesson = reverse("learn:lesson", args=["first"])
    assert result_page(ada_client, last) == first_lesson == lesson_page(ada_client, "second")
    assert front_page(ada_client) == challenge_page("sea-or-sky") and path_page(ada_client) == [front_page(ada_client)]


def test_no_page_advises_a_lesson_that_is_passed(ada, ada_client, two_lessons):
    for slug in ("sea-or-sky-two", "ticket-two", "explain-two"):
        grade(ada, slug, 0.7)
    for slug in ("sea-or-sky", "ticket"):
        grade(ada, slug, 0.7)
    assert lesson_page(ada_client, "first") == challenge_page("explain") == front_page(ada_client)
    last = grade(ada, "explain", 0.7)
    assert result_page(ada_client, last) == lesson_page(ada_client, "first") == ""
    assert path_page(ada_client) == []
    text = Markup(ada_client.get(reverse("learn:lesson", args=["first"])).content.decode())
    assert "After this lesson:" not in text and "You have passed everything in this course." in text


def test_the_api_names_the_same_next_step(ada, ada_client, two_lessons):
    grade(ada, "ticket-two", 0.7)
    found = ada_client.get("/api/v1/courses/tiny/path").json()
    assert challenge_page(found["next"]) == front_page(ada_client) == challenge_page("explain-two")


def test_after_the_end_of_a_course_no_page_leads_to_another_course(ada, ada_client, tmp_path, course):
    publish(other_course(tmp_path / "other"))
    last = [grade(ada, slug, 0.9) for slug in ("sea-or-sky-other", "ticket-other", "explain-other")][-1]
    assert result_page(ada_client, last) == lesson_page(ada_client, "other-first") == ""
    assert path_page(ada_client) == [challenge_page("sea-or-sky")]
    text = Markup(ada_client.get("/").content.decode())
    assert "You have passed every challenge of" in text and "The other courses of this site are below" in text
    assert "sea-or-sky/" not in text.partition("The other courses")[0].partition("<main")[2]


def test_the_front_page_goes_on_in_the_course_of_the_last_attempt(ada, ada_client, tmp_path, course):
    publish(other_course(tmp_path / "other"))
    grade(ada, "sea-or-sky", 0.9)
    grade(ada, "sea-or-sky-other", 0.9)
    assert front_page(ada_client) == challenge_page("ticket-other")
    assert path_page(ada_client) == [challenge_page("ticket"), challenge_page("ticket-other")]


def other_course(folder):
    """A second course, whose lesson and challenges have ids of their own."""
    bundle = factories.tiny_bundle(folder)
    lesson = bundle.lessons[0]
    names = [f"{one.challenge.id}-other" for one in lesson.challenges]
    challenges = tuple(
        replace(one, challenge=one.challenge.model_copy(update={"id": name}), digest="")
        for one, name in zip(lesson.challenges, names, strict=True)
    )
    spec = Lesson.model_validate({**lesson.lesson.model_dump(mode="json", by_alias=True), "challenges": names})
    course = bundle.course.model_copy(update={"id": "other", "title": "Other", "lessons": ("other-first",)})
    return replace(
        bundle, course=course, lessons=(replace(lesson, id="other-first", lesson=spec, challenges=challenges),)
    )


def test_the_map_marks_locked_and_next(client, two_lessons):
    text = Markup(client.get(reverse("learn:path")).content.decode())
    assert text.count('class="step" data-state="locked"') == 3
    assert text.count(" data-next") == 1
    assert 'easier after <span lang="en">First</span>' in text
    assert 'class="step-body" href="/challenges/sea-or-sky-two/"' in text


def shown(client, *address):
    return Markup(client.get(reverse(*address[:1], args=address[1:])).content.decode())


def test_lessons_name_what_they_build_on_and_what_builds_on_them(client, ada, ada_client, two_lessons):
    first, second = '<a href="/lessons/first/" lang="en">First</a>', '<a href="/lessons/second/" lang="en">Second</a>'
    later = f"Builds on {first}. You may start here all the same."
    course = shown(client, "learn:course", "tiny")
    assert later in course and f"Needed for {second}." in course
    assert "You may start with any of them." in course
    lesson = shown(client, "learn:lesson", "second")
    assert later in lesson and "Needed for" not in lesson
    assert f"Needed for {second}." in shown(client, "learn:lesson", "first")
    (path,) = paths(ada)
    assert [[one.slug for one in step.needs] for step in path.lessons] == [[], ["first"]]
    assert [[one.slug for one in step.needed_by] for step in path.lessons] == [["second"], []]
    rows = [{"input": "m", "output": '{"priority": "low", "summary": "s"}'}]
    passed(ada, "sea-or-sky", factories.PROMPT)
    passed(ada, "ticket", {**factories.LORA, "rows": rows})
    passed(ada, "explain", factories.FREE_TEXT)
    seen = shown(ada_client, "learn:course", "tiny")
    assert f"Builds on {first}.</li>" in seen and "all the same" not in seen


def test_the_course_says_how_far_a_learner_is(ada, ada_client, client, two_lessons):
    passed(ada, "sea-or-sky", factories.PROMPT)
    seen = shown(ada_client, "learn:course", "tiny")
    assert "1 of 6 challenges passed." in seen and ">Lesson 1, 5 minutes, 1 of 3 passed<" in seen
    guest = shown(client, "learn:course", "tiny")
    assert "0 of 6 challenges passed." in guest and ">Lesson 1, 5 minutes<" in guest


def test_the_course_says_what_a_lesson_enables_or_its_headings(client, two_lessons):
    row = two_lessons.lessons.get(slug="first")
    row.text = "## Why\n\nText.\n\n## What you can now do\n\n- Name the *sea*.\n- Name `sky`.\n\nMore.\n"
    row.save()
    other = two_lessons.lessons.get(slug="second")
    other.text = "## Deep water\n"
    other.save()
    seen = shown(client, "learn:course", "tiny")
    assert seen.count("What you can do afterwards") == 1 and seen.count("What it teaches") == 1
    assert '<li lang="en">Name the sea.</li><li lang="en">Name sky.</li></ul>' in seen
    assert '<li lang="en">Deep water</li>' in seen and '<li lang="en">Why</li>' not in seen


def test_a_course_with_one_lesson_says_nothing_about_an_order(client, course):
    seen = shown(client, "learn:course", "tiny")
    assert "start with any" not in seen and "Builds on" not in seen and "0 of 3 challenges passed." in seen


def test_the_path_takes_few_queries(ada, two_lessons, django_assert_max_num_queries):
    # One of them is for the classes of the learner.
    with django_assert_max_num_queries(7):
        states(ada)
