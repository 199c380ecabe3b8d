"""The pages in docs/operations name every setting that the code reads, and none that it does not."""

import re
from pathlib import Path

import pytest
from django.core.management import get_commands

from gradus import retention
from gradus.submissions.states import MAX_ATTEMPTS
from workers.failures import FAULT_SECONDS, SLOW_SECONDS

ROOT = Path(__file__).resolve().parents[2]
PAGES = "".join(page.read_text() for page in sorted((ROOT / "docs" / "operations").glob("*.md")))
READ = re.compile(
    r'(?:env\.\w+\(\s*|environ(?:ment)?(?:\.get\(|\[)\s*|getenv\(\s*|_server\(\s*)"((?:GRADUS|OPENAI)_\w+|\w+_URL)"'
)
ROW = re.compile(r"^\| (`[A-Z_0-9]+`(?:, `[A-Z_0-9]+`)*) \|", re.MULTILINE)
KEPT = "## How long things are kept\n"
# Set for child processes by the launcher, never by a person.
INTERNAL = {"DJANGO_SETTINGS_MODULE"}


def read_by_code() -> set[str]:
    folders = ("platform", "challenges", "graders", "workers")
    paths = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    paths.append(ROOT / "tests" / "requirements.py")
    return {name for path in paths for name in READ.findall(path.read_text())} - INTERNAL


def documented() -> set[str]:
    return {name for cell in ROW.findall(PAGES) for name in re.findall(r"`([A-Z_0-9]+)`", cell)}


def test_every_setting_is_documented_and_none_is_made_up():
    assert documented() == read_by_code()


@pytest.mark.parametrize("command", sorted(set(re.findall(r"manage\.py (\w+)", PAGES))))
def test_every_documented_command_exists(command):
    assert command in get_commands()


def test_every_system_check_of_ours_is_named():
    source = (ROOT / "platform" / "gradus" / "operations" / "checks.py").read_text()
    errors = set(re.findall(r"gradus\.E\d+", source))
    assert errors
    assert errors - set(re.findall(r"gradus\.E\d+", PAGES)) == set()


def test_the_table_of_how_long_things_are_kept_is_the_registrys():
    (page,) = [text for path in (ROOT / "docs").rglob("*.md") if KEPT in (text := path.read_text())]
    written = page.partition(KEPT)[2].strip().partition("\n\n")[0]
    assert written == retention.table(), "replace the table by what retention.table() returns"


def test_the_pages_tell_how_often_and_when_a_job_is_tried_again():
    slow = [f"{SLOW_SECONDS * 2**attempt / 60:g}" for attempt in range(1, MAX_ATTEMPTS)]
    fault = [f"{FAULT_SECONDS * 2**attempt:g}" for attempt in range(1, MAX_ATTEMPTS)]
    assert f"a worker died in each of the {MAX_ATTEMPTS} attempts at one job" in PAGES
    assert f"tried again after {', '.join(slow[:-1])} and {slow[-1]} minutes" in PAGES
    assert f"tried again after {', '.join(fault[:-1])} and {fault[-1]} s" in PAGES
