"""A wrong setting is told at the start: which variable, what it holds, what it takes."""

import json
import os
import subprocess
import sys

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from gradus.environment import Environment

WRONG = {
    "GRADUS_PRODUCTION": ["maybe", "2"],
    "GRADUS_DEBUG": ["verbose"],
    "GRADUS_WEB_THREADS": ["x", "0", "-1", "2.5", "\uff11"],
    "GRADUS_LEASE_SECONDS": ["0", "a minute"],
    "GRADUS_HEARTBEAT_SECONDS": ["0"],
    "GRADUS_THREADS": ["-1", "all"],
    "GRADUS_RUNNER_MEMORY": ["1", "16 GB"],
    "GRADUS_GPU_MEMORY": ["-1", "0.5"],
    "GRADUS_TRAINING_STEPS": ["0", "many"],
    "GRADUS_TRAINER": ["TRL", "axolotl"],
    "GRADUS_JUDGE_TOKENS_SITE": ["1e6"],
    "GRADUS_JUDGE_MONEY_USER": ["two", "-1", "nan", "inf"],
    "GRADUS_AUDIT_SHARE": ["5", "-0.1", "5 %", "nan"],
    "GRADUS_EMAIL_VERIFICATION": ["always"],
    "GRADUS_LOG_LEVEL": ["loud"],
    "GRADUS_DEVICE": ["gpu", "cuda:", "cuda:-1", "cuda:a", "cpu:0"],
    "GRADUS_ENGINE": ["fast"],
    "GRADUS_TRAINING_DTYPE": ["float16"],
    "GRADUS_LANGUAGES": ["klingon", "en;de"],
    "GRADUS_ORIGINS": ["gradus.example.org", "https://"],
    "REDIS_URL": ["localhost:6379", "http://localhost"],
    "DATABASE_URL": ["foo", "postgres://user:secret@host:port/name", "mysqlx://host/name", "postgres://host"],
    "EMAIL_URL": ["foo", "pigeon://user:secret@host"],
}


def read_settings(**variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(settings.BASE_DIR / "manage.py"), "check"],
        env=os.environ | {"PYTHONWARNINGS": "ignore"} | variables,
        capture_output=True,
        text=True,
        check=False,
    )


