"""The largest jobs that the limits allow stay within the stated bound, in a real runner with the built-in model."""

from pathlib import Path

import pytest
from transformers import AutoConfig

from graders.base import Generate, Score, Train
from tests.workers.conftest import BUILT_IN
from workers.engine.prompts import PREFIXES
from workers.sandbox.needed_memory import peak_bytes
from workers.sandbox.supervisor import Runner

WORDS = "the patient says that it started last week and has been getting worse since then "


def peak_of(runner) -> int:
    """Resident bytes at their highest (`VmHWM`)."""
    status = Path(f"/proc/{runner._process.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def rows(count, words):
    return tuple(f"\nInput {n}: {WORDS * words}"[: 14 * words] + "\nOutput:" for n in range(count))


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_largest_jobs_stay_within_the_bound(built_in_folder, dtype):
    runner = Runner(models_dir=built_in_folder.parent, device="cpu", dtype=dtype)
    prompt = WORDS * 135
    labels = tuple(f" specialty of the {word}" for word in ("eyes", "skin", "heart", "ears", "nerves", "bladder"))
    pairs = tuple((row, " " + WORDS * 25) for row in rows(2000, 9))
    train = Train(
        BUILT_IN, pairs, (), r=32, lora_alpha=32, learning_rate=1e-4, num_train_epochs=1,
        per_device_train_batch_size=16, seed=1, max_steps=2,
    )  # fmt: skip

    def run(item):
        return runner.run(item, on_event=lambda event: None, should_stop=lambda: False, seconds=900)

    try:
        run(Score(BUILT_IN, prompt, rows(1000, 3), labels))
        run(Generate(BUILT_IN, prompt, rows(60, 6), 8))
        adapter = run(train).files
        # As many prompts as are kept, of the base and of an adapted copy; then training beside the base's.
        for number in range(PREFIXES + 1):
            for used in (None, adapter):
                run(Score(BUILT_IN, f"{number} {prompt}", rows(2, 3), labels, adapter=used))
        run(train)
        config = AutoConfig.from_pretrained(built_in_folder)
        bound = peak_bytes(config, 134_515_008, bf16=dtype == "bfloat16")
        print(f"\n{dtype}: peak {peak_of(runner) / 1e9:.2f} GB, bound {bound / 1e9:.2f} GB")
        assert peak_of(runner) < bound < runner.memory_bytes
    finally:
        runner.close()


@pytest.mark.parametrize("kind", ["llama", "gpt2", "gpt_neox", "opt", "bloom"])
def test_bound_grows_with_what_it_is_made_of(kind):
    config = AutoConfig.for_model(kind, hidden_size=64, num_attention_heads=4)
    small = peak_bytes(config, 1_000_000, bf16=False)
    assert small + 4_000_000 <= peak_bytes(config, 2_000_000, bf16=False) <= small + 8_000_000
    assert peak_bytes(config, 1_000_000, bf16=True) > small
    assert peak_bytes(config, 1_000_000, bf16=False, r=64) >= small
    config.num_hidden_layers *= 2
    assert peak_bytes(config, 1_000_000, bf16=False) > small
