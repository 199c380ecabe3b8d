"""The command `gradus worker`: its threads, how it ends, and what it says of the machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest
import typer
from typer.testing import CliRunner

from gradus.fleet import tokens
from tests import factories
from tests.workers.test_work import TableRunner
from tests.workers.transport.conftest import URL, answered
from workers import elsewhere
from workers.transport.http import OverHttp, SiteRefuses
from workers.worker import Worker

pytestmark = pytest.mark.usefixtures("model_is_here")


@pytest.fixture(autouse=True)
def log_of_the_tests(monkeypatch):
    """The command's own log would take every later line of this process to the output of one test."""
    monkeypatch.setattr(elsewhere, "_log", lambda: None)


class AtOnce:
    """A thread that does its work where it is started, because a test's database has one connection."""

    def __init__(self, target, args):
        self.work = lambda: target(*args)

    def start(self):
        self.work()

    def is_alive(self):
        return False

    def join(self, seconds):
        """It has ended."""


@pytest.fixture
def crew(token, data, monkeypatch, network):
    """Makes the workers of this machine, which reach the site without a network and compute from a table."""
    near(monkeypatch, network)
    monkeypatch.setattr(elsewhere, "Thread", AtOnce)

    def made(*lanes):
        made = elsewhere.Crew(URL, token[1], list(lanes) or None)
        made.network = network
        return made

    yield made
    monkeypatch.undo()


def near(monkeypatch, network):
    class Near(OverHttp):
        def __init__(self, *given, **more):
            super().__init__(*given, **{**more, "transport": network, "waits": False})

    monkeypatch.setattr(elsewhere, "OverHttp", Near)
    monkeypatch.setattr(elsewhere, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(elsewhere, "Worker", lambda lane, site: Worker(lane, site, runner=TableRunner()))


class Quiet(httpx.BaseTransport):
    """A site at which nothing ever waits."""

    def __init__(self):
        self.asked = []

    def handle_request(self, request):
        self.asked.append(request.url.path.rpartition("/")[2])
        hello = {"name": "lab-1", "lanes": ["grade", "train"]}
        said = {"hello": hello, "claim": {"job": None}, "report": {"other_weights": {}}}
        return answered(200, json.dumps(said.get(self.asked[-1], {})).encode())


@pytest.fixture
def quiet(data, monkeypatch):
    network = Quiet()
    near(monkeypatch, network)
    return network


def test_it_works_until_nothing_waits(crew, ada, course):
    submission = factories.submit(ada)
    assert crew("grade").work(once=True) == ""
    assert submission.current.state == "scored"
    assert submission.current.worker == "lab-1:grade:0"


def test_it_ends_after_a_time_without_a_job(quiet):
    assert elsewhere.Crew(URL, "secret").work(idle_seconds=0.2) == ""
    assert quiet.asked.count("leave") == 2


def test_it_ends_when_it_is_told_and_leaves_nothing(quiet):
    made = elsewhere.Crew(URL, "secret", ["grade"])
    threading.Timer(0.3, made.end).start()
    assert made.work() == ""
    assert quiet.asked[-1] == "leave"


def test_a_revoked_token_ends_it_with_the_reason(crew, token, course):
    made = crew("grade")
    tokens.revoke(token[0])
    assert "was revoked" in made.work()


def test_a_site_that_is_away_is_waited_for(crew, ada, course, monkeypatch):
    monkeypatch.setattr(elsewhere, "FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr("workers.transport.http.FIRST_PAUSE_SECONDS", 0.01)
    submission = factories.submit(ada)
    made = crew("grade")
    left = [4]

    def breaks(request):
        if left[0]:
            left[0] -= 1
            raise httpx.ConnectError("away")

    made.network.breaks = breaks
    assert made.work(once=True) == ""
    assert submission.current.state == "scored" and left == [0]


def test_a_lane_that_the_token_lacks_is_said_before_anything_starts(crew, db):
    with pytest.raises(SiteRefuses, match="interactive, grade, train"):
        crew("judge")


def test_workers_of_one_lane_have_numbers_of_their_own(data):
    with elsewhere._number("grade") as first, elsewhere._number("grade") as second, elsewhere._number("train") as third:
        assert (first, second, third) == (0, 1, 0)
    with elsewhere._number("grade") as again:
        assert again == 0


def app():
    made = typer.Typer()
    made.command()(elsewhere.worker)
    return made


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--site", "http://learn.example.org"], "https://"),
        (["--site", "https://learn.example.org"], "GRADUS_WORKER_TOKEN"),
        (["--site", "https://learn.example.org", "--token-file", "/nowhere"], "cannot be read"),
    ],
)
def test_what_is_missing_is_said(arguments, said, monkeypatch):
    monkeypatch.delenv("GRADUS_WORKER_TOKEN", raising=False)
    done = CliRunner().invoke(app(), arguments)
    assert done.exit_code == 1 and said in done.output and "Traceback" not in done.output


