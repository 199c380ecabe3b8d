"""What the pages can do about lessons, history, notices and reports, over the command line against a live site."""

from __future__ import annotations

import re

import pytest

from gradus.accounts.models import User
from gradus.courses.models import Challenge
from gradus.notices.models import Notice
from gradus.reports import services as reports
from gradus.reports.models import ProblemReport
from gradus.submissions import durations, queue, services
from gradus.submissions.models import Evaluation, Run, Submission
from tests import factories
from tests.browser.driver import site
from tests.cli.conftest import Gradus
from tests.learn import scene

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("home")]


def said(gradus: Gradus, *words: str, stdin: str | None = None) -> str:
    done = gradus(*words, stdin=stdin)
    assert done.exit_code == 0, done.output
    return str(done.output)


def test_hints_and_the_solution(gradus: Gradus, as_ada: User, sea_or_sky: Challenge) -> None:
    hints = sea_or_sky.spec.hints
    assert f"Hint 1: {hints[0]}" in said(gradus, "hint", "sea-or-sky")
    text = said(gradus, "hint", "sea-or-sky")
    assert f"Hint 2: {hints[1]}" in text and hints[2] not in text
    refused = gradus("solution", "sea-or-sky")
    assert (refused.exit_code, "once you have passed" in refused.output) == (1, True)
    factories.grade(factories.submit(as_ada), 0.9)
    assert said(gradus, "solution", "sea-or-sky").strip()


def test_an_attempt_is_cancelled_and_given_back(gradus: Gradus, as_ada: User, sea_or_sky: Challenge) -> None:
    made = factories.submit(as_ada)
    text = said(gradus, "cancel", str(made.uuid))
    assert "cancelled" in text and "10 attempts left today" in text
    assert Submission.objects.get().current.state == "cancelled"


def test_history_names_and_compares(gradus: Gradus, as_ada: User, sea_or_sky: Challenge) -> None:
    first = factories.submit(as_ada)
    factories.grade(first, 0.3)
    second = factories.submit(as_ada, payload={**factories.PROMPT, "instructions": "Sea or sky? Say one word."})
    factories.grade(second, 0.7)
    run = services.start_run(as_ada, sea_or_sky.version, {**factories.PROMPT})
    said(gradus, "name", str(run.uuid), "with a heron")
    text = said(gradus, "history", "sea-or-sky")
    assert "with a heron" in text and re.search(rf"{first.uuid}\s+attempt.*0\.30", text)
    compared = said(gradus, "compare", "sea-or-sky", str(first.uuid), str(second.uuid))
    assert "Sea or sky? Say one word." in compared
    assert Run.objects.get().name == "with a heron"


def test_nobody_compares_or_names_what_belongs_to_another(
    gradus: Gradus, as_ada: User, bob: User, sea_or_sky: Challenge
) -> None:
    mine, theirs = factories.submit(as_ada), factories.submit(bob)
    run = services.start_run(bob, sea_or_sky.version, {**factories.PROMPT})
    assert gradus("compare", "sea-or-sky", str(mine.uuid), str(theirs.uuid)).exit_code == 1
    assert gradus("name", str(run.uuid), "mine").exit_code == 1
    assert Run.objects.get().name == ""


def test_notices_are_read_and_marked_as_seen(gradus: Gradus, as_ada: User, sea_or_sky: Challenge) -> None:
    made = factories.submit(as_ada)
    factories.grade(made, 0.7)
    Notice.objects.get_or_create(
        evaluation=Evaluation.objects.get(), defaults={"user": as_ada, "kind": Notice.Kind.GRADED}
    )
    title = f"Your attempt at “{sea_or_sky.title}” is graded"
    assert f"{title} (new)" in said(gradus, "notices") and "The score is 0.70." in said(gradus, "notices", "--unseen")
    said(gradus, "notices", "--mark-seen")
    assert said(gradus, "notices", "--unseen") == "" and "(new)" not in said(gradus, "notices")


def test_a_problem_is_reported_and_answered(gradus: Gradus, as_ada: User, grace: User, ticket: Challenge) -> None:
    said(gradus, "report", "ticket", "--what", "task", "--text", "A word is missing.")
    assert "open" in said(gradus, "reports")
    reports.answer(ProblemReport.objects.get(), by=grace, text="It is there now.")
    assert "It is there now." in said(gradus, "reports")
    refused = gradus("report", "ticket", "--what", "weather", "--text", "It rains.")
    assert (refused.exit_code, "Choose what is wrong" in refused.output) == (1, True)


def test_training_rows_are_checked(gradus: Gradus, as_ada: User, sea_or_sky: Challenge, tmp_path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text('{"input": "a crab", "output": "sea"}\n{"input": "a crab", "output": "sky"}\n')
    text = said(gradus, "check", "sea-or-sky", str(file))
    assert "sea 1, sky 1" in text and re.search(r"contradict one another\s+1", text)
    tokens = int(re.search(r"Training tokens\s+([\d,]+) of", text)[1].replace(",", ""))
    usual = durations.of_training(sea_or_sky, "lora", tokens)
    assert usual is not None and usual.sentence in text


def test_a_run_at_its_limit_is_not_an_attempt_that_was_given_back(
    gradus: Gradus, as_ada: User, sea_or_sky: Challenge
) -> None:
    run = services.start_run(as_ada, sea_or_sky.version, {**factories.PROMPT})
    claimed = services.claim(run.current.lane, worker="worker-1", profile="cpu")
    services.reject(claimed.pk, claimed.fence, "work_limit")
    text = said(gradus, "history", "sea-or-sky")
    assert "time limit reached" in text and "given back" not in text


def test_a_trained_model_is_downloaded(gradus: Gradus, as_ada: User, ticket: Challenge, tmp_path) -> None:
    rows = [{"input": "m", "output": '{"priority": "low", "summary": "s"}'}]
    made = factories.submit(as_ada, "ticket", {**factories.LORA, "rows": rows})
    factories.grade(made, 0.7)
    Evaluation.objects.update(artifact=factories.adapter_zip())
    file = tmp_path / "mine.zip"
    assert "bytes" in said(gradus, "download", str(made.uuid), "-o", str(file))
    assert file.read_bytes()[:2] == b"PK"


def test_a_lesson_its_advisor_its_questions_and_its_findings(gradus: Gradus, as_ada: User, tmp_path) -> None:
    scene.scene_course(tmp_path / "scene")
    assert "first" in said(gradus, "lessons")
    assert "sea-or-sky" in said(gradus, "lesson", "first")
    assert "Recommended" in said(gradus, "advise", "first", "--answer", "changes=weekly")
    assert "Recommended" in said(gradus, "advise", "first", stdin="1\n" * 20)
    assert "water" in said(gradus, "questions", "first")
    assert "(your answer)" in said(gradus, "answer", "first", "water", "2")
    assert "few-shot" in said(gradus, "findings", "first")


def test_the_demo_of_a_lesson_is_asked(gradus: Gradus, as_ada: User, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bell has each run answered as soon as it is sent."""
    scene.scene_course(tmp_path / "scene")

    def answer(lane: str) -> None:
        for run in Run.objects.filter(purpose="demo").order_by("pk"):
            if run.current.state == "queued":
                scene.answer_demo(run, {"sea": 0.9, "sky": 0.1})

    monkeypatch.setattr(queue, "ring", answer)
    with site.running() as address:
        monkeypatch.setenv("GRADUS_URL", address)
        text = said(gradus, "demo", "first", "a heron")
    assert text.count("sea (sea 0.90, sky 0.10)") == 3
    assert Run.objects.filter(purpose="demo").count() == 3
