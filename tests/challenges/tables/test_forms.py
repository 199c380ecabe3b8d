"""Tables for answers of every form: JSON objects, texts, documents, preferences, and texts that must hold something."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from challenges.lint.run import inspect
from challenges.tables.folder import HIDDEN, PUBLIC, TRAIN
from tests.challenges.factory import write_rows, write_text
from tests.challenges.tables import desk
from tests.challenges.tables.conftest import Gradus, bare_challenge
from tests.challenges.tables.test_rows import problems_of_rows, read, table

FIELDS = ("--label", "topic", "--label", "urgent", "--label", "item=about")
TOPICS = sorted(label.lower() for label in desk.LABELS)
SCHEMA = {"topic": TOPICS, "urgent": ["no", "yes"], "item": "string"}
JSON = {"type": "json", "schema": SCHEMA}


def test_several_columns_become_the_fields_of_an_object(tmp_path: Path, gradus: Gradus) -> None:
    folder = bare_challenge(tmp_path / "sea-or-sky", answer=JSON, metric={"name": "json_fields"})
    file = table(tmp_path, desk.notices(200), "notices.jsonl")
    done = gradus("challenge", "rows", file, "--text", "text", *FIELDS, "--to", folder)
    assert done.exit_code == 0, done.output
    parts = read(folder)
    assert all(list(row["target"]) == list(SCHEMA) for row in parts[PUBLIC] + parts[HIDDEN])
    assert isinstance(parts[TRAIN][0]["output"], dict)
    assert problems_of_rows(folder) == []


def test_fields_of_a_template_are_filled_in_and_others_must_fit(tmp_path: Path, gradus: Gradus) -> None:
    template = {"type": "json", "schema": {"category": ["[write: a value]"], "summary": "string"}}
    folder = bare_challenge(tmp_path / "sea-or-sky", answer=template, metric={"name": "json_fields"})
    spec = folder / "challenge.yaml"
    write_text(spec, spec.read_text().replace("    summary: string\n", "    summary: string  # in a few words\n"))
    command = ("challenge", "rows", table(tmp_path, desk.notices(200)), "--text", "text", "--to", folder)
    assert gradus(*command, *FIELDS).exit_code == 0
    assert "    topic: [account, billing, delivery, praise, repair]\n" in spec.read_text()
    assert '    urgent: ["no", "yes"]\n    item: string  # in a few words\n' in spec.read_text()
    assert problems_of_rows(folder) == []
    done = gradus(*command, "--label", "topic")
    assert done.exit_code == 1
    assert "challenge.yaml:" in done.output and "--label gives topic: name a column for each field" in done.output


def test_a_value_that_is_not_listed_is_named(tmp_path: Path, gradus: Gradus) -> None:
    answer = {"type": "json", "schema": SCHEMA | {"topic": TOPICS[1:]}}
    folder = bare_challenge(tmp_path / "sea-or-sky", answer=answer, metric={"name": "json_fields"})
    done = gradus("challenge", "rows", table(tmp_path, desk.notices(200)), "--text", "text", *FIELDS, "--to", folder)
    assert "values of the table that are not listed: account: write topic: [billing, delivery" in done.output


def test_questions_name_their_documents_and_accepted_answers(tmp_path: Path, gradus: Gradus, library: Path) -> None:
    columns = ("--text", "question", "--label", "answers", "--documents", "pages", "--to", library)
    done = gradus("challenge", "rows", table(tmp_path, desk.questions(150), "questions.json"), *columns)
    assert done.exit_code == 0, done.output
    parts = read(library)
    assert set(parts) == {PUBLIC, HIDDEN}
    rows = parts[PUBLIC] + parts[HIDDEN]
    assert {tuple(row["target"]) if isinstance(row["target"], list) else row["target"] for row in rows} == {
        ("write to the desk", "a letter to the desk"),
        "the corpus does not say",
    }
    assert {len(row.get("documents", ())) for row in rows} == {0, 1}
    shares = [sum("documents" not in row for row in parts[name]) / len(parts[name]) for name in (PUBLIC, HIDDEN)]
    assert abs(shares[0] - shares[1]) < 0.05


def test_documents_in_one_cell_are_told_apart(tmp_path: Path, gradus: Gradus, library: Path) -> None:
    rows = [row | {"pages": "page-1; page-2", "answers": "a letter"} for row in desk.questions(60)]
    columns = ("--text", "question", "--label", "answers", "--documents", "pages", "--to", library)
    assert gradus("challenge", "rows", table(tmp_path, rows), *columns).exit_code == 0
    assert all(row["documents"] == ["page-1", "page-2"] for row in read(library)[HIDDEN])


def preferences() -> list[dict[str, Any]]:
    return [
        {"ask": row["message"], "good": f"We look into it: {row['team']}.", "bad": "No.", "word": row["team"]}
        for row in desk.support_desk(120)
    ]


def test_preferences_go_into_the_training_rows(tmp_path: Path, gradus: Gradus) -> None:
    answer = {"type": "text", "max_new_tokens": 24}
    tune = {"rows": "preferences", "methods": ["dpo"], "rows_max": 200, "row_tokens_max": 200, "tokens_max": 150_000}
    changes: dict[str, Any] = {"metric": {"name": "required_content"}, "tune": tune}
    folder = bare_challenge(tmp_path / "sea-or-sky", answer=answer, **changes)
    columns = ("--text", "ask", "--label", "word", "--chosen", "good", "--rejected", "bad", "--to", folder)
    done = gradus("challenge", "rows", table(tmp_path, preferences()), *columns, "--words-max", 12)
    assert done.exit_code == 0, done.output
    parts = read(folder)
    assert all(set(row) == {"prompt", "chosen", "rejected"} for row in parts[TRAIN])
    assert all(row["target"]["words_max"] == 12 and len(row["target"]["must"]) == 1 for row in parts[HIDDEN])
    assert problems_of_rows(folder) == []


def test_an_answer_that_prefers_neither_is_left_out(tmp_path: Path, gradus: Gradus) -> None:
    rows = preferences()
    rows[4]["bad"] = rows[4]["good"].upper()
    folder = bare_challenge(tmp_path / "sea-or-sky", answer={"type": "text"}, metric={"name": "token_f1"})
    columns = ("--text", "ask", "--chosen", "good", "--rejected", "bad", "--to", folder)
    done = gradus("challenge", "rows", table(tmp_path, rows), *columns)
    assert "desk.csv:6: `good` and `bad` are equal: remove the row, because it prefers neither" in done.output
    assert all(row["target"].startswith("We look into it") for row in read(folder)[PUBLIC])


def test_a_share_of_the_hidden_rows_is_private_and_stays_so(
    tmp_path: Path, desk_challenge: Path, gradus: Gradus
) -> None:
    columns = ("--text", "message", "--label", "team", "--to", desk_challenge)
    command = ("challenge", "rows", table(tmp_path, desk.support_desk(200)), *columns)
    assert gradus(*command, "--private", 0.5, "--id", "ticket").exit_code == 0
    hidden = read(desk_challenge)[HIDDEN]
    private = {row["id"] for row in hidden if row.get("split") == "private"}
    assert all(name.startswith("T-") for name in private)
    assert abs(len(private) / len(hidden) - 0.5) < 0.1
    assert gradus(*command, "--id", "ticket").exit_code == 0
    assert {row["id"] for row in read(desk_challenge)[HIDDEN] if row.get("split") == "private"} == private


def test_training_rows_are_made_only_where_something_is_trained(tmp_path: Path, gradus: Gradus) -> None:
    folder = bare_challenge(tmp_path / "sea-or-sky", labels=desk.LABELS)
    text = (folder / "challenge.yaml").read_text()
    write_text(folder / "challenge.yaml", text.replace("also:\n- tune\n", ""))
    columns = ("--text", "message", "--label", "team", "--to", folder)
    assert gradus("challenge", "rows", table(tmp_path, desk.support_desk(150)), *columns).exit_code == 0
    assert set(read(folder)) == {PUBLIC, HIDDEN}


def test_lint_says_what_is_missing_after_the_rows_are_there(
    tmp_path: Path, desk_challenge: Path, gradus: Gradus
) -> None:
    columns = ("--text", "message", "--label", "team", "--to", desk_challenge)
    done = gradus("challenge", "rows", table(tmp_path, desk.support_desk(150)), *columns)
    problems = [f"{desk_challenge}/{one}" for one in inspect(desk_challenge).problems]
    others = f"still to do: {len(problems)} other things, which `gradus challenge lint {desk_challenge}` lists"
    assert problems and others in done.output
    found = json.loads(gradus("challenge", "rows", tmp_path / "desk.csv", *columns, "--json").output)
    assert [f"{one['file']}:{one['line']}: {one['what']}: {one['fix']}" for one in found["needs"]] == problems


def test_several_columns_are_no_label(tmp_path: Path, desk_challenge: Path, gradus: Gradus) -> None:
    columns = ("--text", "message", "--label", "team", "--label", "ticket", "--to", desk_challenge)
    done = gradus("challenge", "rows", table(tmp_path, desk.support_desk(20)), *columns)
    assert done.exit_code == 1
    assert "but the answer's type is label: name one column, or set answer.type to json" in done.output


def test_a_challenge_that_is_not_there_is_said(tmp_path: Path, gradus: Gradus) -> None:
    write_rows(tmp_path / "t.jsonl", [{"a": 1}])
    done = gradus("challenge", "rows", tmp_path / "t.jsonl", "--text", "a", "--label", "b", "--to", tmp_path)
    assert done.exit_code == 1
    assert f"{tmp_path}: there is no challenge.yaml in it: make the challenge first" in done.output
    write_text(tmp_path / "challenge.yaml", "kind: promt\n")
    done = gradus("challenge", "rows", tmp_path / "t.jsonl", "--text", "a", "--label", "b", "--to", tmp_path)
    assert done.exit_code == 1 and "challenge.yaml:1: `kind` names no kind of challenge" in done.output
    assert json.loads((tmp_path / "t.jsonl").read_text()) == {"a": 1}
