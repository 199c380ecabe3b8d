"""The page that accepts the machine's marks of several answers, and the choice of the editors to mark blind."""

from __future__ import annotations

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from gradus.accounts.models import User
from gradus.courses.models import Challenge, Course
from gradus.reviews.models import QuestionSettings, Review
from tests import factories
from tests.conftest import logged_in
from tests.reviews import cases
from tests.reviews.cases import MARKS, history
from tests.reviews.desk.test_desk import PAGE

BULK = f"{PAGE}bulk/"


def flat(client: Client, path: str) -> str:
    return " ".join(client.get(path).content.decode().split())


def wait_for(count: int, stated: float = 0.95) -> list[Review]:
    return [cases.waiting(one, notes={"certainty": stated}) for one in factories.UserFactory.create_batch(count)]


@pytest.fixture
def sure(grace: User, explain: Challenge) -> list[Review]:
    """Three answers of which the machine is as sure as of forty in which it was right."""
    history(grace, [(0.9, True)] * 40)
    return wait_for(3)


def test_before_forty_decisions_nothing_is_offered_and_the_page_says_why(
    grace: User, grace_client: Client, explain: Challenge
) -> None:
    history(grace, [(0.9, True)] * 12)
    review = wait_for(1)[0]
    for path in (PAGE, BULK):
        said = flat(grace_client, path)
        assert "not known yet (12 of 40 answers decided)" in said
        assert "From 40 decided answers on you may be able to accept" in said
    assert 'name="answer"' not in flat(grace_client, BULK)
    said = grace_client.post(BULK, {"answer": [review.pk]}, follow=True).content.decode()
    assert f"Answer {review.pk} was not accepted" in said
    review.refresh_from_db()
    assert review.decided_at is None


def test_the_texts_are_shown_and_the_ticked_ones_accepted(
    grace: User, grace_client: Client, sure: list[Review]
) -> None:
    assert "In those it was right in 100&nbsp;% (40 of 40)." in flat(grace_client, PAGE)
    page = flat(grace_client, BULK)
    assert page.count("weights keep old facts</mark>") == 3 and page.count("<strong>half</strong>") == 3
    said = grace_client.post(BULK, {"answer": [sure[0].pk, sure[2].pk]}, follow=True).content.decode()
    assert "2 answers have the machine&#x27;s marks now." in said
    accepted = Review.objects.filter(in_bulk=True)
    assert set(accepted) == {sure[0], sure[2]}
    assert all((review.decided_by, review.marks) == (grace, MARKS) for review in accepted)


def test_a_part_is_drawn_and_told(grace_client: Client, sure: list[Review], settings: Settings) -> None:
    settings.AUDIT_SHARE = 0.05
    offered = flat(grace_client, BULK)
    shown = [one for one in sure if f'value="{one.pk}"' in offered]
    (kept_back,) = set(sure) - set(shown)
    assert "1 more answer was drawn at random and is not shown here." in offered
    assert offered.count("weights keep old facts") == 2 and f"answer-{kept_back.pk}" not in offered
    assert flat(grace_client, BULK).count("<blockquote") == 2
    said = grace_client.post(BULK, {"answer": [one.pk for one in shown]}, follow=True).content.decode()
    assert "2 answers have the machine&#x27;s marks now." in said and "1 was drawn at random" in said
    assert Review.objects.get(blind=True, decided_at=None) == kept_back


@pytest.mark.parametrize(
    ("results", "stated", "said"),
    [
        ([(0.9, False)] * 40, 0.95, "because it was not right often enough in the answers that people have decided."),
        ([(0.9, True)] * 40, 0.3, "it is less sure than about those in which it was right often enough"),
    ],
)
def test_what_the_decided_answers_do_not_support_is_not_offered(
    grace: User, grace_client: Client, explain: Challenge, results: list[tuple[float, bool]], stated: float, said: str
) -> None:
    history(grace, results)
    wait_for(1, stated)
    assert said in flat(grace_client, BULK) and said in flat(grace_client, PAGE)


def test_nobody_else_finds_the_page(ada_client: Client, sure: list[Review]) -> None:
    stranger = factories.UserFactory.create()
    factories.enrol(stranger, Course.objects.create(slug="other", title="Other", digest="x"), factories.TEACHER)
    for client in (ada_client, logged_in(stranger)):
        assert client.get(BULK).status_code == 404
        assert client.post(BULK, {"answer": [sure[0].pk]}).status_code == 404
        assert client.post(f"{PAGE}blind", {"blind": "yes"}).status_code == 404
    assert Review.objects.waiting().count() == 3 and not QuestionSettings.objects.exists()


def test_editors_choose_that_the_machines_marks_are_hidden_at_first(
    grace_client: Client, bob: User, explain: Challenge, ada: User
) -> None:
    review = cases.waiting(ada)
    assert "Built-in checks: half" in flat(grace_client, PAGE)
    said = grace_client.post(f"{PAGE}blind", {"blind": "yes"}, follow=True).content.decode()
    assert "before they see the machine" in said and "Built-in checks: half" not in " ".join(said.split())
    factories.enrol(bob, explain.course, factories.TEACHER)
    teacher = logged_in(bob)
    assert 'name="blind"' not in flat(teacher, PAGE)
    assert "Only authors of the course" in teacher.post(f"{PAGE}blind", {"blind": ""}, follow=True).content.decode()
    review.refresh_from_db()
    assert review.blind and QuestionSettings.objects.get().blind
