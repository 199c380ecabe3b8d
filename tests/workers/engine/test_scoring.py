import random
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graders.base import Rejected, Score
from tests.workers import oracle, tiny
from workers.engine import models, scoring
from workers.engine.prompts import batches, call_tokens, calls, split
from workers.engine.session import Session
from workers.engine.watch import Stopped, Watch
from workers.tokenising import common_tokens, trie_of

PROMPT = "\n\n".join(tiny.SENTENCES[:4]) + "\n\n"
WORDS = "an itchy red rash on both arms burning pain after meals short of breath swollen ankles since last week"
LABELS = (" skin", " stomach", " heart", " infectious disease", " infectious rash", " skin disease")
TOLERANCE = 2e-4


def suffixes(count, seed=1):
    chance = random.Random(seed)
    return tuple(
        f"Input: {' '.join(chance.choices(WORDS.split(), k=chance.randint(1, 25)))}\nOutput:" for _ in range(count)
    )


def score(base, **changes):
    item = Score(model=tiny.NAME, prompt=PROMPT, suffixes=suffixes(30), labels=LABELS, stage="score")
    item = replace(item, **changes)
    return item, scoring.score(base, base.model, item, Watch())


def assert_agrees(base, plain, item, scored, rows=None, tolerance=TOLERANCE):
    for n in rows or range(len(item.suffixes)):
        prompt = item.prompt + item.suffixes[n]
        expected = [oracle.label_logprob(plain, base, prompt, label, item.labels) for label in item.labels]
        assert scored.logprobs[n] == pytest.approx(expected, abs=tolerance)
        assert scored.prompt_tokens[n] == len(base.encode([prompt])[0])


def test_every_row_and_label_agrees_with_the_oracle(base, plain):
    item, scored = score(base)
    assert_agrees(base, plain, item, scored)


@pytest.mark.parametrize(
    "changes",
    [
        {"suffixes": suffixes(1)},
        {"suffixes": ("Output:", "Output:")},
        {"prompt": "", "suffixes": ("rash Output:", "pain Output:")},
        {"labels": ("skin", "stomach")},
        {"prompt": "<|im_start|>user\n", "suffixes": ("rash<|im_end|>\n<|im_start|>assistant\n", "x<|im_end|>\n")},
        {"labels": (" yes, certainly and beyond doubt", " yes", " no")},
    ],
    ids=["one row", "equal rows", "nothing shared", "no lead", "chat", "long labels"],
)
def test_unusual_shapes_agree_with_the_oracle(base, plain, changes):
    item, scored = score(base, **changes)
    assert_agrees(base, plain, item, scored)


def test_label_that_merges_with_the_prompt_is_read_as_the_model_would_read_it(base, plain):
    item, scored = score(base, prompt="", suffixes=("Output: s", "Input: an"), labels=("kin", "tomach"))
    joined = base.encode(["Output: s", "Output: skin"])
    assert joined[1][: len(joined[0])] != joined[0]
    assert_agrees(base, plain, item, scored)


def test_empty_prompt_is_scored_after_the_end_of_text_token(base, plain):
    _, scored = score(base, prompt="", suffixes=("",), labels=("skin",))
    tokens = [base.eos, *base.encode(["skin"])[0]]
    with torch.no_grad():
        logprobs = plain(input_ids=torch.tensor([tokens])).logits[0].log_softmax(-1)
    expected = sum(logprobs[at - 1, tokens[at]].item() for at in range(1, len(tokens)))
    assert scored.logprobs[0] == pytest.approx([expected], abs=TOLERANCE)


def test_repeated_scoring_is_bit_identical(base):
    assert score(base)[1].logprobs == score(base)[1].logprobs


def test_long_prompts_and_numbers_that_are_none_are_rejected(base, models_dir):
    broken = models.load(models_dir / tiny.NAME)
    broken.model.model.norm.weight.fill_(float("nan"))
    for model, changes, code in ((base, {"suffixes": ("pain " * 600,)}, "prompt_too_long"), (broken, {}, "diverged")):
        with pytest.raises(Rejected) as caught:
            score(model, **changes)
        assert caught.value.code == code


