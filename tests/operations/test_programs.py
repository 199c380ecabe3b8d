import re
import shlex
import socket
from pathlib import Path

import pytest
from django.conf import settings as site

from gradus.operations import ports, programs

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
BROKER = "redis://127.0.0.1:6379/0"


def celery_part(text: str) -> list[str]:
    """Arguments of a Celery command line, its name left out: that differs by machine."""
    words = shlex.split(text)
    words = words[words.index("celery") :]
    at = words.index("-n") if "-n" in words else len(words)
    return sorted(words[:at] + words[at + 2 :])


@pytest.mark.parametrize("lane", site.LANES)
def test_each_lane_has_a_worker_with_the_lane_s_queue(lane):
    program = programs.worker(lane, BROKER)
    argv = program.argv
    assert argv[argv.index("-Q") + 1] == lane
    assert "GRADUS_THREADS" not in program.env, "the worker decides, or who set the variable"
    pool = ["threads", "4" if lane == "judge" else "1"]
    assert [argv[argv.index("-P") + 1], argv[argv.index("-c") + 1]] == pool
    assert {"--without-gossip", "--without-mingle", "--without-heartbeat"} <= set(argv)


def test_without_a_broker_workers_look_by_themselves():
    argv = programs.worker("grade", "").argv
    assert argv[-3:] == ("work", "--lane", "grade")


def test_all_see_the_same_site(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    for program in (programs.worker("grade", BROKER), programs.reconciler(BROKER), programs.web("h", 1, BROKER)):
        assert program.env["GRADUS_DATA_DIR"] == str(tmp_path)
        assert program.env["REDIS_URL"] == BROKER


@pytest.mark.parametrize("lane", site.LANES)
def test_the_procfile_and_the_unit_start_the_same_workers(lane):
    worker = celery_part(shlex.join(programs.celery_worker(lane)))
    lines = dict(line.split(": ", 1) for line in (DEPLOY / "Procfile").read_text().splitlines())
    assert celery_part(lines[lane]) == worker
    unit = (DEPLOY / "systemd" / "gradus-worker@.service").read_text()
    drop_in = DEPLOY / "systemd" / f"gradus-worker@{lane}.service.d" / "pool.conf"
    pool = re.findall(r'Environment="POOL=(.*)"', unit + (drop_in.read_text() if drop_in.exists() else ""))[-1]
    assert celery_part(re.search(r"ExecStart=(.*)", unit).group(1).replace("$POOL", pool).replace("%i", lane)) == worker


@pytest.mark.parametrize("file", ["Procfile", "systemd/gradus-web.service"])
def test_the_web_server_is_started_with_the_same_options(file):
    text = (DEPLOY / file).read_text()
    options = [word for word in programs.web("127.0.0.1", 8000, "").argv if word.startswith("--")]
    assert [option for option in options if option not in text] == []
    assert "python -m gradus.operations.web_server " in text
    assert "gradus.asgi:application" in text


def test_every_setting_of_the_example_is_documented():
    page = (DEPLOY.parent / "docs" / "operations" / "settings.md").read_text()
    named = re.findall(r"^([A-Z_]+)=", (DEPLOY / "systemd" / "gradus.env.example").read_text(), re.MULTILINE)
    assert named
    assert [name for name in named if f"`{name}`" not in page] == []


def test_ports_are_told_apart():
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        assert not ports.is_free("127.0.0.1", taken)
    free = ports.any_free()
    assert ports.is_free("127.0.0.1", free)
    assert not ports.serves("127.0.0.1", free)


def test_the_built_in_course_is_verified_once_at_low_priority_and_in_few_words():
    program = programs.verification(BROKER)
    assert program.once and program.argv[:3] == ("nice", "-n", "19")
    assert program.argv[-3:] == ("import_course", "--verbosity", "0")
