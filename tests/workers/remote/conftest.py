import pytest

from tests.workers import tiny
from tests.workers.remote.vllm import ADDRESS, Vllm
from workers.remote.adapters import Folder
from workers.remote.calls import Served
from workers.remote.engine import RemoteEngine


@pytest.fixture
def vllm(httpserver, base):
    return Vllm(httpserver, base)


@pytest.fixture
def shared(tmp_path):
    folder = tmp_path / "shared"
    folder.mkdir()
    return Folder(folder, str(folder))


@pytest.fixture
def engine(httpserver, models_dir, shared):
    """An engine at the address of `httpserver`."""
    where = Served(httpserver.url_for("/v1"), ADDRESS)
    made = RemoteEngine(where, "secret", models_dir / tiny.NAME, shared, timeout=120.0)
    yield made
    made.close()


@pytest.fixture
def ask(engine):
    """Carries out an item; returns the result and the events."""

    def run(item, *, engine=engine, should_stop=lambda: False, seconds=600.0):
        events = []
        return engine.run(item, on_event=events.append, should_stop=should_stop, seconds=seconds), events

    return run
