"""Records what the current code stores and answers: `python -m tests.compatibility.record`.

It writes `release_<version>/` beside this file, for the version in pyproject.toml. A recording of a release that was
published is never made again: its bundles, databases and clients are out there, and the recording stands for them.
`--again` is for the time before a release is published.
"""

from __future__ import annotations

import argparse
import logging
import os
import re
import shutil
import sqlite3
import sys
import tempfile
import tomllib
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.compatibility.process import begin, environment
from tests.compatibility.release import HERE, Release, digests, stored

ROOT = HERE.parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description="Record the bundles, the database and the answers of this version.")
    parser.add_argument("--again", action="store_true", help="replace a recording of a version that is not published")
    given = parser.parse_args()
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    release = Release.of(version)
    if release.folder.exists() and not given.again:
        sys.exit(f"{release.folder.relative_to(ROOT)} is there. A published release is recorded once (see --help).")
    with tempfile.TemporaryDirectory(prefix="gradus-recording-") as name:
        made = record(Release(Path(name) / release.name), Path(name) / "site")
        shutil.rmtree(release.folder, ignore_errors=True)
        shutil.copytree(made.folder, release.folder)
    print(f"{release.folder.relative_to(ROOT)}: {sum(p.stat().st_size for p in release.folder.rglob('*.*')):,} bytes")


def record(release: Release, site: Path) -> Release:
    """Fills the release's folder; the site lives in `site` while it is recorded."""
    variables = environment(site)
    os.environ.clear()
    os.environ.update(variables)
    begin()
    from tests.compatibility import course

    folders = {"plain": course.write_plain, "full": course.write_full}
    for name, write in folders.items():
        write(release.courses / name)
    release.write("digests", {name: digests(release.courses / name) for name in folders})
    release.write("payloads", [stored(payload) for payload in course.PAYLOADS])
    assert not (unset := _unset_keys(course.PAYLOADS)), f"no recorded payload sets {unset}"
    _record_site(release, site)
    _refuse_names_of_this_machine(release)
    return release


def _record_site(release: Release, site: Path) -> None:
    from django.core.management import call_command
    from django.db import connection

    from tests.challenges.factory import put_tokenizer
    from tests.compatibility import machine, stored_rows
    from tests.compatibility.clock import standing_at
    from tests.compatibility.site import FIRST_DAY, LAST_MOMENT, Author

    call_command("migrate", interactive=False, verbosity=0)
    # A score that tokens cost a part of is counted with the base model's tokenizer.
    put_tokenizer(site)
    with standing_at(FIRST_DAY - timedelta(hours=1)) as clock, machine.nameless(clock):
        (site / "worker").mkdir()
        # The site has an attempt that fails and calls that are refused, and both are logged.
        logging.disable(logging.ERROR)
        made = Author(release.courses, clock, site / "worker").make()
        assert not (empty := [table for table, rows in stored_rows.counts().items() if not rows]), empty
        _record_answers(release, made)
    connection.close()
    release.write("site", {"moment": LAST_MOMENT.isoformat(), "tokens": made.tokens, "users": made.things["users"]})
    with closing(sqlite3.connect(site / "gradus.sqlite3")) as link:
        release.write_dump("\n".join(link.iterdump()) + "\n")
    for store in ("private", "artifacts"):
        shutil.copytree(site / store, release.files / store)


def _unset_keys(given: list[dict[str, Any]]) -> set[tuple[str, str]]:
    """Keys of payloads, by kind, that none of the given ones sets."""
    from challenges.kinds import registry as kinds

    known = {(kind.name, key) for kind in kinds.every() for key in kind.payload.model_fields}
    return known - {(payload["kind"], key) for payload in given for key in payload}


def _record_answers(release: Release, made: Any) -> None:
    """Raises AssertionError for a call of the API that is not recorded, a server's error, or a text that is missing."""
    from tests.compatibility import answers, calls

    recorded = [{**one, **answers.call(one, made.tokens)} for one in calls.calls(made)]
    assert not (broken := [one for one in recorded if one["status"] >= 500]), broken
    answered = [one for one in recorded if one["status"] < 300]
    assert not (left_out := [name for name, is_of in _operations().items() if not any(map(is_of, answered))]), left_out
    shown = [{**one, "status": answers.page(one, made.things["users"])[0]} for one in calls.pages(made)]
    missing = [line for one in shown for line in answers.changed_page(one, made.things["users"])]
    assert not missing and all(one["status"] < 500 for one in shown), missing
    release.write("requests", recorded)
    release.write("pages", shown)


def _operations() -> dict[str, Callable[[dict[str, Any]], bool]]:
    """By each operation of the API's document, whether a call is one of it."""
    from gradus.api import api

    def matcher(method: str, path: str) -> Callable[[dict[str, Any]], bool]:
        pattern = re.compile(re.sub(r"\{\w+\}", "[^/]+", path))
        return lambda call: call["method"] == method and pattern.fullmatch(call["path"].partition("?")[0]) is not None

    paths = api.get_openapi_schema()["paths"]
    return {f"{method} {path}": matcher(method.upper(), path) for path in paths for method in paths[path]}


def _refuse_names_of_this_machine(release: Release) -> None:
    """Raises AssertionError where a stored file or the database names this machine or a folder of it."""
    names = {os.uname().nodename, str(ROOT), tempfile.gettempdir() + "/"}
    texts = {"database": release.dump()}
    texts |= {str(path): path.read_text(errors="replace") for path in release.folder.rglob("*.json")}
    # Whole words only: a machine may be called by two letters, and tokens are drawn from all letters.
    whole = {name: re.compile(rf"(?<!\w){re.escape(name)}(?!\w)") for name in names}
    named = [(file, name) for file, text in texts.items() for name in names if whole[name].search(text)]
    assert not named, named


if __name__ == "__main__":
    main()
