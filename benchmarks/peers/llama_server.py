"""llama.cpp's own server in a process of its own: `python llama_server.py MODEL.gguf NAME PORT`.

It ends with its parent.

Runs in the environment `llama-server` of `benchmarks.venvs`; the project's own packages are not there.
"""

from __future__ import annotations

import sys

import xllamacpp

CONTEXT = 8192


def main(model: str, name: str, port: str) -> None:
    parameters = xllamacpp.CommonParams()
    parameters.model.path = model
    parameters.model_alias = {name}
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = int(port)
    parameters.n_ctx, parameters.n_parallel = CONTEXT, 1
    parameters.use_jinja = True
    server = xllamacpp.Server(parameters)
    print(server.listening_address, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
