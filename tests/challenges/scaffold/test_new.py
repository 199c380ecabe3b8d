"""`gradus course new`, `lesson new` and `challenge new`, for each kind, answer type and training method."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from challenges.authoring.schemas import schema_of
from challenges.authoring.unwritten import CODE
from challenges.kinds import registry as kinds
from challenges.lint.run import inspect, lint
from challenges.reading import read_course
from challenges.scaffold import folders
from challenges.scaffold.folders import scaffold_of
from gradus.cli.main import app
from tests.challenges.factory import put_tokenizer
from tests.challenges.scaffold.author import write_everything

FORMS = [(kind.name, *form) for kind in kinds.every() for form in scaffold_of(kind.name).forms]
# Each kind, each answer, and a method whose rows are others: the rest differs in a few words of the template.
QUICK = {
    *(("prompt", "label", ""), ("prompt", "json", ""), ("tune", "label", "lora"), ("tune", "text", "dpo")),
    *(("free_text", "", ""), ("rag", "text", ""), ("evaluate", "label", "")),
}
SAMPLED = [form if form in QUICK else pytest.param(*form, marks=pytest.mark.slow) for form in FORMS]
EMPTY = "first-lesson/lesson.yaml:5: `challenges` is empty: run `gradus challenge new KIND NAME` in this folder"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, in which commands run; the base model's tokenizer is here."""
    monkeypatch.setenv("GRADUS_DATA_DIR", str(tmp_path / "data"))
    put_tokenizer(tmp_path / "data")
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    return here


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def begin(kind: str, answer: str, method: str) -> Path:
    """A course with one challenge `mine`. Returns the course's folder."""
    assert run("course", "new", "my-course").exit_code == 0
    options = [*(("--answer", answer) if answer else ()), *(("--method", method) if method else ())]
    done = run("challenge", "new", kind, "mine", "--in", "my-course/first-lesson", *options)
    assert done.exit_code == 0, done.output
    return Path("my-course")


def test_every_training_method_has_a_form() -> None:
    methods = {method for _, _, method in FORMS if method}
    assert methods == {"lora", "qlora", "full", "dpo"}
    assert {answer for kind, answer, _ in FORMS if kind == "prompt"} == {"label", "json", "text"}
    assert {kind for kind, _, _ in FORMS} == {kind.name for kind in kinds.every()} == {kind for kind, _, _ in QUICK}
    assert {answer for _, answer, _ in FORMS} == {answer for _, answer, _ in QUICK}


@pytest.mark.parametrize(("kind", "answer", "method"), SAMPLED)
def test_only_what_the_author_must_write_is_missing_and_then_nothing(kind: str, answer: str, method: str) -> None:
    course = begin(kind, answer, method)
    found = lint(course, lambda bundle: pytest.fail("rows of the template were compared"))
    assert [str(problem) for problem in found if problem.code != CODE] == []
    files = {problem.file.rpartition("/")[2] for problem in found}
    assert files >= {"challenge.yaml", "statement.md", "solution.md", "lesson.yaml", "lesson.md", "course.yaml"}
    assert files >= set(kinds.find(kind).needed_files)

    write_everything(course)
    asked: list[str] = []
    written = inspect(course, lambda bundle: asked.append(bundle.challenge.id) or [])
    assert [str(problem) for problem in written.problems] == [] and written.not_checked == []
    assert asked == (["mine"] if kinds.find(kind).has_samples else [])
    (bundle,) = read_course(course).lessons[0].challenges
    names = {f"baselines/{name}.yaml" for name in ("weak", "good", "gold")}
    assert {baseline.ref.file for baseline in bundle.baselines} == names


def test_each_yaml_file_names_a_schema_that_is_there() -> None:
    course = begin("prompt", "label", "")
    files = [path for path in course.rglob("*.yaml") if ".github" not in path.parts]
    assert len(files) == 6
    for path in files:
        line = path.read_text().splitlines()[0]
        mark, _, target = line.partition("$schema=")
        assert mark == "# yaml-language-server: " and (path.parent / target).is_file(), line
        assert schema_of(path.as_posix()) is not None


