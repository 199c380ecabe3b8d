"""What the site says about a form, a payload, a row or a job is marked, wherever in the packages it is written."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone
from django.utils.translation import override

from challenges import metrics, shown_score, training_methods
from challenges.kinds import registry as kinds
from challenges.lesson import demo as lesson_demo
from challenges.lesson.spec import Demo
from challenges.translation import translated
from gradus.accounts.models import User
from gradus.courses.models import Challenge
from gradus.leaderboards.boards import BoardRow
from gradus.leaderboards.templatetags.board_rows import board_row
from gradus.learn.kind_pages import page_of
from gradus.learn.profile_forms import ends
from gradus.submissions import services
from gradus.submissions.models import Evaluation, WorkerStatus
from gradus.submissions.services import Refused
from gradus.submissions.states import CODES
from tests import factories
from tests.words.unmarked import unmarked

pytestmark = pytest.mark.usefixtures("pseudo")


def plain(*texts: object) -> list[str]:
    """The parts of texts that are not marked."""
    return [found for text in texts if text for found in unmarked(f"<main><p>{text}</p></main>")]


@pytest.mark.parametrize("lacking", training_methods.LACKS)
def test_what_a_worker_lacks(sea_or_sky: Challenge, ada: User, lacking: str) -> None:
    stored = lacking % dict.fromkeys(("system", "device", "size", "most", "room"), "7")
    WorkerStatus.objects.create(name="one", lane="train", lacks={f"lora/{sea_or_sky.spec.model}": stored})
    with pytest.raises(Refused) as refusal:
        services.submit(ada, sea_or_sky, factories.LORA, idempotency_key="a")
    assert plain(refusal.value.message, *(problem["message"] for problem in refusal.value.problems)) == []


@pytest.mark.parametrize("code", sorted(CODES))
def test_how_a_job_has_ended(code: str) -> None:
    message = Evaluation(error_code=code).message
    assert message and plain(message) == []


def test_how_kinds_and_metrics_are_called() -> None:
    for kind in kinds.every():
        names = [kind.title, kind.noun, kind.run_label, *kind.approaches.values()]
        assert plain(*map(translated, names)) == []
    assert plain(*map(metrics.title, metrics.BUILT_IN)) == []
    assert plain(shown_score.counted(shown_score.MARKS), *map(translated, shown_score.WORDS.values())) == []


@pytest.mark.parametrize("data", [factories.PROMPT, factories.LORA, factories.FREE_TEXT])
def test_how_the_parts_of_a_payload_are_called(data: dict[str, Any]) -> None:
    found = page_of(data["kind"]).describe({**data, "label_words": {"sea": "water"}})
    assert found and plain(*found) == []


@pytest.mark.parametrize("shares", [{"sea": 0.5, "sky": 0.5}, {"sea": 0.97, "sky": 0.03}])
def test_what_a_panel_of_the_demo_says(shares: dict[str, float]) -> None:
    demo = Demo.model_validate(
        {
            "title": "T",
            "challenge": "c",
            "explanation": "e",
            "chips": ["c"],
            "zero_shot": "z",
            "few_shot": "f",
            "adapter": "a",
        }
    )
    for panel in lesson_demo.PANELS:
        said = lesson_demo.said(demo, panel, shares)
        assert plain(said.note, said.answer if said.is_unsure else "") == []


def test_when_a_token_may_end_is_asked_in_the_language_of_the_page() -> None:
    assert all(unmarked(f"<main>{name}</main>") == [] for _, name in ends())


def test_a_row_that_was_shown_in_english_is_shown_in_the_other_language(ada: User) -> None:
    row = BoardRow(1, "enchantress", 0.7, 2, True, False, False, True, {}, timezone.now())
    with override("en"):
        assert "(you)" in board_row(row, shows_costs=False)
    shown = board_row(row, shows_costs=False)
    assert "(you)" not in shown and unmarked(f"<main>{shown}</main>") == []
