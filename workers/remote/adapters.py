"""Puts a trained adapter where the vLLM server reads it, has it loaded for one work item, and unloads it again.

Each item loads the adapter under a name of its own, which holds the digest of the files: no other item can ask it,
unload it or replace it. The folder is deleted when the item ends.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock
from typing import Any
from uuid import uuid4

import structlog

from challenges.models.catalogue import MODELS
from workers.engine.watch import Stopped
from workers.judge.contract import Postpone
from workers.remote import shapes
from workers.remote.calls import SHORT_TIMEOUT, EngineMisconfigured, Refused, Server
from workers.sandbox import adapter_files
from workers.tokenising import configuration

log = structlog.get_logger(__name__)
PREFIX = "gradus-"
# Who holds `NEXT` gets `TURN` next: else a worker with many items would take it again before the others look.
NEXT, TURN = "next.lock", "turn.lock"
# What a worker that was killed has left is deleted by the next one.
ABANDONED_SECONDS = 86400.0
RANK_MOST = 64
MODULE = re.compile(r"(?:[A-Za-z0-9_]{1,40}\.)*[A-Za-z0-9_]{1,40}")
# So often it is loaded for one item at most. A server that was restarted, or has dropped it, gets it again.
LOADS_MOST = 3
FORGOTTEN_SECONDS = 60.0


@dataclass(frozen=True)
class Folder:
    """A folder that this machine and the servers share: `here` is its path on this machine, `there` on the servers'."""

    here: Path
    there: str

    @classmethod
    def of(cls, setting: str) -> Folder | None:
        """Reads `GRADUS_REMOTE_ADAPTERS`: `path`, or `path#path on the server`. None if it is not set."""
        here, _, there = setting.strip().partition("#")
        return cls(Path(here), there or here) if here else None

    def takes(self, adapter: str) -> bool:
        """Whether a server can answer with the adapter in that folder.

        It cannot with a whole trained model, nor with an adapter over a base in 4 bits.
        """
        names = {file.name for file in Path(adapter).iterdir()}
        return names.isdisjoint({adapter_files.WEIGHTS, adapter_files.MARK}) and names.issuperset(adapter_files.NAMES)

    def lock(self, name: str) -> int | None:
        """A lock of this folder, which ends when it is closed; None while another has it.

        Of all workers that share the folder, the one with `TURN` asks: vLLM 0.32 on a CPU gave requests without an
        adapter other log-probabilities while requests with adapters ran.
        """
        file = os.open(self.here / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return None
        return file

    @contextmanager
    def lend(self, adapter: Path, base: Path) -> Iterator[Lent]:
        """Copies the adapter into this folder, for as long as the context lasts. `base` is its base model's folder.

        Raises:
            ValueError: The files are not those of an adapter of ours.
            EngineMisconfigured: It was trained over another base model, or the folder cannot be written.
        """
        files, model = adapter_files.read(adapter), base.name
        checked, weights = _checked(json.loads(files["adapter_config.json"]), model), files["adapter_model.safetensors"]
        if not shapes.fits(weights, checked["r"], configuration(base)):
            raise EngineMisconfigured(_OTHER_SHAPE.format(model=model))
        config = json.dumps(checked)
        digest = hashlib.sha256(config.encode() + weights).hexdigest()
        name = f"{PREFIX}{digest[:32]}-{uuid4().hex[:12]}"
        place = self.here / name
        try:
            try:
                self._tidy()
                place.mkdir()
                # The server may be another user.
                place.chmod(0o755)
                for file, content in zip(adapter_files.NAMES, (config.encode(), weights), strict=True):
                    with adapter_files.written(place / file) as copy:
                        copy.write(content)
            except OSError as error:
                raise self.fault(error) from None
            yield Lent(name, f"{self.there.rstrip('/')}/{name}", model)
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def fault(self, error: OSError) -> EngineMisconfigured:
        """What staff should know if the folder cannot be used."""
        return EngineMisconfigured(
            f"Adapters cannot be written to {self.here} ({error.strerror}), the folder of GRADUS_REMOTE_ADAPTERS. "
            "It must exist on this machine and on the remote engine's."
        )

    def _tidy(self) -> None:
        for left in self.here.glob(f"{PREFIX}*"):
            with suppress(OSError):
                if left.stat().st_mtime < time.time() - ABANDONED_SECONDS:
                    shutil.rmtree(left, ignore_errors=True)


@dataclass
class Lent:
    """An adapter in the shared folder: its name on the server, and its path there. `loads` counts how often it was
    loaded.
    """

    name: str
    path: str
    model: str
    loads: int = 0
    lock: Lock = field(default_factory=Lock)

    def load(self, server: Server, over: Event, seen: int = 0) -> None:
        """Has the server load the adapter, unless another thread did since `loads` was `seen`.

        Raises:
            EngineMisconfigured: The server does not find the files, or does not take the adapter.
            Postpone: It cannot answer now, or loses the adapter again and again.
            Stopped: `over` is set.
        """
        with self.lock:
            if self.loads > seen:
                return
            if self.loads == LOADS_MOST:
                raise Postpone(FORGOTTEN_SECONDS, "engine_forgets", _FORGETS.format(model=self.model))
            try:
                server.post("/load_lora_adapter", {"lora_name": self.name, "lora_path": self.path}, over, final=(500,))
            except Refused as refused:
                # A reply that was lost, so that we asked again.
                names = server.names()
                if names is None:
                    raise Postpone(FORGOTTEN_SECONDS, "engine_connection") from None
                if self.name not in names:
                    raise EngineMisconfigured(self._refusal(refused.status)) from None
            self.loads += 1

    def unload(self, server: Server) -> None:
        """Has the server forget the adapter. What goes wrong here is only logged, because the answers are known."""
        try:
            body = {"lora_name": self.name}
            server.post("/unload_lora_adapter", body, Event(), attempts=1, timeout=SHORT_TIMEOUT)
        except (Refused, Postpone, Stopped) as error:
            log.warning("adapter_not_unloaded", reason=str(error))

    def _refusal(self, status: int) -> str:
        wanted = (
            f"It must serve {self.model} itself, and must be started with --enable-lora --max-lora-rank 32 and "
            "VLLM_ALLOW_RUNTIME_LORA_UPDATING=True"
        )
        folder = self.path.rpartition("/")[0]
        if status == 404:
            return (
                f"The remote engine of {self.model} does not find an adapter in {folder}: GRADUS_REMOTE_ADAPTERS must "
                f"be a folder that the worker and the engine share. {wanted}."
            )
        return f"The remote engine of {self.model} does not take our adapters ({status}). {wanted}."


_FORGETS = (
    "The remote engine of {model} has lost an adapter several times within one job. If several servers share its "
    "address, give each an address and a worker of its own."
)

_OTHER_SHAPE = (
    "This job's adapter was trained over a base model of another shape than {model} has here. If the weights of "
    "{model} were replaced, give the new ones another name."
)


def _checked(config: Any, model: str) -> dict[str, Any]:
    """A configuration made of the few values that may differ. What the runner wrote is not passed on."""
    r, alpha, modules = config.get("r"), config.get("lora_alpha"), config.get("target_modules")
    is_plain = config.get("peft_type") == "LORA" and not config.get("use_dora") and not config.get("use_rslora")
    are_sizes = all(isinstance(n, int) and 1 <= n <= RANK_MOST for n in (r, alpha))
    are_names = isinstance(modules, list) and all(isinstance(one, str) and MODULE.fullmatch(one) for one in modules)
    if not (is_plain and are_sizes and are_names):
        raise ValueError("only plain LoRA adapters are loaded")
    own = (MODELS[model].hub if model in MODELS else None) or model
    if config.get("base_model_name_or_path") != own:
        raise EngineMisconfigured(f"This job's adapter was trained over another base model than {model}.")
    return {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": own,
        "r": r,
        "lora_alpha": alpha,
        "target_modules": sorted({one.rpartition(".")[2] for one in modules}),
        "bias": "none",
        "inference_mode": True,
    }
