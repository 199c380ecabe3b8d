"""Rows that are alike, by their text and by embeddings: each mistake is told once, with the files of its lines."""

from __future__ import annotations

import math
import subprocess
import sys
from collections import defaultdict
from itertools import count

from challenges.lint.run import lint
from challenges.lint.similarity import similarity
from challenges.reading import read_challenge
from tests.challenges import factory
from tests.challenges.lint.test_lint import edit


def bundle_of(tmp_path, public, hidden):
    root = factory.write_prompt_challenge(tmp_path)
    (root / "train.jsonl").unlink()
    (root / "baselines/lora.yaml").unlink()
    factory.write_yaml(root / "baselines/good.yaml", {"kind": "prompt"})
    factory.write_yaml(root / "challenge.yaml", factory.prompt_spec(baselines=factory.prompt_spec()["baselines"][:2]))
    for name, angles in (("public", public), ("hidden", hidden)):
        rows = [{"id": f"{name}{n}", "input": str(a), "target": "sea"} for n, a in enumerate(angles)]
        factory.write_rows(root / f"{name}.jsonl", rows)
    return read_challenge(root)


def embed(texts):
    """A text that is an angle in degrees, as a point on the unit circle."""
    return [[math.cos(math.radians(float(t))), math.sin(math.radians(float(t)))] for t in texts]


def test_rows_far_apart_are_fine(tmp_path):
    assert similarity(bundle_of(tmp_path, [0, 60], [120, 180]), embed) == []


def test_a_hidden_row_like_a_public_one_is_told_with_both_lines(tmp_path):
    found = similarity(bundle_of(tmp_path, [0, 60], [120, 62]), embed)
    assert ("hidden.jsonl", 2) in [(p.file, p.line) for p in found]
    assert any("public.jsonl:2" in p.what for p in found)


def test_many_hidden_rows_close_to_public_ones_are_told(tmp_path):
    found = similarity(bundle_of(tmp_path, [0, 60], [20, 180]), embed)
    assert [(p.file, p.line) for p in found] == [("hidden.jsonl", None)]
    assert "1 of 2 rows are close to rows of public.jsonl" in found[0].what


def test_near_repeats_within_a_file_count_from_five_percent(tmp_path):
    found = similarity(bundle_of(tmp_path, [0, 10, 100], [200]), embed)
    assert [p.file for p in found] == ["public.jsonl"]
    assert "2 of 3 rows" in found[0].what


def test_lint_and_the_command_line_import_no_heavy_module():
    modules = "gradus.cli.main, challenges.lint.run, challenges.lint.similarity, challenges.models.tokens"
    heavy = "{'numpy', 'torch', 'django', 'transformers'}"
    code = f"import sys, {modules}; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_hidden_row_that_equals_a_public_one_is_told_by_the_text_alone(tmp_path):
    root = factory.write_prompt_challenge(tmp_path / "sea-or-sky")
    bundle = read_challenge(root)
    edit(root / "hidden.jsonl", 0, input=bundle.public[0].input)
    assert sum("the same input as public.jsonl:1" in one.what for one in lint(root)) == 1
    places = defaultdict(count().__next__)
    found = similarity(
        read_challenge(root), lambda texts: [[float(places[text] == n) for n in range(100)] for text in texts]
    )
    assert [one for one in found if "public.jsonl" in one.what] == []


def test_the_lines_of_close_rows_are_given_with_their_files(tmp_path):
    root = factory.write_prompt_challenge(tmp_path / "sea-or-sky")
    angle = dict.fromkeys((row.input for row in read_challenge(root).hidden), 0.92)
    found = similarity(
        read_challenge(root),
        lambda texts: [[angle.get(text, 1.0), (1 - angle.get(text, 1.0) ** 2) ** 0.5] for text in texts],
    )
    (close,) = [one for one in found if "close to rows of public.jsonl" in one.what]
    assert close.fix.startswith("rewrite some: hidden.jsonl:1 and public.jsonl:1")


def test_only_keys_of_rows_that_learners_see_are_repeated(tmp_path):
    root = factory.write_lora_challenge(tmp_path / "ticket")
    for name in ("public.jsonl", "hidden.jsonl"):
        edit(root / name, 0, target={"priority": "low", "date": "s"})
    told = {one.file: one.what for one in lint(root) if "keys are not" in one.what}
    assert told["public.jsonl"].endswith("(`summary` is missing, `date` is none of them)")
    assert told["hidden.jsonl"].endswith("(`summary` is missing, 1 key too many)")
