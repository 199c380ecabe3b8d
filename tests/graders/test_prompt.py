import math

import pytest

from challenges.kinds.prompt import PromptPayload
from challenges.payloads import Example
from graders.base import Assignment, Generate, Generated, Grade, Score, Scored, WorkItem
from graders.registry import grade
from tests.graders.bundles import JSON, LABEL, LABELS, bundle, challenge, drive, samples

PAYLOAD = PromptPayload(instructions="Name the doctor.", examples=(Example(input="rash", output="Dermatologist"),))
PUBLIC = samples(["Dermatologist", "Neurologist"], "p")
HIDDEN = samples(["Urologist", "Neurologist"], "h") + samples(["Dermatologist", "Dermatologist"], "v", "private")


def first_label_wins(item: WorkItem) -> Scored:
    """Probability 0.5 for the dermatologist and less for other labels, for any input."""
    assert isinstance(item, Score)
    row = [math.log(share) - 3 for share in (0.5, 0.3, 0.2)]
    return Scored([row for _ in item.suffixes], [12] * len(item.suffixes), 0.5)


def graded(answer=LABEL, *, hidden=True, **changes) -> tuple[Grade, list[WorkItem]]:
    task = bundle(challenge(answer, **changes), PUBLIC, HIDDEN)
    return drive(grade(Assignment(task, PAYLOAD, hidden)), first_label_wins)


def test_asks_public_then_hidden_through_one_prefix() -> None:
    _, (public, hidden) = graded()
    assert isinstance(public, Score)
    assert isinstance(hidden, Score)
    assert (public.stage, hidden.stage) == ("public", "hidden")
    assert public.prompt == hidden.prompt == "Name the doctor.\n\nSymptoms: rash\nSpecialty: Dermatologist\n\n"
    assert public.suffixes[0] == "Symptoms: p case 0\nSpecialty:"
    assert public.labels == tuple(" " + label for label in LABELS)


def test_shows_public_rows_with_probabilities_and_reasons() -> None:
    result, _ = graded()
    row = result.public[0]
    assert (row.output, row.correct, row.confidence) == ("Dermatologist", True, 0.5)
    assert row.probabilities == {"Dermatologist": 0.5, "Neurologist": 0.3, "Urologist": 0.2}
    assert row.why == "Dermatologist 0.50, Neurologist 0.30"
    assert [(row.fields, row.valid) for row in result.public] == [({}, None)] * 2
    assert result.public_score == 0.5
    assert result.public_metrics == {"accuracy": 0.5}
    assert result.cost == {"prompt_tokens": 12.0, "new_tokens": 0.0, "ms": 250.0}


def test_scores_the_public_split_and_keeps_the_private_one_apart() -> None:
    result, _ = graded(public_metrics=["macro_f1"])
    assert result.score == 0
    assert result.private_score == 1
    assert [row.id for row in result.hidden] == ["h0", "h1", "v0", "v1"]
    assert set(result.metrics) == {"macro_f1"}


def test_scores_all_hidden_rows_where_none_is_of_the_public_split() -> None:
    task = bundle(challenge(), PUBLIC, HIDDEN[2:])
    result, _ = drive(grade(Assignment(task, PAYLOAD, True)), first_label_wins)
    assert result.score == result.private_score == 1


def test_a_run_never_asks_about_hidden_rows() -> None:
    result, items = graded(hidden=False)
    assert [item.stage for item in items] == ["public"]
    assert result.score is None
    assert (result.hidden, result.metrics, result.private_score) == ((), {}, None)


def test_contextual_calibration_divides_by_the_content_free_probability() -> None:
    priors = [[math.log(p) for p in row] for row in ([0.8, 0.1, 0.1], [0.7, 0.2, 0.1], [0.9, 0.0001, 0.0999])]

    def answer(item: WorkItem) -> Scored:
        assert isinstance(item, Score)
        return Scored(priors, [9] * 3, 0.1) if "N/A" in item.suffixes[0] else first_label_wins(item)

    task = bundle(challenge(LABEL | {"calibrate": "contextual"}), PUBLIC, HIDDEN)
    result, items = drive(grade(Assignment(task, PAYLOAD, True)), answer)
    content_free = items[0]
    assert isinstance(content_free, Score)
    assert [suffix.removeprefix("Symptoms: ").removesuffix("\nSpecialty:") for suffix in content_free.suffixes] == [
        "N/A",
        "",
        "[MASK]",
    ]
    means = [sum(math.exp(row[label]) for row in priors) / 3 for label in range(3)]
    weights = [share / mean for share, mean in zip((0.5, 0.3, 0.2), means, strict=True)]
    assert result.public[0].output == "Neurologist"
    assert result.public[0].confidence == pytest.approx(weights[1] / sum(weights), abs=1e-4)


