"""What the commands that ask a judge share: their options, the judge of the environment, and the kept replies."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from workers.authoring.bench import Bench, Embedding
from workers.engine.model_files import data_dir
from workers.judge import kept_replies
from workers.judge import template as judge_template
from workers.judge.client import JudgeClient
from workers.judge.kept_replies import KeptReplies
from workers.judge.ledger import UNUSABLE_MOST, Ledger

HOSTED_PARALLEL, OWN_PARALLEL = 4, 1
PARALLEL_MOST = 64

Keep = Annotated[
    Path | None,
    typer.Option(
        file_okay=False,
        help="Keep the judge's replies in this folder, instead of the folder judge of the data folder.",
    ),
]
Fresh = Annotated[bool, typer.Option("--fresh", help="Ask again, also for what earlier runs have kept a reply to.")]
Parallel = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=PARALLEL_MOST,
        help=f"Make at most this many calls at once; default {HOSTED_PARALLEL}, or {OWN_PARALLEL} for a server on this "
        "machine or network. Fewer are made while the endpoint has too much.",
    ),
]


@dataclass(frozen=True)
class JudgeSession:
    """The judge of one run of a command, with its bench, its counts and its kept replies."""

    client: JudgeClient
    ledger: Ledger
    kept: KeptReplies
    bench: Bench

    @classmethod
    def open(
        cls,
        embed: Embedding,
        keep: Path | None = None,
        fresh: bool = False,
        parallel: int | None = None,
        environment: Mapping[str, str] = os.environ,
    ) -> JudgeSession:
        """Raises JudgeMisconfigured, and RepliesNotKept where earlier replies cannot be read."""
        base_url = environment.get("OPENAI_BASE_URL")
        folder = keep or data_dir() / kept_replies.FOLDER
        kept = KeptReplies(folder, base_url, environment.get("GRADUS_JUDGE_MODEL", ""), fresh=fresh)
        ledger = Ledger(kept, UNUSABLE_MOST)
        client = JudgeClient.from_environment(ledger, environment)
        template = judge_template.chosen(environment)
        return cls(client, ledger, kept, Bench(client, embed, template, parallel=parallel or at_once(base_url)))


def at_once(base_url: str | None) -> int:
    """How many calls an endpoint gets at once unless the user says so: one for a server of one's own."""
    host = urlsplit(base_url or "").hostname or ""
    try:
        own = ipaddress.ip_address(host).is_private
    except ValueError:
        own = bool(host) and ("." not in host or host.endswith((".local", ".internal", ".localhost")))
    return OWN_PARALLEL if own else HOSTED_PARALLEL
