import pytest

from graders.base import Embed
from tests.graders.free_text import judges
from workers.authoring import calibrate_command, qualify_command


def hashed(texts, watch=None):
    """Embeddings that need no model."""
    return judges.embed(Embed(tuple(texts))).vectors


@pytest.fixture
def no_judge(monkeypatch, tmp_path):
    """A machine where no judge is set up, with a data folder of its own."""
    monkeypatch.setenv("GRADUS_DATA_DIR", str(tmp_path / "data"))
    for command in (calibrate_command, qualify_command):
        monkeypatch.setattr(command, "embed", hashed)
    for name in ("GRADUS_JUDGE_MODEL", "OPENAI_BASE_URL", "OPENAI_API_KEY", "GRADUS_JUDGE_TEMPLATE"):
        monkeypatch.delenv(name, raising=False)
