"""`gradus challenge rows`: from a table to the rows of a challenge that lint accepts."""

from __future__ import annotations

import json
import math
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from challenges.lint.run import inspect
from challenges.tables.folder import FILES, HIDDEN, PUBLIC, TRAIN
from challenges.texts import normal
from tests.challenges.factory import write_rows, write_text
from tests.challenges.tables import desk
from tests.challenges.tables.conftest import Gradus, bare_challenge

TICKETS = ("--text", "message", "--label", "team")


def read(folder: Path) -> dict[str, list[dict[str, Any]]]:
    return {
        name: [json.loads(line) for line in (folder / name).read_text().splitlines()]
        for name in FILES
        if (folder / name).exists()
    }


def table(tmp_path: Path, rows: list[dict[str, Any]], name: str = "desk.csv") -> Path:
    path = tmp_path / name
    if name.endswith(".csv"):
        path.write_text(desk.as_csv(rows))
    else:
        write_rows(path, rows)
    return path


def problems_of_rows(folder: Path) -> list[str]:
    return [str(one) for one in inspect(folder).problems if one.file in FILES]


def test_a_table_becomes_three_files_that_lint_accepts(tmp_path: Path, desk_challenge: Path, gradus: Gradus) -> None:
    file = table(tmp_path, desk.support_desk(300))
    done = gradus("challenge", "rows", file, *TICKETS, "--to", desk_challenge)
    assert done.exit_code == 0, done.output
    parts = read(desk_challenge)
    total = sum(map(len, parts.values()))
    assert total > 230
    shares = [len(parts[name]) / total for name in FILES]
    assert shares == pytest.approx([0.2, 0.6, 0.2], abs=0.02)
    assert all(set(row) == {"id", "input", "target"} for name in (PUBLIC, HIDDEN) for row in parts[name])
    assert all(set(row) == {"input", "output"} for row in parts[TRAIN])
    texts = Counter(normal(row["input"]) for rows in parts.values() for row in rows)
    assert max(texts.values()) == 1
    assert problems_of_rows(desk_challenge) == []
    assert "which finds fewer than lint does" in done.output


def test_the_same_table_and_seed_give_the_same_files_and_another_seed_others(tmp_path: Path, gradus: Gradus) -> None:
    file = table(tmp_path, desk.support_desk(200))
    found = []
    for name, seed in (("one", 0), ("two", 0), ("three", 5)):
        folder = bare_challenge(tmp_path / name / "sea-or-sky", labels=desk.LABELS)
        assert gradus("challenge", "rows", file, *TICKETS, "--to", folder, "--seed", seed).exit_code == 0
        found.append({name: (folder / name).read_text() for name in FILES})
    assert found[0] == found[1] != found[2]


def surplus_of(extra: int, label: str = "Praise") -> list[dict[str, Any]]:
    """A table in which all labels but one have many more rows than a challenge takes."""
    rows = desk.support_desk(1200)
    rare = [row for row in rows if row["team"] == label][:40]
    return rare + [row for row in rows if row["team"] != label][:extra]


