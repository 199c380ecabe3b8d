"""Crash points are off unless a test has armed them, and can never be on in production."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings as site
from django.db import OperationalError

from gradus.submissions import failpoints

READ = """
import django
django.setup()
from gradus.submissions import failpoints, services
print(repr(failpoints.FOLDER))
"""


def started(tmp_path, **env):
    """A fresh process of the site; its status and all that it printed."""
    base = {"DJANGO_SETTINGS_MODULE": "gradus.settings", "GRADUS_DATA_DIR": str(tmp_path), "PATH": os.environ["PATH"]}
    base["PYTHONPATH"] = os.pathsep.join(map(str, (site.BASE_DIR / "platform", site.BASE_DIR)))
    done = subprocess.run([sys.executable, "-c", READ], env=base | env, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


PRODUCTION = {"GRADUS_PRODUCTION": "1", "GRADUS_SECRET_KEY": "x" * 64}


def test_they_are_off_without_the_variable_and_production_does_not_start_with_them(tmp_path):
    assert started(tmp_path) == (0, "''\n")
    assert started(tmp_path, **PRODUCTION) == (0, "''\n")
    status, said = started(tmp_path, **PRODUCTION, GRADUS_FAILPOINTS=str(tmp_path))
    assert status == 1 and "GRADUS_FAILPOINTS is for tests" in said


def test_a_token_acts_once_and_only_at_its_point(tmp_path, monkeypatch):
    monkeypatch.setattr(failpoints, "FOLDER", str(tmp_path))
    (tmp_path / "record.committed-error-1").touch()
    failpoints.reach("record.uncommitted")
    with pytest.raises(OperationalError):
        failpoints.reach("record.committed")
    failpoints.reach("record.committed")
    assert list(tmp_path.iterdir()) == []


def test_every_point_that_is_named_is_in_the_code_and_the_other_way_round():
    sources = [path for folder in ("platform", "workers") for path in Path(site.BASE_DIR / folder).rglob("*.py")]
    reached = {name for path in sources for name in re.findall(r'failpoints\.reach\("([\w.]+)"\)', path.read_text())}
    assert reached == {*failpoints.POINTS, *failpoints.OF_SENDING}
