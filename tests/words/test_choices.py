"""The page of choices between two answers, and what a form and a result say about them, are marked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from django.test import Client

from challenges.reading import read_challenge
from gradus.accounts.models import User
from gradus.courses.services import publish
from gradus.preferences import services
from gradus.preferences.services import Side
from tests import factories
from tests.words.test_workbench import plain, posted

pytestmark = pytest.mark.usefixtures("pseudo")
CLICKS = "/challenges/your-clicks/"
EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "your-clicks"


@pytest.fixture
def learner(pseudo: str, ada_client: Client, tmp_path: Path) -> Client:
    bundle = factories.tiny_bundle(tmp_path / "course")
    lesson = bundle.lessons[0]
    challenges = (read_challenge(EXAMPLE), *lesson.challenges[1:])
    publish(replace(bundle, lessons=(replace(lesson, challenges=challenges),)))
    return ada_client


def test_the_page_from_the_first_pair_to_the_last(learner: Client, ada: User) -> None:
    challenge = factories.challenge("your-clicks")
    pairs = services.pairs_of(ada, challenge).all
    assert plain(learner, f"{CLICKS}choices/") == []
    for pair in pairs[:20]:
        services.choose(ada, challenge, pair, Side.FIRST)
    services.choose(ada, challenge, pairs[20], Side.NEITHER)
    assert plain(learner, f"{CLICKS}choices/") == []
    assert posted(learner, f"{CLICKS}choices/", {"pair": "soup"}, 302) == []
    assert plain(learner, f"{CLICKS}choices/") == []
    for pair in pairs[20:]:
        services.choose(ada, challenge, pair, Side.NEITHER)
    assert plain(learner, f"{CLICKS}choices/") == []


def test_the_form_and_the_score(learner: Client, ada: User) -> None:
    challenge = factories.challenge("your-clicks")
    assert plain(learner, CLICKS) == []
    for pair in services.pairs_of(ada, challenge).all:
        services.choose(ada, challenge, pair, Side.FIRST)
    assert plain(learner, f"{CLICKS}?rows=choices") == []
    form = {"kind": "tune", "method": "dpo", "rows": '{"prompt": "a", "chosen": "b", "rejected": "c"}'}
    assert posted(learner, f"{CLICKS}choices/use", form) == []
    assert posted(learner, f"{CLICKS}submit", form, 422) == []
    payload = {"kind": "tune", "method": "dpo", "rows": services.rows_of(ada, challenge)}
    made = factories.submit(ada, "your-clicks", payload)
    factories.grade(made, 0.75)
    assert plain(learner, f"/submissions/{made.uuid}/") == []
