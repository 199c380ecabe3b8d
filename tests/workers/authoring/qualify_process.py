"""Runs `gradus judge qualify` in a separate process with embeddings that need no model.

`python -m tests.workers.authoring.qualify_process ARGUMENTS`.
"""

from __future__ import annotations

import signal
from unittest.mock import patch

import typer

from graders.base import Embed
from tests.graders.free_text import judges
from workers.authoring import qualify_command

if __name__ == "__main__":
    # A shell starts background jobs with SIGINT ignored, and children inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with patch.object(qualify_command, "embed", lambda texts, watch: judges.embed(Embed(tuple(texts))).vectors):
        typer.run(qualify_command.qualify)
