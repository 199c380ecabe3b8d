"""Adapters on a remote engine: each is loaded for its own item, and no other item is answered by it."""

import json
import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest

from graders.base import Generate
from tests.waiting import wait_until
from tests.workers import tiny
from tests.workers.engine.test_paths import PROMPT
from tests.workers.remote.test_engine import SCORE
from tests.workers.remote.vllm import adapter
from workers.engine import models, scoring
from workers.engine.tuning import adapters
from workers.engine.watch import Stopped, Watch
from workers.judge.contract import Postpone
from workers.remote import calls, shapes
from workers.remote.adapters import ABANDONED_SECONDS, LOADS_MOST, NEXT, TURN, Folder
from workers.remote.calls import EngineMisconfigured
from workers.tokenising import configuration

pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")
ITEM = replace(SCORE, suffixes=SCORE.suffixes[:3])


@pytest.fixture(scope="module")
def trained(base, tmp_path_factory):
    """Two adapters, each as a folder of the runner's."""
    return [adapter(base, tmp_path_factory.mktemp("trained") / str(seed), seed) for seed in (1, 2)]


@pytest.fixture(scope="module")
def expected(base, trained):
    """The scores of the local engine with each of the two, and with none."""
    models = [*(adapters.merged(base, folder) for folder in trained), base.model]
    first, second, none = (scoring.score(base, model, ITEM, Watch()).logprobs for model in models)
    assert not alike(first, second) and not alike(first, none) and not alike(second, none)
    return first, second, none


def alike(found, wanted):
    return all(a == pytest.approx(b, abs=0.01) for a, b in zip(found, wanted, strict=True))


def test_an_adapter_is_loaded_asked_and_unloaded(vllm, ask, shared, trained, expected):
    assert alike(ask(replace(ITEM, adapter=str(trained[0])))[0].logprobs, expected[0])
    (name,) = vllm.loaded
    assert vllm.unloaded == [name] and {body["model"] for body in vllm.bodies} == {name}
    assert list(shared.here.glob("gradus-*")) == []
    ask(replace(ITEM, adapter=str(trained[0])))
    ask(replace(ITEM, adapter=str(trained[1])))
    digests = [loaded.split("-")[1] for loaded in vllm.loaded]
    assert digests[0] == digests[1] != digests[2] and len(digests[0]) == 32 and len(set(vllm.loaded)) == 3
    assert alike(ask(ITEM)[0].logprobs, expected[2])


def test_two_adapters_at_once_each_answer_their_own_item(vllm, ask, trained, expected):
    items = [(n % 3, replace(ITEM, adapter=[str(trained[0]), str(trained[1]), None][n % 3])) for n in range(12)]
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda pair: (pair[0], ask(pair[1])[0].logprobs), items))
    assert all(alike(logprobs, expected[which]) for which, logprobs in found)
    assert sorted(vllm.loaded) == sorted(vllm.unloaded) and len(vllm.loaded) == 8


def test_one_item_at_a_time_is_asked_of_a_server_that_has_adapters(vllm, ask, shared, trained):
    turn = shared.lock(TURN)
    assert turn is not None and shared.lock(TURN) is None
    stops = iter([False, False, True])
    for item in (ITEM, replace(ITEM, adapter=str(trained[0]))):
        with pytest.raises(Stopped):
            ask(item, should_stop=lambda: next(stops, True))
    assert vllm.bodies == []
    os.close(turn)
    assert ask(ITEM)[0].logprobs


def test_who_waits_is_next_and_what_has_waited_is_known(vllm, ask, engine, shared):
    """Else a worker with many items would take its turn again before the others look."""
    turn = shared.lock(TURN)
    with ThreadPoolExecutor(1) as pool:
        waits = pool.submit(ask, ITEM)
        wait_until(lambda: engine.waited > 0)
        assert shared.lock(NEXT) is None and vllm.bodies == []
        os.close(turn)
        assert waits.result()[0].logprobs
    free = shared.lock(NEXT)
    assert free is not None
    os.close(free)