def test_batch_calibration_divides_by_the_mean_over_public_samples() -> None:
    task = bundle(challenge(LABEL | {"calibrate": "batch"}), PUBLIC, HIDDEN)
    result, items = drive(grade(Assignment(task, PAYLOAD, True)), first_label_wins)
    batch, public, hidden = items
    assert isinstance(batch, Score) and isinstance(public, Score) and isinstance(hidden, Score)
    assert (batch.suffixes, batch.stage) == (public.suffixes, "calibrate")
    # Every row gets the same answer, so that the calibrated probabilities are all equal.
    assert result.public[0].probabilities == {label: pytest.approx(1 / 3, abs=1e-4) for label in LABELS}


def test_generated_labels_are_read_at_the_start() -> None:
    def answer(item: WorkItem) -> Generated:
        assert isinstance(item, Generate)
        assert item.stop == ("\n",)
        texts = [" neurologist, surely", "no idea"] * (len(item.suffixes) // 2)
        return Generated(texts, [5] * len(texts), [3] * len(texts), 1.0)

    task = bundle(challenge(LABEL | {"decode": "generate"}), PUBLIC, HIDDEN)
    result, _ = drive(grade(Assignment(task, PAYLOAD, True)), answer)
    assert [row.correct for row in result.hidden] == [False, False, False, False]
    assert result.public[1].why == "The output does not start with a label."
    assert result.cost["new_tokens"] == 3


def test_json_outputs_are_scored_by_field_and_only_public_rows_carry_the_scores_of_fields() -> None:
    target = {"category": "bug", "summary": "app crashes"}
    texts = [
        '{"category": "bug", "summary": "app crashes"} and more',
        '{"category": "odd"}',
        '{"category"',
        '{"category": "bug", "summary": "app hangs"}',
        '{"category": "bug", "summary": 3}',
    ]

    def answer(item: WorkItem) -> Generated:
        assert isinstance(item, Generate)
        assert item.stop == ("json",)
        return Generated(texts, [5] * 5, [20] * 5, 1.0)

    spec = challenge(JSON, metric={"name": "json_fields"})
    task = bundle(spec, samples([target] * 5, "p"), samples([target] * 5, "h"))
    result, _ = drive(grade(Assignment(task, PAYLOAD, True)), answer)
    assert [row.score for row in result.public] == [1, 0, 0, 0.875, 0.75]
    assert result.score == pytest.approx(2.625 / 5)
    shares = ((1.0, 1.0), (0.0, 0.0), (0.0, 0.0), (1.0, 0.5), (1.0, 0.0))
    assert [row.fields for row in result.public] == [{"category": one, "summary": two} for one, two in shares]
    assert [row.valid for row in result.public] == [True, False, False, True, False]
    assert [row.why for row in result.public[1:3]] == [
        "These fields are missing: summary. These have values that are not allowed: category.",
        "The output contains no complete JSON object.",
    ]
    assert result.public[4].why == "These fields have values that are not allowed: summary."
    assert [(row.fields, row.valid) for row in result.hidden] == [({}, None)] * 5


def test_the_demo_predicts_for_inputs_without_targets() -> None:
    task = bundle(challenge(), PUBLIC, HIDDEN)
    result, items = drive(grade(Assignment(task, PAYLOAD, False, ("my head hurts",))), first_label_wins)
    assert [row.output for row in result.public] == ["Dermatologist"]
    assert len(items) == 1
    assert result.public_score is None


def test_label_words_stand_for_labels_in_examples_and_scores() -> None:
    words = PAYLOAD.model_copy(update={"label_words": {"Dermatologist": "skin"}})
    task = bundle(challenge(), PUBLIC, HIDDEN)
    result, (public, _) = drive(grade(Assignment(task, words, True)), first_label_wins)
    assert isinstance(public, Score)
    assert public.prompt.endswith("Symptoms: rash\nSpecialty: skin\n\n")
    assert public.labels == (" skin", *(" " + label for label in LABELS[1:]))
    assert result.public[0].output == "Dermatologist"


def test_an_echo_is_no_label() -> None:
    """A prompt that repeats its input scores 0 and reveals nothing about hidden rows."""

    def repeat(item: WorkItem) -> Generated:
        assert isinstance(item, Generate)
        return Generated(list(item.suffixes), [9] * len(item.suffixes), [9] * len(item.suffixes), 0.1)

    task = bundle(challenge(LABEL | {"decode": "generate"}, public_metrics=["macro_f1"]), PUBLIC, HIDDEN)
    result, _ = drive(grade(Assignment(task, PAYLOAD, True)), repeat)
    assert (result.score, result.private_score, result.metrics) == (0.0, 0.0, {"macro_f1": 0.0})
    shown = repr((result.public, result.cost, result.metrics))
    assert "p case 0" in shown and not [row for row in HIDDEN if row.input in shown]
