"""A process reads what is published once, and sees what any other process publishes, hides or freezes since."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from django.db.models import Model
from django.test import Client
from django.utils import timezone

from gradus.accounts.models import User
from gradus.courses import catalogue, services
from gradus.courses.models import ChallengeVersion, Course
from tests import factories
from tests.conftest import logged_in


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """What follows is as if another process did it: this one's signals are not heard."""
    for signal in (catalogue.post_save, catalogue.post_delete):
        monkeypatch.setattr(signal, "send", lambda *_, **__: [])


def test_it_is_read_once(course: Course, django_assert_num_queries) -> None:
    first = catalogue.now()
    with django_assert_num_queries(1):
        assert catalogue.now() is first


def test_another_process_publishes(course: Course, elsewhere: None, tmp_path: Path, client: Client) -> None:
    assert client.get("/lessons/first/").status_code == 200
    bundle = factories.tiny_bundle(tmp_path / "again", title="Renamed by another process")
    lesson = replace(bundle.lessons[0], challenges=bundle.lessons[0].challenges[:1])
    services.publish(replace(bundle, lessons=(lesson,)))
    assert "Renamed by another process" in client.get("/lessons/first/").content.decode()
    assert client.get("/challenges/sea-or-sky/").status_code == 200
    assert client.get("/challenges/explain/").status_code == 404


def test_another_process_hides_the_course_and_shows_it_again(course: Course, client: Client) -> None:
    pages = ("/challenges/sea-or-sky/", "/lessons/first/", "/leaderboards/sea-or-sky/", "/api/v1/challenges/sea-or-sky")
    for is_published, status in ((True, 200), (False, 404), (True, 200)):
        Course.objects.filter(pk=course.pk).update(is_published=is_published)
        assert [client.get(page).status_code for page in pages] == [status] * len(pages)


def test_another_process_freezes_a_board(course: Course, client: Client) -> None:
    assert catalogue.now().challenge("sea-or-sky").lesson.course.frozen_at is None
    Course.objects.filter(pk=course.pk).update(frozen_at=timezone.now())
    assert catalogue.now().challenge("sea-or-sky").lesson.course.frozen_at is not None


def test_a_failed_publish_leaves_what_was(course: Course, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def broken(*_: object) -> None:
        catalogue.now()
        raise RuntimeError

    monkeypatch.setattr(services, "_write_challenge", broken)
    with pytest.raises(RuntimeError):
        services.publish(factories.tiny_bundle(tmp_path / "again", title="Never published"))
    assert catalogue.now().lesson("first").title != "Never published"
    assert len(catalogue.now().challenges) == 3


def test_contents_are_told_apart_by_challenge_and_digest(course: Course) -> None:
    """Also where two challenges, by whatever fault, have one digest."""
    ChallengeVersion.objects.update(digest="0" * 64)
    found = {version.challenge.slug: version.parsed.id for version in ChallengeVersion.objects.all()}
    assert found == {slug: slug for slug in ("sea-or-sky", "ticket", "explain")}


def test_a_visit_leaves_nothing_of_a_learner_in_what_all_share(ada: User, bob: User, course: Course) -> None:
    own = f"/submissions/{factories.submit(ada).uuid}/"
    pages = ("/", "/lessons/first/", "/challenges/sea-or-sky/", "/leaderboards/", "/leaderboards/sea-or-sky/")
    shared = names_of(catalogue.now())
    for user, status in ((ada, 200), (bob, 404)):
        visits = [logged_in(user).get(page).status_code for page in (*pages, own)]
        assert visits == [*[200] * len(pages), status]
    assert names_of(catalogue.now()) == shared


def names_of(edition: catalogue.Edition) -> list[set[str]]:
    """Of all that is kept with each shared row; what is parsed of a lesson is made when it is first asked for."""
    rows: list[Model] = [*edition.courses, *edition.lessons.values(), *edition.challenges.values()]
    rows += [one.version for one in edition.challenges.values() if one.version]
    return [{*vars(row), *row._state.fields_cache} - {"parsed", "parsed_findings"} for row in rows]
