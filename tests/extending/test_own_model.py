"""docs/operations/larger-models.md, "Your own model": step by step, with a small Qwen whose weights are random."""

from pathlib import Path

import pytest
import torch
import yaml
from transformers import AutoModelForCausalLM

from challenges.findings.digest import checkpoint
from challenges.lint.run import lint
from challenges.models import catalogue
from challenges.models.larger import LARGER, SOURCE, filled
from challenges.models.tokens import counter
from challenges.models.weight_files import weight_files
from gradus.operations.doctor import grading
from gradus.submissions.models import WorkerStatus
from tests import factories
from tests.extending.course import published
from tests.workers import tiny
from workers.engine import fetch, models
from workers.engine.model_files import are_damaged
from workers.sandbox.supervisor import Runner
from workers.work import Worker

PAGE = Path(__file__).resolve().parents[2] / "docs" / "operations" / "larger-models.md"
TEMPLATE = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"


@pytest.fixture
def data_dir(tmp_path, monkeypatch, settings):
    """The site's data folder, with the model as steps 1 and 2 of the page leave it."""
    torch.set_num_threads(1)
    folder = tmp_path / "data"
    made = tiny.build(folder, "house-model", "qwen3", max_position_embeddings=8192)
    model = AutoModelForCausalLM.from_pretrained(made, dtype=torch.bfloat16)
    (made / "model.safetensors").unlink()
    model.save_pretrained(made, max_shard_size="60KB")
    (made / "chat_template.jinja").write_text(TEMPLATE)
    written = yaml.safe_load(PAGE.read_text().partition("```yaml\n")[2].partition("```")[0])
    written["models"][0]["parameters"] = model.num_parameters()
    (folder / "models.yaml").write_text(yaml.safe_dump(written))
    monkeypatch.setenv("GRADUS_DATA_DIR", str(folder))
    settings.DATA_DIR = folder
    catalogue.known.cache_clear()
    yield folder
    monkeypatch.undo()
    catalogue.known.cache_clear()


@pytest.mark.django_db(transaction=True)
def test_a_folder_becomes_a_base_model_that_lints_and_grades(data_dir, tmp_path, ada, ada_client, monkeypatch):
    monkeypatch.setattr(fetch, "SHARD_SIZE", "60KB")
    assert fetch.main(["house-model", "--data-dir", str(data_dir)]) == 0
    stored = data_dir / "models" / "house-model"
    assert len(weight_files(stored)) > 2 and fetch.status("house-model", data_dir) == "ready"
    assert [found.level for found in grading.model_files() if "house-model" in found.text] == ["ok"]

    folder = published(tmp_path / "course", model="house-model", limits={"prompt_tokens_max": 256})
    assert lint(folder) == []
    assert counter("house-model")("sea") > 0

    runner = Runner(threads=1, models_dir=data_dir / "models")
    try:
        prompt, tuned = factories.submit(ada), factories.submit(ada, payload=factories.LORA)
        assert Worker("grade", runner=runner).step()
        assert Worker("train", runner=runner).step()
    finally:
        runner.close()
    assert prompt.current.state == tuned.current.state == "scored"
    assert tuned.current.result["training"]["steps"] > 0
    digest = models.load(stored).digest
    assert WorkerStatus.objects.get(lane="train").base_models == {"house-model": digest}
    page = ada_client.get("/challenges/sea-or-sky/").content.decode()
    assert "House Model" in page and "16-bit values (bfloat16)" in page


def test_a_shard_that_is_missing_or_another_is_noticed(data_dir, monkeypatch):
    monkeypatch.setattr(fetch, "SHARD_SIZE", "60KB")
    stored = fetch.fetch("house-model", data_dir)
    first, second = weight_files(stored)[:2]
    kept = first.read_bytes()
    first.write_bytes(second.read_bytes())
    assert are_damaged(stored) and fetch.status("house-model", data_dir) == "damaged"
    first.unlink()
    assert are_damaged(stored)
    first.write_bytes(kept)
    assert not are_damaged(stored)
    for file in weight_files(stored):
        file.unlink()
    assert fetch.status("house-model", data_dir) == "damaged"
    assert [found.level for found in grading.model_files() if "house-model" in found.text] == ["fail"]


def test_a_larger_model_has_the_revision_and_digest_that_were_fetched(data_dir):
    name, entry = next(iter(LARGER.items()))
    folder = data_dir / "models" / name
    assert checkpoint(name) == f"{entry.hub}@main"
    folder.mkdir(parents=True)
    (folder / SOURCE).write_text('{"revision": "' + "c" * 40 + '", "sha256": "' + "d" * 64 + '"}')
    catalogue.known.cache_clear()
    assert checkpoint(name) == "d" * 64 and catalogue.MODELS[name].revision == "c" * 40
    for broken in ("", "[]", '{"revision": null}'):
        (folder / SOURCE).write_text(broken)
        assert filled(entry, folder) == entry
