"""What is kept of what was trained: adapters always, a whole model only where the site says so."""

import zipfile
from pathlib import Path

import pytest
from django.core.files.storage import storages

from graders.base import Grade
from gradus.courses import bundles
from gradus.fleet.jobs import job_of
from tests import factories
from workers.grading import outcomes
from workers.sandbox import adapter_files
from workers.transport.beside import Beside

PREFERENCE = {"prompt": "a heron", "chosen": "sky", "rejected": "in the sky"}


@pytest.fixture
def evaluation(ada, course):
    return factories.claimed(factories.submit(ada, "sea-or-sky", factories.LORA))


def kept(evaluation, folder: Path, names, method="lora") -> set[str]:
    evaluation.submission.payload["method"] = method
    for name in names:
        (folder / name).write_bytes(name.encode())
    grade = Grade(score=0.5, adapter_files=str(folder), training={"steps": 2.0, "trainable_share": 0.01})
    job = job_of(evaluation)
    stored = outcomes.outcome(job, bundles.load(evaluation.version), grade, Beside()).artifact
    if not stored:
        return set()
    with storages["artifacts"].open(stored) as file, zipfile.ZipFile(file) as archive:
        assert all(archive.read(name) == name.encode() for name in names)
        return {*archive.namelist(), archive.read("README.md").decode()}


@pytest.mark.parametrize(
    ("method", "more", "said"),
    [
        ("lora", (), "# LoRA adapter for"),
        ("dpo", (), "# DPO adapter for"),
        ("qlora", (adapter_files.MARK,), "4 bits (NF4, `quantisation.json`)"),
    ],
)
def test_an_adapter_is_kept_with_what_loads_it(evaluation, tmp_path, method, more, said):
    found = kept(evaluation, tmp_path, (*adapter_files.NAMES, *more), method)
    assert found > {*adapter_files.NAMES, *more, "README.md"}
    assert found > {"base.py", "load.py", "train.py", "rows.jsonl", "samples.jsonl"}
    (card,) = (text for text in found if text.startswith("# "))
    assert "python load.py" in card and "4-bit values (Q4_1)" in card
    assert said in card and "SmolLM2 135M Instruct" in card and "`learning_rate`: 0.001" in card


@pytest.mark.parametrize("keep", [False, True])
def test_a_whole_model_is_kept_only_where_the_site_says_so(evaluation, tmp_path, settings, keep):
    settings.KEEP_CHECKPOINTS = keep
    found = kept(evaluation, tmp_path, adapter_files.CHECKPOINT, "full")
    assert (found >= {*adapter_files.CHECKPOINT, "README.md"}) is keep
    assert any("Fine-tuned checkpoint" in text and "`r`" not in text for text in found) is keep
