import json
from collections.abc import Callable
from pathlib import Path

import pytest

from challenges import distribution

Installed = Callable[[object], None]


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installed:
    """Puts another copy of Gradus first on the path, installed from where pip's note says, or without a note."""

    def put(origin: object) -> None:
        info = tmp_path / "gradus_courses-9.9.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution.NAME}\nVersion: 9.9\n")
        if origin is not None:
            (info / "direct_url.json").write_text(json.dumps(origin))
        monkeypatch.syspath_prepend(tmp_path)

    return put


def test_a_checkout_installs_an_extra_from_its_own_folder(installed: Installed) -> None:
    installed({"url": "file:///srv/gradus", "dir_info": {"editable": True}})
    assert distribution.install("worker") == "pip install -e '.[worker]' (in Gradus' folder)"


@pytest.mark.parametrize(
    "origin",
    [
        None,
        {"url": "file:///tmp/gradus", "dir_info": {}},
        {"url": "file:///tmp/gradus_courses-9.9-py3-none-any.whl", "archive_info": {}},
        {"url": "https://example.org/gradus.git", "vcs_info": {"vcs": "git", "commit_id": "0" * 40}},
    ],
)
def test_any_other_copy_installs_it_by_our_own_name(installed: Installed, origin: object) -> None:
    installed(origin)
    assert distribution.release() == "9.9"
    assert distribution.install("worker") == "pip install 'gradus-courses[worker]'"


def test_what_is_required_names_its_extra() -> None:
    required = distribution.requirements()
    assert any(line.startswith("django") for line in required)
    assert any(line.startswith("torch") and "extra ==" in line for line in required)
