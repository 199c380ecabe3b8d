"""Pages in a browser: `python -m benchmarks.pages --json FILE`.

A site with production settings is started on a temporary folder, filled with content, and visited by headless Chromium
as a desktop and as a phone, each page with an empty cache and again with a full one. A table shows the data over the
wire, requests, paints, layout shift, nodes and height. Status 1 where a page misses its budget.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks.figures.machines import with_cores
from benchmarks.pages import report, stack
from benchmarks.pages.visits import View, views


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pages", description=__doc__)
    parser.add_argument("--json", type=Path, help="where the figures go")
    parser.add_argument("--nginx", action="store_true", help="behind nginx, with the example of deploy/nginx and TLS")
    parser.add_argument("--only", default="", metavar="TEXT", help="only pages with this text in their names")
    return parser.parse_args(words)


def run(given: argparse.Namespace) -> dict[str, Any]:
    from playwright.sync_api import sync_playwright

    from tests.requirements import chromium

    with ExitStack() as left:
        folder = Path(left.enter_context(tempfile.TemporaryDirectory(prefix="gradus-pages-")))
        say("preparing a site")
        stack.settle_in(folder)
        from benchmarks.pages.seed import stops

        pages = [stop for stop in stops(folder / "courses") if given.only in stop.name]
        address, chrome, options = left.enter_context(served(folder, given.nginx))
        say(f"visiting {len(pages)} pages at {address}, each four times")
        browser = left.enter_context(sync_playwright()).chromium.launch(
            executable_path=chromium(), args=["--no-sandbox", *chrome]
        )
        found = list(told(views(browser, address, pages, **options)))
        return {
            "served_by": "nginx in front of granian, TLS" if given.nginx else "granian",
            "chromium": browser.version,
            "machine": with_cores(),
            "views": [view.figures() for view in found],
        }


@contextmanager
def served(folder: Path, behind_nginx: bool) -> Iterator[tuple[str, list[str], dict[str, Any]]]:
    """Yields the site's address, Chromium's arguments, and the options of a browser context."""
    with stack.running(folder) as port:
        if behind_nginx:
            with stack.nginx(folder, port) as way:
                yield way
        else:
            yield f"http://127.0.0.1:{port}", [], {"extra_http_headers": stack.AS_PROXY}


def told(found: Iterator[View]) -> Iterator[View]:
    for view in found:
        if view.problems:
            say(f"{view.page}, {view.device}, {view.cache}: {'; '.join(view.problems)}")
        yield view


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    given = arguments()
    # Playwright's event loop runs in this thread, so Django would refuse to use the database in it.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    try:
        data = run(given)
    except KeyboardInterrupt:
        say("Stopped; nothing is left running.")
        return 130
    found = [View(**one) for one in data["views"]]
    print(report.text(found))
    if given.json:
        given.json.write_text(json.dumps(data, indent=2) + "\n")
    missed = report.short_of(found)
    say(f"{len(missed)} of {len(found)} views miss a budget" if missed else "every budget holds")
    return 1 if missed or not found else 0


if __name__ == "__main__":
    raise SystemExit(main())
