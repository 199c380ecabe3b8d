"""What must not change a score: low precision, other rows, earlier jobs, a model that the fast path does not fit."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import BloomConfig, BloomForCausalLM

from graders.base import Generate, Score, Train
from tests.workers import oracle, tiny
from tests.workers.engine.test_scoring import LABELS, PROMPT, assert_agrees, suffixes
from workers.engine import generation, models, plain, prompts, scoring
from workers.engine.choice import DEFAULT
from workers.engine.kernels import Kernels
from workers.engine.prompts import Prefixes
from workers.engine.session import Session
from workers.engine.watch import Watch
from workers.tokenising import UNBOUNDED, trie_of

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")

ITEM = Score(tiny.NAME, PROMPT, suffixes(40), LABELS)
ROWS = tuple((f"Input: {text}\nOutput:", f" {label}") for text, label in (("rash", "skin"), ("pain", "heart")))
TRAIN = Train(
    tiny.NAME, ROWS, ROWS, r=4, lora_alpha=8, learning_rate=5e-2, num_train_epochs=4,
    per_device_train_batch_size=2, seed=1,
)  # fmt: skip


def best(rows, offsets):
    shifts = offsets or (0.0,) * len(LABELS)
    return [max(range(len(row)), key=lambda label: row[label] - shifts[label]) for row in rows]


@pytest.mark.parametrize("offsets", [(), (-9.0, -3.0, -1.0, -20.0, -18.0, -15.0)], ids=["plain", "calibrated"])
def test_low_precision_picks_the_labels_that_fp32_picks(base, offsets):
    item = replace(ITEM, suffixes=suffixes(150, seed=4), offsets=offsets)
    exact = scoring.score(base, base.model, item, Watch()).logprobs
    fast = scoring.score(base, base.model, item, Watch(), screening_copy=base.screening_copy).logprobs
    assert best(fast, offsets) == best(exact, offsets)
    tops = best(exact, offsets)
    again = [n for n, top in enumerate(tops) if fast[n][top] == pytest.approx(exact[n][top], abs=2e-4)]
    assert 0 < len(again) < len(exact), "some rows are looked at again, and not all"
    assert all(scoring.margin(exact[n], offsets) > 0.05 for n in range(len(exact)) if n not in again)


def test_only_labels_that_lie_close_are_computed_twice(base, monkeypatch):
    """And no label's number is that of another."""
    calls, call = [], scoring.Job._call
    monkeypatch.setattr(scoring.Job, "_call", lambda *given: calls.append((given[1], given[3])) or call(*given))
    exact = scoring.score(base, base.model, ITEM, Watch()).logprobs
    calls.clear()
    fast = scoring.score(base, base.model, ITEM, Watch(), screening_copy=base.screening_copy).logprobs
    first = [row for model, rows in calls if model is base.screening_copy for row in rows]
    second = [row for model, rows in calls if model is base.model for row in rows]
    assert len(first) == len(exact) and all(len(row.trie.reads) == len(LABELS) for row in first)
    twice = sum(len(row.trie.reads) for row in second)
    assert 0 < twice < len(second) * len(LABELS)
    pairs = [pair for row, wanted in zip(fast, exact, strict=True) for pair in zip(row, wanted, strict=True)]
    assert twice <= sum(value == pytest.approx(wanted, abs=1e-4) for value, wanted in pairs) < len(pairs)


def job_of(base, rows):
    return scoring.Job(base, "rows", rows, [], Watch(), Kernels.of(DEFAULT, "cpu"), Prefixes())


def test_labels_that_are_not_computed_again_keep_their_distance_to_the_best(base, monkeypatch):
    """What all labels have in common is off by 0.35, which must not make the third one the best."""
    job = job_of(base, [scoring.LabelRow([5], trie_of([[1], [2], [3]]))])
    monkeypatch.setattr(scoring.Job, "run", lambda *given: {0: [-3.35, -3.45]})
    logprobs = {0: [-3.0, -3.1, -3.31]}
    scoring._rescore(job, base.model, logprobs, ())
    assert logprobs[0] == pytest.approx([-3.35, -3.45, -3.66])
    monkeypatch.setattr(scoring.Job, "run", lambda *given: {0: [-3.35, -9.45]})
    logprobs = {0: [-3.0, -9.1, -4.31]}
    scoring._rescore(job, base.model, logprobs, (0.0, -6.0, 0.0))
    assert logprobs[0] == pytest.approx([-3.35, -9.45, -4.66])


