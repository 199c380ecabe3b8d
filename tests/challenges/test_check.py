from __future__ import annotations

import pytest

from challenges.check import check
from challenges.kinds.free_text import FreeTextPayload
from challenges.kinds.prompt import PromptPayload
from challenges.kinds.tune import KIND, Hyperparameters, TunePayload
from challenges.kinds.tune_keys import tune
from challenges.payloads import Example
from challenges.rows import TrainRow
from challenges.spec import Challenge
from tests.challenges import factory
from tests.pace import within

SEA = TrainRow(input="a wave", output="sea")


def challenge(**changes):
    return Challenge.model_validate(factory.prompt_spec(**changes))


def free_text(**changes):
    spec = {k: v for k, v in factory.prompt_spec().items() if k not in ("model", "answer", "prompt", "also", "tune")}
    more = {"kind": "free_text", "question": "Why?", "model_answer": "So.", "rubric": factory.RUBRIC, "words": [3, 10]}
    return Challenge.model_validate({**spec, **more, **changes})


def prompt(**changes):
    return PromptPayload(
        **{"instructions": "Sea or sky?", "examples": (Example(input="gull", output="sky"),), **changes}
    )


def lora(rows=(SEA,), **knobs):
    return TunePayload(rows=tuple(rows), hyperparameters=Hyperparameters(**knobs))


def found(problems):
    return {(p.code, p.field, p.line) for p in problems}


@pytest.mark.parametrize("payload", [prompt(), lora(), prompt(example="{input} is in the {output} {x}")])
def test_a_good_payload_has_no_problem(payload, count_words):
    assert check(challenge(), payload, count_words) == []


@pytest.mark.parametrize(
    ("payload", "problem"),
    [
        (prompt(instructions="x" * 2001), ("too_long", "instructions", None)),
        (prompt(examples=(Example(input="gull", output="sky"),) * 17), ("too_many_examples", "examples", None)),
        (prompt(examples=(Example(input="gull", output="air"),)), ("unknown_label", "examples", 1)),
        (prompt(examples=(Example(input=" ", output="sky"),)), ("empty", "examples", 1)),
        (prompt(instructions="a<|im_end|>b"), ("special_token", "instructions", None)),
        (prompt(examples=(Example(input="<|endoftext|>", output="sky"),)), ("special_token", "examples", 1)),
        (prompt(instructions="a\0b"), ("control_character", "instructions", None)),
        (prompt(instructions="a\u202eb"), ("control_character", "instructions", None)),
        (prompt(instructions="a\U000e0041b"), ("control_character", "instructions", None)),
        (prompt(example="{input}"), ("bad_template", "example", None)),
        (prompt(example="{output} {input}"), ("bad_template", "example", None)),
        (prompt(example="{input} {output} {output}"), ("bad_template", "example", None)),
        (prompt(examples=(Example(input="x" * 8000, output="sky"),) * 3), ("too_long", "examples", None)),
        (prompt(examples=(Example(input="é" * 5000, output="sky"),)), ("too_long", "examples", 1)),
        (
            prompt(instructions="w " * 900, examples=(Example(input="w " * 1200, output="sky"),)),
            ("too_many_tokens", "examples", None),
        ),
        (lora([SEA] * 101), ("too_many_rows", "rows", None)),
        (lora([SEA, TrainRow(input="x", output="air")]), ("unknown_label", "rows", 2)),
        (lora([SEA, TrainRow(input="w " * 70, output="sea")]), ("too_many_tokens", "rows", 2)),
        (lora(r=32), ("knob", "hyperparameters.r", None)),
        (lora(lora_alpha=64), ("knob", "hyperparameters.lora_alpha", None)),
        (lora(learning_rate=0.05), ("knob", "hyperparameters.learning_rate", None)),
        (lora(num_train_epochs=6), ("knob", "hyperparameters.num_train_epochs", None)),
        (lora(per_device_train_batch_size=2), ("knob", "hyperparameters.per_device_train_batch_size", None)),
    ],
)
def test_each_fault_has_its_code_field_and_line(payload, problem, count_words):
    assert found(check(challenge(), payload, count_words)) == {problem}


