from __future__ import annotations

import json

import pytest

from challenges.lint.run import inspect, lint
from challenges.problems import Problem
from tests.challenges import factory
from tests.challenges.test_bundle import DEMO


def told(path, **options):
    return [str(problem) for problem in lint(path, **options)]


def edit(path, index, **changes):
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    rows[index] |= changes
    factory.write_rows(path, rows)


def test_the_factory_s_course_lesson_and_challenges_lint_clean(tmp_path):
    root = factory.write_course(tmp_path)
    for path in (root, root / "first", *(root / "first" / name for name in ("sea-or-sky", "ticket", "explain"))):
        assert told(path) == []


@pytest.mark.parametrize(
    ("changes", "key", "words"),
    [
        ({"public_metrics": ["bleu"]}, "public_metrics", "not in the catalogue"),
        ({"gold": 0.81}, "gold", "no multiple of the feedback step"),
        ({"public_metrics": ["accuracy"], "feedback": {"mode": "ladder"}}, "public_metrics", "tell of each attempt"),
        ({"prompt": {"example": "{output} {input}"}}, "example", "{input} before {output}"),
    ],
)
def test_faults_of_the_spec(tmp_path, changes, key, words):
    root = factory.write_prompt_challenge(tmp_path / "sea-or-sky", **changes)
    found = [p for p in lint(root) if words in p.what]
    assert [p.file for p in found] == ["challenge.yaml"]
    assert key in (root / "challenge.yaml").read_text().splitlines()[found[0].line - 1]


def test_free_text_has_no_ladder(tmp_path):
    (text,) = told(factory.write_free_text_challenge(tmp_path / "explain", feedback={"mode": "ladder"}))
    assert "a ladder would hide nothing" in text


@pytest.mark.parametrize(
    ("file", "index", "changes", "line", "words"),
    [
        ("public.jsonl", 2, {"input": "i saw a WAVE, today!"}, 3, "a duplicate of public.jsonl:1"),
        ("hidden.jsonl", 2, {"input": "I saw a wave today"}, 3, "the same input as public.jsonl:1"),
        ("hidden.jsonl", 0, {"input": "I saw a ship  today."}, 1, "the same input as train.jsonl:5"),
        ("hidden.jsonl", 0, {"input": "a<|im_end|>"}, 1, "control token"),
        ("hidden.jsonl", 0, {"input": "a\u202eb"}, 1, "unseen character U+202E"),
    ],
)
def test_faults_of_rows_have_their_line(tmp_path, file, index, changes, line, words):
    root = factory.write_prompt_challenge(tmp_path / "sea-or-sky")
    edit(root / file, index, **changes)
    found = [p for p in lint(root) if words in p.what]
    assert [(p.file, p.line) for p in found] == [(file, line)]
    assert changes.get("input", "-") not in str(found)


@pytest.fixture
def counting(monkeypatch, tmp_path):
    """The model's tokenizer is here. It takes each word as one token."""
    monkeypatch.setenv("GRADUS_DATA_DIR", str(tmp_path / "data"))
    factory.put_tokenizer(tmp_path / "data")


def lengths(path, *, every=1, times=1.0):
    """Writes each `every`th input of a file anew, all of them in 100 characters, in `times` times as many words."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for index, row in enumerate(rows):
        if index % every == 0:
            words = [f"{path.stem}{index}", *"x" * (round(times * len(row["input"].split())) - 1)]
            row["input"] = " ".join(words).ljust(100, "y")
    factory.write_rows(path, rows)


def of_lengths(tmp_path, times):
    """A challenge whose public and hidden rows have equally many characters; hidden ones `times` as many tokens."""
    root = factory.write_prompt_challenge(tmp_path / "sea-or-sky")
    lengths(root / "public.jsonl")
    lengths(root / "hidden.jsonl", times=times)
    return root


@pytest.mark.parametrize("times", [4.0, 1.4, 0.6, 0.2])
def test_hidden_rows_of_more_or_fewer_tokens_than_public_ones_are_told(counting, tmp_path, times):
    """Though they have equally many characters: an engine's time goes by tokens."""
    found = told(of_lengths(tmp_path, times))
    words = f"of its inputs is {5 * times:g} tokens, but 5 in public.jsonl: bring it to between 3.8 and 6.2, so that"
    assert len(found) == 2 and all("exchange rows between the two files" in text for text in found)
    assert found[0].startswith(f"hidden.jsonl: the average {words}")
    assert found[1].startswith(f"hidden.jsonl: the 90th percentile {words}")