def test_a_row_whose_first_look_was_further_off_has_more_labels_compared(base, monkeypatch):
    """Row 0 is off by 0.14: its margin becomes 0.21, which takes in its third label. Other rows keep theirs."""
    first = {0: [-3.0, -3.1, -3.2], 1: [-2.0, -2.2, -9.0], 2: [-1.0, -1.12, -1.21]}
    true = {0: [-3.04, -3.0, -2.9], 1: [-2.1, -2.05, -9.0], 2: [-1.04, -1.18, -1.0]}
    tokens = [[1], [2], [3]]
    job = job_of(base, [scoring.LabelRow([5], trie_of(tokens)) for _ in first])
    monkeypatch.setattr(scoring, "RESCORE_MARGIN", 0.15)
    asked = []

    def run(job, model, numbers):
        labels = {n: [token - 1 for ((_, token),) in job.rows[n].trie.reads] for n in numbers}
        asked.append(labels)
        return {n: [true[n][label] for label in some] for n, some in labels.items()}

    monkeypatch.setattr(scoring.Job, "run", run)
    logprobs = {n: list(values) for n, values in first.items()}
    scoring._rescore(job, base.model, logprobs, ())
    assert asked == [{0: [0, 1], 2: [0, 1]}, {0: [0, 1, 2]}]
    assert logprobs == {0: true[0], 1: first[1], 2: pytest.approx([-1.04, -1.18, -1.25])}
    for n in first:
        asked.clear()
        alone = {n: list(first[n])}
        scoring._rescore(job, base.model, alone, ())
        assert alone[n] == logprobs[n], "as beside the others"


def test_labels_within_the_margin_may_be_the_best_and_are_read_as_among_all():
    assert scoring.near([-1.0, -1.29, -1.31, -9.0], (), 0.3) == [0, 1]
    assert scoring.near([-1.0, -1.29, -1.31, -9.0], (0.0, 0.0, -0.5, -8.4), 0.3) == [2, 3]
    assert scoring.near([-4.0], (), 0.3) == [0]
    assert scoring.margin([-1.0, -3.0, -2.5], ()) == pytest.approx(1.5)
    assert scoring.margin([-1.0, -3.0, -2.5], (0.0, -3.0, 0.0)) == pytest.approx(1.0)
    assert scoring.margin([-1.0], ()) == float("inf")
    trie = trie_of([[1, 2], [1, 3, 4], [5], [1, 3, 6]])
    assert trie.of([1, 3]) == trie_of([[1, 3, 4], [1, 3, 6]])
    assert trie.of([2]) == trie_of([[5]]) and trie.of(range(4)) == trie


def test_exact_items_are_computed_in_fp32_alone(base):
    exact = scoring.score(base, base.model, ITEM, Watch())
    asked = scoring.score(base, base.model, replace(ITEM, exact=True), Watch(), screening_copy=base.screening_copy)
    assert asked.logprobs == exact.logprobs


def test_ties_are_decided_by_the_row_alone(base):
    """Offsets that make all labels of row 3 equal: a bit of rounding would choose."""
    alone = scoring.score(base, base.model, replace(ITEM, suffixes=ITEM.suffixes[3:4]), Watch()).logprobs[0]
    item = replace(ITEM, offsets=tuple(alone))
    for suffixes_ in (item.suffixes, item.suffixes[::-1], item.suffixes[:4], item.suffixes[3:4] * 9):
        found = scoring.score(base, base.model, replace(item, suffixes=suffixes_), Watch()).logprobs
        assert found[suffixes_.index(item.suffixes[3])] == alone
    in_bf16 = scoring.score(base, base.model, item, Watch(), screening_copy=base.screening_copy).logprobs
    assert in_bf16[3] == alone