# Imports Django once. Each wrong value is read by a copy of the process, which runs `manage.py check`.
EACH = """
import json, os, runpy, sys, tempfile
import django.core.management
told = {}
for name, value in json.loads(sys.argv[1]).items():
    with tempfile.TemporaryFile() as said:
        if not (pid := os.fork()):
            os.dup2(said.fileno(), 2)
            os.environ[name], sys.argv = value, ["manage.py", "check"]
            runpy.run_path("manage.py", run_name="__main__")
            sys.exit()
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        said.seek(0)
        told[name] = status, said.read().decode()
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def told() -> dict[str, tuple[int, str]]:
    """The exit status and what is said on standard error, by the variable that has a wrong value."""
    done = subprocess.run(
        [sys.executable, "-c", EACH, json.dumps({name: values[0] for name, values in WRONG.items()})],
        cwd=settings.BASE_DIR,
        env=os.environ | {"PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, tuple[int, str]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", sorted(WRONG))
def test_a_wrong_value_ends_the_start_with_one_line(told: dict[str, tuple[int, str]], name: str) -> None:
    status, said = told[name]
    assert status == 1
    assert "Traceback" not in said
    last = said.strip().splitlines()[-1]
    assert last.startswith(f"manage.py: {name} ") and "it takes " in last


def test_a_setting_that_is_gone_ends_the_start_and_names_its_successor() -> None:
    done = read_settings(GRADUS_DTYPE="bfloat16")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("manage.py: GRADUS_DTYPE ") and "GRADUS_TRAINING_DTYPE" in last
    assert read_settings(GRADUS_DTYPE="", GRADUS_TRAINING_DTYPE="bfloat16", GRADUS_ENGINE="plain").returncode == 0


SECOND_FACTOR = """
import sys
sys.path.insert(0, "platform")
from gradus import settings
print(settings.SECOND_FACTOR)
"""


@pytest.mark.parametrize(
    ("variables", "on"),
    [
        ({"GRADUS_PRODUCTION": "0"}, "False"),
        ({"GRADUS_PRODUCTION": "1", "GRADUS_SECRET_KEY": "k" * 50}, "True"),
        ({"GRADUS_PRODUCTION": "1", "GRADUS_SECRET_KEY": "k" * 50, "GRADUS_SECOND_FACTOR": "0"}, "False"),
    ],
)
def test_a_second_factor_is_asked_for_in_production(variables: dict[str, str], on: str) -> None:
    given = {name: value for name, value in os.environ.items() if name != "GRADUS_SECOND_FACTOR"} | variables
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SECOND_FACTOR],
        cwd=settings.BASE_DIR, env=given, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == on


READERS = {
    "GRADUS_PRODUCTION": lambda env, name: env.flag(name),
    "GRADUS_WEB_THREADS": lambda env, name: env.whole(name, default=4),
    "GRADUS_THREADS": lambda env, name: env.whole(name, default=0, least=0),
    "GRADUS_RUNNER_MEMORY": lambda env, name: env.whole(name, default=16, least=2),
    "GRADUS_GPU_MEMORY": lambda env, name: env.whole(name, default=0, least=0),
    "GRADUS_TRAINING_STEPS": lambda env, name: env.whole(name, default=500),
    "GRADUS_JUDGE_MONEY_USER": lambda env, name: env.amount(name),
    "GRADUS_AUDIT_SHARE": lambda env, name: env.share(name, default=0.05),
    "GRADUS_LOG_LEVEL": lambda env, name: env.one_of(name, ("INFO", "ERROR"), default="INFO"),
    "GRADUS_DEVICE": lambda env, name: env.device(name, "CUDA_VISIBLE_DEVICES"),
    "GRADUS_LANGUAGES": lambda env, name: env.languages(name, ("en", "de", "pt-br")),
    "GRADUS_ORIGINS": lambda env, name: env.origins(name),
    "REDIS_URL": lambda env, name: env.address(name, ("redis", "rediss")),
    "DATABASE_URL": lambda env, name: env.database(name, default="sqlite:////tmp/x"),
    "EMAIL_URL": lambda env, name: env.mail(name, default="consolemail://"),
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name in READERS for value in WRONG[name]])
def test_each_wrong_value_is_refused_without_its_secret(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ImproperlyConfigured) as caught:
        READERS[name](Environment(), name)
    assert str(caught.value).startswith(name) and "secret" not in str(caught.value)


def test_a_number_of_a_gpu_must_be_one_that_the_process_may_see(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADUS_DEVICE", "cuda:2")
    READERS["GRADUS_DEVICE"](Environment(), "GRADUS_DEVICE")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,3")
    READERS["GRADUS_DEVICE"](Environment(), "GRADUS_DEVICE")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    with pytest.raises(ImproperlyConfigured, match="it takes a number below 2"):
        READERS["GRADUS_DEVICE"](Environment(), "GRADUS_DEVICE")


RIGHT = [
    ("GRADUS_PRODUCTION", "on", True),
    ("GRADUS_PRODUCTION", "", False),
    ("GRADUS_WEB_THREADS", "8", 8),
    ("GRADUS_WEB_THREADS", "", 4),
    ("GRADUS_JUDGE_MONEY_USER", "2.50", 2.5),
    ("GRADUS_JUDGE_MONEY_USER", "", None),
    ("GRADUS_AUDIT_SHARE", "0", 0.0),
    ("GRADUS_AUDIT_SHARE", "", 0.05),
    ("GRADUS_LOG_LEVEL", "", "INFO"),
    ("GRADUS_LANGUAGES", "", ["en"]),
    ("GRADUS_LANGUAGES", "de, en,de", ["de", "en"]),
    ("GRADUS_LANGUAGES", "pt-BR", ["pt-br"]),
    (
        "GRADUS_ORIGINS",
        "https://a.example.org,http://localhost:8000",
        ["https://a.example.org", "http://localhost:8000"],
    ),
    ("REDIS_URL", "rediss://host:6379/1", "rediss://host:6379/1"),
]


@pytest.mark.parametrize(("name", "value", "wanted"), RIGHT)
def test_right_and_empty_values_are_taken(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, wanted: object
) -> None:
    monkeypatch.setenv(name, value)
    assert READERS[name](Environment(), name) == wanted


def test_addresses_of_databases_and_mail_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://user:secret@host:5433/name")
    monkeypatch.setenv("EMAIL_URL", "smtp+tls://user:secret@host:587")
    database, mail = Environment().database("DATABASE_URL", default=""), Environment().mail("EMAIL_URL", default="")
    assert (database["HOST"], database["PORT"], database["NAME"]) == ("host", 5433, "name")
    assert (mail["EMAIL_HOST"], mail["EMAIL_PORT"], mail["EMAIL_USE_TLS"]) == ("host", 587, True)
