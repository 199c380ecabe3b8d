from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.web import __main__ as command
from benchmarks.web import report
from benchmarks.web.report import Request

ROOT = Path(__file__).resolve().parents[2]
SMALL = ["--users", "20", "--streams", "5", "--scores", "1000", "--queued", "400", "--seconds", "5"]


def test_answers_are_counted_by_what_they_are():
    found = report.figures(
        [
            Request("submit", 0, 10.0, 302),
            Request("submit", 0, 1.0, 429),
            Request("lesson", 0, 20.0, 200),
            Request("lesson", 0, 900.0, 502),
            Request("home", 0, 5.0, 0),
            Request("home", 0, 5.0, 404),
        ]
    )
    counts = {name: found[name] for name in ("requests", "fivexx", "failed", "refused", "submitted")}
    assert counts == {"requests": 6, "fivexx": 1, "failed": 2, "refused": 1, "submitted": 1}
    assert (found["submit_p99_ms"], found["lesson_p95_ms"], found["leaderboard_p95_ms"]) == (10.0, 20.0, None)


@pytest.mark.parametrize("wrong", [["--users", "0"], ["--queued", "10"], ["--scores", "10"], ["--seconds", "0"]])
def test_what_cannot_be_measured_is_refused_with_a_reason(wrong, capsys):
    with pytest.raises(SystemExit) as ended:
        command.arguments(wrong)
    assert ended.value.code == 2
    assert "must be" in capsys.readouterr().err


def left_behind() -> list[str]:
    """Temporary folders of the command."""
    return [path.name for path in Path("/tmp").glob("gradus-web-*")]


@pytest.mark.slow
@pytest.mark.postgres
def test_the_command_measures_and_cleans_up(tmp_path):
    """Needs Locust's environment, which the first call makes."""
    before, file = left_behind(), tmp_path / "out.json"
    argv = [sys.executable, "-m", "benchmarks.web", *SMALL, "--think", "0.5", "1.5", "--json", str(file)]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode in (0, 1), done.stderr
    found = json.loads(file.read_text())
    assert (found["fivexx"], found["failed"], found["stream_errors"], found["crashes"]) == (0, 0, 0, 0), found
    assert found["requests"] > 20 and found["claims"] > 20 and found["streams_open"] == 5
    assert left_behind() == before


@pytest.mark.slow
@pytest.mark.postgres
def test_ctrl_c_leaves_nothing(tmp_path):
    before = left_behind()
    argv = [sys.executable, "-m", "benchmarks.web", *SMALL, "--think", "0.5", "1.5"]
    with subprocess.Popen(argv, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        assert any("arrive" in line for line in process.stderr)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    assert left_behind() == before