def test_progress_is_told_and_a_stop_is_heard(base):
    events = []
    item = Score(model=tiny.NAME, prompt=PROMPT, suffixes=suffixes(60), labels=LABELS, stage="hidden")
    scoring.score(base, base.model, item, Watch(events.append))
    assert events[0] == {"type": "progress", "stage": "hidden", "done": 0, "total": 60}
    assert events[-1]["done"] == 60
    with pytest.raises(Stopped):
        scoring.score(base, base.model, item, Watch(events.append, lambda: len(events) > 1))


def test_labels_share_the_nodes_that_they_have_in_common_and_rows_all_but_their_last_token():
    trie = trie_of([[7], [8, 9, 1], [8, 9, 2], [8, 3]])
    assert (trie.tokens, trie.parents) == ((8, 9), (-1, 0))
    assert trie.reads[2] == ((-1, 8), (0, 9), (1, 2))
    assert [trie.depth(node) for node in (-1, 0, 1)] == [0, 1, 2]
    assert trie.lineage(1) == [1, 0]
    rows = [[1, 2, 3], [1, 2], [1, 2, 9]]
    assert common_tokens(rows) == 2
    cut = split(rows, [1, 2, 4])
    assert (cut.shared, cut.rows) == ([1], [[2, 3], [2], [2, 9]])


def test_batches_hold_every_row_once_within_the_limit():
    lengths = [5, 90, 3, 40, 41, 7, 200]
    made = batches(lengths, tokens=100)
    assert sorted(n for batch in made for n in batch) == list(range(7))
    assert all(len(batch) == 1 or len(batch) * max(lengths[n] for n in batch) <= 100 for batch in made)
    assert batches(lengths, tokens=100, pads=False) == [[6], [1], [4, 3, 5, 0, 2]]


def test_few_rows_that_are_left_over_have_no_call_of_their_own():
    assert list(map(len, calls([10] * 12, 100))) == [12]
    assert list(map(len, calls([10] * 13, 100))) == [10, 3]
    assert list(map(len, calls([10] * 32, 100))) == [10, 10, 12]
    assert calls([], 100) == []
    assert calls([90, 5, 40, 2], 100) == [[0], [2, 1, 3]]
    assert calls([20, 90, 8, 2], 100) == [[1, 0, 2, 3]]


@pytest.mark.parametrize(("free", "each", "tokens"), [(1 << 34, 1 << 18, 16384), (1 << 40, 1 << 18, 65536), (0, 1, 64)])
def test_calls_follow_the_free_memory_of_a_gpu(monkeypatch, free, each, tokens):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free, 1 << 40))
    assert call_tokens(torch.device("cuda"), 64, each) == tokens
    assert call_tokens(torch.device("cpu"), 64, each) == 64


@given(st.data())
@settings(deadline=None, max_examples=40)
def test_log_probabilities_are_those_of_log_softmax(data):
    width, vocabulary, positions = 8, 53, data.draw(st.integers(1, 9))
    chance = torch.Generator().manual_seed(positions)
    head = torch.nn.Linear(width, vocabulary, bias=data.draw(st.booleans()))
    pair = st.tuples(st.integers(0, positions - 1), st.integers(0, vocabulary - 1))
    wanted = data.draw(st.lists(pair, min_size=1, max_size=20))
    hidden = torch.randn(positions, width, generator=chance) * 30
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scoring, "READ_AT_ONCE", data.draw(st.integers(1, 10)))
        found = scoring.token_logprobs(head, hidden, wanted)
    expected = head.double()(hidden.double()).log_softmax(-1)
    assert found == pytest.approx([expected[at, token].item() for at, token in wanted], abs=5e-5)


@pytest.mark.slow
def test_each_base_model_agrees_with_the_oracle(base_folder, tmp_path):
    """As a runner computes it: row by row where it must."""
    session, plain = Session(base_folder.parent, tmp_path), oracle.plain(base_folder)
    item = Score(base_folder.name, PROMPT, suffixes(12), LABELS)
    scored = session.run(item, Watch())
    assert_agrees(session.base(base_folder.name), plain, item, scored, rows=range(6), tolerance=1e-3)
