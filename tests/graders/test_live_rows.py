"""Single public rows, read from what an engine reports before it has finished the others."""

import json
import math
from dataclasses import replace

import pytest

from challenges.kinds.prompt import PromptPayload
from graders import registry
from graders.base import CALIBRATE, Assignment, Generate, Score, Scored
from graders.live_rows import OUTPUT_CHARS, live_row
from tests.graders.bundles import JSON, bundle, challenge, drive, samples
from tests.graders.test_prompt import HIDDEN, PAYLOAD, PUBLIC

LOGS = [[math.log(share) for share in shares] for shares in ((0.5, 0.3, 0.2), (0.6, 0.3, 0.1))]
TICKETS = samples([{"category": "bug", "summary": "broken lamp"}, {"category": "billing", "summary": "refund"}], "t")


def graded(**changes):
    """The grade, how the submission asks, and the item about public samples."""
    assignment = Assignment(bundle(challenge(**changes), PUBLIC, HIDDEN), PAYLOAD, hidden=True)

    def answer(item):
        found = [LOGS[n % 2] for n, _ in enumerate(item.suffixes)]
        return Scored(found, [9] * len(found), 0.1)

    grade, items = drive(registry.grade(assignment), answer)
    return grade, registry.ask_of(assignment), next(item for item in items if item.stage == "public")


@pytest.mark.parametrize("calibrate", ["none", "contextual", "batch"])
def test_a_label_row_is_what_the_grade_will_say(calibrate):
    answer = {"type": "label", "labels": ["Dermatologist", "Neurologist", "Urologist"], "calibrate": calibrate}
    grade, ask, item = graded(answer=answer)
    for number, row in enumerate(grade.public):
        found = live_row(ask, PUBLIC, item, number, LOGS[number])
        assert found == {
            "id": row.id,
            "mark": "right" if row.correct else "wrong",
            "score": row.score,
            "output": row.output,
            "confidence": row.confidence,
        }


def generated(text, *, answer=JSON, metric="json_fields"):
    spec = challenge(answer, metric={"name": metric})
    ask = registry.ask_of(Assignment(bundle(spec, TICKETS, HIDDEN), PAYLOAD, hidden=False))
    item = Generate("smollm2-135m-instruct", "p", ("a", "b"), 20, stage="public")
    return live_row(ask, TICKETS, item, 0, text)


def test_a_json_row_is_partly_right_and_a_long_output_is_cut():
    found = generated(json.dumps({"category": "bug", "summary": "broken"}))
    assert (found["id"], found["mark"], "confidence" in found) == ("t0", "partly_right", False)
    assert found["score"] == pytest.approx((3 + 2 / 3) / 4, abs=1e-4)
    assert generated("no idea")["mark"] == "wrong"
    assert len(generated("x" * 5000)["output"]) == OUTPUT_CHARS


@pytest.mark.parametrize(
    ("number", "changes"),
    [
        *((number, {}) for number in (-1, 2, "0", None)),
        *((0, {"stage": stage}) for stage in ("hidden", CALIBRATE, "")),
        (0, {"suffixes": ("one input of a visitor",)}),
    ],
)
def test_what_is_no_public_row_is_refused(number, changes):
    _, ask, item = graded()
    assert isinstance(item, Score)
    with pytest.raises(ValueError, match="not a public row"):
        live_row(ask, PUBLIC, replace(item, **changes), number, LOGS[0])


@pytest.mark.parametrize(
    "value", [None, "text", [], [0.0, 1.0], [0.0, 0.0, math.nan], [0.0, 0.0, -math.inf], ["a", "b", "c"], {}]
)
def test_a_value_that_is_not_of_a_label_row_is_refused(value):
    _, ask, item = graded()
    with pytest.raises(ValueError, match="not the log-probabilities"):
        live_row(ask, PUBLIC, item, 0, value)


@pytest.mark.parametrize("value", [None, [0.0, 0.0, 0.0], 3])
def test_a_value_that_is_not_a_text_is_refused(value):
    with pytest.raises(ValueError, match="not a text"):
        generated(value)


def test_words_for_labels_are_read_back():
    payload = PromptPayload(label_words={"Dermatologist": "skin"})
    labels = {"type": "label", "labels": ["Dermatologist", "Neurologist"], "decode": "generate"}
    ask = registry.ask_of(Assignment(bundle(challenge(labels), PUBLIC, HIDDEN), payload, hidden=False))
    item = Generate("smollm2-135m-instruct", "p", ("a", "b"), 5, stage="public")
    assert live_row(ask, PUBLIC, item, 0, "skin")["mark"] == "right"
