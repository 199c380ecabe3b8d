"""Example sets that everybody draws alike, and numbers in a finding's texts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from challenges.findings.digest import run_digest
from challenges.findings.runs import Repetition, by_label, draw, experiment_runs
from challenges.findings.spec import ExampleSets, Finding, FindingRecord
from challenges.findings.text import filled, unknown_placeholders
from challenges.kinds.rag import RagPayload
from challenges.kinds.rag_keys import rag
from challenges.reading import read_challenge, read_lesson
from tests.challenges import factory
from tests.challenges.kinds.rag_bundle import GOOD, rag_bundle


@pytest.fixture
def challenge(tmp_path):
    return read_challenge(factory.write_prompt_challenge(tmp_path))


def test_a_set_has_so_many_of_each_label_and_is_the_same_each_time(challenge):
    sets = ExampleSets(count=5, per_label=2)
    drawn = [draw(challenge, sets, number) for number in range(1, 6)]
    assert all(sorted(e.output for e in one) == ["sea", "sea", "sky", "sky"] for one in drawn)
    assert drawn == [draw(challenge, ExampleSets(count=9, per_label=2), number) for number in range(1, 6)]
    assert len({tuple(one) for one in drawn}) > 3
    assert drawn[0] != draw(challenge, ExampleSets(count=5, per_label=2, seed=18), 1)
    known = {(row.input, row.output) for row in challenge.train}
    assert all((e.input, e.output) in known for one in drawn for e in one)


def test_the_draw_is_this_one_on_every_machine_and_python(challenge):
    """Another draw would make every record stale."""
    found = [(e.input, e.output) for e in draw(challenge, ExampleSets(count=5), 1)]
    assert found == [("I saw a whale today", "sea"), ("I saw a star today", "sky")]


def test_json_rows_are_drawn_by_the_first_listed_field(tmp_path):
    ticket = read_challenge(factory.write_lora_challenge(tmp_path))
    assert {value: len(rows) for value, rows in by_label(ticket).items()} == {"low": 2, "high": 2}
    assert len(draw(ticket, ExampleSets(count=5), 1)) == 2


def test_order_arranges_the_same_set(tmp_path):
    arms = factory.finding()["experiments"][0]["arms"]
    experiment = {"challenge": "sea-or-sky", "arms": [arms[0], {**arms[0], "id": "back", "order": [1, 0]}]}
    root = factory.write_findings(factory.write_lesson(tmp_path), factory.finding(experiments=[experiment]))
    lesson = read_lesson(root)
    runs = experiment_runs(lesson.findings[0].experiments[0], lesson.challenges[0], lesson.arms)
    for one, other in zip(runs["few"], runs["back"], strict=True):
        assert one.key == other.key
        assert one.payload.examples == other.payload.examples[::-1]


def test_a_digest_covers_inputs_and_submission_and_no_target(tmp_path):
    root = factory.write_findings(factory.write_lesson(tmp_path))

    def digests():
        lesson = read_lesson(root)
        runs = experiment_runs(lesson.findings[0].experiments[0], lesson.challenges[0], lesson.arms)
        return [run_digest(run) for found in runs.values() for run in found]

    first = digests()
    assert len(set(first)) == 6
    rows = factory.label_samples("h", 2, 5)
    factory.write_rows(root / "sea-or-sky/hidden.jsonl", [{**row, "target": "sea"} for row in rows])
    assert digests() == first
    factory.write_rows(root / "sea-or-sky/hidden.jsonl", [{**row, "input": row["input"] + "."} for row in rows])
    assert not set(digests()) & set(first)


def test_a_digest_covers_the_documents_and_which_of_them_a_row_names():
    bundle = rag_bundle()

    def digest_of(found):
        return run_digest(Repetition("good", "good", "good", found, RagPayload.model_validate(GOOD)))

    keys = rag(bundle.challenge)
    changed = keys.corpus[0].model_copy(update={"text": "The library is closed."})
    first, *rest = bundle.public
    other = first.model_copy(update={"documents": ("another",)})
    corpus = keys.model_copy(update={"corpus": (changed, *keys.corpus[1:])})
    variants = [bundle, replace(bundle, challenge=bundle.challenge.with_keys("rag", corpus))]
    variants.append(replace(bundle, public=(other, *rest)))
    assert len({digest_of(found) for found in variants}) == 3


RECORD = {
    "digest": "d",
    "machine": "m",
    "day": "2026-11-27",
    "experiments": [
        {
            "challenge": "sea-or-sky",
            "rows": 6,
            "arms": [{"id": "few", "runs": [], "mean": {"score": 0.7361}}],
            "claims": [{"effect": -0.031, "low": -0.0001, "high": 0.2, "p": 0.1, "found": "lower", "holds": True}],
        }
    ],
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{sea-or-sky.few.score}", "0.74"),
        ("{1.effect} in {1.low} to {1.high}", "\u22120.03 in 0.00 to 0.20"),
        ("{sea-or-sky.1.effect}", "\u22120.03"),
        ("{sea-or-sky.zero.score}", "…"),
        ("{input} and {2.effect} {}", "{input} and {2.effect} {}"),
    ],
)
def test_placeholders_are_filled_from_the_record(text, expected):
    finding = Finding.model_validate(factory.finding())
    assert filled(finding, FindingRecord.model_validate(RECORD), text) == expected


def test_without_a_record_an_ellipsis_stands_for_each_number():
    finding = Finding.model_validate(factory.finding())
    assert filled(finding, None, finding.statement) == "With examples the score is …, … above none."


def test_with_two_experiments_an_effect_needs_the_challenges_name():
    one = factory.finding()["experiments"][0]
    finding = Finding.model_validate(factory.finding(experiments=[one, {**one, "challenge": "ticket"}]))
    assert unknown_placeholders(finding, "{1.effect} {ticket.1.effect}") == ["1.effect"]
