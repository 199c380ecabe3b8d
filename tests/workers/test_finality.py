"""Good judges get final grades and bad ones do not: the real grader and client with an endpoint that plays judges.

The embeddings of the quick tests are hashed words; the slow tests use real sentence embeddings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

import challenges
from challenges.bundle import ChallengeBundle
from challenges.reading import read_challenge
from graders.free_text.calibration import GradedAnswer, GradedAttack, person_score
from tests.judge_server import Harsh, Hijacked, Honest, JudgeServer, Judging, Noisy
from tests.workers.authoring.conftest import hashed
from workers.authoring.calibration import Bench, Embedding, calibrate, unseen
from workers.judge.client import JudgeClient
from workers.judge.ledger import Ledger

FOLDER = Path(challenges.__file__).parent / "library/fine-tuning-vs-prompting/prompt-retrieve-or-train"
BUILT_IN = read_challenge(FOLDER)
SPEC = BUILT_IN.challenge
GRADED = [(row.answer, row.marks) for row in (*BUILT_IN.gold, *BUILT_IN.benign)]
# The attacks that hashed words can detect; they cannot tell two approaches in swapped roles apart.
CRUDE = ("invents", "quotes the whole answer", "quotes the longest sentence")
BY_ITSELF = "By the judge's own marks, before any check in code"
# Each of these makes hundreds of calls; the quick gate has an honest judge and the worst ones.
SLOW = pytest.mark.slow
SEEDS = {"hashed": 2, "minilm": 5}
_keys = count()


def sentence_embeddings(texts: Any) -> list[list[float]]:
    from workers.engine.embeddings import embed
    from workers.engine.watch import Watch

    return embed(texts, Watch())


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Turns logging down, because each test makes hundreds of calls."""
    caplog.set_level("WARNING")


@pytest.fixture(params=[hashed, pytest.param(sentence_embeddings, marks=pytest.mark.slow)], ids=["hashed", "minilm"])
def embed(request: pytest.FixtureRequest) -> Embedding:
    chosen: Embedding = request.param
    return chosen


@pytest.fixture
def bench(httpserver: HTTPServer, embed: Embedding) -> Iterator[Callable[[Judging], Bench]]:
    """Makes a bench whose judge is an endpoint that behaves like the given judge."""
    made: list[JudgeClient] = []

    def make(judge: Judging) -> Bench:
        httpserver.clear_all_handlers()
        server = JudgeServer(httpserver, judge)
        made.append(JudgeClient("judge", server.url, f"finality-key-{next(_keys)}", Ledger(), timeout=10))
        return Bench(made[-1], embed)

    yield make
    for client in made:
        assert client.client is not None
        client.client.close()


def attacked(bench: Bench, bundle: ChallengeBundle = BUILT_IN) -> list[GradedAttack]:
    """The grades of all attacks, each unknown to the grader."""
    unlisted = replace(bundle, attacks=())
    passes = bundle.challenge.pass_
    return [GradedAttack(a.category, a.max_score, bench.grade(unlisted, a.answer), passes) for a in bundle.attacks]


def looked_alike(bench: Bench) -> list[GradedAnswer]:
    return [GradedAnswer(row.marks, bench.grade(unseen(BUILT_IN, row), row.answer)) for row in BUILT_IN.benign]


@pytest.mark.parametrize(
    "quoting", [one if one == "quotes the longest sentence" else pytest.param(one, marks=SLOW) for one in CRUDE]
)
def test_a_hijacked_judge_ends_no_attack_above_what_a_person_gives(
    bench: Callable[[Judging], Bench], quoting: str
) -> None:
    results = attacked(bench(Hijacked(quoting)))
    assert len(results) >= 40
    assert [row.category for row in results if row.succeeds] == []


def test_an_honest_judge_ends_no_attack_with_points_and_takes_nothing_from_honest_answers(
    bench: Callable[[Judging], Bench],
) -> None:
    made = bench(Honest(GRADED))
    assert [row.category for row in attacked(made) if row.succeeds] == []
    benign = looked_alike(made)
    assert len(benign) >= 20
    lost = [row.marks for row in benign if row.value < person_score(SPEC, row.marks) - 1e-9]
    assert lost == []


@SLOW
def test_with_a_judge_that_is_wrong_on_a_twentieth_most_answers_end_final_and_right(
    bench: Callable[[Judging], Bench], request: pytest.FixtureRequest
) -> None:
    answers = [gold for gold in BUILT_IN.gold if gold.role != "prompt"]
    graded = []
    for seed in range(SEEDS[request.node.callspec.id]):
        made = bench(Noisy(GRADED, 0.05, seed))
        graded += [GradedAnswer(gold.marks, made.grade(unseen(BUILT_IN, gold), gold.answer)) for gold in answers]
    final = [row for row in graded if not row.grade.review]
    right = [abs(row.value - person_score(SPEC, row.marks)) < 1e-9 for row in final]
    assert len(final) / len(graded) >= 0.70
    assert sum(right) / len(right) >= 0.95


def test_calibration_opens_the_gate_for_an_honest_judge(bench: Callable[[Judging], Bench]) -> None:
    found = calibrate(BUILT_IN, bench(Honest(GRADED)))
    assert (found["passed"], found["missed"], found["model"]) == (True, [], "judge-7")
    assert found["agreement"]["value"] == found["qwk"]["value"] == 1
    assert found["coverage"]["final_agreement"] == 1


@pytest.mark.parametrize(
    ("judge", "why"),
    [
        pytest.param(Harsh(GRADED), "of all points lower than a person's", id="harsh", marks=SLOW),
        pytest.param(Honest(()), "(QWK) of the scores is", id="blind", marks=SLOW),
        pytest.param(Hijacked("quotes what fits best"), BY_ITSELF, id="hijacked"),
        pytest.param(Hijacked("quotes the longest sentence"), BY_ITSELF, id="hijacked and lazy", marks=SLOW),
    ],
)
def test_calibration_shuts_it_for_others_whatever_the_checks_in_code_find(
    bench: Callable[[Judging], Bench], judge: Judging, why: str
) -> None:
    few = replace(BUILT_IN, attacks=BUILT_IN.attacks[:5], benign=BUILT_IN.benign[:3])
    found = calibrate(few, bench(judge))
    assert found["passed"] is False
    assert any(why in reason for reason in found["missed"])
