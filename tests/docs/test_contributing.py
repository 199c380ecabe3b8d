"""The lists of CONTRIBUTING, architecture and extending stay true: what they name is there, and does what they say."""

import ast
import re
import shutil
import tomllib
from pathlib import Path

import pytest
import yaml
from django.core.management import get_commands
from django.template import Context, Template
from django.utils import translation

from challenges.kinds import registry as kinds
from challenges.kinds.base import Lane
from challenges.lint.run import lint
from challenges.models.catalogue import MODELS
from challenges.registry import kind_names
from graders import registry
from gradus.pseudo_locale import accented
from tests.words.pseudo import use_pseudo_locale

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text()
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()
EXTENDING = (ROOT / "docs" / "extending.md").read_text()
LESSON = ROOT / "challenges" / "library" / "fine-tuning-vs-prompting"
# Files that a challenge's folder holds, named without their folder.
OF_A_CHALLENGE = {"challenge.yaml", "statement.md", "solution.md", "public.jsonl", "hidden.jsonl", "train.jsonl"}
OF_A_CHALLENGE |= {"baselines/"}
# Of a lesson's folder.
OF_A_LESSON = {"lesson.yaml", "findings.yaml"}
# Entry-point groups, which look like files.


def entry_point_groups() -> set[str]:
    """Groups that the code reads, such as `gradus.metrics`; their names look like files."""
    code = [
        file.read_text() for folder in ("challenges", "graders", "platform") for file in (ROOT / folder).rglob("*.py")
    ]
    return {group for text in code for group in re.findall(r'"(gradus\.[a-z_]+)"', text)}


def test_every_path_that_is_named_exists():
    named = (
        set(re.findall(r"`([\w./-]+(?:/|\.\w+))`", TEXT + ARCHITECTURE.split("\n## Rooms\n")[0] + EXTENDING))
        - {"__init__.py"}
        - OF_A_CHALLENGE
        - OF_A_LESSON
        - entry_point_groups()
    )
    assert len(named) > 15
    assert [name for name in sorted(named) if not (ROOT / name).exists() and not name.startswith("graders.")] == []


def test_the_diagram_of_imports_has_the_layers_in_their_order():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(one["layers"] for one in contracts if one["name"] == "inside the site")
    [line] = re.findall(r"(?m)^own_data  ->  .*$", ARCHITECTURE)
    drawn = [re.findall(r"\w+", level) for level in line.split("->")]
    assert len(drawn) == len(layers)
    for names, layer in zip(drawn, layers, strict=True):
        assert {f"gradus.{name}" for name in names} <= set(layer.split(" | "))


def test_every_file_that_a_command_names_exists():
    commands = [code for code in re.findall(r"`([^`]+)`", TEXT + EXTENDING) if " " in code]
    files = {word for code in commands for word in code.split() if re.fullmatch(r"tests/[\w/]+(?:\.py)?", word)}
    assert len(files) > 5
    assert [file for file in sorted(files) if not (ROOT / file).exists()] == []


def test_every_name_of_a_file_stands_in_it():
    named = re.findall(r"`(\w+)` of `([\w./-]+\.py)`", TEXT + ARCHITECTURE + EXTENDING)
    assert len(named) > 3
    assert [(name, file) for name, file in named if not re.search(rf"\b{name}\b", (ROOT / file).read_text())] == []


def table(heading: str, text: str = TEXT) -> list[list[str]]:
    """The rows of the first table under a heading, without its head."""
    section = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_where_is_names_one_file_that_exists_for_each_change():
    rows = table("Where is ...?")
    assert 20 <= len(rows) <= 40
    files = [file.strip("`") for _, file in rows]
    assert [file for file in files if not (ROOT / file).exists()] == []
    assert len(set(files)) == len(files)


PACKAGES = ("challenges", "graders", "workers", "platform/gradus")
ROOMS = [
    path.parent
    for folder in PACKAGES
    for path in sorted((ROOT / folder).glob("*/__init__.py"))
    if path.parent.name not in ("management", "migrations")
]


def test_the_table_of_rooms_names_every_room_and_fits_one_screen():
    rows = table("Rooms", ARCHITECTURE)
    named = re.findall(r"`([\w/]+)/`", " ".join(cell for row in rows for cell in row))
    assert {room.name for room in ROOMS} <= set(named)
    assert [
        name for name in named if not any((ROOT / above / name).is_dir() for above in ("", "platform", *PACKAGES))
    ] == []
    assert len(rows) <= 20


def test_the_commits_that_are_shown_keep_the_rule():
    section = TEXT.split("\n### Three good commits\n")[1]
    shown = re.findall(r"(?m)^    (\w+: .*)\n\n((?:    .*\n)+)", section)
    assert len(shown) == 3
    for subject, body in shown:
        assert len(subject) <= 72
        assert all(len(line) <= 4 + 76 for line in body.splitlines())


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: str(room.relative_to(ROOT)))
def test_the_first_lines_of_a_room_say_what_it_holds_and_name_files_that_exist(room):
    text = ast.get_docstring(ast.parse((room / "__init__.py").read_text()))
    assert text
    names = re.findall(r"`([\w/]+(?:\.py|/))`", text)
    assert [name for name in names if not (room / name).exists() and not (ROOT / name).exists()] == []


def test_every_kind_has_a_grader_and_a_lane():
    assert set(registry.names()) == set(kind_names())
    assert all(kind.lane in Lane for kind in kinds.every())


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
    section = EXTENDING.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    assert re.findall(r"^(\d)\. ", section, re.MULTILINE) == ["1", "2", "3", "4", "5"]
    assert f"tests/extending/{test}" in section
    assert f'docs/extending.md, "{title}' in (ROOT / "tests" / "extending" / test).read_text()


def test_a_copied_challenge_with_a_new_id_lints(tmp_path):
    """“Add a challenge: copy this folder, edit these files.”"""
    folder = tmp_path / "my-challenge"
    shutil.copytree(LESSON / "symptom-specialty", folder)
    spec = yaml.safe_load((folder / "challenge.yaml").read_text())
    (folder / "challenge.yaml").write_text(yaml.safe_dump({**spec, "id": "my-challenge"}, sort_keys=False))
    assert lint(folder) == []
    assert {path.name for path in folder.iterdir()} >= {name.rstrip("/") for name in OF_A_CHALLENGE}


def test_what_marks_a_text_works_as_it_is_written(settings):
    use_pseudo_locale(settings)
    section = TEXT.partition("\n## Write a text that people see\n")[2].partition("\n## ")[0]
    written = re.findall(r"`({%.+?%})`", section)
    assert len(written) == 3
    values = Context({"value": {"name": "Ada"}, "rows": [1, 2]})
    shown = [Template("{% load i18n %}" + one).render(values) for one in written]
    assert shown == [accented("Text"), accented("Text of %s") % "Ada", accented("%d rows") % 2]
    assert all(hasattr(translation, name) for name in ("gettext", "ngettext", "gettext_lazy") if f"`{name}`" in section)
    assert "manage.py language" in section and "language" in get_commands()
