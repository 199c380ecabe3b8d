"""What differs between two contents, by library and command line; version numbers as numbers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from challenges.bundle import ChallengeBundle
from challenges.compare import compare, next_version, version_number
from challenges.lint.run import lint
from challenges.reading import read_challenge
from gradus.cli.main import app
from tests.challenges import factory
from tests.challenges.kinds.rag_bundle import write_rag_challenge


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return factory.write_prompt_challenge(tmp_path / "old" / "sea-or-sky")


@pytest.fixture
def new(tmp_path: Path) -> Path:
    return factory.write_prompt_challenge(tmp_path / "new" / "sea-or-sky")


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in (folder / name).read_text().splitlines()]


def diff(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["challenge", "diff", *map(str, arguments)])
    return done.exit_code, done.output


def change_hidden(folder: Path) -> None:
    """One label turned, one input rewritten, one row replaced."""
    hidden = rows(folder, "hidden.jsonl")
    hidden[0]["target"] = "sky"
    hidden[1]["input"] = "I saw a kite yesterday"
    hidden[2] = {"id": "fresh", "input": "I saw a lagoon", "target": "sea"}
    factory.write_rows(folder / "hidden.jsonl", hidden)


@pytest.mark.parametrize(
    ("low", "high"), [("1.9.0", "1.10.0"), ("0.10.9", "1.0.0"), ("1.0.9", "1.0.10"), ("9.0.0", "10.0.0")]
)
def test_versions_compare_as_numbers(low: str, high: str) -> None:
    assert version_number(low) < version_number(high)
    assert version_number(next_version(low)) > version_number(low)
    assert version_number(f"{low}+4") == version_number(low)


def test_rows_are_told_apart_by_what_changed_and_no_line_holds_a_row_s_text(old: Path, new: Path) -> None:
    change_hidden(new)
    found = compare(read_challenge(old), read_challenge(new))
    (hidden,) = found.files
    before = rows(old, "hidden.jsonl")
    assert hidden.file == "hidden.jsonl"
    assert (hidden.added, hidden.removed) == (("fresh",), (before[2]["id"],))
    assert (hidden.inputs_changed, hidden.targets_changed) == ((before[1]["id"],), (before[0]["id"],))
    assert found.is_graded and not found.keys and not found.baselines
    text = "\n".join(found.lines())
    assert not [row["input"] for folder in (old, new) for row in rows(folder, "hidden.jsonl") if row["input"] in text]


def test_rows_with_other_ids_and_equal_inputs_are_the_same_rows(old: Path) -> None:
    bundle = read_challenge(old)
    renamed = tuple(row.model_copy(update={"id": f"x-{row.id}"}) for row in bundle.hidden)
    (hidden,) = compare(bundle, replace(bundle, hidden=renamed, digest="")).files
    assert (hidden.added, hidden.removed) == ((), ())
    assert hidden.ids_changed == tuple(row.id for row in renamed)


def test_specs_training_rows_baselines_and_texts_are_compared(old: Path, new: Path) -> None:
    factory.write_yaml(new / "challenge.yaml", factory.prompt_spec(gold=0.9, version="1.1.0"))
    train = rows(new, "train.jsonl")
    train[0]["output"] = "sky"
    factory.write_rows(new / "train.jsonl", train)
    factory.write_yaml(new / "baselines/weak.yaml", {"kind": "prompt", "instructions": "Sea?"})
    (new / "statement.md").write_text("Another text.\n")
    found = compare(read_challenge(old), read_challenge(new))
    assert (found.keys, found.texts) == (("gold",), ("statement.md",))
    assert found.baselines == ("baselines/lora.yaml", "baselines/weak.yaml"), "the first one trains on train.jsonl"
    assert [(one.file, one.targets_changed) for one in found.files] == [("train.jsonl", ("row 1",))]


def test_gold_answers_are_compared_by_answer(tmp_path: Path) -> None:
    bundle: ChallengeBundle = read_challenge(factory.write_free_text_challenge(tmp_path / "explain"))
    marks = {**bundle.gold[0].marks, "cause": "not_met"}
    changed = (bundle.gold[0].model_copy(update={"marks": marks}), *bundle.gold[1:-1])
    (gold,) = compare(bundle, replace(bundle, gold=changed, digest="")).files
    assert (gold.targets_changed, gold.removed, gold.added) == (("row 1",), (f"row {len(bundle.gold)}",), ())


def test_documents_are_compared_by_id(tmp_path: Path) -> None:
    old = write_rag_challenge(tmp_path / "old/ask-the-library")
    new = write_rag_challenge(tmp_path / "new/ask-the-library", passage_tokens_max=300)
    (new / "documents/rooms.md").unlink()
    (new / "documents/bikes.md").write_text("# Bikes\n\nBikes stand in the yard.\n")
    loans = (new / "documents/loans.md").read_text()
    (new / "documents/loans.md").write_text(loans + "\nBooks may be renewed twice.\n")
    (new / "updates/cargo-bike.md").write_text("# Another title\n" + (old / "updates/cargo-bike.md").read_text())
    status, text = diff(old, new)
    assert status == 1
    assert "challenge.yaml: passage_tokens_max changed" in text
    assert "corpus: 1 added (bikes), 1 removed (rooms), 1 text changed (loans)" in text
    assert "updates: 1 text changed (cargo-bike), 1 title changed (cargo-bike)" in text
    assert "renewed twice" not in text
    assert "raise `version:` in challenge.yaml to 1.0.1 or more" in text


def test_the_command_and_its_json_say_what_changed_and_which_version_it_needs(old: Path, new: Path) -> None:
    change_hidden(new)
    status, text = diff(old, new)
    assert status == 1
    assert "sea-or-sky: version 1.0.0 -> 1.0.0" in text
    assert "hidden.jsonl: 1 added (fresh), 1 removed" in text and "1 target changed" in text
    assert "raise `version:` in challenge.yaml to 1.0.1 or more" in text
    status, text = diff(old.parent, new.parent, "--json")
    found = json.loads(text)
    assert status == 1 and (found["added"], found["removed"]) == ([], [])
    assert found["changed"]["sea-or-sky"]["raise_version_to"] == "1.0.1"
    assert found["changed"]["sea-or-sky"]["files"][0]["added"] == ["fresh"]


def test_equal_folders_exit_0_and_unreadable_ones_2(old: Path, new: Path, tmp_path: Path) -> None:
    assert diff(old, new) == (0, "nothing differs\n")
    (tmp_path / "empty").mkdir()
    assert diff(old, tmp_path / "empty")[0] == 2
    (new / "hidden.jsonl").write_text("no json\n")
    status, text = diff(old, new)
    assert status == 2 and "Traceback" not in text


def test_challenges_that_come_and_go_are_named(old: Path, tmp_path: Path) -> None:
    factory.write_lora_challenge(tmp_path / "new" / "ticket")
    assert diff(old, tmp_path / "new") == (1, "ticket: added\nsea-or-sky: removed\n")


def test_a_baseline_without_bounds_is_only_measured(tmp_path: Path) -> None:
    bounds = [*factory.prompt_spec()["baselines"], {"file": "baselines/odd.yaml"}]
    root = factory.write_prompt_challenge(tmp_path / "sea-or-sky", baselines=bounds)
    factory.write_yaml(root / "baselines/odd.yaml", {"kind": "prompt", "instructions": "Sky or sea?"})
    assert lint(root) == []
    odd = read_challenge(root).baselines[-1].ref
    assert (odd.missed(0.0), odd.missed(1.0), odd.missed(None)) == ("", "", "no score")
