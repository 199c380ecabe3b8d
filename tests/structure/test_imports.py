"""The import contracts of pyproject.toml hold, and they do catch what they forbid."""

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LINT = Path(sys.executable).with_name("lint-imports")


def test_the_contracts_hold():
    done = subprocess.run([LINT, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_layer_is_under_a_contract():
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    layers = config["contracts"][0]["layers"]
    assert config["root_packages"] == ["gradus", "challenges", "graders", "workers"]
    assert layers == ["workers", "gradus | graders", "challenges"]


def test_a_contract_catches_a_forbidden_import(tmp_path):
    (tmp_path / "low").mkdir()
    (tmp_path / "high").mkdir()
    (tmp_path / "high" / "__init__.py").touch()
    (tmp_path / "low" / "__init__.py").write_text("import high\n")
    (tmp_path / ".importlinter").write_text(
        "[importlinter]\nroot_packages =\n  low\n  high\n"
        "[importlinter:contract:1]\nname = layers\ntype = layers\nlayers =\n  high\n  low\n"
    )
    done = subprocess.run([LINT, "--no-cache"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout
    assert "low is not allowed to import high" in done.stdout


def test_a_contract_catches_a_circle_through_a_function_and_between_folders(tmp_path):
    """Neither of the two modules imports the other; their folders do, and one of the imports hides in a function."""
    for name, text in {
        "shop": "",
        "shop/desk": "",
        "shop/desk/sell": "from shop.store import count\n",
        "shop/store": "",
        "shop/store/count": "",
        "shop/store/order": "def order():\n    import shop.desk.sell\n",
    }.items():
        is_folder = name.count("/") < 2
        path = tmp_path / name / "__init__.py" if is_folder else tmp_path / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / ".importlinter").write_text(
        "[importlinter]\nroot_package = shop\n"
        "[importlinter:contract:1]\nname = circles\ntype = acyclic_siblings\nancestors =\n  shop\n"
    )
    done = subprocess.run([LINT, "--no-cache"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout
    assert "No cycles are allowed in shop" in done.stdout