def test_a_new_course_lacks_texts_and_a_challenge() -> None:
    done = run("course", "new", "my-course")
    assert done.exit_code == 0 and "my-course: written, with 6 files." in done.output
    assert [str(problem) for problem in lint("my-course") if problem.code != CODE] == [EMPTY]
    assert {path.name for path in Path("my-course").iterdir()} == {
        ".github", ".gitignore", ".schemas", "README.md", "course.yaml", "first-lesson",
    }  # fmt: skip
    assert len(Path("my-course/README.md").read_text().splitlines()) == 10
    workflow = yaml.safe_load(Path("my-course/.github/workflows/course.yml").read_text())
    ran = [step["run"] for step in workflow["jobs"]["course"]["steps"] if "run" in step]
    assert ran[0].startswith('pip install "${GRADUS_PACKAGE:?')
    steps = workflow["jobs"]["course"]["steps"]
    given = {step["run"]: step["env"] for step in steps if "env" in step}
    assert given.pop(ran[0]) == {"GRADUS_PACKAGE": "${{ vars.GRADUS_PACKAGE }}"}
    # No package that is installed, and no check, can read the token.
    assert list(given) == [ran[-1]] and "GRADUS_TOKEN" in given[ran[-1]]
    assert "env" not in workflow and "env" not in workflow["jobs"]["course"]
    assert [line.split()[:3] for line in ran[1:-1]] == [["gradus", "challenge", "lint"]]
    guard, pushes = ran[-1].splitlines()
    assert guard.startswith('[ -n "$GRADUS_TOKEN" ] || { echo "::warning::') and pushes == "gradus course push ."


def test_a_second_lesson_is_listed_and_so_is_its_challenge() -> None:
    begin("prompt", "label", "")
    assert run("lesson", "new", "second", "--in", "my-course").exit_code == 0
    done = run("challenge", "new", "free_text", "why", "--in", "my-course/second", "--json")
    told = json.loads(done.stdout)
    assert told["listed_in"] == "my-course/second/lesson.yaml" and "challenge.yaml" in told["files"]
    assert {"file", "line", "fix"} == set(told["to_write"][0]) and told["next"].endswith("my-course/second/why")
    assert yaml.safe_load(Path("my-course/course.yaml").read_text())["lessons"] == ["first-lesson", "second"]
    assert [problem for problem in lint("my-course") if problem.code != CODE] == []


def test_the_only_lesson_of_a_course_is_meant_and_one_of_several_must_be_named() -> None:
    begin("prompt", "label", "")
    assert run("challenge", "new", "rag", "other", "--in", "my-course").exit_code == 0
    run("lesson", "new", "second", "--in", "my-course")
    done = run("challenge", "new", "rag", "third", "--in", "my-course")
    assert done.exit_code == 2 and "Its lessons are first-lesson, second." in done.output


def test_the_marks_of_a_question_do_not_come_from_hidden_rows_which_it_does_not_have() -> None:
    course = begin("free_text", "", "")
    spec = (course / "first-lesson/mine/challenge.yaml").read_text()
    assert "hidden" not in spec and "gradus challenge test" not in spec and "by the rubric" in spec


def test_the_help_says_how_texts_are_marked() -> None:
    shown = " ".join(run("challenge", "new", "--help").output.split())
    assert "is marked with [write: ...], and" in shown


@pytest.mark.parametrize("where", ["my-course/first-lesson", "my-course"])
def test_a_challenge_that_is_begun_in_the_folder_of_its_lesson_uses_the_schemas_of_its_course(
    where: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("course", "new", "my-course")
    monkeypatch.chdir(where)
    assert run("challenge", "new", "prompt", "mine").exit_code == 0
    assert [path.parent.name for path in folder.rglob(".schemas")] == ["my-course"]


def test_labels_that_are_known_stand_in_all_rows() -> None:
    run("course", "new", "my-course")
    done = run("challenge", "new", "prompt", "mine", "--in", "my-course", "--labels", "bug, no bug: fine,praise")
    assert done.exit_code == 0, done.output
    write_everything(Path("my-course"))
    assert lint("my-course") == []
    (bundle,) = read_course("my-course").lessons[0].challenges
    assert {row.target for row in bundle.hidden} == {"bug", "no bug: fine", "praise"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("promt", "x"),
            "there is no kind `promt`. Use one of prompt, tune, free_text, rag, evaluate. Did you mean `prompt`?",
        ),
        (("tune", "x", "--method", "lara"), "there is no training method `lara`. Use one of lora, qlora, full, dpo."),
        (("prompt", "x", "--answer", "lable"), "Use one of label, json, text. Did you mean `label`?"),
        (("prompt", "x", "--method", "lora"), "a challenge of the kind `prompt` has no training method: leave it out"),
        (("tune", "x", "--method", "dpo", "--answer", "json"), "json do not go with dpo. Use one of text."),
        (("prompt", "x", "--labels", "one"), "give at least two labels, all different"),
        (("rag", "x", "--labels", "one,two"), "only answers of the type label have labels"),
        (("prompt", "My Challenge!"), "an id is lower-case words (a to z and digits) joined by `-`"),
        (("prompt", "My Challenge!"), "such as `my-challenge`"),
        (("prompt", "../x"), "cannot be the id of a challenge"),
        (("prompt", "ü"), "such as `sea-or-sky`"),
        (("prompt", "a" * 65), "of at most 64 characters"),
        (("prompt", "taken"), "exists already, and is left as it is"),
        (("prompt", "x", "--labels", "\udcff,b"), "what was given is no text"),
    ],
)
def test_what_is_wrong_ends_with_2_and_says_what_is_known(arguments: tuple[str, ...], said: str) -> None:
    run("course", "new", "my-course")
    taken = Path("my-course/first-lesson/taken")
    taken.mkdir()
    before = everything()
    done = run("challenge", "new", *arguments, "--in", "my-course/first-lesson")
    assert (done.exit_code, done.stdout) == (2, "") and said in done.stderr, done.output
    assert everything() == before


