import pytest

from tests.workers import tiny
from tests.workers.conftest import _one_thread, base, plain

__all__ = ["_one_thread", "base", "models_dir", "own_data", "plain"]


@pytest.fixture(scope="session")
def models_dir(tmp_path_factory):
    """With the tiny model, in whose context there is room for the trial work of the engine's timer."""
    folder = tmp_path_factory.mktemp("models")
    tiny.build(folder, max_position_embeddings=2048)
    return folder


@pytest.fixture
def own_data(tmp_path, monkeypatch):
    """A data folder of the test's own, in which the engine's choices are kept."""
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setenv("GRADUS_DATA_DIR", str(folder))
    return folder
