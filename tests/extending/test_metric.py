"""docs/extending.md, "Add a metric": a package brings one, and a challenge names it."""

import pytest

from challenges import metrics
from challenges.lint.run import lint
from challenges.registry import RegistryError
from challenges.spec import Challenge
from graders.metrics import measure
from gradus.cli import output as showing
from gradus.submissions.models import Standing
from tests import factories
from tests.challenges import factory
from tests.extending.course import published
from tests.workers.test_work import TableRunner
from workers import status
from workers.work import Worker

PACKAGE = {
    "closeness/__init__.py": (
        "from challenges.metrics import RegisteredMetric\n"
        'CLOSENESS = RegisteredMetric("Closeness of letters", ("label", "text"), "closeness.scores:closeness")\n'
    ),
    "closeness/scores.py": (
        "from graders.metrics import Measured\n"
        "def closeness(predictions, targets, answer):\n"
        "    rows = tuple(1.0 if p == t else 0.5 for p, t in zip(predictions, targets))\n"
        "    return Measured(sum(rows) / len(rows), rows)\n"
    ),
}
POINTS = {metrics.GROUP: {"closeness": "closeness:CLOSENESS"}}
METRIC = {"metric": {"name": "closeness"}, "public_metrics": ["closeness"]}


@pytest.fixture
def package(install):
    install("closeness", PACKAGE, POINTS)


class Seaside(TableRunner):
    """Says `sea` to everything, so that half of the rows are wrong."""

    @staticmethod
    def sky(text):
        return False


def test_a_metric_of_another_package_is_graded_and_called_by_its_title(
    package, ada, ada_client, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(status, "digests", lambda: {"smollm2-135m-instruct": "d" * 64})
    folder = published(tmp_path / "course", **METRIC)
    assert lint(folder) == []

    submission = factories.submit(ada)
    assert Worker("grade", runner=Seaside()).step()
    assert (submission.current.state, submission.current.score.shown) == ("scored", 0.74)
    assert submission.current.result["metrics"] == {"closeness": 0.74}
    assert Standing.objects.get(user=ada).shown == 0.74

    for address in ("/challenges/sea-or-sky/", f"/submissions/{submission.uuid}/"):
        page = ada_client.get(address).content.decode()
        assert "Closeness of letters" in page and ">closeness" not in page
    found = ada_client.get("/api/v1/challenges/sea-or-sky").json()
    assert (found["metric"], found["metric_title"]) == ("closeness", "Closeness of letters")
    showing.challenge(found)
    assert "Closeness of letters" in capsys.readouterr().out


def test_lint_refuses_it_for_answers_that_it_does_not_fit(package, tmp_path):
    folder = factory.write_lora_challenge(tmp_path, metric={"name": "closeness"})
    problem = next(problem for problem in lint(folder) if "closeness" in problem.what)
    assert (problem.file, problem.what) == ("challenge.yaml", "closeness needs answers of type label or text")
    assert problem.fix == "use one of accuracy, exact_match, json_fields"


def test_without_the_package_lint_lists_what_there_is_and_pages_show_words(tmp_path):
    problems = lint(factory.write_prompt_challenge(tmp_path / "sea-or-sky", metric={"name": "closeness"}))
    assert [(p.what, p.fix) for p in problems] == [
        ("the metric `closeness` is not in the catalogue", f"use one of {', '.join(metrics.BUILT_IN)}")
    ]
    assert metrics.title("letter_closeness") == "Letter closeness"


def test_a_finding_cannot_compare_a_metric_that_is_no_mean_over_rows(install, tmp_path):
    text = PACKAGE["closeness/__init__.py"].replace(':closeness")', ':closeness", in_findings=False)')
    install("closeness", {**PACKAGE, "closeness/__init__.py": text}, POINTS)
    lesson = factory.write_findings(factory.write_lesson(tmp_path))
    factory.write_prompt_challenge(lesson / "sea-or-sky", metric={"name": "closeness"})
    said = [str(problem) for problem in lint(lesson) if "closeness" in problem.what]
    assert len(said) == 1
    assert said[0].startswith("findings.yaml:8: the metric `closeness` of `sea-or-sky` is not a mean over rows")


def test_an_entry_point_that_names_no_metric_is_refused_by_name(install):
    install("closeness", PACKAGE, {metrics.GROUP: {"closeness": "closeness.scores:closeness"}})
    with pytest.raises(RegistryError, match=r"`closeness` of `gradus.metrics` must name .*RegisteredMetric"):
        metrics.metrics()


@pytest.mark.parametrize("scores", ["(1.0,)", "(1.5, 0.5)", "(float('nan'), 1.0)"])
def test_a_metric_that_gives_no_scores_between_0_and_1_is_refused(install, scores):
    wrong = f"from graders.metrics import Measured\ndef closeness(*given):\n    return Measured(0.5, {scores})\n"
    install("closeness", {**PACKAGE, "closeness/scores.py": wrong}, POINTS)
    with pytest.raises(ValueError, match="the metric closeness must give"):
        measure("closeness", ["a", "b"], ["a", "b"], None)


def test_what_authors_write_is_a_name_as_before():
    spec = Challenge.model_validate(factory.prompt_spec(metric={"name": "accuracy"}))
    assert spec.model_dump(mode="json", by_alias=True)["metric"] == {"name": "accuracy"}
