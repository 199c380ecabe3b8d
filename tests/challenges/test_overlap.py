"""How much hidden material a payload holds."""

from __future__ import annotations

import pytest

from challenges.bundle import ChallengeBundle
from challenges.overlap import overlap
from challenges.payloads import parse
from challenges.reading import read_challenge
from tests.challenges import factory

ROWS = ("I saw a fish today", "i SAW  a comet today!")


@pytest.fixture(scope="module")
def label(tmp_path_factory) -> ChallengeBundle:
    return read_challenge(factory.write_prompt_challenge(tmp_path_factory.mktemp("label")))


def prompt(*inputs: str, instructions: str = "") -> dict:
    examples = [{"input": text, "output": "sea"} for text in inputs]
    return {"kind": "prompt", "instructions": instructions, "examples": examples}


@pytest.mark.parametrize(
    ("payload", "count"),
    [
        (prompt("a gull", "a buoy"), 0),
        (prompt(ROWS[0], "a buoy"), 1),
        (prompt(*ROWS), 2),
        (prompt(instructions="Mind: I saw a fish today. And: I saw a coral today."), 2),
        (prompt(instructions="I saw a fishmonger today"), 0),
        (prompt(ROWS[0], instructions=ROWS[0]), 1),
        ({"kind": "tune", "rows": [{"input": text, "output": "sea"} for text in (*ROWS, "an oyster")]}, 2),
    ],
)
def test_counts_hidden_rows(label, payload, count):
    assert overlap(label, parse(payload)) == count


def test_counts_gold_answers(tmp_path):
    bundle = read_challenge(factory.write_free_text_challenge(tmp_path))
    gold = bundle.gold[3].answer
    assert overlap(bundle, parse({"kind": "free_text", "answer": f"Well: {gold.upper()} So there."})) == 1
    assert overlap(bundle, parse({"kind": "free_text", "answer": "Facts go stale in weights."})) == 0
