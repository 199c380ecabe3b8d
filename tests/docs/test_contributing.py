"""CONTRIBUTING's lists stay true: what they name is there, and does what they say."""

import re
import shutil
from pathlib import Path

import pytest
import yaml

from challenges.catalogue import MODELS
from challenges.lint import lint
from challenges.spec import Kind
from graders.registry import GRADERS
from gradus.submissions.services.submit import LANES

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text()
LESSON = ROOT / "challenges" / "library" / "fine-tuning-vs-prompting"
# Files that a challenge's folder holds, named without their folder.
OF_A_CHALLENGE = {"challenge.yaml", "statement.md", "solution.md", "public.jsonl", "hidden.jsonl", "train.jsonl"}
OF_A_CHALLENGE |= {"baselines/", "lesson.yaml"}


def entry_point_groups() -> set[str]:
    """Groups that the code reads, such as `gradus.metrics`; their names look like files."""
    code = [
        file.read_text() for folder in ("challenges", "graders", "platform") for file in (ROOT / folder).rglob("*.py")
    ]
    return {group for text in code for group in re.findall(r'"(gradus\.[a-z_]+)"', text)}


def test_every_path_that_is_named_exists():
    named = set(re.findall(r"`([\w./-]+(?:/|\.\w+))`", TEXT)) - OF_A_CHALLENGE - entry_point_groups()
    assert len(named) > 15
    assert [name for name in sorted(named) if not (ROOT / name).exists() and not name.startswith("graders.")] == []


def test_every_kind_has_a_grader_and_a_lane():
    assert set(GRADERS) == set(LANES) == {kind.value for kind in Kind}


def test_every_model_of_the_catalogue_is_whole():
    for name, model in MODELS.items():
        assert model.name == name
        assert model.context > 0 and model.special_tokens


@pytest.mark.parametrize(
    ("title", "test"),
    [
        ("Add a metric", "test_metric.py"),
        ("Add a base model", "test_base_model.py"),
        ("Add a judge template", "test_judge_template.py"),
        ("Add an approach to the advisor", "test_advisor.py"),
    ],
)
def test_what_people_add_takes_five_lines_which_a_test_follows(title, test):
    section = TEXT.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    assert re.findall(r"^(\d)\. ", section, re.MULTILINE) == ["1", "2", "3", "4", "5"]
    assert f"tests/extending/{test}" in section
    assert f'CONTRIBUTING, "{title}' in (ROOT / "tests" / "extending" / test).read_text()


def test_a_copied_challenge_with_a_new_id_lints(tmp_path):
    """“Add a challenge: copy this folder, edit these files.”"""
    folder = tmp_path / "my-challenge"
    shutil.copytree(LESSON / "symptom-specialty", folder)
    spec = yaml.safe_load((folder / "challenge.yaml").read_text())
    (folder / "challenge.yaml").write_text(yaml.safe_dump({**spec, "id": "my-challenge"}, sort_keys=False))
    assert lint(folder) == []
    assert {path.name for path in folder.iterdir()} >= {name.rstrip("/") for name in OF_A_CHALLENGE - {"lesson.yaml"}}