def test_an_adapter_that_is_still_being_loaded_is_unloaded_once_it_is(vllm, ask, engine, shared, trained):
    came, released = [], Event()

    def arrives(answer):
        came.append(answer)
        if answer == "load":
            released.wait(60)

    vllm.arrives = arrives
    with pytest.raises(Stopped):
        ask(replace(ITEM, adapter=str(trained[0])), should_stop=lambda: "load" in came)
    assert came == ["load"] and shared.lock(TURN) is None
    released.set()
    engine.close()
    assert vllm.unloaded == vllm.loaded != []
    assert list(shared.here.glob("gradus-*")) == []


def test_a_server_that_restarts_in_between_gets_the_adapter_again(vllm, ask, trained, expected):
    vllm.before = lambda body: vllm.restart() if len(vllm.bodies) == 2 else None
    assert alike(ask(replace(ITEM, adapter=str(trained[0])))[0].logprobs, expected[0])
    assert len(vllm.loaded) == 2 and len(set(vllm.loaded)) == 1


def test_a_server_that_always_forgets_has_the_job_wait(vllm, ask, trained, shared):
    vllm.before = lambda body: vllm.restart()
    with pytest.raises(Postpone) as later:
        ask(replace(ITEM, adapter=str(trained[0])))
    assert later.value.code == "engine_forgets" and "several servers" in later.value.advice
    assert len(vllm.loaded) == LOADS_MOST
    # Other requests of the job are still on their way when it is given up.
    wait_until(lambda: not list(shared.here.glob("gradus-*")))


def test_a_full_server_has_the_job_wait(vllm, ask, trained, shared, monkeypatch):
    monkeypatch.setattr(calls, "BACKOFF_SECONDS", 0.001)
    vllm.load_status = 503
    with pytest.raises(Postpone, match="engine_503"):
        ask(replace(ITEM, adapter=str(trained[0])))
    assert vllm.bodies == [] and list(shared.here.glob("gradus-*")) == []


def test_what_is_set_up_wrongly_is_one_line_for_the_operator(vllm, ask, trained, engine, tmp_path):
    here, item = engine.folder.here, replace(ITEM, adapter=str(trained[0]))
    for folder, status, said in (
        (Folder(here, "/srv/elsewhere"), 200, "does not find an adapter in /srv/elsewhere: GRADUS_REMOTE_ADAPTERS"),
        (Folder(tmp_path / "nowhere", "/srv"), 200, "cannot be written to .*nowhere .*GRADUS_REMOTE_ADAPTERS"),
        (engine.folder, 500, r"does not take our adapters \(500\).*--max-lora-rank"),
    ):
        engine.folder, vllm.load_status = folder, status
        with pytest.raises(EngineMisconfigured, match=said) as wrong:
            ask(item)
        assert "\n" not in str(wrong.value)


def test_an_adapter_over_another_base_is_not_sent(vllm, ask, base, tmp_path):
    other = adapter(base, tmp_path / "other", 3, name="another-model")
    with pytest.raises(EngineMisconfigured, match="another base model than tiny"):
        ask(replace(ITEM, adapter=str(other)))
    assert vllm.loaded == [] and vllm.bodies == []


def test_a_reply_that_was_lost_does_not_lose_the_adapter(vllm, ask, trained, expected, monkeypatch):
    monkeypatch.setattr(calls, "BACKOFF_SECONDS", 0.001)
    load, lost = vllm.load, []

    def first_reply_is_lost(body):
        reply = load(body)
        lost.append(reply.status_code)
        if len(lost) == 1:
            reply.status_code = 502
        return reply

    monkeypatch.setattr(vllm, "load", first_reply_is_lost)
    assert alike(ask(replace(ITEM, adapter=str(trained[0])))[0].logprobs, expected[0])
    assert lost == [200, 400] and len(vllm.loaded) == 1


def test_answers_stand_where_the_server_does_not_unload(vllm, ask, trained, expected, shared):
    vllm.unload_status = 500
    assert alike(ask(replace(ITEM, adapter=str(trained[0])))[0].logprobs, expected[0])
    assert list(shared.here.glob("gradus-*")) == []


def test_texts_come_from_the_adapter_too(vllm, ask, trained):
    item = Generate(tiny.NAME, PROMPT, ("Input: rash\n",), 6)
    texts = [ask(replace(item, adapter=which))[0].texts for which in (None, *map(str, trained))]
    assert len({text for (text,) in texts}) > 1


