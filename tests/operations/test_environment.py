"""A wrong setting is told at the start: which variable, what it holds, what it takes."""

import os
import runpy
import subprocess
import sys
from typing import Any

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


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Reads the site's settings anew, with these variables."""
    monkeypatch.setenv("GRADUS_SECRET_KEY", "k" * 50)

    def anew(**variables: str) -> dict[str, Any]:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return runpy.run_path(str(settings.BASE_DIR / "platform/gradus/settings.py"))

    return anew


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_a_wrong_value_is_refused_without_its_secret(read: Any, name: str, value: str) -> None:
    with pytest.raises(ImproperlyConfigured) as caught:
        read(**{name: value})
    said = str(caught.value)
    assert said.startswith(f"{name} ") and "it takes " in said and "secret" not in said


def test_a_wrong_value_ends_the_start_with_one_line() -> None:
    done = subprocess.run(
        [sys.executable, str(settings.BASE_DIR / "manage.py"), "check"],
        env=os.environ | {"PYTHONWARNINGS": "ignore", "GRADUS_WEB_THREADS": "x"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert done.stderr.strip().splitlines()[-1].startswith("manage.py: GRADUS_WEB_THREADS ")


def test_a_setting_that_is_gone_ends_the_start_and_names_its_successor(read: Any) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"^GRADUS_DTYPE .*GRADUS_TRAINING_DTYPE"):
        read(GRADUS_DTYPE="bfloat16")
    assert (
        read(GRADUS_DTYPE="", GRADUS_TRAINING_DTYPE="bfloat16", GRADUS_ENGINE="plain")["TRAINING_DTYPE"] == "bfloat16"
    )


def test_a_number_of_a_gpu_must_be_one_that_the_process_may_see(read: Any) -> None:
    read(GRADUS_DEVICE="cuda:2")
    read(CUDA_VISIBLE_DEVICES="0,1,3")
    with pytest.raises(ImproperlyConfigured, match="it takes a number below 2"):
        read(CUDA_VISIBLE_DEVICES="0,1")


RIGHT = [
    ("GRADUS_PRODUCTION", "on", "PRODUCTION", True),
    ("GRADUS_PRODUCTION", "", "PRODUCTION", False),
    ("GRADUS_PRODUCTION", "on", "SECOND_FACTOR", True),
    ("GRADUS_PRODUCTION", "0", "SECOND_FACTOR", False),
    ("GRADUS_WEB_THREADS", "8", "WEB_THREADS", 8),
    ("GRADUS_WEB_THREADS", "", "WEB_THREADS", 4),
    ("GRADUS_JUDGE_MONEY_USER", "2.50", "JUDGE_MONEY", {"user": 2_500_000, "challenge": None, "site": None}),
    ("GRADUS_JUDGE_MONEY_USER", "", "JUDGE_MONEY", dict.fromkeys(("user", "challenge", "site"))),
    ("GRADUS_AUDIT_SHARE", "0", "AUDIT_SHARE", 0.0),
    ("GRADUS_AUDIT_SHARE", "", "AUDIT_SHARE", 0.05),
    ("GRADUS_LOG_LEVEL", "", "LOG_LEVEL", "INFO"),
    ("GRADUS_LANGUAGES", "", "LANGUAGES", [("en", "en")]),
    ("GRADUS_ORIGINS", "https://a.org,http://localhost:8000", "CSRF_TRUSTED_ORIGINS", ["https://a.org", "http://localhost:8000"]),
    ("REDIS_URL", "rediss://host:6379/1", "REDIS_URL", "rediss://host:6379/1"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value", "setting", "wanted"), RIGHT)
def test_right_and_empty_values_are_taken(
    read: Any, monkeypatch: pytest.MonkeyPatch, name: str, value: str, setting: str, wanted: object
) -> None:
    monkeypatch.delenv("GRADUS_SECOND_FACTOR", raising=False)
    assert read(**{name: value})[setting] == wanted


def test_a_second_factor_can_be_switched_off_in_production(read: Any) -> None:
    assert read(GRADUS_PRODUCTION="1", GRADUS_SECOND_FACTOR="0")["SECOND_FACTOR"] is False


@pytest.mark.parametrize(("value", "wanted"), [("de, en,de", ["de", "en"]), ("pt-BR", ["pt-br"])])
def test_languages_are_read_in_their_order(monkeypatch: pytest.MonkeyPatch, value: str, wanted: list[str]) -> None:
    monkeypatch.setenv("GRADUS_LANGUAGES", value)
    assert Environment().languages("GRADUS_LANGUAGES", ("en", "de", "pt-br")) == wanted


def test_addresses_of_databases_and_mail_are_read(read: Any) -> None:
    found = read(DATABASE_URL="postgres://user:secret@host:5433/name", EMAIL_URL="smtp+tls://user:secret@host:587")
    database = found["DATABASES"]["default"]
    assert (database["HOST"], database["PORT"], database["NAME"]) == ("host", 5433, "name")
    assert (found["EMAIL_HOST"], found["EMAIL_PORT"], found["EMAIL_USE_TLS"]) == ("host", 587, True)
