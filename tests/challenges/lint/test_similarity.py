from __future__ import annotations

import math
import subprocess
import sys

from challenges.lint.similarity import similarity
from challenges.reading import read_challenge
from tests.challenges import factory


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
