"""What a process loads decides how fast it starts and how much memory it keeps."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("torch", "transformers", "peft", "openai", "sentence_transformers", "sklearn", "numpy")


def loaded(code: str, tmp_path: Path, watched: tuple[str, ...]) -> list[str]:
    """Which of the watched packages a fresh interpreter has after `code`."""
    ask = f"{code}\nimport sys; print(' '.join(name for name in {watched!r} if name in sys.modules))"
    env = os.environ | {"DJANGO_SETTINGS_MODULE": "gradus.settings", "GRADUS_DATA_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", ask], cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1].split() if done.stdout.strip() else []


WEB = "import gradus.asgi; from django.urls import get_resolver; get_resolver().url_patterns"


def test_the_web_process_loads_nothing_heavy(tmp_path):
    assert loaded(WEB, tmp_path, HEAVY) == []


def test_the_watch_sees_what_is_loaded(tmp_path):
    assert loaded("import numpy", tmp_path, HEAVY) == ["numpy"]


@pytest.mark.parametrize("package", ["challenges.bundle, challenges.lint.run, challenges.check", "graders.registry"])
def test_plain_packages_load_neither_django_nor_torch(package, tmp_path):
    assert loaded(f"import {package}", tmp_path, (*HEAVY[:5], "django", "celery")) == []


def test_the_command_line_loads_no_django(tmp_path):
    assert loaded("import gradus.cli.main", tmp_path, (*HEAVY, "django", "celery")) == []


def test_a_worker_leaves_what_only_some_jobs_need(tmp_path):
    code = "import django; django.setup(); import workers.tasks, workers.work"
    assert loaded(code, tmp_path, ("torch", "transformers", "peft", "sklearn", "scipy")) == []


def test_embedding_sentences_needs_no_transformers(tmp_path):
    assert loaded("import workers.engine.embeddings", tmp_path, HEAVY[1:6]) == []


def test_the_runner_loads_neither_the_site_nor_celery(tmp_path):
    code = "import workers.sandbox.runner, workers.engine.model_files, workers.sandbox.confinement"
    assert loaded(code, tmp_path, ("django", "celery", "gradus", "openai")) == []