def test_a_site_that_does_not_answer_is_said(monkeypatch, data):
    monkeypatch.setenv("GRADUS_WORKER_TOKEN", "gradus-worker-secret")
    done = CliRunner().invoke(app(), ["--site", "http://127.0.0.1:9", "--once"])
    assert done.exit_code == 1 and "does not answer" in done.output and "secret" not in done.output


def test_a_machine_says_in_ten_lines_whether_it_is_fit(crew, token, monkeypatch, db):
    crew("grade")
    monkeypatch.setattr(elsewhere, "_isolation", lambda: ("", "a runner is kept from network"))
    monkeypatch.setenv("GRADUS_WORKER_TOKEN", token[1])
    done = CliRunner().invoke(app(), ["--site", URL, "--check"])
    lines = done.output.splitlines()
    assert done.exit_code == 0 and len(lines) == 10 and all(line.startswith("ok") for line in lines), done.output
    assert token[1] not in done.output
    names = " ".join(line.split()[1] for line in lines)
    assert names == "address clock token version device memory disk weights methods isolation"


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("clock", lambda hello: hello | {"time": hello["time"] - 3600}),
        ("token", lambda hello: hello | {"is_draining": True}),
        ("version", lambda hello: hello | {"protocols": [2]}),
        ("weights", lambda hello: hello | {"weights": {"smollm2-135m-instruct": "e" * 64}}),
    ],
)
def test_what_is_wrong_is_marked_with_what_to_do(crew, token, monkeypatch, db, name, change):
    crew("grade")
    hello = elsewhere.OverHttp.hello
    monkeypatch.setattr(elsewhere.OverHttp, "hello", lambda self: change(hello(self)))
    monkeypatch.setattr(elsewhere, "_isolation", lambda: ("", "-"))
    monkeypatch.setenv("GRADUS_WORKER_TOKEN", token[1])
    done = CliRunner().invoke(app(), ["--site", URL, "--check"])
    wrong = [line for line in done.output.splitlines() if line.startswith("!!")]
    assert done.exit_code == 1 and [line.split()[1] for line in wrong] == [name] and wrong[0].endswith(".")


def test_its_log_is_on_the_standard_error():
    code = "from workers import elsewhere; elsewhere._log(); elsewhere.log.info('site_away', lane='grade')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "" and "level=info event=site_away lane=grade" in done.stderr


def test_a_worker_loads_no_django(tmp_path):
    """Neither does anything on its way: a machine elsewhere has no settings of the site."""
    code = "import sys, workers.elsewhere; print([name for name in sys.modules if name.split('.')[0] == 'django'])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": ""},
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", ["gradus-worker.service", "gradus-worker.sbatch"])
def test_the_samples_name_options_that_the_command_has(name):
    text = (Path(__file__).parents[3] / "deploy" / "elsewhere" / name).read_text()
    [command] = [line for line in text.splitlines() if "gradus worker" in line and not line.startswith("#")]
    options = {option for parameter in typer.main.get_command(app()).params for option in parameter.opts}
    used = {word for word in command.split() if word.startswith("--")}
    assert used and used <= options and "--token-file" in used