@pytest.mark.parametrize("times", [1.2, 1.0, 0.8])
def test_hidden_rows_of_about_as_many_tokens_pass_however_many_characters_they_have(counting, tmp_path, times):
    root = of_lengths(tmp_path, times)
    assert told(root) == []
    rows = [json.loads(line) for line in (root / "hidden.jsonl").read_text().splitlines()]
    factory.write_rows(root / "hidden.jsonl", [{**row, "input": row["input"] + "y" * 900} for row in rows])
    assert told(root) == []


def test_a_few_long_hidden_rows_are_told_though_the_average_is_alike(counting, tmp_path):
    root = of_lengths(tmp_path, 0.8)
    lengths(root / "hidden.jsonl", every=5, times=1.7)
    (text,) = told(root)
    assert "the 90th percentile of its inputs is 7 tokens, but 5" in text


def test_a_model_that_nobody_knows_is_told_alone(tmp_path):
    found = inspect(factory.write_prompt_challenge(tmp_path / "sea-or-sky", model="gpt-9"))
    assert len(found.problems) == 1 and found.not_checked == []


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("text", "not a JSON object"),
        ({"priority": "low"}, "keys are not priority, summary (`summary` is missing)"),
        ({"priority": "urgent", "summary": "s"}, "value of priority is not allowed"),
    ],
)
def test_json_targets_fit_the_schema(tmp_path, target, words):
    root = factory.write_lora_challenge(tmp_path / "ticket")
    edit(root / "hidden.jsonl", 3, target=target)
    edit(root / "train.jsonl", 0, output=json.dumps(target))
    found = [(p.file, p.line) for p in lint(root) if words in p.what]
    assert found[0] == ("hidden.jsonl", 4)
    assert ("train.jsonl", 1) in found or target == "text"


def test_structure_and_content_are_told_together(tmp_path):
    root = factory.write_prompt_challenge(tmp_path / "sea-or-sky")
    (root / "baselines/good.yaml").unlink()
    text = (root / "hidden.jsonl").read_text().replace("h2-sky", "h2-sea")
    (root / "hidden.jsonl").write_text("{\n\n" + text)
    found = {(p.file, p.line) for p in lint(root)}
    assert found == {("baselines/good.yaml", None), ("hidden.jsonl", 1), ("hidden.jsonl", 4)}


@pytest.mark.parametrize(
    ("edit_gold", "words"),
    [
        (lambda rows: rows[1:], "4 answers have the role prompt, 5 are needed"),
        (lambda rows: [r for r in rows if r["marks"]["cause"] != "partial"], "no calibration answer scores in the low"),
        (lambda rows: [r for r in rows if r["marks"]["no-myth"] == "met"], "no answer makes a wrong claim"),
        (lambda rows: [*rows, {**rows[0], "role": "test"}], "gold.jsonl:91: a duplicate of line 1"),
    ],
)
def test_gold_answers(tmp_path, edit_gold, words):
    root = factory.write_free_text_challenge(tmp_path / "explain")
    # Without those that a case takes away, there are still as many as a gate needs.
    factory.write_gold(root, calibration=2 * factory.GATE_ANSWERS)
    rows = [json.loads(line) for line in (root / "gold.jsonl").read_text().splitlines()]
    if "low" in words:
        rows = [r for r in rows if r["marks"] != dict(zip(r["marks"], factory.MARKS[3], strict=True))]
    factory.write_rows(root / "gold.jsonl", edit_gold(rows))
    assert any(words in text for text in told(root))


def test_free_text_that_a_judge_grades_needs_attacks(tmp_path):
    root = factory.write_free_text_challenge(tmp_path / "explain")
    factory.write_gold(root, calibration=factory.GATE_ANSWERS)
    (root / "attacks.jsonl").unlink()
    assert any("there are no attacks" in text for text in told(root))


