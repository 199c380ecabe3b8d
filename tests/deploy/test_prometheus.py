"""Each alert asks for metrics and labels that the site exports."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import Any

import pytest
import yaml
from django.test import Client

from gradus.submissions.models import WorkerStatus
from tests import factories
from tests.deploy.files import DEPLOY

RULES = DEPLOY / "prometheus" / "gradus.rules.yml"
PROMTOOL = shutil.which("promtool")
SAMPLE = re.compile(r"^(\w+)(?:\{(.*?)\})? ", re.M)


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


@pytest.fixture
def exported(ada: Any, course: Any, client: Client) -> dict[str, set[str]]:
    """Labels by metric, as `/metrics` has them while something waits and somebody works."""
    factories.submit(ada)
    WorkerStatus.objects.create(name="one", lane="grade")
    found: dict[str, set[str]] = {}
    for name, labels in SAMPLE.findall(client.get("/metrics").content.decode()):
        found.setdefault(name, set()).update(re.findall(r"(\w+)=", labels))
    return found


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_an_alert_asks_for_what_is_exported(rule: dict[str, Any], exported: dict[str, set[str]]) -> None:
    named = re.findall(r"\b(gradus_\w+)", rule["expr"])
    assert named and [name for name in named if name not in exported] == []
    labels = {label for group in re.findall(r"(?:by|on)\s*\(([^)]*)\)", rule["expr"]) for label in group.split(",")}
    assert all(label.strip() in exported[name] for label in labels for name in named)


def test_alerts_are_complete() -> None:
    for rule in rules():
        assert set(rule) <= {"alert", "expr", "for", "annotations", "labels"} and rule["annotations"]["summary"]
        assert re.fullmatch(r"\d+[smh]", rule.get("for", "0s"))
    assert len({rule["alert"] for rule in rules()}) == len(rules()) >= 5


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed: `apt-get install prometheus`")
def test_prometheus_accepts_the_rules() -> None:
    done = subprocess.run([str(PROMTOOL), "check", "rules", str(RULES)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
