"""The smallest form of each benchmark runs, so that none breaks unseen when something that it uses changes.

The list comes from the folder. Where another test runs the smallest form already, its name stands here. What needs a
peer, PostgreSQL, a browser or the built-in model is run as far as it goes without.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from benchmarks.desk import site
from benchmarks.desk.rows import Answer
from benchmarks.web import authors, boards, claims, gradebook, stack, streams
from gradus.challenge_health import figures
from gradus.courses.models import Course
from gradus.studio import workspace
from gradus.submissions.models import Evaluation
from tests import factories

ROOT = Path(__file__).resolve().parents[2]
TESTS = "tests/benchmarks/test_"
# A peer is started by a benchmark, and tests of `benchmarks.work` run those that need nothing else.
RUN_ELSEWHERE = {
    "benchmarks": f"{TESTS}bench.py::test_everything_is_kept_in_the_file_of_this_kind_of_machine",
    "benchmarks.attacks": f"{TESTS}attack_measure.py::test_a_simulated_judge_is_measured_before_and_after_our_checks",
    "benchmarks.baselines": "tests/docs/test_measured.py::test_the_page_of_measured_baselines_is_up_to_date",
    "benchmarks.chaos": "tests/faults/test_chaos.py::test_all_submissions_survive_faults",
    "benchmarks.deployment": f"{TESTS}deployment.py::test_the_lines_of_the_readme_are_found",
    "benchmarks.deployment.systemctl": f"{TESTS}deployment.py::test_an_act_that_it_does_not_know_is_refused",
    "benchmarks.fleet": f"{TESTS}fleet.py::test_the_proxy_passes_on_and_breaks_connections",
    "benchmarks.footprint": f"{TESTS}footprint.py::test_samples_are_taken_while_the_context_lasts",
    "benchmarks.grading": f"{TESTS}grading.py::test_the_verifier_on_a_data_set",
    "benchmarks.inference": f"{TESTS}work.py::test_ours_is_compared_with_the_oracle_on_every_shape",
    "benchmarks.lora": f"{TESTS}work.py::test_each_side_trains_in_the_dtype_that_is_faster_for_it",
    "benchmarks.pages": f"{TESTS}pages.py::test_the_command_measures_and_cleans_up",
    "benchmarks.profile": f"{TESTS}profile.py::test_every_way_of_the_engine_is_counted",
    "benchmarks.results": f"{TESTS}measurement.py::test_the_page_of_results_is_up_to_date",
    "benchmarks.tickets": f"{TESTS}tickets.py::test_each_method_trains_on_the_same_tickets",
    "benchmarks.venvs": f"{TESTS}work.py::test_environments_are_made_by_name_and_an_unknown_name_is_refused",
    "benchmarks.web": f"{TESTS}web.py::test_what_cannot_be_measured_is_refused_with_a_reason",
}
# These say what they take, which needs all that they import. Beyond that they need the built-in model or a peer.
SAYS_WHAT_IT_TAKES = ("benchmarks.judge", "benchmarks.judge_costs", "benchmarks.latency", "benchmarks.served")
# Programs that another benchmark starts with what they need.
STARTED = ("benchmarks.fleet.engine", "benchmarks.fleet.worker")


def programs() -> set[str]:
    """The modules of `benchmarks` that can be started, apart from peers."""
    files = [one for one in (ROOT / "benchmarks").rglob("*.py") if "peers" not in one.parts]
    started = [one for one in files if 'if __name__ == "__main__"' in one.read_text()]
    names = [".".join(one.relative_to(ROOT).with_suffix("").parts) for one in started]
    return {name.removesuffix(".__main__") for name in names}


def test_each_benchmark_has_a_smallest_form() -> None:
    assert programs() == {*RUN_ELSEWHERE, *SAYS_WHAT_IT_TAKES, *STARTED, *HERE}


@pytest.mark.parametrize(("name", "test"), RUN_ELSEWHERE.items())
def test_the_test_that_runs_it_is_there_and_uses_it(name: str, test: str) -> None:
    file, _, function = test.partition("::")
    text = (ROOT / file).read_text()
    assert re.search(rf"^def {function}\(", text, re.MULTILINE)
    package, _, module = name.rpartition(".")
    assert name in text or re.search(rf"from {re.escape(package or name)} import .*\b{module}\b", text)


@pytest.mark.parametrize("name", SAYS_WHAT_IT_TAKES)
def test_it_says_what_it_takes(name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", [name, "--help"])
    with pytest.raises(SystemExit) as ended:
        importlib.import_module(name).main()
    assert ended.value.code == 0 and "--" in capsys.readouterr().out


@pytest.fixture
def tiny(course: Course, settings: Any) -> Course:
    """The small course of the tests in place of the built-in one, which takes minutes to publish."""
    settings.ALLOWED_HOSTS = [stack.HOST, "testserver"]
    return course


def desk(course: Course, place: Path) -> None:
    row = Answer("a-1", "explain", 1, 1, factories.FREE_TEXT["answer"])
    learners = site.enrol(course, {row.learner})
    site.submit(learners[1], row)
    waiting = Evaluation.objects.get()
    factories.grade(waiting.submission, 0.5, provisional=True, review=("no-judge",))
    site._check(1)
    reviewer = Client()
    assert reviewer.login(username=site.REVIEWER, password=site._set_password())
    page = reviewer.get("/reviews/")
    assert page.status_code == 200 and f"/reviews/{waiting.pk}" in page.content.decode()


def authors_pages(course: Course, place: Path) -> None:
    challenge = factories.challenge("sea-or-sky")
    figures.refresh(challenge.version, challenge.kind)
    row = '{"id": "r1", "input": "A crab under a rock.", "target": "sea"}\n'
    path = f"{challenge.lesson.name}/{challenge.name}/hidden.jsonl"
    workspace.save(course, path, row, by=authors.the_teacher(), seen=workspace.NOT_THERE)
    asked = authors.requests(challenge, authors.file_of_rows(challenge, 20))
    authors.measure(asked, 1)


def gradebooks(course: Course, place: Path) -> None:
    of_class = factories.a_class(course)
    label = of_class.labels.create(name="A")
    factories.member(of_class, factories.UserFactory.create(), labels=[label.name])
    gradebook.measure(of_class, 1)


def boards_of_queries(course: Course, place: Path) -> None:
    for number in (1, 2):
        learner = factories.UserFactory.create(username=f"load-{number}")
        factories.grade(factories.submit(learner))
    factories.submit(learner, "ticket", factories.LORA)
    for ask in boards.questions(factories.challenge("sea-or-sky")).values():
        ask()


def claiming(course: Course, place: Path) -> None:
    for learner in factories.UserFactory.create_batch(2):
        factories.submit(learner)
    assert len(claims.claim_all(Evaluation.objects.first().lane, 5.0, 0.0)) == 2
    assert not Evaluation.objects.filter(state="queued").exists()


def reading_streams(course: Course, place: Path) -> None:
    plan = {"streams": [], "open": 1, "seconds": 0.0, "host": stack.HOST, "port": 1}
    found = asyncio.run(streams.Readers(plan).run())
    assert json.dumps(found) and found["most"] == 0


HERE: dict[str, Callable[[Course, Path], None]] = {
    "benchmarks.desk": desk,
    "benchmarks.web.authors": authors_pages,
    "benchmarks.web.boards": boards_of_queries,
    "benchmarks.web.claims": claiming,
    "benchmarks.web.gradebook": gradebooks,
    "benchmarks.web.streams": reading_streams,
}


@pytest.mark.django_db
@pytest.mark.parametrize("name", HERE)
def test_it_runs_on_a_small_course(name: str, tiny: Course, tmp_path: Path) -> None:
    HERE[name](tiny, tmp_path)
