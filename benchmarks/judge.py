"""A judge that we did not write: llama.cpp's server with the built-in model, asked by `gradus judge qualify`.

    python -m benchmarks.judge [--rows N] [--json FILE]

With one row of each sort it takes minutes on two cores, because so small a model writes many replies to the limit of
2,000 tokens, and the command stops after ten unusable ones in a row. Three things are tried, and the exit status is 1
where one is not as it must be: the server keeps to the form of a strict JSON schema; the gate stays shut, because a
model of this size marks no better than chance; and a server that is killed in the middle of an answer gives advice and
no report.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from benchmarks import venvs
from challenges.models.catalogue import MODELS
from workers.engine.fetch import packaged

LIBRARY = Path(__file__).resolve().parents[1] / "challenges" / "library"
NAME = "smollm2-135m-instruct-q4_1"
MODEL = next(name for name, model in MODELS.items() if model.wheel is not None)
GOOD = "The server kept to the form, the gate stayed shut, and its death was told in plain words."
START_SECONDS = 120
# Of one call, on two cores that do other work as well.
CALL_SECONDS = 600


@dataclass(frozen=True)
class Served:
    """A running server and its address, which ends in /v1."""

    process: subprocess.Popen[bytes]
    url: str

    def is_answering(self) -> bool:
        """Returns whether the server is computing an answer at this moment."""
        slots = httpx.get(self.url.removesuffix("/v1") + "/slots", timeout=CALL_SECONDS).json()
        return any(slot["is_processing"] for slot in slots)


@contextmanager
def server(folder: Path) -> Iterator[Served]:
    """llama.cpp's server on a free port of the loopback address."""
    kept = next(folder.glob("*.gguf"), None) or packaged(MODEL, folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    script = Path(__file__).parent / "peers" / "llama_server.py"
    command = [str(venvs.python("llama-server")), str(script), str(kept), NAME, str(port)]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log)
    try:
        _wait(lambda: _is_healthy(port), START_SECONDS, "the server did not start; see server.log")
        yield Served(process, f"http://127.0.0.1:{port}/v1")
    finally:
        process.kill()
        process.wait()


def _is_healthy(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health", timeout=5).is_success
    except httpx.HTTPError:
        return False


def _wait(is_so: Callable[[], bool], seconds: float, otherwise: str) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > end:
            raise SystemExit(otherwise)
        time.sleep(0.2)


def qualify(url: str, rows: int, report: Path) -> subprocess.Popen[str]:
    """The command as staff type it."""
    kept = report.with_suffix(".kept")
    options = ["--rows", str(rows), "--json", str(report), "--yes", "--keep", str(kept)]
    command = [sys.executable, "-m", "workers.authoring.qualify_command", str(LIBRARY), *options]
    settings = {
        "GRADUS_JUDGE_MODEL": NAME,
        "OPENAI_BASE_URL": url,
        "OPENAI_API_KEY": "none",
        "GRADUS_JUDGE_TIMEOUT": str(CALL_SECONDS),
    }
    return subprocess.Popen(
        command, env=os.environ | settings, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def whole(served: Served, rows: int, folder: Path) -> dict[str, Any]:
    """A report on all questions, and what is wrong with it, if anything is."""
    asked = qualify(served.url, rows, folder / "report.json")
    said, _ = asked.communicate()
    print(said, flush=True)
    if not (folder / "report.json").exists():
        return {"wrong": ["there is no report"], "said": said}
    report = json.loads((folder / "report.json").read_text())
    wrong = [] if report["forms"] == ["json_schema"] else [f"asked for {report['forms']} instead of a JSON schema"]
    wrong += ["a gate is open"] if report["passed"] or asked.returncode != 1 else []
    return {**report, "wrong": wrong}


def killed(served: Served, rows: int, folder: Path) -> dict[str, Any]:
    """Kills the server in the middle of an answer, and returns what the command then told its user."""
    asked = qualify(served.url, rows, folder / "never.json")
    _wait(served.is_answering, CALL_SECONDS, "the server was never asked")
    served.process.kill()
    said, _ = asked.communicate()
    print(said, flush=True)
    wrong = [] if asked.returncode == 1 else [f"exit status {asked.returncode}"]
    wrong += ["a traceback"] if "Traceback" in said else []
    wrong += ["no advice"] if "cannot be reached" not in said else []
    wrong += ["a report of a dead server"] if (folder / "never.json").exists() else []
    return {"said": said.strip().splitlines()[-1] if said.strip() else "", "wrong": wrong}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.judge", description=__doc__.split("\n\n")[0])
    parser.add_argument("--rows", type=int, default=1, help="answers of each sort and question (default: 1)")
    parser.add_argument("--json", type=Path, help="write both results there as well")
    options = parser.parse_args(argv)
    found = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with server(folder) as served:
            found["whole"] = whole(served, options.rows, folder)
            found["killed"] = killed(served, options.rows, folder)
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=2) + "\n")
    wrong = [f"{name}: {problem}" for name, result in found.items() for problem in result["wrong"]]
    print("\n".join(wrong) or GOOD)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
