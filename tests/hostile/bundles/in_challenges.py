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
    ),
    Broken("a pass mark below the weak baseline", swap(SPEC, "pass: 0.60", "pass: 0.40"), SPEC, 25),
    Broken("a pass mark between two steps", swap(SPEC, "pass: 0.60", "pass: 0.61"), SPEC, 15),
    Broken("a pass mark of 0", swap(SPEC, "pass: 0.60", "pass: 0"), SPEC, 15, most=2),
    Broken("gold below pass", swap(SPEC, "gold: 0.80", "gold: 0.50"), SPEC, 16),
    Broken("an unknown base model", swap(SPEC, "smollm2-135m-instruct", "gpt-9"), SPEC, 7),
    Broken("an unknown metric", swap(SPEC, "macro_f1", "f1"), SPEC, 14),
    Broken("a metric for other answers", swap(SPEC, "macro_f1", "json_fields"), SPEC, 14),
    Broken("an unknown kind", swap(SPEC, "kind: prompt", "kind: promt"), SPEC, 4, most=2),
    Broken("an unknown second track", swap(SPEC, "also: [tune]", "also: [lora]"), SPEC, 5, most=3),
    Broken("a limit of 0 attempts", swap(SPEC, "attempts_per_day: 10", "attempts_per_day: 0"), SPEC, 17),
    Broken("a limit of 0 seconds", swap(SPEC, "limits: {", "limits: {seconds: 0, "), SPEC, 17),
    Broken("a step of 0", swap(SPEC, "step: 0.02", "step: 0"), SPEC, 18),
    Broken("one label", swap(SPEC, "[sea, sky]", "[sea]"), SPEC, 10),
    Broken("a label twice", swap(SPEC, "[sea, sky]", "[sea, sky, Sea]"), SPEC, 10, most=5),
    Broken("a row template without the input", swap(SPEC, "Thing: {input}", "Thing: {text}"), SPEC, 13),
    Broken("no weak baseline", swap(SPEC, "  - {file: baselines/weak.yaml, max: 0.50}\n", ""), SPEC, 24),
    Broken("a baseline in another folder", swap(SPEC, "baselines/good.yaml", "../good.yaml"), SPEC, 26),
    Broken("a baseline with min above max", swap(SPEC, "min: 0.64}", "min: 0.64, max: 0.62}"), SPEC, 26),
    Broken("a baseline with an unknown key", append(GOOD, "temperature: 0.7\n"), GOOD, 6),
    Broken("a baseline without a kind", swap(GOOD, "kind: prompt\n", ""), GOOD, 1),
    Broken("a baseline of another kind", put(GOOD, "kind: free_text\nanswer: sea\n"), GOOD, 1),
    Broken("a baseline with too many examples", swap(SPEC, "examples_max: 8", "examples_max: 1"), GOOD, 3),
    Broken("an example with an unknown label", swap(GOOD, "output: sea}", "output: land}"), GOOD, 5),
    Broken("a baseline's rows outside of the folder", swap(LORA, "../train.jsonl", "../../../train.jsonl"), LORA, 2),
    Broken("a baseline's rows that are not there", swap(LORA, "../train.jsonl", "train.jsonl"), LORA, 2),
    Broken("a setting out of bounds", swap(LORA, "r: 8", "r: 32"), LORA, 4),
    Broken("an unknown setting", swap(LORA, "num_train_epochs", "epochs"), LORA, 5),
    Broken("a gold mark for a track that is not there", append(SPEC, "track_gold: {rag: 0.90}\n"), SPEC, 28),
    Broken("documents that are not there", remove(f"{LIBRARY}/documents"), LIBRARY_SPEC, 7, most=3),
    Broken(
        "documents outside of the folder",
        swap(LIBRARY_SPEC, "corpus: documents/", "corpus: ../documents/"),
        LIBRARY_SPEC,
        7,
        most=3,
    ),
    Broken(
        "a search from many to few passages",
        swap(LIBRARY_SPEC, "top_k: [1, 8]", "top_k: [8, 1]"),
        LIBRARY_SPEC,
        13,
        most=2,
    ),
    Broken("a rubric without criteria", rubric([]), QUESTION_SPEC, 11, most=2),
    Broken("a rubric of one criterion of 50 points", rubric([0]), QUESTION_SPEC, 11, most=3),
    Broken("a criterion twice", rubric([0, 0, 1, 2]), QUESTION_SPEC, 17, most=2),
    Broken(
        "fewest words above most words",
        swap(QUESTION_SPEC, "words:\n- 5\n- 60\n", "words: [60, 5]\n"),
        QUESTION_SPEC,
        8,
        most=3,
    ),
    Broken("free text with another track", append(QUESTION_SPEC, "also: [prompt]\n"), QUESTION_SPEC, 36),
    Broken(
        "a run of a challenge that is not there",
        append(QUESTION_SPEC, "own_run: {challenge: nowhere, rows: 2}\n"),
        QUESTION_SPEC,
        36,
        most=6,
    ),
    Broken("a folder that is not named like the id", swap(SPEC, "id: sea-or-sky", "id: sea-sky"), SPEC, 2),
)
