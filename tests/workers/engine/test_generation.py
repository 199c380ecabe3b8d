import json

import pytest

from graders.base import Generate, Rejected
from tests.workers import oracle, tiny
from workers.engine import generation, models
from workers.engine import plain as row_by_row
from workers.engine.session import Session
from workers.engine.stopping import Stop
from workers.engine.watch import Stopped, Watch

PROMPT = "\n\n".join(tiny.SENTENCES[:3]) + "\n\n"
SUFFIXES = ("Input: rash", "Input: a sour taste at night and pain after meals\nOutput:", "printer", "x", "Output")


def generate(base, *, suffixes=SUFFIXES, new=20, stop=(), prompt=PROMPT, watch=None):
    item = Generate(tiny.NAME, prompt, suffixes, new, stop, stage="answers")
    return generation.generate(base, base.model, item, watch or Watch())


def test_every_row_agrees_with_the_oracle(base, plain):
    generated = generate(base)
    for n, suffix in enumerate(SUFFIXES):
        said = oracle.greedy(plain, base, PROMPT + suffix, 20)
        assert generated.texts[n] == base.decode(said)
        assert generated.new_tokens[n] == len(said)
        assert generated.prompt_tokens[n] == len(base.encode([PROMPT + suffix])[0])


def test_rows_that_are_read_in_several_calls_agree_with_the_oracle(base, plain, monkeypatch):
    monkeypatch.setattr(
        generation, "call_tokens", lambda device, tokens: tokens if tokens == generation.DECODE_TOKENS else 12
    )
    calls, call = [], generation._call
    monkeypatch.setattr(generation, "_call", lambda *given: calls.append(given[4].window) or call(*given))
    texts = generate(base).texts
    assert len({window.start for window in calls}) > 2
    assert texts == [base.decode(oracle.greedy(plain, base, PROMPT + suffix, 20)) for suffix in SUFFIXES]


@pytest.mark.parametrize(("prompt", "suffixes"), [("", SUFFIXES), (PROMPT, ("one",)), (PROMPT, ("two", "two"))])
def test_unusual_shapes_agree_with_the_oracle(base, plain, prompt, suffixes):
    generated = generate(base, prompt=prompt, suffixes=suffixes)
    assert generated.texts == [base.decode(oracle.greedy(plain, base, prompt + s, 20)) for s in suffixes]


def test_rows_that_end_early_leave_the_others_as_they_are(base):
    whole = generate(base, new=24)
    mark = whole.texts[0][4:6]
    cut = generate(base, new=24, stop=(mark,))
    assert cut.texts == [text.partition(mark)[0] for text in whole.texts]
    assert cut.new_tokens[0] < whole.new_tokens[0]


def test_rows_in_which_tokens_tied_decide_alone(models_dir, monkeypatch):
    """Two tokens with one embedding: wherever one is best, the other is as good."""
    twins = models.load(models_dir / tiny.NAME)
    first = twins.encode([generate(twins, new=1).texts[0]])[0][0]
    weights = twins.model.lm_head.weight
    weights[first - 1 if first > 3 else first + 1] = weights[first]
    sizes, decode = [], generation._decode

    def spied(job, prefix, rows):
        sizes.append(len(rows))
        return decode(job, prefix, rows)

    monkeypatch.setattr(generation, "_decode", spied)
    together = generate(twins)
    assert sizes[0] == len(SUFFIXES) and sizes[1:] and set(sizes[1:]) == {1}
    for suffixes in (SUFFIXES[::-1], SUFFIXES[:1], SUFFIXES[:2]):
        texts = generate(twins, suffixes=suffixes).texts
        assert texts == [together.texts[SUFFIXES.index(suffix)] for suffix in suffixes]


def blurred(monkeypatch, threshold):
    """Sees ties up to `threshold`, and where rows stand beside each other always takes the wrong one of two."""
    found, next_tokens = [], generation._next

    def wrong(job, last, drafts, constraint):
        if len(drafts) == 1:
            return next_tokens(job, last, drafts, constraint)
        best = job.model.lm_head(last).topk(2)
        tied = (best.values[:, 0] - best.values[:, 1] < threshold).tolist()
        found.extend(tie for tie in tied if tie)
        return [(pair[tie], tie) for pair, tie in zip(best.indices.tolist(), tied, strict=True)]

    monkeypatch.setattr(generation, "TIE_MARGIN", threshold)
    monkeypatch.setattr(generation, "_next", wrong)
    return found


