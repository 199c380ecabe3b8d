"""`python -m benchmarks.desk seed|serve|score --site FOLDER`: how fast and how rightly a person marks 120 answers.

`seed` fills a new folder with a site on which a class of 25 has answered four questions of the course, and prints how
the reviewer signs in. `serve` serves it. `score` compares the reviewer's decisions with marks that were known
beforehand.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import threading
from pathlib import Path

from benchmarks.desk import site
from benchmarks.desk.score import lines, score

CACHE = Path(tempfile.gettempdir()) / "gradus-desk"
MODELS = site.ROOT / ".data" / "models"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("seed", "serve", "score"))
    parser.add_argument("--site", type=Path, required=True, help="the folder of the site's data")
    parser.add_argument("--cache", type=Path, default=CACHE, help="where a seeded site is kept, to be copied")
    parser.add_argument("--models", type=Path, default=MODELS, help="the folder of the base models and embeddings")
    parser.add_argument("--port", type=int, default=8100)
    parser.add_argument("--json", type=Path, help="write the report of `score` there as well")
    given = parser.parse_args()
    if given.command == "seed":
        password = site.seed(given.site, given.cache, given.models)
        print(f"Sign in as {site.EMAIL} with the password {password}")
    elif given.command == "serve":
        with site.serving(given.site, given.port) as address:
            print(f"{address}/reviews/ (Ctrl-C ends it)", flush=True)
            threading.Event().wait()
    else:
        found = score(given.site)
        print("\n".join(lines(found)))
        if given.json is not None:
            given.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