ROWS_24 = suffixes(24, seed=7)


@pytest.fixture(scope="module")
def each_alone(base):
    """The numbers of each of these rows where it is computed alone."""
    return [scoring.score(base, base.model, replace(ITEM, suffixes=(row,)), Watch()).logprobs[0] for row in ROWS_24]


@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.permutations(range(24)), st.integers(1, 24), st.integers(0, 23))
def test_no_label_depends_on_the_rows_beside_it(base, each_alone, order, count, tied):
    """Offsets put one row, whichever it is, on the edge between its best two labels."""
    item = replace(ITEM, offsets=tuple(each_alone[tied]))
    chosen = [ROWS_24[n] for n in order[:count]]
    found = scoring.score(base, base.model, replace(item, suffixes=tuple(chosen)), Watch()).logprobs
    assert best(found, item.offsets) == best([each_alone[n] for n in order[:count]], item.offsets)


PIECES = "an itchy rash on both arms pain after meals é 皮 ☃ {x} <|im_end|>"
words = st.lists(st.sampled_from(PIECES.split()), max_size=12)


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words, st.lists(words, min_size=1, max_size=6), st.lists(words.filter(bool), min_size=2, max_size=4))
def test_any_prompt_agrees_with_the_oracle(base, plain, prompt, rows, labels):
    suffixes, labels = ([" " + " ".join(text) for text in texts] for texts in (rows, labels))
    item = Score(tiny.NAME, " ".join(prompt), tuple(suffixes), tuple(labels))
    assert_agrees(base, plain, item, scoring.score(base, base.model, item, Watch()), tolerance=1e-3)


def test_a_kept_prompt_gives_the_same_bits_again(base):
    kept = Prefixes()
    first = scoring.score(base, base.model, ITEM, Watch(), prefixes=kept)
    shared = next(iter(kept._kept[base.model]))
    assert list(shared) == base.encode([PROMPT])[0][: len(shared)] and len(shared) > 20
    again = scoring.score(base, base.model, ITEM, Watch(), prefixes=kept)
    assert again.logprobs == first.logprobs == scoring.score(base, base.model, ITEM, Watch()).logprobs


def test_kept_prompts_are_few_and_end_with_their_weights(models_dir, monkeypatch):
    base, kept = models.load(models_dir / tiny.NAME), Prefixes(size=2)
    for tokens in ([5, 6], [7, 8], [9, 10], [7, 8]):
        kept.of(base.model, tokens)
    assert list(kept._kept[base.model]) == [(9, 10), (7, 8)]
    monkeypatch.setattr(prompts, "PREFIX_TOKENS", 3)
    kept.of(base.model, [5, 6])
    assert list(kept._kept[base.model]) == [(5, 6)], "as many tokens as may be kept, and one prompt at least"
    del base
    assert len(kept._kept) == 0


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_adapters_in_turn_never_leak_through_what_is_kept(models_dir, tmp_path, dtype):
    choice = replace(DEFAULT, dtype=dtype)
    alone = [Session(models_dir, tmp_path / str(n)) for n in range(3)]
    trained = [s.run(replace(TRAIN, seed=n), Watch()).files for n, s in enumerate(alone[1:])]
    items = [ITEM, replace(ITEM, adapter=trained[0]), replace(ITEM, adapter=trained[1])]
    wanted = [s.run(item, Watch(), choice).logprobs for s, item in zip(alone, items, strict=True)]
    assert wanted[0] != wanted[1] != wanted[2]
    shared = Session(models_dir, tmp_path / "shared")
    for n in (0, 1, 2, 1, 0, 2, 0):
        assert shared.run(items[n], Watch(), choice).logprobs == wanted[n]


def test_copies_share_what_they_do_not_change(base):
    weights = dict(base.model.named_parameters())
    for made, own in ((models.shared(base.model), ()), (models.adaptable(base.model), ("proj",))):
        for name, weight in made.named_parameters():
            assert torch.equal(weight, weights[name]) and not weight.requires_grad
            assert (weight.data_ptr() == weights[name].data_ptr()) is not any(part in name for part in own), name
    in_bf16 = models.bf16_copy_of(base.model)
    assert all(torch.equal(weight, weights[name].bfloat16()) for name, weight in in_bf16.named_parameters())
    assert all(buffer.dtype == torch.float32 for buffer in in_bf16.buffers())


