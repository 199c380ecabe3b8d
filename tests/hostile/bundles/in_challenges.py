"""Mistakes in what a challenge asks for: marks, models, metrics, baselines, documents and rubrics."""

from __future__ import annotations

from pathlib import Path

import yaml

from tests.hostile.bundles.breaking import Break, Broken, append, both, put, remove, swap
from tests.hostile.bundles.course import CHALLENGE, LIBRARY, QUESTION

SPEC, LIBRARY_SPEC, QUESTION_SPEC = (f"{folder}/challenge.yaml" for folder in (CHALLENGE, LIBRARY, QUESTION))
GOOD, LORA = f"{CHALLENGE}/baselines/good.yaml", f"{CHALLENGE}/baselines/lora.yaml"


def rubric(chosen: list[int]) -> Break:
    """Keeps these criteria of the rubric."""

    def breaks(root: Path) -> None:
        path = root / QUESTION_SPEC
        spec = yaml.safe_load(path.read_text())
        spec["rubric"] = [dict(spec["rubric"][number]) for number in chosen]
        path.write_text(yaml.safe_dump(spec, sort_keys=False))

    return breaks


CASES = (
    Broken(
        "a pass mark that nobody reaches",
        both(swap(SPEC, "pass: 0.60", "pass: 0.90"), swap(SPEC, "gold: 0.80", "gold: 0.96")),
        SPEC,
        24,
        r"no baseline shows that the pass mark can be reached",
        r"0\.9",
    ),
    Broken(
        "a pass mark below the weak baseline",
        swap(SPEC, "pass: 0.60", "pass: 0.40"),
        SPEC,
        25,
        r"weak baseline",
        r"raise pass",
    ),
    Broken(
        "a pass mark between two steps",
        swap(SPEC, "pass: 0.60", "pass: 0.61"),
        SPEC,
        15,
        r"no multiple of .*0\.02",
        r"0\.6\b.*0\.62",
    ),
    Broken(
        "a pass mark of 0",
        swap(SPEC, "pass: 0.60", "pass: 0"),
        SPEC,
        15,
        r"pass is 0",
        r"above the weak baseline",
        most=2,
    ),
    Broken("gold below pass", swap(SPEC, "gold: 0.80", "gold: 0.50"), SPEC, 16, r"gold.*below pass", r"raise|lower"),
    Broken(
        "an unknown base model",
        swap(SPEC, "smollm2-135m-instruct", "gpt-9"),
        SPEC,
        7,
        r"model.* `gpt-9`|`gpt-9`",
        r"smollm2-135m-instruct",
    ),
    Broken("an unknown metric", swap(SPEC, "macro_f1", "f1"), SPEC, 14, r"metric `f1`", r"macro_f1"),
    Broken(
        "a metric for other answers",
        swap(SPEC, "macro_f1", "json_fields"),
        SPEC,
        14,
        r"json_fields needs answers",
        r"macro_f1",
    ),
    Broken(
        "an unknown kind", swap(SPEC, "kind: prompt", "kind: promt"), SPEC, 4, r"no kind `promt`", r"prompt", most=2
    ),
    Broken(
        "an unknown second track",
        swap(SPEC, "also: [tune]", "also: [lora]"),
        SPEC,
        5,
        r"no kind `lora`",
        r"tune",
        most=3,
    ),
    Broken(
        "a limit of 0 attempts",
        swap(SPEC, "attempts_per_day: 10", "attempts_per_day: 0"),
        SPEC,
        17,
        r"`limits.attempts_per_day` is 0",
        r"at least 1",
    ),
    Broken(
        "a limit of 0 seconds",
        swap(SPEC, "limits: {", "limits: {seconds: 0, "),
        SPEC,
        17,
        r"`limits.seconds` is 0",
        r"at least 5",
    ),
    Broken("a step of 0", swap(SPEC, "step: 0.02", "step: 0"), SPEC, 18, r"`feedback.step` is 0", r"above 0"),
    Broken("one label", swap(SPEC, "[sea, sky]", "[sea]"), SPEC, 10, r"`answer.*labels`", r"2|two"),
    Broken(
        "a label twice",
        swap(SPEC, "[sea, sky]", "[sea, sky, Sea]"),
        SPEC,
        10,
        r"`Sea`.*twice|label.*twice",
        r"remove|rename",
        most=5,
    ),
    Broken(
        "a row template without the input",
        swap(SPEC, "Thing: {input}", "Thing: {text}"),
        SPEC,
        13,
        r"\{input\}",
        r"\{output\}",
    ),
    Broken(
        "no weak baseline",
        swap(SPEC, "  - {file: baselines/weak.yaml, max: 0.50}\n", ""),
        SPEC,
        24,
        r"no weak baseline",
        r"`?max`?",
    ),
    Broken(
        "a baseline in another folder",
        swap(SPEC, "baselines/good.yaml", "../good.yaml"),
        SPEC,
        26,
        r"`baselines.*file`",
        r"folder baselines",
    ),
    Broken(
        "a baseline with min above max",
        swap(SPEC, "min: 0.64}", "min: 0.64, max: 0.62}"),
        SPEC,
        26,
        r"min is above max",
        r"swap",
    ),
    Broken("a baseline with an unknown key", append(GOOD, "temperature: 0.7\n"), GOOD, 6, r"`temperature`", r"remove"),
    Broken("a baseline without a kind", swap(GOOD, "kind: prompt\n", ""), GOOD, 1, r"`kind`", r"prompt.*tune"),
    Broken(
        "a baseline of another kind", put(GOOD, "kind: free_text\nanswer: sea\n"), GOOD, 1, r"kind", r"prompt.*tune"
    ),
    Broken(
        "a baseline with too many examples",
        swap(SPEC, "examples_max: 8", "examples_max: 1"),
        GOOD,
        3,
        r"examples",
        r"allows 1 example",
    ),
    Broken(
        "an example with an unknown label",
        swap(GOOD, "output: sea}", "output: land}"),
        GOOD,
        5,
        r"examples|label",
        r"sea, sky",
    ),
    Broken(
        "a baseline's rows outside of the folder",
        swap(LORA, "../train.jsonl", "../../../train.jsonl"),
        LORA,
        2,
        r"leaves the challenge's folder",
        r"inside",
    ),
    Broken(
        "a baseline's rows that are not there",
        swap(LORA, "../train.jsonl", "train.jsonl"),
        LORA,
        2,
        r"no `train.jsonl`",
        r"relative to this file",
    ),
    Broken("a setting out of bounds", swap(LORA, "r: 8", "r: 32"), LORA, 4, r"hyperparameters.r", r"4, 8, 16"),
    Broken(
        "an unknown setting",
        swap(LORA, "num_train_epochs", "epochs"),
        LORA,
        5,
        r"epochs.* unknown",
        r"num_train_epochs|remove",
    ),
    Broken(
        "a gold mark for a track that is not there",
        append(SPEC, "track_gold: {rag: 0.90}\n"),
        SPEC,
        28,
        r"track_gold.*rag",
        r"also",
    ),
    Broken(
        "documents that are not there",
        remove(f"{LIBRARY}/documents"),
        LIBRARY_SPEC,
        7,
        r"no `documents/`",
        r"add the folder",
        most=3,
    ),
    Broken(
        "documents outside of the folder",
        swap(LIBRARY_SPEC, "corpus: documents/", "corpus: ../documents/"),
        LIBRARY_SPEC,
        7,
        r"leaves the challenge's folder",
        r"inside",
        most=3,
    ),
    Broken(
        "a search from many to few passages",
        swap(LIBRARY_SPEC, "top_k: [1, 8]", "top_k: [8, 1]"),
        LIBRARY_SPEC,
        13,
        r"top_k is no interval",
        r"lowest",
        most=2,
    ),
    Broken(
        "a rubric without criteria",
        rubric([]),
        QUESTION_SPEC,
        11,
        r"`rubric`.*empty",
        r"add",
        most=2,
    ),
    Broken(
        "a rubric of one criterion of 50 points",
        rubric([0]),
        QUESTION_SPEC,
        11,
        r"add up to 50",
        r"100",
        most=3,
    ),
    Broken(
        "a criterion twice",
        rubric([0, 0, 1, 2]),
        QUESTION_SPEC,
        17,
        r"`cause` stands twice",
        r"rename",
        most=2,
    ),
    Broken(
        "fewest words above most words",
        swap(QUESTION_SPEC, "words:\n- 5\n- 60\n", "words: [60, 5]\n"),
        QUESTION_SPEC,
        8,
        r"words",
        r"\[fewest, most\]",
        most=3,
    ),
    Broken(
        "free text with another track",
        append(QUESTION_SPEC, "also: [prompt]\n"),
        QUESTION_SPEC,
        36,
        r"no other track",
        r"also",
    ),
    Broken(
        "a run of a challenge that is not there",
        append(QUESTION_SPEC, "own_run: {challenge: nowhere, rows: 2}\n"),
        QUESTION_SPEC,
        36,
        r"`own_run` names `nowhere`",
        r"public rows",
        most=6,
    ),
    Broken(
        "a folder that is not named like the id",
        swap(SPEC, "id: sea-or-sky", "id: sea-sky"),
        SPEC,
        2,
        r"`sea-sky`.*`sea-or-sky`",
        r"alike",
    ),
)
