import pytest
import torch

from challenges.models.catalogue import MODELS
from tests.workers import oracle, tiny
from workers.engine import models
from workers.engine.model_files import models_dir as places_models_dir

BUILT_IN = "smollm2-135m-instruct"


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    """Uses one thread, because small models gain nothing from more and the machine is shared."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def models_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    tiny.build(folder)
    return folder


@pytest.fixture(scope="session")
def base(models_dir):
    return models.load(models_dir / tiny.NAME)


@pytest.fixture(scope="session")
def plain(models_dir):
    return oracle.plain(models_dir / tiny.NAME)


@pytest.fixture(scope="session")
def built_in_folder():
    folder = places_models_dir() / BUILT_IN
    if not folder.exists():
        pytest.skip("the built-in model is not here: run `python -m workers.engine.fetch`")
    return folder


@pytest.fixture
def model_is_here(monkeypatch):
    """Workers believe that the built-in model's files are here, which nothing reads, and hold no result back.

    `grading/test_hidden_row_timing.py` asks how long results on hidden rows are held.
    """
    monkeypatch.setattr("workers.status.digests", lambda: {BUILT_IN: "d" * 64})
    monkeypatch.setattr("workers.grading.hidden_row_timing.Pace._hold", lambda *_: None)


@pytest.fixture(scope="session", params=list(MODELS))
def base_folder(request):
    folder = places_models_dir() / request.param
    if not folder.exists():
        pytest.skip(f"{request.param} is not here: run `python -m workers.engine.fetch`")
    return folder