def test_weights_are_views_of_the_models_file(models_dir):
    """Which all runners share."""
    base = models.load(models_dir / tiny.NAME)
    file = str(models_dir / tiny.NAME / "model.safetensors")
    spans = [
        tuple(int(end, 16) for end in line.split()[0].split("-"))
        for line in Path("/proc/self/maps").read_text().splitlines()
        if line.endswith(file)
    ]
    for weight in base.model.parameters():
        assert any(start <= weight.data_ptr() < end for start, end in spans)


# --- a model that split attention does not fit ------------------------------------------------------------------


@pytest.fixture(scope="module")
def odd_folder(tmp_path_factory):
    """Bloom: positions by ALiBi, an attention of its own."""
    folder = tmp_path_factory.mktemp("odd") / "odd"
    tokens = tiny.tokenizer()
    config = BloomConfig(
        vocab_size=tokens.get_vocab_size(), hidden_size=32, n_layer=2, n_head=4, eos_token_id=2, pad_token_id=0,
        initializer_range=0.25,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(3)
        BloomForCausalLM(config).save_pretrained(folder)
    tokens.save(str(folder / "tokenizer.json"))
    return folder


def assert_agrees_with_library(session, folder, rows):
    """Labels and texts; returns the base and the scores."""
    item = replace(ITEM, model=folder.name, suffixes=ITEM.suffixes[:rows])
    scored, base, reference = session.run(item, Watch()), session.base(folder.name), oracle.plain(folder)
    assert_agrees(base, reference, item, scored, tolerance=1e-3)
    said = session.run(Generate(folder.name, PROMPT, item.suffixes, 8), Watch()).texts
    assert said == [base.decode(oracle.greedy(reference, base, PROMPT + suffix, 8)) for suffix in item.suffixes]
    return base, scored


def test_model_that_does_not_fit_is_computed_row_by_row_and_says_so(odd_folder, tmp_path, capfd):
    session = Session(odd_folder.parent, tmp_path)
    base, scored = assert_agrees_with_library(session, odd_folder, 4)
    assert not base.split and base.context == UNBOUNDED
    assert "odd: split attention does not fit" in capfd.readouterr().err
    losses = []
    trained = session.run(replace(TRAIN, model="odd", num_train_epochs=30), Watch(losses.append))
    assert trained.valid_loss < losses[1]["train_loss"] / 2
    item = replace(ITEM, model="odd", suffixes=ITEM.suffixes[:4], adapter=trained.files)
    assert session.run(item, Watch()).logprobs != scored.logprobs
    said = session.run(replace(SHAPED, model="odd"), Watch()).texts
    assert all(list(json.loads(text)) == ["priority", "rash"] for text in said)


def test_a_model_that_knows_no_other_attention_is_computed_row_by_row(tmp_path, capfd):
    """GPT-Neo looks for its own by name, and fails for any other when it is loaded."""
    folder = tiny.build(tmp_path, "other", "gpt_neo", attention_types=[[["global"], 3]])
    base, _ = assert_agrees_with_library(Session(tmp_path, tmp_path), folder, 2)
    assert not base.split and "other: split attention does not fit" in capfd.readouterr().err


@pytest.mark.parametrize("kind", ["gpt2", "gpt_neox", "opt", "phi", "qwen3", "gemma", "olmo2"])
def test_any_model_whose_attention_goes_through_the_interface_is_split(tmp_path, kind):
    base, _ = assert_agrees_with_library(Session(tmp_path, tmp_path), tiny.build(tmp_path, "other", kind), 4)
    assert base.split


def test_a_model_whose_texts_come_out_otherwise_is_computed_row_by_row(models_dir, monkeypatch, capfd):
    assert plain.load_checked(models_dir / tiny.NAME, "cpu").split
    call = generation._call
    for broken in (lambda *given: call(*given).flip(0), lambda *given: call(*given)[:, :5]):
        monkeypatch.setattr(generation, "_call", broken)
        assert not plain.load_checked(models_dir / tiny.NAME, "cpu").split
        assert "tiny: split attention does not fit" in capfd.readouterr().err


# --- whatever is asked ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def alone(models_dir):
    """The same model with the library's own attention."""
    return models.load(models_dir / tiny.NAME, split=False)


MARKS = [*tiny.SPECIAL[1:], *'abcxyz {}[]":,.\n', "é", "漢"]
WORDS = st.sampled_from([*MARKS, "Input: ", "\nOutput:", " skin", "rash", " rash", " 12"])
TEXTS = st.lists(WORDS, min_size=1, max_size=30).map("".join)
ASKED = st.tuples(TEXTS, st.lists(TEXTS, min_size=1, max_size=7).map(tuple))


@given(ASKED, st.lists(TEXTS, min_size=2, max_size=5, unique=True).map(tuple))
@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_prompt_gets_the_labels_that_go_row_by_row(base, alone, asked, labels):
    """In bf16 with its rescoring pass, whatever stands beside a row and in whatever order."""
    prompt, suffixes = asked
    item = Score(tiny.NAME, prompt, suffixes, labels)
    screened = scoring.score(base, base.model, item, Watch(), screening_copy=base.screening_copy).logprobs
    exact = scoring.score(base, base.model, item, Watch())
    turned = scoring.score(base, base.model, replace(item, suffixes=suffixes[::-1]), Watch()).logprobs[::-1]
    slow = plain.score(alone, alone.model, item, Watch())
    assert exact.prompt_tokens == slow.prompt_tokens
    for row in zip(screened, exact.logprobs, turned, slow.logprobs, strict=True):
        _, fast, other, true = row
        assert fast == pytest.approx(true, abs=5e-4) and other == pytest.approx(true, abs=5e-4)
        if scoring.margin(true, ()) > 2 * scoring.TIE_MARGIN:
            assert len({max(range(len(labels)), key=values.__getitem__) for values in row}) == 1


@given(ASKED)
@settings(deadline=None, max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_prompt_is_continued_as_row_by_row(base, alone, asked):
    prompt, suffixes = asked
    item = Generate(tiny.NAME, prompt, suffixes, 12, ("json",))
    slow = plain.generate(alone, alone.model, item, Watch())
    found = generation.generate(base, base.model, item, Watch())
    assert (found.texts, found.new_tokens) == (slow.texts, slow.new_tokens)


# --- answers that must keep to a schema -------------------------------------------------------------------------

SCHEMA = json.dumps(
    {
        "type": "object",
        "properties": {"priority": {"enum": ["low", "high"]}, "rash": {"enum": ["yes", "no", "unknown"]}},
        "required": ["priority", "rash"],
        "additionalProperties": False,
    }
)


SHAPED = Generate(tiny.NAME, PROMPT, ("Input: rash\n", "printer", "x"), 60, ("json",), schema=SCHEMA)


def test_constrained_answers_keep_to_the_schema_also_where_they_tie(models_dir, tmp_path, monkeypatch):
    session = Session(models_dir, tmp_path)
    assert not any(text.endswith("}") for text in session.run(replace(SHAPED, schema=""), Watch()).texts)
    said = session.run(SHAPED, Watch()).texts
    for answer in map(json.loads, said):
        assert list(answer) == ["priority", "rash"]
        assert answer["priority"] in ("low", "high") and answer["rash"] in ("yes", "no", "unknown")
    monkeypatch.setattr(generation, "TIE_MARGIN", 100.0)
    assert Session(models_dir, tmp_path).run(SHAPED, Watch()).texts == said


def test_a_window_that_is_shorter_than_the_context_is_left_to_the_library(tmp_path):
    """Too few tokens are tried for it to show."""
    tiny.build(tmp_path, "windowed", "mistral", sliding_window=64)
    tiny.build(tmp_path, "whole", "mistral", sliding_window=512)
    assert not plain.load_checked(tmp_path / "windowed", "cpu").split
    assert plain.load_checked(tmp_path / "whole", "cpu").split
