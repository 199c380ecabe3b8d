"""Figures for staff: by language, by signs; and the small functions under them."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from gradus.accounts.models import User
from gradus.courses.models import Challenge
from gradus.reviews import accuracy, services
from gradus.reviews.machine_writing import signs
from gradus.reviews.nearest_answers import likeness, person_graded
from tests import factories
from tests.reviews import cases
from tests.reviews.cases import ALL_MET, MARKS, NONE_MET

PLAIN = factories.FREE_TEXT["answer"]
MACHINE = "Certainly! Here is my answer: **the weights** keep old facts, whereas a look-up reads new ones."


def decided(by: User, given: dict[str, str], language: str, answer: str = PLAIN) -> None:
    learner = factories.UserFactory.create()
    submission = cases.submit(learner, answer)
    notes = {"language": language}
    values = {"result": cases.result(MARKS), "provisional": True, "review": ("provisional",), "notes": notes}
    factories.grade(submission, cases.score(MARKS), **values)
    services.decide(submission.reviews.get(), by=by, marks=given, reason="")


@pytest.fixture
def figures(grace: User, explain: Challenge) -> accuracy.Report:
    decided(grace, MARKS, "en")
    decided(grace, MARKS, "en")
    decided(grace, ALL_MET, "de")
    decided(grace, NONE_MET, "", MACHINE)
    return accuracy.report(grace)


def test_the_error_by_language_and_by_signs_of_a_machine(figures: accuracy.Report) -> None:
    rows = {row.name: row for row in figures.decided_languages}
    assert (rows["en"].answers, rows["en"].bias, rows["en"].same_marks) == (2, 0.0, 1.0)
    assert rows["de"].bias == pytest.approx(-0.25)
    assert rows["de"].same_marks == pytest.approx(2 / 3)
    assert (rows["de"].same_verdict, rows["unknown"].same_verdict) == (1.0, 0.0)
    assert figures.total is None and figures.audited_languages == []
    rows = {row.name: row for row in figures.decided_signs}
    assert rows["with signs of machine writing"].answers == 1
    assert rows["without such signs"].mae == pytest.approx(0.25 / 3)


def test_staff_see_the_figures_and_others_do_not(
    figures: accuracy.Report, grace_client: Client, ada_client: Client
) -> None:
    page = grace_client.get("/reviews/accuracy/").content.decode()
    assert "All decisions by language" in page and '<td lang="">de</td>' in page and "-0.25" in page
    assert ada_client.get("/reviews/accuracy/").status_code == 404
    assert accuracy.report(factories.UserFactory.create()).decided_languages == []


def test_the_page_says_what_certainty_is_worth_and_how_far_bulk_reaches(
    explain: Challenge, grace: User, grace_client: Client, ada: User, bob: User
) -> None:
    cases.waiting(ada, notes={"certainty": 0.95})
    cases.waiting(bob, notes={"certainty": 0.5})
    cases.history(grace, [(0.9, True)] * 39)
    page = words(grace_client)
    assert "Explain, without a judge 39 not known yet (39 of 40 answers decided) not yet 2" in page
    cases.history(grace, [(0.9, True)])
    assert "40 known allowed for the surest answers: right in 40 of 40 decided ones, so in at least 91 %" in (
        page := words(grace_client)
    )
    assert "2 (1 in bulk)" in page
    cases.history(grace, [(0.95, False)] * 20)
    assert "60 known not allowed: the machine was not right often enough 2" in words(grace_client)


def words(client: Client) -> str:
    page = re.sub(r"<[^>]+>", " ", client.get("/reviews/accuracy/").content.decode()).replace("&nbsp;", " ")
    return re.sub(r"\s+", " ", page).replace(" ,", ",")


def test_the_interval_is_wilsons() -> None:
    """Newcombe 1998, table I: 81 of 263 gives 0.2553 to 0.3662."""
    assert accuracy.wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert accuracy.wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        ("As an AI language model, I would look the facts up.", "It speaks like an AI assistant"),
        ("Look it up. I hope this helps!", "It speaks like an AI assistant"),
        ("## Answer\n\nLook it up.", "It has headings or bold words in Markdown"),
        ("Dear [Your Name], look it up.", "It has a placeholder that was not filled in"),
        ("a \u2014 b, c \u2014 d, and e \u2014 f", "It uses 3 long dashes"),
    ],
)
def test_signs_can_be_pointed_at(answer: str, what: str) -> None:
    found = signs(answer)
    assert [sign.what for sign in found] == [what]
    assert found[0].where in answer


@pytest.mark.parametrize(
    "answer",
    [
        PLAIN,
        "1. prompt first\n2. then RAG\n3. train the tone - if at all",
        "The AI model keeps old facts; let us look them up \u2014 simply.",
        'A list [1] of prices changes; {"json": true} is fine.',
        "",
    ],
)
def test_most_answers_have_none(answer: str) -> None:
    assert signs(answer) == []


def test_signs_are_for_staff_and_cost_nothing(ada: User, grace_client: Client, ada_client: Client, explain) -> None:
    submission = cases.submit(ada, MACHINE)
    factories.grade(submission, 0.75, result=cases.result(), provisional=True, review=("provisional",))
    staff = grace_client.get(f"/reviews/{submission.reviews.get().pk}/").content.decode()
    learner = ada_client.get(f"/submissions/{submission.uuid}/").content.decode()
    assert "People write like this too" in staff and "Certainly! Here is" in staff
    assert "People write like this too" not in learner and "It speaks like an AI assistant" not in learner
    assert submission.current.score.shown == 0.74


def test_likeness_is_by_rare_words() -> None:
    near, far, none = likeness(
        "stale facts live in the weights",
        ["stale facts stay in the weights", "the cat sat in the garden", "completely other words"],
    )
    assert near > far > none == 0
    # Without a cap, rounding makes it slightly more.
    assert likeness("a tree", ["a tree"]) == [1.0]
    assert likeness("", ["a", ""]) == [0.0, 0.0]


def test_people_graded_answers_stand_beside(ada: User, bob: User, grace: User, grace_client: Client, explain) -> None:
    first = cases.waiting(ada)
    services.decide(first, by=grace, marks=ALL_MET, reason="")
    second = cases.waiting(bob)
    assert [other for _, other in person_graded(second)] == [first]
    page = grace_client.get(f"/reviews/{second.pk}/").content.decode()
    assert "by a reviewer" in page and "by the author" in page
    assert [other for _, other in person_graded(first)] == []
