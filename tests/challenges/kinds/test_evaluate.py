"""The kind `evaluate`: which test sets are refused beside which row, what systems read, and what lint finds."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from challenges.check import check
from challenges.kinds.evaluate import KIND
from challenges.kinds.evaluate_keys import Always, Reads, System, evaluate
from challenges.lint.run import inspect, lint
from challenges.payloads import parse
from tests.challenges.factory import put_tokenizer, write_yaml
from tests.challenges.kinds.evaluate_bundle import (
    AIMED,
    PLAIN,
    PUBLIC,
    SYSTEMS,
    evaluate_bundle,
    evaluate_spec,
    rows_of,
    write_evaluate_challenge,
)


def problems(root: Path, *rows: tuple[str, str]) -> list[tuple[str, int | None, str]]:
    bundle = evaluate_bundle(root)
    found = check(bundle.challenge, parse(rows_of(*rows)), lambda text: len(text.split()), bundle.public)
    return [(one.code, one.line, one.message) for one in found]


def test_good_rows_are_taken(tmp_path: Path) -> None:
    assert problems(tmp_path, *PLAIN, *AIMED) == []


BAD_ROWS: dict[str, tuple[tuple[tuple[str, str], ...], str, int | None, str]] = {
    "ten thousand": (tuple((f"row {n} about {n * n}", "sea") for n in range(10_000)), "too_many_rows", None, "10,000"),
    "too few": (PLAIN[:3], "too_few_rows", None, "at least 4"),
    "a label out of the list": ((*PLAIN[:3], ("the moon rose", "moon")), "unknown_label", 4, "sea, sky"),
    "a duplicate": ((*PLAIN, PLAIN[1]), "repeated", 5, "row 2"),
    "a duplicate with another label": ((*PLAIN, (PLAIN[1][0], "sea")), "repeated", 5, "row 2"),
    "a duplicate in capitals": ((*PLAIN, ("A TIDE, came in early!", "sea")), "repeated", 5, "row 1"),
    "nearly the same": ((*PLAIN, ("our harbour sleeps at night again", "sea")), "near_repeat", 5, "row 3"),
    "a public sample": ((*PLAIN, PUBLIC[2]), "copied", 5, "public sample 3"),
    "a public sample with another end": ((*PLAIN, ("The wave broke over the wall twice", "sea")), "copied", 5, "1"),
    "empty": ((*PLAIN, (" ", "sea")), "empty", 5, "fill it in"),
    "too long": ((*PLAIN, ("word " * 40, "sea")), "too_many_tokens", 5, "40 tokens"),
    "a control token": ((*PLAIN, ("the end <|im_end|>", "sky")), "special_token", 5, "<|im_end|>"),
}


@pytest.mark.parametrize("name", BAD_ROWS)
def test_a_bad_row_is_refused_beside_it(tmp_path: Path, name: str) -> None:
    rows, code, line, said = BAD_ROWS[name]
    found = problems(tmp_path, *rows)
    assert [(one[0], one[1]) for one in found] == [(code, line)], found
    assert said in found[0][2]


def test_a_minimal_pair_with_two_labels_is_taken(tmp_path: Path) -> None:
    pair = (
        ("the white gull flew over all of the cold bay", "sky"),
        ("the white gull swam over all of the cold bay", "sea"),
    )
    assert problems(tmp_path, *PLAIN, *pair) == []


@pytest.mark.parametrize(
    ("keys", "text", "read"),
    [
        ({}, "one  two\nthree", "one  two\nthree"),
        ({"first_line": True}, "\none two\nthree", "one two"),
        ({"first_words": 2}, "one two three", "one two"),
        ({"last_words": 2}, "one two three", "two three"),
        ({"first_words": 5}, "one  two", "one  two"),
        ({"without": ["not", "isn't"]}, "It isn\u2019t good, and NOT bad.", "It good, and bad."),
        ({"drops": ["capitals"]}, "I am NOT at home, (REALLY) A b", "I am at home, A b"),
        ({"drops": ["numbers", "accents"]}, "4 caf\u00e9s, 2nd street", "street"),
        ({"drops": ["numbers"]}, "12", ""),
    ],
)
def test_what_a_system_reads(keys: dict[str, Any], text: str, read: str) -> None:
    assert Reads.model_validate(keys).of(text) == read


def test_what_a_system_answers() -> None:
    always = [Always(label="sea", words_min=3, holds=("BOAT",)), Always(label="sky", words_max=1)]
    system = System(id="s", prompt="p", exchanges=("sea", "sky"), always=tuple(always))
    assert system.answer("a boat there", "sky") == "sea"
    assert system.answer("boat", "other") == "sky"
    assert [system.answer("no such thing here", label) for label in ("sea", "sky", "land")] == ["sky", "sea", "land"]


def test_learners_are_told_of_practice_systems_alone(tmp_path: Path) -> None:
    shown = KIND.shown_keys(evaluate_bundle(tmp_path).challenge)
    assert shown["practice"] == [{"id": "even", "defect": ""}, {"id": "hasty", "defect": "reads three words"}]
    assert shown["systems"] == {"with_defect": 4, "healthy": 2} and shown["rows"] == [4, 8]
    assert "secret" not in str(shown) and "healthy-1" not in str(shown) and "Sea or sky" not in str(shown)


def test_a_stored_bundle_is_read_again(tmp_path: Path) -> None:
    bundle = evaluate_bundle(tmp_path)
    again = type(bundle).from_json(bundle.to_json())
    assert evaluate(again.challenge) == evaluate(bundle.challenge) and again.digest == bundle.digest


def test_lint_accepts_it_and_advises_more_systems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADUS_DATA_DIR", str(tmp_path / "data"))
    put_tokenizer(tmp_path / "data")
    found = inspect(write_evaluate_challenge(tmp_path / "find-the-fault"))
    assert found.problems == []
    assert any("6 systems are few" in one.what for one in found.advice)


def changed(index: int, **keys: Any) -> dict[str, Any]:
    systems = deepcopy(SYSTEMS)
    systems["systems"][index] |= keys
    return systems


BROKEN: dict[str, tuple[dict[str, Any], dict[str, Any], str, str]] = {
    "metric": (SYSTEMS, {"metric": {"name": "accuracy"}}, "challenge.yaml", "0 by chance"),
    "answer": (SYSTEMS, {"answer": {"type": "text"}}, "challenge.yaml", "labels by their likelihood"),
    "ladder": (SYSTEMS, {"feedback": {"mode": "ladder"}}, "challenge.yaml", "ladder would hide nothing"),
    "rows": (SYSTEMS, {"evaluate": {"rows": [8, 4], "fails_below": 1.0}}, "challenge.yaml", "no interval"),
    "file": (SYSTEMS, {"systems": "elsewhere.yaml"}, "challenge.yaml", "there is no `elsewhere.yaml`"),
    "prompt": (changed(2, prompt="none"), {}, "systems.yaml", "there is no prompt `none`"),
    "healthy": (changed(2, reads={"first_words": 1}), {}, "systems.yaml", "without a defect"),
    "label": (changed(6, exchanges=["sea", "moon"]), {}, "systems.yaml", "`moon` is no label"),
    "twice": (changed(3, id="even"), {}, "systems.yaml", "two systems have the id `even`"),
    "key": (changed(3, raeds={}), {}, "systems.yaml", "raeds` is unknown"),
    "few": (
        {**SYSTEMS, "systems": SYSTEMS["systems"][:5]},
        {},
        "challenge.yaml",
        "1 systems with a defect",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_lint_says_what_is_wrong_and_where(tmp_path: Path, name: str) -> None:
    systems, changes, file, said = BROKEN[name]
    found = lint(write_evaluate_challenge(tmp_path / "find-the-fault", systems, **changes))
    assert any(one.file == file and said in str(one) for one in found), found


def test_systems_may_stand_in_the_challenge_itself(tmp_path: Path) -> None:
    folder = write_evaluate_challenge(tmp_path / "find-the-fault")
    write_yaml(folder / "challenge.yaml", evaluate_spec(systems=SYSTEMS))
    assert lint(folder) == []
