"""The record of an experiment with its raw scores and verdicts."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from challenges.findings.runs import Repetition
from challenges.findings.spec import Claim, Finding
from challenges.kinds.prompt import PromptPayload
from challenges.kinds.rag import RagPayload
from challenges.metrics import BUILT_IN
from challenges.spec import Metric
from graders.base import Grade, GradedSample
from graders.differences import Effect, metric
from graders.findings import Outputs, Run, experiment_record, outputs_of, predictions, readings, verdict
from graders.metrics import measure
from tests.challenges.kinds.rag_bundle import rag_bundle
from tests.graders.bundles import JSON, bundle, challenge, samples

TARGETS = [{"category": "billing", "summary": "paid twice"}, {"category": "bug", "summary": "it crashes"}]


def said(category, summary="paid twice", **more):
    return json.dumps({"category": category, "summary": summary, **more})


def run_of(spec, targets, texts, *, arm="a", key="file", payload=None):
    made = bundle(spec, samples(targets, "p"), samples(targets, "h"))
    return Run(Repetition(arm, key, key, made, payload or PromptPayload()), Outputs(tuple(texts), tuple(texts)))


def finding(**changes):
    arms = [{"id": name, "title": name, "files": [f"baselines/{name}.yaml"]} for name in ("a", "b")]
    made = {
        "id": "f",
        "title": "t",
        "statement": "s",
        "limits": "l",
        "experiments": [{"challenge": "symptoms", "arms": arms}],
        "claims": [{"arms": ["a", "b"], "varies": "instructions", "found": "higher"}],
    }
    return Finding.model_validate({**made, **changes})


def recorded(runs, **changes):
    made = finding(**changes)
    return experiment_record(made, made.experiments[0], runs)


def test_scores_are_raw_with_four_decimals_by_repetition():
    spec = challenge(metric={"name": "accuracy"}, feedback={"step": 0.25})
    targets = ["Dermatologist", "Neurologist", "Urologist"]
    runs = {
        "a": [run_of(spec, targets, targets[:n] + ["Dermatologist"] * (3 - n), key=f"set {n}") for n in (2, 3)],
        "b": [run_of(spec, targets, ["Dermatologist"] * 3, arm="b")],
    }
    found = recorded(runs)
    assert found.rows == 3
    assert [run.values["score"] for run in found.arms[0].runs] == [0.6667, 1.0]
    assert (found.arms[0].mean, found.arms[0].sd) == ({"score": 0.8333}, {"score": 0.2357})
    assert (found.arms[1].mean, found.arms[1].sd) == ({"score": 0.3333}, {})
    assert found.claims[0].effect == 0.5


def test_public_rows_are_what_is_compared_where_the_finding_says_so():
    spec = challenge()
    made = bundle(spec, samples(["Neurologist"] * 2, "p"), samples(["Urologist"] * 3, "h"))
    texts = Outputs(("Neurologist",) * 2, ("Neurologist",) * 3)
    runs = {name: [Run(Repetition(name, "x", "x", made, PromptPayload()), texts)] for name in ("a", "b")}
    for rows, count, score in (("public", 2, 1.0), ("hidden", 3, 0.0)):
        found = recorded(runs, rows=rows)
        first = found.arms[0].runs[0]
        assert (found.rows, first.values, first.public) == (count, {"score": score}, {"score": 1.0})


@pytest.mark.parametrize(
    ("text", "valid", "right"),
    [
        (said("billing"), 1.0, 1.0),
        (said("bug"), 1.0, 0.0),
        (said("billing", summary="other"), 1.0, 1.0),
        (f"Sure! {said('billing', more=1)} and more", 1.0, 1.0),
        (said("invoices"), 0.0, 0.0),
        ('{"category": "billing"}', 0.0, 0.0),
        (said("billing", summary=3), 0.0, 0.0),
        (said(["billing"]), 0.0, 0.0),
        ("billing", 0.0, 0.0),
        ("[1, 2]", 0.0, 0.0),
        ("", 0.0, 0.0),
    ],
)
def test_validity_and_decisions_of_json_are_two_numbers(text, valid, right):
    spec = challenge(JSON, metric={"name": "json_fields"})
    runs = {name: [run_of(spec, TARGETS[:1], [text], arm=name)] for name in ("a", "b")}
    values = recorded(runs).arms[0].runs[0].values
    assert (values["valid"], values["decisions"]) == (valid, right)
    assert values["score"] == pytest.approx(
        measure("json_fields", predictions(spec, PromptPayload(), [text]), TARGETS[:1], spec.answer).value, abs=1e-4
    )


def test_label_words_are_read_as_their_labels():
    spec = challenge({"type": "label", "labels": ["Dermatologist", "Neurologist"], "decode": "generate"})
    words = PromptPayload(label_words={"Neurologist": "nerves"})
    found = predictions(spec, words, ["Nerves, I think", "dermatologist", "eyes"])
    assert found == ["Neurologist", "Dermatologist", None]


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_readings_give_the_metric_back(name):
    """Every metric is the mean of row scores, except macro F1, which is computed from labels."""
    is_json = name == "json_fields"
    spec = challenge(JSON if is_json else challenge().answer.model_dump(), metric={"name": name})
    targets = TARGETS if is_json else ["Dermatologist", "Neurologist", "Neurologist", "Urologist"]
    texts = [said("billing"), said("billing", "it crashes")] if is_json else ["Dermatologist", "x", *["Urologist"] * 2]
    run = run_of(spec, targets, texts)
    expected = measure(name, predictions(spec, PromptPayload(), texts), targets, spec.answer).value
    assert metric(readings([run], "score", "hidden"))[0] == pytest.approx([expected])


def claim(**changes):
    return Claim.model_validate({"arms": ["a", "b"], "varies": "examples", "found": "higher", **changes})


@pytest.mark.parametrize(
    ("changes", "effect", "found", "holds"),
    [
        ({}, (0.10, 0.02, 0.18), "higher", True),
        ({}, (0.10, -0.01, 0.18), "unclear", False),
        ({}, (0.02, 0.01, 0.03), "unclear", False),
        ({}, (-0.10, -0.18, -0.02), "lower", False),
        ({"found": "unclear"}, (0.10, -0.01, 0.18), "unclear", True),
        ({"found": "unclear"}, (0.02, 0.01, 0.03), "unclear", False),
        ({"found": "unclear"}, (0.10, 0.02, 0.18), "higher", False),
        ({"at_least": 0.0}, (0.02, 0.01, 0.03), "higher", True),
    ],
)
def test_a_difference_is_called_by_its_interval_and_the_smallest_effect_that_counts(changes, effect, found, holds):
    record = verdict(claim(**changes), Effect(*effect, 0.01))
    assert (record.found, record.holds) == (found, holds)


@pytest.mark.parametrize(
    ("effect", "p", "found"), [(0.12, 0.001, "spread"), (0.12, 0.05, "unclear"), (0.02, 0.001, "unclear")]
)
def test_a_spread_is_one_if_it_is_wide_and_not_by_chance(effect, p, found):
    record = verdict(claim(found="spread"), Effect(effect, 0.01, 0.2, p))
    assert (record.found, record.holds) == (found, found == "spread")


def looked_up(score):
    """A run of a challenge whose metric is about documents: the texts say nothing, the rows' scores everything."""
    spec = rag_bundle().challenge.model_copy(update={"metric": Metric(name="mrr")})
    made = replace(rag_bundle(), challenge=spec)
    rows = [
        tuple(GradedSample(one.id, "", score, correct=False) for one in side) for side in (made.public, made.hidden)
    ]
    outputs = outputs_of(Grade(score=score, public=rows[0], hidden=rows[1]), spec)
    return Run(Repetition("a", "x", "x", made, RagPayload()), outputs)


def test_metrics_of_documents_are_compared_by_the_scores_of_their_rows():
    runs = {"a": [looked_up(0.5)], "b": [looked_up(0.25)]}
    found = recorded(runs, claims=[{"arms": ["a", "b"], "varies": "chunk_words", "found": "higher"}])
    assert [arm.mean["score"] for arm in found.arms] == [0.5, 0.25]
    assert found.arms[0].runs[0].public == {"score": 0.5}
    assert (found.claims[0].effect, found.claims[0].holds) == (0.25, True)
