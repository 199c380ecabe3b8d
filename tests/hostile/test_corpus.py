"""The answer to each bad input says how to fix it, and all workers survive."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Iterator

import pytest

from gradus.submissions.services import Refused
from gradus.submissions.services.payload import parse
from gradus.submissions.states import CODES
from tests import factories
from tests.hostile import corpus, texts
from tests.hostile.case import Case
from tests.hostile.damage import watched
from tests.hostile.driver import ENDS, LANES, SECONDS, Driver, Ending, escaped
from tests.pace import within
from workers import status
from workers.sandbox import launch
from workers.sandbox.supervisor import Runner
from workers.work import Worker

# The quick gate sends every `STRIDE`-th case of each category; `-m slow` sends all of them.
STRIDE = 48
HONEST = (
    ("sea-or-sky", factories.PROMPT, "grade"),
    ("sea-or-sky", factories.LORA, "train"),
    ("explain", factories.FREE_TEXT, "judge"),
)
PYTHON = re.compile(r"Traceback|\b[A-Z]\w+(Error|Exception)\b|<class |NoneType|pydantic|\b\w+Payload\b|instance of")
PAGE = re.compile(r'role="alert">(.*?)</ul>', re.S)


@pytest.fixture
def driver(course, monkeypatch, tmp_path) -> Iterator[Driver]:
    """A driver with a worker for each lane, which share one runner process."""
    monkeypatch.setattr(launch, "MODULE", "tests.hostile.stub_runner")
    monkeypatch.setattr(status, "digests", lambda: {"smollm2-135m-instruct": "d" * 64})
    runner = Runner(threads=1, models_dir=tmp_path)
    driver = Driver({lane: Worker(lane, runner=runner) for lane in LANES})
    # Modules that are loaded on first use must not count as the time of a case.
    assert_alive(driver)
    yield driver
    runner.close()


def problems(driver: Driver, case: Case) -> Iterator[str]:
    for channel, send, end in case.sends:
        ending = driver.send(case, channel, send)
        for wrong in judged(case, channel, end, ending):
            yield f"{case.category} / {case.name} / {channel}: {wrong}"


def judged(case: Case, channel: str, end: str, ending: Ending) -> Iterator[str]:
    """Yields what is wrong with the outcome of a request."""
    if ending.status >= 500:
        yield f"{ending.status}"
    if ending.seconds > SECONDS:
        yield f"{ending.seconds:.1f} seconds"
    if end == "refused":
        yield from judged_refusal(channel, ending)
    elif ending.submission is None or ending.state not in ENDS:
        yield f"not taken: {ending.status} {ending.state} {ending.text[:200]}"
    elif end == "taken":
        yield from judged_page(case, ending)
    elif case.mark.partition("=")[0] in ending.submission.payload.get("hyperparameters", {}):
        yield "stored"


def judged_refusal(channel: str, ending: Ending) -> Iterator[str]:
    if not ending.is_refused:
        yield f"accepted: {ending.status} {ending.state} {ending.text[:300]}"
    elif ending.state:
        yield from () if CODES[ending.code].message else ["no message"]
    else:
        yield from judged_words(channel, ending)


def judged_words(channel: str, ending: Ending) -> Iterator[str]:
    """Checks the words of a 4xx response: they name a place or the whole request, and contain no Python."""
    if channel == "api":
        body = json.loads(ending.text)
        said = body["detail"] + " ".join(item["message"] for item in body["problems"])
        placed = ending.status in (400, 409, 413) or any(
            item["field"] or item["line"] or item["message"].count("kind") for item in body["problems"]
        )
        if ending.content_type != "application/problem+json" or not body["code"] or not body["detail"]:
            yield f"no problem: {ending.text[:200]}"
    else:
        found = PAGE.search(ending.text)
        said = found[1] if found else ending.text
        placed = "problem-where" in said or ending.status in (400, 409, 413)
    if not placed:
        yield f"says not where: {ending.status} {said[:300]}"
    if PYTHON.search(said):
        yield f"speaks Python: {said[:300]}"


def judged_page(case: Case, ending: Ending) -> Iterator[str]:
    assert ending.submission is not None
    stored = json.dumps(ending.submission.payload, ensure_ascii=False)
    if json.dumps(case.mark, ensure_ascii=False)[1:-1] not in stored:
        yield "changed on its way"
    if escaped(case.mark) not in ending.page:
        yield "not shown"
    if escaped(case.mark) != case.mark and case.mark in ending.page:
        yield "shown as it is"


def run(driver: Driver, cases: list[Case]) -> None:
    runner = driver.workers["grade"].runner._process
    with watched() as seen:
        wrong = [problem for case in cases for problem in problems(driver, case)]
    assert not wrong, f"{len(wrong)} problems:\n" + "\n".join(wrong[:60])
    assert not seen
    assert_alive(driver)
    assert driver.workers["grade"].runner._process is runner, "the runner died and was started anew"


def assert_alive(driver: Driver) -> None:
    """Checks that the workers still grade an honest attempt of each kind."""
    for slug, payload, lane in HONEST:
        submission = factories.submit(factories.UserFactory.create(), slug, payload)
        assert driver.workers[lane].step()
        assert submission.current.state in ("scored", "review")


def test_there_are_a_thousand_cases_each_with_a_name_of_its_own() -> None:
    names = [(case.category, case.name) for case in corpus.CASES]
    assert len(names) >= 1000
    assert len(set(names)) == len(names)


def test_the_watch_sees_what_it_is_for() -> None:
    with watched() as seen:
        pickle.loads(b"cposix\ngetpid\n.")
    assert any(event.startswith("pickle.find_class") for event in seen)


def test_a_sample_of_every_category(driver: Driver) -> None:
    run(driver, [case for found in corpus.by_category().values() for case in found[::STRIDE]])


@pytest.mark.slow
@pytest.mark.parametrize("category", corpus.by_category())
def test_every_case(driver: Driver, category: str) -> None:
    run(driver, corpus.by_category()[category])


def test_no_pattern_is_ever_matched(sea_or_sky) -> None:
    """PEFT treats a string of target modules as a regular expression; here it is refused before PEFT reads it."""
    for pattern in texts.REDOS:
        data = {**factories.LORA, "hyperparameters": {"target_modules": pattern}}
        with within(0.5), pytest.raises(Refused) as refused:
            parse(sea_or_sky.spec, data)
        assert refused.value.problems[0]["field"] == "hyperparameters.target_modules"