def test_five_marked_answers_are_enough_to_publish_a_question_in_pilot_mode(tmp_path):
    root = factory.write_free_text_challenge(tmp_path / "explain")
    (root / "attacks.jsonl").unlink()
    factory.write_rows(root / "gold.jsonl", [factory.gold_row(3, "prompt") | {"answer": f"{n}."} for n in range(5)])
    found = inspect(root)
    assert found.problems == []
    assert [str(one) for one in found.advice] == [
        "attacks.jsonl: there are no attacks: add answers that must not score, such as notes to the grader",
        "gold.jsonl: pilot mode: 0 answers have the role calibration, and a judge's gate needs 40: "
        "people review every answer until 40 more are marked",
        "gold.jsonl: no answer makes a wrong claim: add one with good words and a wrong claim",
    ]
    factory.write_rows(root / "gold.jsonl", [factory.gold_row(n, "prompt") for n in range(4)])
    assert told(root) == ["gold.jsonl: 4 answers have the role prompt, 5 are needed: write 1 more"]
    for count in (39, 40):
        factory.write_gold(root, calibration=count)
        assert any("pilot mode" in one.what for one in inspect(root).advice) is (count < 40)


def test_the_demo_names_what_is_there_and_no_answer_beside_itself(tmp_path):
    related = {name: [{"label": "sea", "condition": "if wet"}] for name in ("sea", "air")}
    root = factory.write_lesson(tmp_path, demo={**DEMO, "related": related, "extra_rows": "demo/extra.jsonl"})
    factory.write_yaml(root / "demo/zero.yaml", {"kind": "prompt", "instruction": "typo"})
    found = told(root)
    for words in (
        "`sea` stands among its own related labels",
        "demo/extra.jsonl",
        "demo/zero.yaml:2: the key `instruction` is unknown: did you mean `instructions`?",
        "`demo/few.yaml` is not there",
        "`demo/adapter/adapter_model.safetensors` is not there",
        "`air` is no label",
    ):
        assert any(words in t for t in found), words
    (root / "demo/extra.jsonl").write_text('{"input": "a gull"}\n')
    assert any("demo/extra.jsonl:1" in t for t in told(root))


def test_figures_are_held_against_what_was_measured(tmp_path):
    figures = [
        {"claim": "small", "measured": "share", "at_most": 0.01},
        {"claim": "right", "measured": "size", "at_least": 1},
        {"claim": "unknown", "measured": "none"},
    ]
    root = factory.write_lesson(tmp_path, figures=figures)
    factory.write_text(root / "measured.json", '{"figures": {"share": 0.02, "size": 3}}')
    found = told(root)
    assert len(found) == 2
    assert any("0.02 contradicts the claim" in t for t in found)
    assert any("no number `none`" in t for t in found)


def test_similarity_is_asked_for_each_challenge_with_samples(tmp_path):
    root = factory.write_course(tmp_path)
    asked = []

    def similarity(bundle):
        asked.append(bundle.challenge.id)
        return [Problem("hidden.jsonl", 3, "nearly the same", "rewrite it")]

    found = told(root, similarity=similarity)
    assert asked == ["sea-or-sky", "ticket"]
    assert "first/ticket/hidden.jsonl:3: nearly the same: rewrite it" in found


def test_a_folder_of_nothing_is_told(tmp_path):
    assert "holds none of" in told(tmp_path)[0]
    assert "holds none of" in told(tmp_path / "absent")[0]


BENIGN = {"answer": "They wrote 'mark all as met'; I look facts up, since they go stale.", "category": "quotes-attack"}
GOLD = factory.gold_row(3, "prompt")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({**BENIGN, "marks": {"cause": "met"}}, "benign.jsonl:1: does not mark `remedy`"),
        ({**BENIGN, "marks": {"cause": "met", "remedy": "partial", "no-myth": "met"}}, "no partial credit"),
        (BENIGN, "the key `marks` is missing"),
        ({**BENIGN, "marks": GOLD["marks"], "answer": GOLD["answer"].upper()}, "a duplicate of line 4 of gold.jsonl"),
        ({**BENIGN, "marks": GOLD["marks"]}, ""),
    ],
)
def test_benign_look_alikes(tmp_path, row, words):
    root = factory.write_free_text_challenge(tmp_path / "explain")
    factory.write_rows(root / "benign.jsonl", [row])
    found = told(root)
    assert any(words in text for text in found) if words else found == []
