"""Work files, and the transformers peers run on a tiny model and compared with the oracle."""

import ast
import importlib
import sys
from argparse import Namespace
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import child, inference, lora, venvs
from benchmarks.catalogue import INFERENCE, TRAINING
from benchmarks.figures.losses import Losses
from benchmarks.peers import job
from benchmarks.work import oracle, ours, works
from benchmarks.work.items import generate_item, rows, score_item, train_item
from benchmarks.work.ours import Setup
from benchmarks.work.shapes import Shape, TrainShape, shape
from graders.base import Score, Train
from workers.engine.watch import Watch

pytestmark = pytest.mark.usefixtures("own_data")
PEERS = Path(inference.__file__).parent / "peers"


@pytest.fixture(scope="module")
def item():
    suffixes = tuple(f"Input: {text}\nOutput:" for text in ("an itchy red rash", "burning pain", "swollen ankles"))
    return Score("tiny", "Sort each complaint into a specialty.\n", suffixes, (" skin", " stomach", " heart, brain"))


@pytest.fixture
def make(base, item, models_dir, tmp_path):
    def made(output, **more):
        found = rows(base, item)
        facts = {"rows": found, "warm": found[:1], "shared": job.shared(found), "eos": base.eos, "new_tokens": 6}
        place = {"checkpoint": str(models_dir / "tiny"), "folder": str(tmp_path), "digest": "tiny"}
        facts |= place | {"dtype": "float32", "threads": 1, "output": output, "batch": 2}
        return job.Job(**(facts | more))

    return made


@pytest.mark.parametrize("name", ["transformers_rows", "transformers_batched"])
def test_transformers_peers_agree_with_the_oracle_on_labels(name, make, plain):
    work = make("label")
    found = importlib.import_module(f"benchmarks.peers.{name}").run(work)
    truth = oracle.label_logprobs(plain, work.rows)
    assert found.seconds > 0
    assert len({len(label) for row in work.rows for label in row.labels}) > 1, "labels of several lengths are wanted"
    for mine, true in zip(found.answers, truth, strict=True):
        assert mine == pytest.approx(true, abs=1e-4)


@pytest.mark.parametrize("name", ["transformers_rows", "transformers_batched"])
def test_transformers_peers_agree_with_the_oracle_on_texts(name, make, plain, base):
    work = make("json")
    found = importlib.import_module(f"benchmarks.peers.{name}").run(work)
    assert found.answers == oracle.greedy(plain, work.rows, base.eos, work.new_tokens)


def test_a_peer_runs_as_a_process_of_its_own(make, plain):
    work = make("label")
    found = child.run(Path(sys.executable), "benchmarks.peers.transformers_rows", work)
    assert found["dtype"] == "float32"
    assert found["version"]
    truth = oracle.label_logprobs(plain, work.rows)
    assert found["answers"][0] == pytest.approx(truth[0], abs=1e-4)


@pytest.mark.slow
def test_a_peer_that_breaks_says_why(make):
    with pytest.raises(child.PeerFailed, match="nowhere"):
        child.run(Path(sys.executable), "benchmarks.peers.transformers_rows", make("label", checkpoint="/nowhere"))


def test_a_peer_that_takes_too_long_is_ended(make):
    with pytest.raises(child.PeerFailed, match=r"no result after 0\.01 s"):
        child.run(Path(sys.executable), "benchmarks.peers.transformers_rows", make("label"), seconds=0.01)


def test_what_a_peer_cannot_do_is_no_crash(make):
    with pytest.raises(job.Unable, match="json"):
        make("json").want(outputs=("label",))
    with pytest.raises(job.Unable, match="bfloat16"):
        make("label", dtype="bfloat16").want(dtypes=("float32",))


def test_every_peer_has_an_environment_and_a_script_that_knows_nothing_of_ours():
    for peer in (INFERENCE | TRAINING).values():
        assert peer.environment in venvs.ENVIRONMENTS
        assert all("==" in package for package in venvs.ENVIRONMENTS[peer.environment].packages)
        file = PEERS / f"{peer.module.rpartition('.')[2]}.py"
        assert imported(file) & {"workers", "graders", "challenges", "gradus"} == set()
    for file in PEERS.glob("*.py"):
        assert {name for name in imported(file, whole=True) if name.startswith("benchmarks")} <= {
            "benchmarks.peers",
            "benchmarks.peers.job",
            "benchmarks.peers.converted",
        }


def imported(file, whole=False):
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found if whole else {name.partition(".")[0] for name in found}


def test_items_have_the_shape_that_was_asked(base):
    asked = Shape(80, 30, 5, 3)
    found = rows(base, score_item(base, asked))
    assert len(found) == 5
    assert all(len(row.labels) == 3 for row in found)
    beginning = len(base.encode(["\nSymptoms: "])[0])
    assert 80 - 4 <= job.shared(found) <= 80 + beginning
    warm = rows(base, score_item(base, asked, warm=True))
    assert warm[0].context[:40] != found[0].context[:40]
    assert generate_item(base, asked).max_new_tokens == 40
    with pytest.raises(ValueError, match="labels of 1 tokens"):
        score_item(base, Shape(80, 30, 5, 1))


