"""The folder `platform/` must never shadow Python's own module."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def fresh(code: str, *options: str) -> str:
    """What a fresh interpreter at the project's root prints."""
    done = subprocess.run([sys.executable, *options, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_a_fresh_interpreter_at_the_root_gets_the_standard_library_module():
    found = fresh("import platform, sysconfig; print(platform.__file__); print(sysconfig.get_paths()['stdlib'])")
    module, stdlib = map(Path, found.splitlines())
    assert module.parent == stdlib


def test_modules_that_need_it_work_at_the_root():
    assert fresh("import platform, uuid, asyncio; print(platform.python_version())") == sys.version.split()[0]


def test_it_holds_no_python_file_of_its_own():
    assert [path.name for path in (ROOT / "platform").glob("*.py*")] == []


def test_it_holds_one_package():
    folders = {path.name for path in (ROOT / "platform").iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders == {"gradus"}


def test_the_guard_would_notice(tmp_path):
    (tmp_path / "platform").mkdir()
    (tmp_path / "platform" / "__init__.py").touch()
    code = "import platform; print(hasattr(platform, 'python_version'))"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
