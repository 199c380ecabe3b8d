"""docs/extending.md, "Add a judge template": one file, ours or a package's, chosen by GRADUS_JUDGE_TEMPLATE."""

from pathlib import Path

import pytest

from graders.free_text.judge import messages, templates
from gradus.reviews.models import JudgeCall
from gradus.submissions.models import WorkerStatus
from tests import factories
from tests.workers.test_guests import server  # noqa: F401 - the site's judge, on the loopback address
from tests.workers.test_work import TableRunner
from workers.judge import template
from workers.judge.contract import JudgeMisconfigured
from workers.work import Worker

TEXT = (templates.FOLDER / "criteria-1.txt").read_text() + "Write your reasons in German.\n"
FILES = {"strict/__init__.py": "", "strict/templates/__init__.py": "", "strict/templates/german-1.txt": TEXT}
POINTS = {templates.GROUP: {"german-1": "strict.templates"}}


@pytest.fixture(autouse=True)
def forgotten():
    """Texts and digests are kept for as long as a process lives."""
    yield
    templates.instructions.cache_clear()
    messages.version.cache_clear()


@pytest.fixture
def package(install, monkeypatch):
    folder = install("strict", FILES, POINTS)
    monkeypatch.setenv("GRADUS_JUDGE_TEMPLATE", "german-1")
    return folder / "strict/templates/german-1.txt"


def test_the_template_of_a_package_is_what_the_judge_reads_and_its_digest_is_kept(package, server, ada, explain):  # noqa: F811
    submission = factories.submit(ada, "explain", factories.FREE_TEXT)
    assert Worker("judge", runner=TableRunner()).step()
    assert server.bodies[0]["messages"][0]["content"] == TEXT.strip()
    version = messages.version("german-1")
    assert version.startswith("german-1@")
    assert set(JudgeCall.objects.values_list("template", flat=True)) == {version}
    assert version in submission.current.score.judge


def test_a_change_of_its_text_changes_its_digest(package):
    before = messages.version("german-1")
    package.write_text(TEXT + "Be brief.\n")
    templates.instructions.cache_clear()
    messages.version.cache_clear()
    assert messages.version("german-1") != before
    assert before.partition("@")[2] != messages.version("criteria-1").partition("@")[2]


def test_one_file_in_our_folder_is_enough(tmp_path: Path, monkeypatch):
    for file in templates.FOLDER.glob("*.txt"):
        (tmp_path / file.name).write_text(file.read_text())
    (tmp_path / "criteria-2.txt").write_text(TEXT)
    monkeypatch.setattr(templates, "FOLDER", tmp_path)
    assert template.chosen({"GRADUS_JUDGE_TEMPLATE": "criteria-2"}) == "criteria-2"
    assert templates.instructions("criteria-2") == TEXT.strip()


@pytest.mark.parametrize(
    ("files", "points", "says"),
    [
        ({}, {}, "no judge template 'german-1'.*criteria-1, sceptic-1"),
        ({"strict/templates/__init__.py": ""}, POINTS, "holds no german-1.txt"),
        ({}, {templates.GROUP: {"german-1": "nowhere.at.all"}}, "which is not a package"),
    ],
)
def test_a_template_that_is_not_there_postpones_and_says_how_to_fix_it(
    files, points, says, install, monkeypatch, ada, explain
):
    install("strict", {"strict/__init__.py": "", **files}, points)
    monkeypatch.setenv("GRADUS_JUDGE_TEMPLATE", "german-1")
    with pytest.raises(JudgeMisconfigured, match=says):
        template.chosen()
    submission = factories.submit(ada, "explain", factories.FREE_TEXT)
    Worker("judge", runner=TableRunner()).step()
    assert (submission.current.state, submission.current.attempt) == ("queued", 0)
    assert "restart the workers" in WorkerStatus.objects.get(lane="judge").problem


def test_a_name_too_long_for_its_column_is_refused(install):
    name = "g" * (templates.NAME_CHARS + 1)
    install("strict", FILES, {templates.GROUP: {name: "strict.templates"}})
    with pytest.raises(JudgeMisconfigured, match="at most 40 characters"):
        template.chosen({"GRADUS_JUDGE_TEMPLATE": name})