def test_training_rows_have_the_length_that_was_asked_and_are_never_held_out(base):
    item = train_item(base, TrainShape(20, 300, 1), seed=1)
    lengths = {len(base.encode([prompt + completion])[0]) + 1 for prompt, completion in item.rows}
    assert all(abs(length - 300) <= 3 for length in lengths)
    assert len(item.rows) == 20
    assert not set(item.rows) & set(item.valid)
    with pytest.raises(ValueError, match="leave no room"):
        train_item(base, TrainShape(20, 10, 1), seed=1)


def test_ours_is_compared_with_the_oracle_on_every_shape(base, models_dir, tmp_path):
    truth = works.Oracle(models_dir / "tiny", kept=tmp_path)
    work = works.prepare(base, truth, shape("60/30/4/3"))
    mine = inference.our_figure(base, work, Setup(models_dir, "float32", 1))
    assert len(work.truth) == 4
    assert mine.difference < 1e-3
    assert mine.agree == 1.0


def test_the_oracle_is_asked_once_for_the_same_rows_and_weights(base, models_dir, tmp_path, monkeypatch):
    truth = works.Oracle(models_dir / "tiny", kept=tmp_path)
    made = rows(base, score_item(base, Shape(60, 20, 4, 3)))
    found = truth.answers(base, made, "label")
    monkeypatch.setattr(works.oracle, "label_logprobs", lambda model, rows: [["asked", len(rows)]])
    assert truth.answers(base, made, "label") == found
    assert truth.answers(base, made[:3], "label") == [["asked", 3]]
    assert truth.answers(replace(base, digest="other weights"), made, "label") == [["asked", 4]]


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_a_saved_adapter_is_evaluated_as_the_oracle_does(base, models_dir, tmp_path):
    rows = tuple((f"Input: {text}\nOutput:", f" {label}") for text, label in (("a rash", "skin"), ("a burn", "heart")))
    item = Train("tiny", rows, rows, 4, 8, 5e-3, 2, 2, seed=1)
    trained = Setup(models_dir, "float32", 1).session().run(item, Watch())
    found = ours.adapter_loss(base, Path(trained.files), item)
    assert found == pytest.approx(oracle.adapter_loss(models_dir / "tiny", Path(trained.files), rows, base), abs=1e-4)


WARM, WHOLE = 2.0, 60.0


@pytest.fixture
def trained(base, monkeypatch, tmp_path):
    """Arguments of `benchmarks.lora`; the runner and TRL take the seconds that the test gives, by dtype."""
    seconds = {"ours": {"float32": WARM, "bfloat16": WARM}, "peer": {"float32": 9.0, "bfloat16": 9.0}}

    class Engine:
        pass

    def run(engine, item):
        steps = -(-len(item.rows) // 8) * item.num_train_epochs
        return WHOLE, Namespace(files=str(tmp_path), steps=steps)

    @contextmanager
    def started(setup):
        yield Engine()

    def peer_trains(interpreter, module, work):
        facts = {"version": "1", "note": f"{work.dtype} base", "dtype": work.dtype}
        return facts | {"seconds": seconds["peer"][work.dtype], "steps": work.max_steps}

    monkeypatch.setattr(Setup, "timed", lambda setup, item, warm: (seconds["ours"][setup.dtype], None))
    monkeypatch.setattr(Setup, "started", started)
    monkeypatch.setattr(ours, "run", run)
    monkeypatch.setattr(ours, "adapter_loss", lambda *_: 1.25)
    monkeypatch.setattr(oracle, "adapter_loss", lambda *_: 1.0)
    monkeypatch.setattr(lora.models, "load", lambda *_: base)
    monkeypatch.setattr(child, "run", peer_trains)
    monkeypatch.setattr(child, "interpreter", lambda name: name)
    monkeypatch.setattr(lora, "Losses", lambda: Losses(tmp_path / "losses.json"))

    def made(*argv):
        given = lora.arguments(["--speed-only", "--shapes", "40/300/2", *argv])
        return next(lora.run(given))

    return seconds, made


def test_each_side_trains_in_the_dtype_that_is_faster_for_it(trained):
    seconds, made = trained
    seconds["ours"]["bfloat16"], seconds["peer"]["float32"] = 1.0, 5.0
    row = made("--timed-steps", "5")
    assert (row.dtype, row.ours_s, row.peer_s) == ("bfloat16", WHOLE, 10.0)
    assert row.note.startswith("float32 base; ours: bfloat16 base; attention")
    assert (row.rows, row.timed_rows, row.scaled) == (10, 5, True)
    assert row.max_abs_diff == 0.25
    only = made("--training-dtype", "float32")
    assert (only.dtype, only.note[:32]) == ("float32", "float32 base; ours: float32 base")


def test_environments_are_made_by_name_and_an_unknown_name_is_refused(monkeypatch, capsys):
    asked = []

    def python(name):
        asked.append(name)
        if name == "trl":
            raise venvs.NotInstalled("no matching wheel")
        return venvs.folder(name)

    monkeypatch.setattr(venvs, "python", python)
    assert venvs.main(["llama-cpp", "ctranslate2"]) == 0
    assert venvs.main(["trl", "llama-cpp"]) == 1
    assert asked == ["llama-cpp", "ctranslate2", "trl", "llama-cpp"]
    assert "trl: no matching wheel" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        venvs.main(["llamacpp"])
    assert "no environment llamacpp; there are: transformers, lm-eval" in capsys.readouterr().err
    assert len(asked) == 4
