"""Every variable in `deploy/` is a setting that is documented, and the site takes the example's values."""

from __future__ import annotations

import ast
import os
import shlex
import subprocess
import sys

from django.conf import settings

from tests.deploy.files import DEPLOY, UNITS, compose, example, unit, units, variables
from tests.docs.test_operations import documented

# Of Python, of the service manager, of the Procfile's convention, of a unit for itself.
NOT_OURS = {"DJANGO_SETTINGS_MODULE", "PYTHONUNBUFFERED", "MAINPID", "PORT", "POOL"}
FOLDER = "/srv/gradus/data"


def test_each_variable_is_a_setting() -> None:
    unknown = {(where, name) for where, name in variables() if name not in documented() | NOT_OURS}
    assert unknown == set(), "docs/operations/settings.md does not know these"
    assert {"gradus.env.example", "Procfile", "Dockerfile", "compose web"} <= {where for where, _ in variables()}


def test_production_starts_with_the_values_of_the_example(tmp_path) -> None:
    """Its placeholders are of the right form; only the folder is another one."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    roots = os.pathsep.join(str(path) for path in (settings.BASE_DIR / "platform", settings.BASE_DIR))
    env = {**kept, **example(), "GRADUS_DATA_DIR": str(tmp_path), "PYTHONPATH": roots}
    script = "import django; django.setup(); from django.conf import settings as s; print(s.PRODUCTION, s.EMAIL_HOST)"
    argv = [sys.executable, "-W", "error", "-c", script]
    done = subprocess.run(
        argv, env={**env, "DJANGO_SETTINGS_MODULE": "gradus.settings"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["True", "mail.example.org"]


def test_a_shell_reads_the_example_as_systemd_does(tmp_path) -> None:
    """The README sources it; systemd takes quotes around a value away, too."""
    show = "import os; print(dict(os.environ))"
    script = f"set -aeu; . {UNITS / 'gradus.env.example'}; exec {sys.executable} -c '{show}'"
    done = subprocess.run(["bash", "-c", script], env={}, capture_output=True, text=True, check=True)
    read = ast.literal_eval(done.stdout)
    assert {name: read[name] for name in example()} == {n: shlex.split(value)[0] for n, value in example().items()}


def test_all_files_mean_the_same_folder() -> None:
    assert example()["GRADUS_DATA_DIR"] == FOLDER
    services = [path for path in units() if path.suffix == ".service"]
    assert all(("ReadWritePaths", FOLDER) in unit(path)["Service"] for path in services)
    assert f"alias {FOLDER}/static/;" in (DEPLOY / "nginx" / "gradus.conf").read_text()
    assert f"GRADUS_DATA_DIR={FOLDER}" in (DEPLOY / "container" / "Dockerfile").read_text()
    assert all(f"data:{FOLDER}" in one["volumes"] for one in compose()["services"].values() if "build" in one)


def test_the_judge_s_key_is_kept_from_the_web_server() -> None:
    for path in units():
        if path.suffix == ".service":
            reads = [value for key, value in unit(path)["Service"] if key == "EnvironmentFile"]
            assert any("judge.env" in one for one in reads) == path.name.startswith("gradus-worker"), path.name
    for name, service in compose()["services"].items():
        if "build" in service:
            assert ("judge.env" in service["env_file"]) == (name in settings.LANES), name
    assert not [name for name in example() if name.startswith(("OPENAI_", "GRADUS_JUDGE"))]


def test_containers_refer_to_what_there_is() -> None:
    found = compose()
    names, volumes = set(found["services"]), set(found["volumes"])
    for service in found["services"].values():
        assert set(service.get("depends_on", ())) <= names
        assert {one.partition(":")[0] for one in service.get("volumes", ())} <= volumes
    assert set(settings.LANES) <= names
    built = found["services"]["web"]["build"]
    assert (DEPLOY / "container" / built["context"] / built["dockerfile"]).resolve().is_file()
    host = found["services"]["web"]["environment"]["DATABASE_URL"].partition("@")[2].partition(":")[0]
    assert host == "database" in names