def test_an_existing_course_is_left_as_it_is() -> None:
    Path("my-course").mkdir()
    Path("link").symlink_to("nowhere")
    done, link = run("course", "new", "my-course"), run("course", "new", "link")
    assert done.exit_code == link.exit_code == 2 and "exists already" in done.stderr
    assert list(Path("my-course").iterdir()) == []


def test_a_lesson_file_that_cannot_be_changed_is_left_as_it_is() -> None:
    run("course", "new", "my-course")
    listing = Path("my-course/first-lesson/lesson.yaml")
    listing.write_text("title: [\n")
    done = run("challenge", "new", "prompt", "mine", "--in", "my-course/first-lesson")
    assert done.exit_code == 2 and "lesson.yaml was left as it is: it cannot be read" in done.stderr
    assert listing.read_text() == "title: [\n" and not Path("my-course/first-lesson/mine").exists()


def everything() -> dict[Path, bytes]:
    return {path: path.read_bytes() if path.is_file() else b"" for path in Path().rglob("*")}


@pytest.mark.parametrize("method", ["mkdir", "write_bytes", "rename"])
def test_where_something_cannot_be_written_no_half_folder_is_left(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run("course", "new", "my-course")
    before, real = everything(), getattr(Path, method)

    def refuse_any(path: Path, data: bytes) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    def refuse(path: Path, *words: object, **options: object) -> object:
        if path.name == "mine" or path.name == "challenge.yaml":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, *words, **options)

    with monkeypatch.context() as patched:
        patched.setattr(Path, method, refuse)
        done = run("challenge", "new", "prompt", "mine", "--in", "my-course/first-lesson")
    assert done.exit_code == 2 and "first-lesson/mine cannot be written: Permission denied" in done.stderr
    assert everything() == before
    with monkeypatch.context() as patched:
        patched.setattr(folders, "write_whole", refuse_any)
        done = run("challenge", "new", "prompt", "mine", "--in", "my-course/first-lesson")
    assert done.exit_code == 2 and "lesson.yaml cannot be written: Permission denied" in done.stderr
    assert everything() == before
    assert run("challenge", "new", "prompt", "mine", "--in", "my-course/first-lesson").exit_code == 0


@pytest.mark.parametrize(
    "words",
    [
        ("challenge", "new", "nope", "x"),
        ("course", "new", "My Course"),
        ("schema", "nope"),
        ("schema", "--write", "nowhere"),
    ],
)
def test_wrong_usage_prints_no_json_and_says_so_as_text(words: tuple[str, ...]) -> None:
    done = run(*words, "--json")
    assert (done.exit_code, done.stdout) == (2, "") and done.stderr and not done.stderr.startswith("{")


def test_schemas_that_cannot_be_written_are_said() -> None:
    run("course", "new", "my-course")
    shutil.rmtree("my-course/.schemas")
    Path("my-course/.schemas").touch()
    done = run("schema", "--write", "my-course")
    assert done.exit_code == 2 and "my-course/.schemas" in done.stderr and "cannot be written: " in done.stderr


def test_outside_of_a_course_it_says_where_to_run_it() -> None:
    done = run("challenge", "new", "prompt", "mine")
    assert done.exit_code == 2 and "run this in a lesson's folder, or name one with --in" in done.stderr
    done = run("lesson", "new", "second")
    assert done.exit_code == 2 and "run this in a course's folder" in done.stderr
