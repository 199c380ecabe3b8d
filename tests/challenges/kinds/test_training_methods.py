"""Which training methods a challenge takes, with which settings, and what is wrong with preferences."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from challenges import dataset
from challenges.bundle import ChallengeBundle, training_rows
from challenges.check import check
from challenges.files.rows import read_train
from challenges.kinds.tune import KIND, texts
from challenges.kinds.tune_keys import held_out, tune
from challenges.lint.run import lint
from challenges.payloads import canonical, parse
from challenges.reading import read_challenge
from challenges.rows import Sample
from challenges.spec import Challenge, dump
from challenges.training_methods import METHODS
from tests.challenges import factory

PAIR = {"input": "a wave", "output": "sea"}
PREFERENCE = {"prompt": "a wave", "chosen": "sea", "rejected": "the wide and deep blue sea"}
ANSWER = {"type": "text", "max_new_tokens": 8}


def challenge(methods=("lora", "qlora", "full", "dpo"), rows="preferences", **section):
    return Challenge.model_validate(
        factory.prompt_spec(answer=ANSWER, tune={"methods": list(methods), "rows": rows, **section})
        | {"metric": {"name": "required_content"}}
    )


def payload(method="dpo", rows=(PREFERENCE,), **knobs):
    return parse({"kind": "tune", "method": method, "rows": list(rows), "hyperparameters": knobs})


def problems(spec, handed_in, count_words):
    return [(p.code, p.field, p.line, p.message) for p in check(spec, handed_in, count_words)]


def test_what_stays_as_it_was_is_left_out_of_a_dump():
    plain = Challenge.model_validate(factory.prompt_spec())
    assert {"methods", "trial_only", "rows", "hold_out_every"}.isdisjoint(dump(plain)["tune"])
    assert set(dump(plain)["tune"]["knobs"]) == {"r", "lora_alpha", *METHODS["full"].settings}
    assert set(json.loads(canonical(payload("lora", [PAIR])))["hyperparameters"]) == set(METHODS["lora"].settings)


@pytest.mark.parametrize("method", METHODS)
def test_settings_start_where_the_method_does_and_are_allowed_there(method, count_words):
    handed_in = payload(method)
    started = {name: getattr(handed_in.hyperparameters, name) for name in METHODS[method].starts}
    assert started == dict(METHODS[method].starts)
    assert problems(challenge(), handed_in, count_words) == []
    assert payload(method, learning_rate=3e-5).hyperparameters.learning_rate == 3e-5


def test_an_author_says_with_which_settings_the_form_starts():
    top, own = {"learning_rate": 2e-4, "num_train_epochs": 1, "r": 4}, {"full": {"learning_rate": 1e-4}}
    section = tune(challenge(starts={**top, **own}))
    assert section.starts_of("lora") == section.starts_of("qlora") == top
    assert section.starts_of("full") == {"learning_rate": 1e-4, "num_train_epochs": 1}
    # DPO has a learning rate of its own, which comes before that of all methods.
    assert section.starts_of("dpo") == {"num_train_epochs": 1, "r": 4}
    plain = challenge()
    assert tune(plain).starts_of("lora") == {} and "starts" not in dump(plain)["tune"]


@pytest.mark.parametrize(
    ("section", "problem"),
    [
        ({"starts": {"learning_rate": 0.5}}, "`starts` has learning_rate 0.5, which `knobs` does not allow"),
        ({"starts": {"per_device_train_batch_size": 3}}, "`starts` has per_device_train_batch_size 3"),
        ({"starts": {"dpo": {"beta": 7}}}, "`starts` has beta 7"),
        ({"starts": {"epochs": 1}}, "Extra inputs"),
        ({"methods": ["lora"], "trial_only": ["full"]}, "full stands in `trial_only` but not in `methods`"),
        ({"methods": ["lora", "full"], "trial_only": ["full", "lora"]}, "no method can be submitted"),
        ({"methods": ["dpo"], "rows": "pairs"}, "rows: preferences"),
        ({"methods": ["lora", "lora"], "rows": "pairs"}, "stands twice"),
    ],
)
def test_methods_settings_and_rows_that_do_not_go_together_are_refused(section, problem):
    with pytest.raises(ValidationError, match=problem):
        challenge(**section)


def test_a_method_can_be_for_trials_only(count_words):
    spec = challenge(trial_only=["full"])
    assert problems(spec, payload("full"), count_words) == [] == list(KIND.check_submission(spec, payload("lora")))
    (refused,) = KIND.check_submission(spec, payload("full"))
    assert (refused.code, refused.field) == ("method", "method")
    assert (
        "you can try the method full" in refused.message and "with one of these: lora, qlora, dpo." in refused.message
    )


def test_a_method_has_knobs_of_its_own_before_the_common_ones():
    spec = challenge(knobs={"r": [4], "learning_rate": [1e-4, 1e-3], "dpo": {"beta": [0.2, 0.4]}})
    knobs = tune(spec).knobs
    assert knobs.of("lora")["learning_rate"] == (1e-4, 1e-3) and knobs.of("lora")["r"] == (4,)
    assert "r" not in knobs.of("full") and knobs.of("full")["learning_rate"] == (1e-6, 5e-4)
    assert knobs.of("dpo")["beta"] == (0.2, 0.4) and knobs.of("dpo")["r"] == (4,)


@pytest.mark.parametrize(
    ("spec", "handed_in", "problem"),
    [
        (
            {"methods": ["lora", "dpo"]},
            {"method": "full"},
            ("method", "method", None, "not allow the method full"),
        ),
        ({}, {"beta": 2.0}, ("knob", "hyperparameters.beta", None, "between 0.01 and 1")),
        ({}, {"method": "qlora", "beta": 0.1}, ("knob", "hyperparameters.beta", None, "leave it out")),
        ({}, {"method": "full", "learning_rate": 0.01}, ("knob", "hyperparameters.learning_rate", None, "5e-04")),
        ({}, {"rows": [PREFERENCE, PAIR]}, ("row_shape", "rows", 2, '"chosen"')),
        ({"methods": ["full"], "rows": "pairs"}, {"method": "full"}, ("row_shape", "rows", 1, '"output"')),
        ({}, {"rows": [PREFERENCE | {"chosen": " x", "rejected": "x "}]}, ("equal_sides", "rows", 1, "remove the row")),
        ({}, {"rows": [PREFERENCE | {"rejected": " "}]}, ("empty", "rows", 1, "rejected")),
        ({}, {"rows": [PREFERENCE | {"chosen": "<|im_end|>"}]}, ("special_token", "rows", 1, "control token")),
        ({}, {"rows": [PREFERENCE | {"rejected": "deep " * 2000}]}, ("too_long", "rows", 1, "shorten")),
        (
            {},
            {"rows": [PREFERENCE, PREFERENCE | {"rejected": "deep " * 300}]},
            ("too_many_tokens", "rows", 2, "Shorten"),
        ),
    ],
    ids=lambda value: str(value)[:60],
)
def test_each_fault_names_field_row_and_cure(spec, handed_in, problem, count_words):
    code, field, line, words = problem
    (found,) = problems(challenge(**spec), payload(**handed_in), count_words)
    assert found[:3] == (code, field, line)
    assert words in found[3] or f"{float(words):g}" in found[3]


def test_an_unknown_method_is_refused_by_name():
    with pytest.raises(ValidationError) as caught:
        payload("rlhf")
    (error,) = caught.value.errors()
    assert error["loc"] == ("tune", "method") and "'dpo'" in error["msg"]


def test_preferences_are_read_with_either_name_and_stored_with_one():
    lines = [PREFERENCE, {"id": "7", "input": "a gull", "chosen": " sky ", "rejected": "the sky above"}]
    rows, unread = read_train("\n".join(map(json.dumps, lines)).encode())
    assert unread == []
    assert [row.model_dump() for row in rows][1] == {"prompt": "a gull", "chosen": "sky", "rejected": "the sky above"}
    assert training_rows([row.model_dump() for row in rows]) == tuple(rows)


@pytest.mark.parametrize("row", [{"prompt": "a", "chosen": "b"}, PREFERENCE | {"rejected": 1}, PREFERENCE | {"x": "y"}])
def test_half_a_preference_is_not_read(row):
    rows, (problem,) = read_train(json.dumps(row).encode())
    assert rows == [] and problem.line == 1 and "rejected" in problem.fix


def test_other_methods_train_on_what_was_chosen():
    rows = payload().rows
    assert [(row.input, row.output) for row in texts("lora", rows)] == [("a wave", "sea")]
    assert [row.output for row in texts("dpo", rows)] == [PREFERENCE["chosen"], PREFERENCE["rejected"]]


def test_every_fifth_preference_is_held_out():
    rows = payload(rows=[PREFERENCE | {"prompt": f"wave {n}"} for n in range(1, 13)]).rows
    trained, held = held_out(tune(challenge()), "dpo", rows)
    assert [row.input for row in held] == ["wave 5", "wave 10"] and len(trained) == 10
    assert held_out(tune(challenge()), "lora", rows) == (rows, ())
    assert held_out(tune(challenge(hold_out_every=0)), "dpo", rows) == (rows, ())


def test_both_sides_of_a_preference_are_paid_for(count_words):
    spec, rows = challenge(), payload().rows
    alone = dataset.report(spec, rows, count_words)
    both = dataset.report(spec, rows, count_words, method="dpo", hyperparameters=payload().hyperparameters)
    assert both.problems == alone.problems == () and both.rows == 1
    assert both.tokens_per_row > 2 * alone.tokens_per_row
    assert both.total_tokens == KIND.tokens(spec, payload(), count_words).used
    assert dataset.training_seconds("dpo", 128) == METHODS["dpo"].cost * dataset.training_seconds("lora", 128)


def test_a_worker_is_asked_for_the_method_and_the_model():
    assert KIND.needs(challenge(("qlora", "dpo"))) == {
        "qlora": "qlora/smollm2-135m-instruct",
        "dpo": "dpo/smollm2-135m-instruct",
    }


def test_a_challenge_of_preferences_lints_clean_and_keeps_its_digest(tmp_path):
    folder = factory.write_preference_challenge(tmp_path / "ticket")
    assert [str(problem) for problem in lint(folder)] == []
    bundle = read_challenge(folder)
    again = ChallengeBundle.from_json(bundle.to_json())
    assert again == bundle and again.train[0].rejected == PREFERENCE["rejected"]
    assert again.hidden[0].target.must == ("sea",)


def test_lint_finds_rows_of_another_shape_and_targets_of_another_metric(tmp_path):
    folder = factory.write_preference_challenge(tmp_path / "ticket")
    factory.write_rows(folder / "train.jsonl", [PAIR, PREFERENCE | {"rejected": "sea"}])
    factory.write_rows(folder / "public.jsonl", [{"id": "p1", "input": "a big wave", "target": "sea"}])
    found = "\n".join(str(problem) for problem in lint(folder))
    assert "train.jsonl:1" in found and "public.jsonl:1: targets" in found
    factory.write_rows(folder / "train.jsonl", [PREFERENCE | {"rejected": "sea"}])
    assert "are the same" in "\n".join(str(problem) for problem in lint(folder))


def test_a_target_says_what_must_be_there():
    row = {"id": "1", "input": "x", "target": {"must": ["two"], "words_max": 3}}
    assert dump(Sample.model_validate(row)) == row | {"split": "public"}
    with pytest.raises(ValidationError):
        Sample.model_validate(row | {"target": {"must": [], "words_max": 3}})