def other_shape(folder, base, number):
    """An adapter whose files say `base` and whose weights, or whose rank, are those of another model."""
    changes = [{"num_hidden_layers": 2}, {"num_hidden_layers": 4}, {"intermediate_size": 64}, {"hidden_size": 60}, {}]
    built = models.load(tiny.build(folder / "models", **(changes[number])))
    made = adapter(built, folder / "other", 1, name=base)
    if not changes[number]:
        change_config(made, r=16)
    return made


def change_config(folder, **values):
    config = folder / "adapter_config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), **values}))


@pytest.mark.parametrize("number", range(5))
def test_an_adapter_of_another_shape_is_not_sent(number, vllm, ask, shared, tmp_path):
    folder = other_shape(tmp_path, tiny.NAME, number)
    with pytest.raises(EngineMisconfigured, match="a base model of another shape than tiny has here") as wrong:
        ask(replace(ITEM, adapter=str(folder)))
    assert "\n" not in str(wrong.value)
    assert vllm.loaded == [] and vllm.bodies == [] and list(shared.here.glob("gradus-*")) == []


@pytest.mark.parametrize("kind", ["qwen3", "gemma3_text", "phi3", "gpt_neo"])
def test_adapters_of_other_families_fit_their_own_base_only(kind, models_dir, tmp_path):
    more = {"attention_types": [[["global"], 3]]} if kind == "gpt_neo" else {}
    folder = tiny.build(tmp_path / "models", kind=kind, **more)
    base = models.load(folder, split=kind != "gpt_neo")
    weights = (adapter(base, tmp_path / "a", 1) / "adapter_model.safetensors").read_bytes()
    assert shapes.fits(weights, 8, configuration(folder))
    fewer = {**configuration(folder), "num_hidden_layers": 2, "num_layers": 2}
    assert not shapes.fits(weights, 4, configuration(folder)) and not shapes.fits(weights, 8, fewer)


@pytest.mark.parametrize(
    "content", [b"", b"x", b"\x02" + bytes(7) + b"[]", b"\xff" * 20, b"\x07" + bytes(7) + b'{"a":1}']
)
def test_what_is_no_safetensors_file_is_refused(content):
    with pytest.raises(ValueError, match="not a safetensors file"):
        shapes.fits(content, 8, {"num_hidden_layers": 3})


def test_the_server_reads_a_configuration_of_ours(base, trained, tmp_path, shared, models_dir):
    folder = shutil.copytree(trained[0], tmp_path / "odd")
    change_config(folder, auto_mapping={"x": "y"}, revision="/etc")
    with shared.lend(folder, models_dir / tiny.NAME) as lent:
        read = json.loads((Path(lent.path) / "adapter_config.json").read_text())
        assert sorted(file.name for file in Path(lent.path).iterdir()) == sorted(file.name for file in folder.iterdir())
    assert "auto_mapping" not in read and "revision" not in read and (read["r"], read["lora_alpha"]) == (8, 16)
    change_config(folder, target_modules=".*")
    with pytest.raises(ValueError, match="only plain LoRA"), shared.lend(folder, models_dir / tiny.NAME):
        pass


@pytest.mark.parametrize("name", ["quantisation.json", "model.safetensors"])
def test_what_only_the_runner_can_load_is_left_to_it(name, trained, tmp_path, engine):
    assert engine.takes(str(trained[0]))
    folder = shutil.copytree(trained[0], tmp_path / "more")
    (folder / name).write_text("{}")
    assert not engine.takes(str(folder))
    engine.folder = None
    assert not engine.takes(str(trained[0]))


def test_what_a_killed_worker_left_is_deleted_after_a_day(shared, trained, models_dir):
    old, new, foreign = (shared.here / name for name in ("gradus-old-1", "gradus-new-1", "other"))
    for folder in (old, new, foreign):
        folder.mkdir()
    past = time.time() - ABANDONED_SECONDS - 60
    for folder in (old, foreign):
        os.utime(folder, (past, past))
    with shared.lend(trained[0], models_dir / tiny.NAME):
        pass
    assert not old.exists() and new.exists() and foreign.exists()
