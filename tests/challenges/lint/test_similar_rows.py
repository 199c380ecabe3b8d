"""Each mistake with similar rows is told once, with the files of its lines."""

from __future__ import annotations

from pathlib import Path

from challenges.lint.run import lint
from challenges.lint.similarity import similarity
from challenges.reading import read_challenge
from tests.challenges import factory
from tests.challenges.lint.test_lint import edit


def test_a_hidden_row_that_equals_a_public_one_is_told_by_the_text_alone(tmp_path: Path) -> None:
    root = factory.write_prompt_challenge(tmp_path / "sea-or-sky")
    bundle = read_challenge(root)
    edit(root / "hidden.jsonl", 0, input=bundle.public[0].input)
    assert sum("the same input as public.jsonl:1" in one.what for one in lint(root)) == 1
    one_hot = {text: place for place, text in enumerate(dict.fromkeys(_texts(root)))}
    found = similarity(
        read_challenge(root), lambda texts: [[float(one_hot[text] == n) for n in range(len(one_hot))] for text in texts]
    )
    assert [one for one in found if "public.jsonl" in one.what] == []


def test_the_lines_of_close_rows_are_given_with_their_files(tmp_path: Path) -> None:
    root = factory.write_prompt_challenge(tmp_path / "sea-or-sky")
    angle = dict.fromkeys((row.input for row in read_challenge(root).hidden), 0.92)
    found = similarity(
        read_challenge(root),
        lambda texts: [[angle.get(text, 1.0), (1 - angle.get(text, 1.0) ** 2) ** 0.5] for text in texts],
    )
    (close,) = [one for one in found if "close to rows of public.jsonl" in one.what]
    assert close.fix.startswith("rewrite some: hidden.jsonl:1 and public.jsonl:1")


def test_only_keys_of_rows_that_learners_see_are_repeated(tmp_path: Path) -> None:
    root = factory.write_lora_challenge(tmp_path / "ticket")
    for name in ("public.jsonl", "hidden.jsonl"):
        edit(root / name, 0, target={"priority": "low", "date": "s"})
    told = {one.file: one.what for one in lint(root) if "keys are not" in one.what}
    assert told["public.jsonl"].endswith("(`summary` is missing, `date` is none of them)")
    assert told["hidden.jsonl"].endswith("(`summary` is missing, 1 key too many)")


def _texts(root: Path) -> list[str]:
    bundle = read_challenge(root)
    given = [text for one in bundle.baselines for text in _inputs(one.payload)]
    return [*(row.input for rows in (bundle.public, bundle.hidden, bundle.train) for row in rows), *given]


def _inputs(payload: object) -> list[str]:
    return [row.input for row in getattr(payload, "examples", ())] + [row.input for row in getattr(payload, "rows", ())]