def runs_z(labels: list[bool]) -> float:
    """The statistic of the test of runs (Wald and Wolfowitz 1940), normal where the order says nothing of the label."""
    count, ones = len(labels), sum(labels)
    runs = 1 + sum(before != after for before, after in pairwise(labels))
    mean = 1 + 2 * ones * (count - ones) / count
    variance = (mean - 1) * (mean - 2) / (count - 1)
    return (runs - mean) / math.sqrt(variance)


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_a_table_with_a_surplus_says_nothing_of_labels(
    tmp_path: Path, desk_challenge: Path, gradus: Gradus, seed: int
) -> None:
    """`calibrate: batch` reads the first public rows, and updates the second half of the hidden ones."""
    file = table(tmp_path, surplus_of(800))
    done = gradus("challenge", "rows", file, *TICKETS, "--to", desk_challenge, "--seed", seed)
    assert done.exit_code == 0, done.output
    assert f"by the seed {seed}" in done.output and "more than twice as many rows" in done.output
    for name in (PUBLIC, HIDDEN):
        are_rare = [row["target"] == "Praise" for row in read(desk_challenge)[name]]
        assert sum(are_rare) > 7
        assert abs(runs_z(are_rare)) < 3, name
        first = are_rare[: len(are_rare) // 2]
        assert abs(sum(first) / len(first) - sum(are_rare) / len(are_rare)) < 0.1, name


def test_no_row_changes_its_part_when_the_table_grows(tmp_path: Path, desk_challenge: Path, gradus: Gradus) -> None:
    rows = desk.support_desk(400)
    command = ("challenge", "rows", table(tmp_path, rows[:250]), *TICKETS, "--to", desk_challenge)
    assert gradus(*command).exit_code == 0
    before = {row["input"]: name for name, found in read(desk_challenge).items() for row in found}
    ids = {row["input"]: row["id"] for name in (PUBLIC, HIDDEN) for row in read(desk_challenge)[name]}
    table(tmp_path, rows)
    done = gradus(*command, "--json", "-u")
    assert done.exit_code == 0
    after = {row["input"]: name for name, found in read(desk_challenge).items() for row in found}
    assert len(after) > len(before) + 80
    assert {text: after[text] for text in before if text in after} == {
        text: name for text, name in before.items() if text in after
    }
    assert len(before.keys() - after.keys()) <= 3
    now = {row["input"]: row["id"] for name in (PUBLIC, HIDDEN) for row in read(desk_challenge)[name]}
    assert all(now[text] == ids[text] for text in ids if text in now)
    assert json.loads(done.output)["moved"] == []


def test_rows_of_ones_own_are_overwritten_only_when_asked_for(
    tmp_path: Path, desk_challenge: Path, gradus: Gradus
) -> None:
    own = [{"id": "mine", "input": "A row that stands in no table", "target": "Billing"}]
    write_rows(desk_challenge / PUBLIC, own)
    command = ("challenge", "rows", table(tmp_path, desk.support_desk(200)), *TICKETS, "--to", desk_challenge)
    done = gradus(*command)
    assert done.exit_code == 1
    assert (
        "public.jsonl: " in done.output and "1 row removed" in done.output and "-u writes all the same" in done.output
    )
    assert read(desk_challenge) == {PUBLIC: own}
    assert gradus(*command, "--force").exit_code == 0
    assert own[0] not in read(desk_challenge)[PUBLIC]
    again = gradus(*command)
    assert (again.exit_code, again.output.count("nothing changes")) == (0, 3)


@pytest.mark.parametrize("other", [{"target": "Praise"}, {}])
def test_rows_with_the_text_of_another_one_go_only_when_asked_for(
    tmp_path: Path, desk_challenge: Path, gradus: Gradus, other: dict[str, Any]
) -> None:
    command = ("challenge", "rows", table(tmp_path, desk.support_desk(200)), *TICKETS, "--to", desk_challenge)
    assert gradus(*command).exit_code == 0
    rows = read(desk_challenge)[HIDDEN]
    write_rows(desk_challenge / HIDDEN, [rows[5] | {"id": "mine-1"} | other, *rows])
    done = gradus(*command)
    assert done.exit_code == 1
    assert "hidden.jsonl: 1 row removed that repeats the text of another one" in done.output
    assert len(read(desk_challenge)[HIDDEN]) == len(rows) + 1
    assert json.loads(gradus(*command, "-u", "--json").output)["changes"][1]["repeated"] == 1
    assert read(desk_challenge)[HIDDEN] == rows


def test_the_folder_s_own_rows_as_a_table_are_told_to_be_drawn_anew(
    tmp_path: Path, desk_challenge: Path, gradus: Gradus
) -> None:
    command = ("challenge", "rows", table(tmp_path, desk.support_desk(200)), *TICKETS, "--to", desk_challenge)
    assert gradus(*command).exit_code == 0
    own = ("challenge", "rows", desk_challenge / HIDDEN, "--text", "input", "--label", "target", "--to", desk_challenge)
    done = gradus(*own)
    count = len(read(desk_challenge)[HIDDEN])
    assert done.exit_code == 1 and f"of these, {count} rows in hidden.jsonl stay there: draw all parts" in done.output
    assert "--afresh" in done.output and gradus(*own, "--afresh", "-u").exit_code == 0


def test_files_keep_their_mode_and_a_file_elsewhere_is_not_lost(
    tmp_path: Path, desk_challenge: Path, gradus: Gradus
) -> None:
    command = ("challenge", "rows", table(tmp_path, desk.support_desk(200)), *TICKETS, "--to", desk_challenge)
    assert gradus(*command).exit_code == 0
    hidden, elsewhere = desk_challenge / HIDDEN, tmp_path / "elsewhere.jsonl"
    hidden.chmod(0o600)
    assert gradus(*command).exit_code == 0 and hidden.stat().st_mode & 0o777 == 0o600
    write_rows(elsewhere, [{"id": "mine", "input": "A row that stands in no table", "target": "Billing"}])
    before = elsewhere.read_bytes()
    hidden.unlink()
    hidden.symlink_to(elsewhere)
    assert gradus(*command).exit_code == 1
    assert hidden.is_symlink() and elsewhere.read_bytes() == before


def test_rows_of_a_template_are_replaced_and_the_labels_filled_in(tmp_path: Path, gradus: Gradus) -> None:
    folder = bare_challenge(tmp_path / "sea-or-sky", labels=("[write: one]", "[write: two]"))
    spec = (folder / "challenge.yaml").read_text()
    flow = 'labels: ["[write: one]", "[write: two]"]  # short words'
    spec = spec.replace("labels:\n  - '[write: one]'\n  - '[write: two]'", flow)
    assert flow in spec
    write_text(folder / "challenge.yaml", spec)
    write_rows(folder / PUBLIC, [{"id": "p1", "input": "[write: a text] 1", "target": "[write: one]"}])
    file = table(tmp_path, desk.support_desk(200))
    done = gradus("challenge", "rows", file, *TICKETS, "--to", folder)
    assert done.exit_code == 0, done.output
    assert (
        "labels: [Account, Billing, Delivery, Praise, Repair]  # short words" in (folder / "challenge.yaml").read_text()
    )
    assert problems_of_rows(folder) == []


def test_labels_that_are_not_listed_are_named_with_what_to_write(tmp_path: Path, gradus: Gradus) -> None:
    folder = bare_challenge(tmp_path / "sea-or-sky", labels=("Billing", "Delivery", "Other"))
    done = gradus("challenge", "rows", table(tmp_path, desk.support_desk(200)), *TICKETS, "--to", folder)
    assert done.exit_code == 0
    missing = "the labels of the table that are not listed: Account, Praise, Repair: write labels: "
    assert f"{missing}[Billing, Delivery, Other, Account, Praise, Repair]" in done.output
    assert "no row has the label Other: remove it, or add rows that have it" in done.output


def test_rows_of_a_file_that_the_split_leaves_alone_stand_nowhere_else(
    tmp_path: Path, desk_challenge: Path, gradus: Gradus
) -> None:
    rows = desk.support_desk(200)
    own = [{"input": row["message"], "output": row["team"]} for row in rows[:20]]
    write_rows(desk_challenge / TRAIN, own)
    command = ("challenge", "rows", table(tmp_path, rows), *TICKETS, "--to", desk_challenge, "--split", "0.3/0.7")
    done = gradus(*command)
    assert done.exit_code == 0
    assert "desk.csv:2: stands in train.jsonl, of which --split makes nothing: empty train.jsonl" in done.output
    parts = read(desk_challenge)
    assert parts[TRAIN] == own
    assert not {row["input"] for row in own} & {row["input"] for name in (PUBLIC, HIDDEN) for row in parts[name]}


def test_labels_that_an_author_has_chosen_are_not_overwritten(tmp_path: Path, gradus: Gradus) -> None:
    folder = bare_challenge(tmp_path / "sea-or-sky", labels=("Billing", "Delivery"))
    before = (folder / "challenge.yaml").read_text()
    write_rows(folder / PUBLIC, [{"id": "p1", "input": "[write: a text] 1", "target": "Billing"}])
    done = gradus("challenge", "rows", table(tmp_path, desk.support_desk(200)), *TICKETS, "--to", folder)
    assert done.exit_code == 0 and (folder / "challenge.yaml").read_text() == before
    assert "write labels: [Billing, Delivery, Account, Praise, Repair]" in done.output
