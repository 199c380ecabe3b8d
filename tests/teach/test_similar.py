"""Similar entries of others, in leaderboard moderation: who reads them, what is marked, and that no learner does."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from gradus.accounts.models import User
from gradus.accounts.token_rules import LearnerData, Scope
from gradus.courses.models import Challenge
from gradus.submissions.models import Event, Submission
from gradus.submissions.results.copying import fingerprints
from tests import factories
from tests.conftest import logged_in

TEXT = (
    "Think of where the thing spends most of its days, then of what people say about it, and answer with one of both "
    "words only; birds rest on cliffs but belong above, and divers belong below."
)
OWN = "Every boat I name here is wet by definition, so take that as settled."


@pytest.fixture
def tess(sea_or_sky: Challenge) -> User:
    """Assists in the course: sees answers, and decides nothing."""
    made = factories.UserFactory.create(username="tess", email="tess@example.org", pseudonym="tutor")
    factories.enrol(made, sea_or_sky.course, Scope(learner_data=LearnerData.VIEWER))
    return made


def handed_in(user: User, payload: dict[str, Any]) -> Submission:
    made = factories.submit(user, payload=payload)
    factories.grade(made, 0.8)
    fingerprints.carry_out(10)
    return made


@pytest.fixture
def attempts(sea_or_sky: Challenge, ada: User, bob: User) -> tuple[Submission, Submission]:
    one, other = (
        {**factories.PROMPT, "instructions": text} for text in (f"{TEXT} {OWN}", f"Please read on. <b>{TEXT.upper()}")
    )
    return handed_in(ada, one), handed_in(bob, other)


def at(user: User, *pair: Submission) -> str:
    rest = f"similar/{pair[0].pk}/{pair[1].pk}/" if pair else ""
    return f"/teach/boards/sea-or-sky/{user.pk}/{rest}"


def test_an_entry_names_similar_ones_of_others(
    attempts: tuple[Submission, Submission], tess: User, ada: User, bob: User
) -> None:
    client = logged_in(tess)
    for user, other, pair in ((ada, bob, attempts), (bob, ada, attempts[::-1])):
        page = client.get(at(user)).content.decode()
        assert f'<a href="{at(other)}" lang="">{other.pseudonym}</a>' in page
        assert at(user, *pair) in page
        assert '<span lang="">enchantress</span> was the first to hand in' in page
        assert "look at both attempts before you decide" in page


def test_a_pair_is_shown_side_by_side_with_equal_places_marked(
    attempts: tuple[Submission, Submission], tess: User, bob: User
) -> None:
    response = logged_in(tess).get(at(bob, *attempts[::-1]))
    page = response.content.decode()
    assert f"<mark>{TEXT.upper().rstrip('.')}</mark>" in page and f"<mark>{TEXT.rstrip('.')}</mark>" in page
    assert OWN in page and "Please read on. &lt;b&gt;<mark>" in page
    assert "copied" not in page.lower() and "cheat" not in page.lower()


def test_who_has_no_role_reads_nothing(
    attempts: tuple[Submission, Submission], ada: User, bob: User, sea_or_sky: Challenge
) -> None:
    assert logged_in(ada).get(at(ada, *attempts)).status_code == 404
    assert Client().get(at(ada, *attempts)).status_code == 302
    reader = factories.UserFactory.create()
    factories.enrol(reader, sea_or_sky.course, Scope("viewer"))
    assert logged_in(reader).get(at(ada, *attempts)).status_code == 403


def test_nobody_reads_about_the_own_entry(
    attempts: tuple[Submission, Submission], ada: User, bob: User, sea_or_sky: Challenge
) -> None:
    factories.enrol(ada, sea_or_sky.course, factories.TEACHER)
    client = logged_in(ada)
    assert "Similar entries" not in client.get(at(ada)).content.decode()
    page = client.get(at(bob)).content.decode()
    assert "Similar entries" in page and at(ada) not in page
    for pair in (attempts, attempts[::-1]):
        assert client.get(at(pair[0].user, *pair)).status_code == 404


def test_only_pairs_of_two_people_at_this_challenge_have_a_page(
    attempts: tuple[Submission, Submission], tess: User, ada: User, bob: User
) -> None:
    client = logged_in(tess)
    again = handed_in(ada, {**factories.PROMPT, "instructions": TEXT})
    elsewhere = factories.submit(bob, "ticket", factories.LORA)
    for user, own, other in (
        (bob, attempts[0], attempts[1]),
        (ada, attempts[0], again),
        (ada, attempts[0], attempts[0]),
        (ada, attempts[0], elsewhere),
    ):
        assert client.get(at(user, own, other)).status_code == 404


def test_rows_are_listed_with_the_row_that_is_like_them(
    sea_or_sky: Challenge, tess: User, ada: User, bob: User
) -> None:
    texts = [f"the {name} that I met last week on my way to the old pier" for name in ("ray", "kite", "swift", "eel")]
    texts += ["a puffin who quarrels with everybody at noon", "a jar of plankton left in my kitchen since May"]
    rows = [{"input": text, "output": "sky"} for text in texts]
    handed_in(ada, {**factories.LORA, "rows": rows})
    own = [*rows[:0:-1], {"input": "my uncle's balloon, patched eleven times and still leaking", "output": "sky"}]
    copy = handed_in(bob, {**factories.LORA, "rows": own})
    page = logged_in(tess).get(at(bob)).content.decode()
    assert "are equal, of 6 by" in " ".join(page.split())
    source = Submission.objects.get(user=ada)
    page = logged_in(tess).get(at(bob, copy, source)).content.decode()
    assert "equal to row 6" in page and "1 other row" in page


def test_nothing_of_it_reaches_learners(attempts: tuple[Submission, Submission], tess: User, ada: User) -> None:
    logged_in(tess).get(at(ada))
    client = logged_in(ada)
    own, other = attempts
    texts = [
        client.get(path).content.decode()
        for path in (
            f"/submissions/{own.uuid}/",
            "/challenges/sea-or-sky/",
            "/leaderboards/sea-or-sky/",
            "/notices/",
            f"/api/v1/submissions/{own.uuid}",
        )
    ]
    texts.append(b"".join(client.get("/profile/my-data.json")).decode())
    texts += [json.dumps(row, default=str) for row in Event.objects.values()]
    assert TEXT in texts[0]
    for text in texts:
        assert "fingerprint" not in text.lower() and "similar entries" not in text.lower()
        assert TEXT.upper() not in text and str(other.uuid) not in text
