import math
from dataclasses import replace
from typing import Any

import pytest

from challenges.kinds.tune import Hyperparameters, TunePayload
from challenges.rows import PreferenceRow, TrainRow
from challenges.training_methods import Method
from graders.base import (
    Assignment,
    Generate,
    Generated,
    Grade,
    Rejected,
    Score,
    Scored,
    Train,
    Trained,
    WorkItem,
)
from graders.registry import grade
from tests.graders.bundles import JSON, LABEL, bundle, challenge, drive, samples

PAYLOAD = TunePayload(
    instructions="Name the doctor.",
    rows=(TrainRow(input="rash", output="Dermatologist"),),
    hyperparameters=Hyperparameters(r=4, learning_rate=0.002),
)
TRAINED = Trained("/adapters/1", 3, 0.4, None, 0.0091, 4_900_000, 120, 2.5)
PUBLIC = samples(["Dermatologist"] * 50, "p")
HIDDEN = samples(["Dermatologist", "Urologist"], "h")


def answer(item: WorkItem) -> Trained | Scored:
    if isinstance(item, Train):
        return TRAINED
    assert isinstance(item, Score)
    return Scored([[-1.0, -2.0, -3.0] for _ in item.suffixes], [9] * len(item.suffixes), 0.1)


def graded(*, hidden: bool = True) -> tuple[Grade, list[WorkItem]]:
    task = bundle(challenge(kind="tune", tune={}), PUBLIC, HIDDEN)
    return drive(grade(Assignment(task, PAYLOAD, hidden)), answer)


def test_trains_first_on_what_continues_the_prompt_then_grades_with_the_new_adapter() -> None:
    result, (train, public, hidden) = graded()
    assert isinstance(train, Train) and isinstance(public, Score) and isinstance(hidden, Score)
    assert (train.r, train.learning_rate, train.seed, train.max_steps) == (4, 0.002, 17, None)
    assert train.rows == (("Name the doctor.\n\nSymptoms: rash\nSpecialty:", " Dermatologist"),)
    assert train.valid[0][0] == public.prompt + public.suffixes[0]
    assert train.valid[0][1] in public.labels and len(train.valid) == 40
    assert not any("h case" in prompt for prompt, _ in train.valid)
    assert (public.adapter, hidden.adapter) == ("job", "job")
    assert (result.score, result.adapter_files) == (0.5, "/adapters/1")
    assert result.training["trainable_share"] == 0.0091 and "valid_loss" not in result.training


def test_a_run_trains_twenty_steps_and_stays_public() -> None:
    result, items = graded(hidden=False)
    assert isinstance(items[0], Train)
    assert items[0].max_steps == 20
    assert [item.stage for item in items] == ["train", "public"]
    assert result.score is None


def test_diverged_training_is_the_learners_fault() -> None:
    task = bundle(challenge(kind="tune", tune={}), PUBLIC, HIDDEN)
    with pytest.raises(Rejected) as caught:
        drive(grade(Assignment(task, PAYLOAD, True)), lambda _: replace(TRAINED, train_loss=math.nan))
    assert caught.value.code == "diverged"


def test_greedy_answers_learn_to_stop_where_no_code_stops_them() -> None:
    def completion(spec: dict[str, Any], **prompt: str) -> str:
        task = bundle(challenge(spec, kind="tune", tune={}, prompt=prompt), [], HIDDEN)
        item = next(grade(Assignment(task, PAYLOAD, True)))
        assert isinstance(item, Train)
        return item.rows[0][1]

    assert completion(LABEL) == " Dermatologist"
    assert completion(LABEL | {"decode": "generate"}) == " Dermatologist\n"
    assert completion({"type": "text"}) == " Dermatologist\n\n"
    assert completion({"type": "text"}, style="chat") == "Dermatologist<|im_end|>"
    assert completion(JSON) == " Dermatologist"


PREFERENCES = tuple(
    PreferenceRow.model_validate({"prompt": f"case {n}", "chosen": "rash", "rejected": "a rash, I would say"})
    for n in range(1, 7)
)
SHORT = {"must": ["rash"], "words_max": 2}


def preferring(method: Method, **section: Any) -> tuple[Train, Grade]:
    spec = challenge(
        {"type": "text"},
        kind="tune",
        metric={"name": "required_content"},
        tune={"methods": ["dpo", "lora", "full", "qlora"], "rows": "preferences", **section},
    )
    knobs = Hyperparameters(beta=0.3, rpo_alpha=1.0) if method == "dpo" else Hyperparameters()
    payload = TunePayload(method=method, rows=PREFERENCES, hyperparameters=knobs)
    task = bundle(spec, samples([SHORT] * 2, "p"), samples([SHORT] * 3, "h"))

    def written(item: WorkItem) -> Trained | Generated:
        if isinstance(item, Train):
            return replace(TRAINED, figures={"valid_margin": 0.5, "valid_accuracy": 1.0})
        assert isinstance(item, Generate)
        said = [" Rash.", "", " a rash, and much more than that"][: len(item.suffixes)]
        return Generated(said, [9] * len(said), [3] * len(said), 0.1)

    result, (train, *_) = drive(grade(Assignment(task, payload, True)), written)
    assert isinstance(train, Train)
    return train, result


def test_dpo_gets_both_answers_and_holds_every_fifth_row_out() -> None:
    train, result = preferring("dpo")
    assert train.rows[0] == ("Symptoms: case 1\nSpecialty:", " rash\n\n", " a rash, I would say\n\n")
    assert len(train.rows) == 5 and [row[0] for row in train.valid] == ["Symptoms: case 5\nSpecialty:"]
    assert (train.method, train.beta, train.rpo_alpha) == ("dpo", 0.3, 1.0)
    assert result.training["valid_margin"] == 0.5 and result.training["valid_accuracy"] == 1.0
    # The score is about what the model writes.
    assert [row.score for row in result.hidden] == [1.0, 0.0, 0.0]
    assert result.score == pytest.approx(1 / 3)


@pytest.mark.parametrize("method", ["lora", "qlora", "full"])
def test_other_methods_train_on_the_chosen_answers(method: Method) -> None:
    train, _ = preferring(method)
    assert train.rows[4] == ("Symptoms: case 5\nSpecialty:", " rash\n\n") and len(train.rows) == 6
    # What a text must hold is no text that the model could write.
    assert train.valid == () and train.method == method
