from __future__ import annotations

from challenges.lint.run import lint
from challenges.models.tokens import counter, splitter
from tests.challenges import factory
from tests.challenges.factory import MODEL, put_tokenizer


def test_an_absent_tokenizer_is_none(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADUS_DATA_DIR", str(tmp_path))
    assert counter(MODEL) is None and splitter(MODEL) is None
    assert counter(None) is None and splitter(None) is None


def test_tokens_are_counted_with_the_model_s_tokenizer(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADUS_DATA_DIR", str(tmp_path))
    put_tokenizer(tmp_path)
    count = counter(MODEL)
    assert count is not None
    assert (count(""), count("one two  three")) == (0, 3)


def test_the_tokens_of_a_text_joined_give_the_text(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADUS_DATA_DIR", str(tmp_path))
    put_tokenizer(tmp_path)
    split = splitter(MODEL)
    assert split is not None
    assert split("one two  three") == ["one", " two", "  three"] and split("") == []


def test_lint_finds_training_rows_beyond_row_tokens_max(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADUS_DATA_DIR", str(tmp_path / "data"))
    put_tokenizer(tmp_path / "data")
    root = factory.write_prompt_challenge(tmp_path / "sea-or-sky", prompt={"example": "{input} {output}"})
    assert lint(root) == []
    with (root / "train.jsonl").open("a") as file:
        file.write('{"input": "' + "w " * 64 + '", "output": "sea"}\n')
    found = [p for p in lint(root) if p.file == "train.jsonl"]
    assert [(p.line, p.what) for p in found] == [(7, "has 65 tokens; row_tokens_max is 64")]


def test_lint_finds_rows_beyond_the_context(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADUS_DATA_DIR", str(tmp_path / "data"))
    put_tokenizer(tmp_path / "data")
    answer = {"type": "label", "labels": list(factory.LABELS), "decode": "generate", "max_new_tokens": 128}
    changes = {"prompt": {"example": "{input} {output}"}, "limits": {"prompt_tokens_max": 4096}, "answer": answer}
    root = factory.write_prompt_challenge(tmp_path / "sea-or-sky", **changes)
    lengths = ((3968, "sea"), (3969, "sky"))
    rows = [{"id": f"l{n}", "input": " ".join("w" * n), "target": target} for n, target in lengths]
    factory.write_rows(root / "public.jsonl", rows)
    # That hidden rows are so much shorter is another problem, of the file hidden.jsonl.
    found = [str(p) for p in lint(root) if p.file != "hidden.jsonl"]
    assert found == ["public.jsonl:2: has 3969 tokens; the context leaves 3968: shorten it"]