def test_tokens_max_names_rows_epochs_and_tokens(count_words):
    rows = [TrainRow(input="w " * 50, output="sea")] * 100
    (problem,) = check(challenge(), lora(rows, num_train_epochs=5), count_words)
    assert problem.code == "tokens_max"
    assert all(text in problem.message for text in ("100 rows", "5 epochs", "53 tokens", "26,500", "20,000"))


def test_steps_are_bounded(count_words):
    section = {"rows_max": 2000, "row_tokens_max": 64, "tokens_max": 2_000_000, "steps_max": 500}
    payload = lora([SEA] * 401, num_train_epochs=5, per_device_train_batch_size=4)
    assert found(check(challenge(tune=section), payload, count_words)) == {("too_many_steps", "hyperparameters", None)}


def test_of_the_challenges_and_the_sites_limits_the_smaller_counts(count_words, monkeypatch):
    section = {"rows_max": 1000, "row_tokens_max": 64, "tokens_max": 2_000_000, "steps_max": 3000, "seconds": 2000}
    spec, payload = challenge(tune=section), lora([SEA] * 401, num_train_epochs=5, per_device_train_batch_size=4)
    (too_many,) = check(spec, payload, count_words)
    assert "505 steps; this site allows 500." in too_many.message
    assert tune(spec).seconds == 600 and KIND.seconds(spec) == spec.limits.seconds + 600
    monkeypatch.setenv("GRADUS_TRAINING_STEPS", "5000")
    monkeypatch.setenv("GRADUS_TRAINING_SECONDS", "3600")
    assert check(spec, payload, count_words) == []
    assert (tune(spec).steps_max, tune(spec).seconds) == (3000, 2000)
    monkeypatch.setenv("GRADUS_TRAINING_ROWS", "400")
    (refused,) = check(spec, payload, count_words)
    assert (refused.code, refused.field) == ("too_many_rows", "rows")
    assert refused.message == "401 rows are too many: this site trains on 400 at most."
    (own,) = check(challenge(tune=section | {"rows_max": 100}), payload, count_words)
    assert own.message == "401 rows are too many: keep 100 at most."
    assert KIND.shown_keys(spec)["rows_max"] == 400


def test_a_locked_template_cannot_be_changed(count_words):
    locked = challenge(prompt={"example": "{input}: {output}", "locked": True})
    assert check(locked, prompt(example="{input}: {output}"), count_words) == []
    told = check(locked, prompt(example="{input}; {output}"), count_words)
    assert found(told) == {("bad_template", "example", None)}


def test_a_kind_that_is_not_taken_is_refused(count_words):
    spec = {name: value for name, value in factory.prompt_spec(also=[]).items() if name != "tune"}
    told = check(Challenge.model_validate(spec), lora(), count_words)
    assert found(told) == {("not_accepted_kind", "kind", None)}
    assert found(check(free_text(), prompt(), count_words)) == {("not_accepted_kind", "kind", None)}


@pytest.mark.parametrize(
    ("answer", "codes"),
    [
        ("It is because facts change.", set()),
        ("Ignore all <|im_end|> and {input}, \u202e they said.", set()),
        ("  \n", {"empty"}),
        ("Too short", {"words"}),
        ("wo " * 11, {"words"}),
        ("Nul \0 is not allowed", {"control_character"}),
        ("x" * 51 + " y z", {"too_long"}),
    ],
)
def test_free_text_answers(answer, codes, count_words):
    subject = free_text(limits={"answer_chars": 50})
    assert {p.code for p in check(subject, FreeTextPayload(answer=answer), count_words)} == codes


def test_answer_of_too_many_tokens_is_refused():
    told = check(free_text(), FreeTextPayload(answer="three small words"), lambda text: 4097)
    assert {p.code for p in told} == {"too_many_tokens"}


def test_tokens_are_not_counted_where_something_else_is_wrong():
    def forbidden(text):
        raise AssertionError("counted")

    assert check(challenge(), prompt(instructions="x" * 2001), forbidden)


def test_the_largest_payload_is_checked_soon(count_words):
    section = {"rows_max": 2000, "row_tokens_max": 512, "tokens_max": 2_000_000}
    rows = [TrainRow(input="{input}<|" * 110, output="air")] * 2000
    with within(8):
        problems = check(challenge(tune=section), lora(rows), count_words)
    assert len(problems) == 50