@pytest.mark.parametrize("threshold", [0.02, 0.3, 100.0])
def test_a_tie_decided_wrongly_beside_other_rows_is_decided_anew(base, plain, monkeypatch, threshold):
    found = blurred(monkeypatch, threshold)
    generated = generate(base)
    assert found
    said = [oracle.greedy(plain, base, PROMPT + suffix, 20) for suffix in SUFFIXES]
    assert generated.texts == [base.decode(tokens) for tokens in said]
    assert generated.new_tokens == [len(tokens) for tokens in said]


def test_a_tie_decided_alike_costs_one_call_alone(base, monkeypatch):
    wanted = generate(base)
    calls, call = [], generation._call

    def spied(job, ids, *rest):
        calls.append(len(ids))
        return call(job, ids, *rest)

    monkeypatch.setattr(generation, "_call", spied)
    generate(base)
    steps = len(calls)
    monkeypatch.setattr(generation, "TIE_MARGIN", 0.05)
    calls.clear()
    ties = []
    settled = generation._settled
    monkeypatch.setattr(generation, "_settled", lambda *given: ties.extend(given[3].ties) or settled(*given))
    assert generate(base).texts == wanted.texts
    assert ties and len(calls) == steps + len(ties)


def test_row_ends_at_any_token_that_ends_texts(tmp_path, base, plain):
    """As Llama 3's, whose turns end otherwise than its texts; settings of generation may name another."""
    said = oracle.greedy(plain, base, PROMPT + SUFFIXES[0], 20)
    folder = tiny.build(tmp_path, eos_token_id=[2, 1])
    settings = folder / "generation_config.json"
    settings.write_text(json.dumps(json.loads(settings.read_text()) | {"eos_token_id": [2, said[3]]}))
    ending = models.load(folder)
    assert (ending.eos, ending.ends) == (2, {1, 2, said[3]})
    generated = generate(ending, suffixes=SUFFIXES[:1])
    assert (generated.texts, generated.new_tokens) == ([base.decode(said[:3])], [3])
    slow = row_by_row.generate(ending, oracle.plain(folder), Generate("", PROMPT, SUFFIXES[:1], 20, ()), Watch())
    assert slow.texts == generated.texts


def test_a_stop_is_heard_between_tokens_and_a_long_prompt_is_rejected(base):
    asked = []

    def should_stop():
        asked.append(1)
        return len(asked) > 4

    with pytest.raises(Stopped):
        generate(base, watch=Watch(should_stop=should_stop))
    assert len(asked) == 5
    with pytest.raises(Rejected) as caught:
        generate(base, suffixes=("pain " * 600,))
    assert caught.value.code == "prompt_too_long"


def test_the_earliest_stop_wins():
    stop = Stop(("\n\n", "json", "###"))
    assert stop.end('{"a": 1}\n\n###') == 8
    assert stop.end("a###\n\n") == 1
    assert stop.end("a\n") is None
    assert Stop(("json",)).end('{label}: {"a": 1} {"a": 2}') == 17


@pytest.mark.slow
def test_each_base_model_agrees_with_the_oracle(base_folder, tmp_path):
    """As a runner computes it: row by row where it must."""
    session, plain = Session(base_folder.parent, tmp_path), oracle.plain(base_folder)
    prompt = "<|im_start|>system\nYou answer briefly.<|im_end|>\n"
    asks = ("What is the capital of France?", "Name three colours.", "Say hi")
    suffixes = tuple(f"<|im_start|>user\n{ask}<|im_end|>\n<|im_start|>assistant\n" for ask in asks)
    generated = session.run(Generate(base_folder.name, prompt, suffixes, 20, ()), Watch())
    base = session.base(base_folder.name)
    assert generated.texts == [base.decode(oracle.greedy(plain, base, prompt + s, 20)) for s in suffixes]
