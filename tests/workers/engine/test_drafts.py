"""Drafted tokens save calls and change no answer, right or wrong."""

import json
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graders.base import Generate
from tests.workers import oracle, tiny
from workers.engine import generation
from workers.engine.constrain import Constraint
from workers.engine.drafts import DRAFT_TOKENS, LONG_MATCH, SHORT_MATCH, PromptLookup
from workers.engine.watch import Watch

PROMPT = "\n\n".join(tiny.SENTENCES[:3]) + "\n\n"
SUFFIXES = ("Input: rash", "Input: a sour taste at night and pain after meals\nOutput:", "printer", "x", "Output")
NEW = 20
ITEM = Generate(tiny.NAME, PROMPT, SUFFIXES, NEW, (), stage="answers")
SCHEMA = json.dumps(
    {
        "type": "object",
        "properties": {"urgent": {"enum": ["yes", "no"]}, "reason": {"type": "string", "maxLength": 30}},
        "required": ["urgent", "reason"],
        "additionalProperties": False,
    }
)


@pytest.fixture(scope="module")
def truth(base, plain):
    """What each row says, by the tokens that it begins with."""
    contexts = base.encode([PROMPT + suffix for suffix in SUFFIXES])
    said = [oracle.greedy(plain, base, PROMPT + suffix, NEW) for suffix in SUFFIXES]
    return dict(zip(map(tuple, contexts), said, strict=True))


def continued(truth, text, most):
    """The next tokens of a row."""
    (context,) = (context for context in truth if tuple(text[: len(context)]) == context)
    at = len(text) - len(context)
    return truth[context][at : at + max(0, most)]


def run(base, item, monkeypatch, draft):
    """What is generated where `after(text, most)` guesses, and the sizes of the calls."""
    calls, call = [], generation._call

    def spied(model, ids, *rest):
        calls.append([len(tokens) for tokens in ids])
        return call(model, ids, *rest)

    with monkeypatch.context() as patched:
        patched.setattr(generation, "_call", spied)
        if draft is not None:
            patched.setattr(PromptLookup, "draft", lambda self, text, most, order: draft(text, most))
        return generation.generate(base, base.model, item, Watch()), calls


@given(chance=st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_guesses_right_and_wrong_change_no_answer(base, truth, monkeypatch, chance):
    vocabulary = base.tokenizer.get_vocab_size()

    def draft(text, most):
        true = continued(truth, text, min(most, chance.randint(0, 5)))
        return [token if chance.random() < 0.7 else chance.randrange(vocabulary) for token in true]

    generated, _ = run(base, ITEM, monkeypatch, draft)
    assert generated.texts == [base.decode(said) for said in truth.values()]
    assert generated.new_tokens == [len(said) for said in truth.values()]


def test_right_guesses_save_calls(base, truth, monkeypatch):
    generated, calls = run(base, ITEM, monkeypatch, lambda text, most: continued(truth, text, most))
    assert generated.texts == [base.decode(said) for said in truth.values()]
    # The contexts, from which the first tokens come, then in each call a token of each row's own and its draft.
    assert len(calls) == 1 + -(-(NEW - 1) // (DRAFT_TOKENS + 1))
    assert calls[1] == [DRAFT_TOKENS + 1] * len(SUFFIXES)
    none, steps = run(base, ITEM, monkeypatch, lambda text, most: [])
    assert none == replace(generated, seconds=none.seconds) and len(steps) == NEW


def test_a_call_takes_no_more_guesses_than_it_has_room_for(base, truth, monkeypatch):
    monkeypatch.setattr(generation, "LONG_MATCH_CALL_TOKENS", len(SUFFIXES) + DRAFT_TOKENS + 1)
    monkeypatch.setattr(generation, "SHORT_MATCH_CALL_TOKENS", len(SUFFIXES) + DRAFT_TOKENS + 2)
    generated, calls = run(base, ITEM, monkeypatch, lambda text, most: continued(truth, text, most))
    assert generated.texts == [base.decode(said) for said in truth.values()]
    assert calls[1] == [DRAFT_TOKENS + 1, 2, 2, 1, 1]


def test_a_text_that_stops_within_a_guess_keeps_nothing_behind_it(base, truth, monkeypatch):
    plainly, _ = run(base, ITEM, monkeypatch, lambda text, most: [])
    for text in plainly.texts:
        item = replace(ITEM, stop=(text[4:6],))
        wanted, _ = run(base, item, monkeypatch, lambda text, most: [])
        found, _ = run(base, item, monkeypatch, lambda text, most: continued(truth, text, most))
        assert (found.texts, found.new_tokens) == (wanted.texts, wanted.new_tokens)


def test_nothing_is_guessed_from_the_end_of_text_on(base, truth, monkeypatch):
    guessed, calls = run(base, ITEM, monkeypatch, lambda text, most: [base.eos, 5][:most])
    assert guessed.texts == [base.decode(said) for said in truth.values()]
    assert len(calls) == NEW and calls[1] == [1] * len(SUFFIXES)


@pytest.fixture(scope="module")
def kept_to_schema(base):
    """An item with a schema, what its rows say without drafts, and token by token."""
    item = replace(ITEM, max_new_tokens=60, schema=SCHEMA)
    rows, settled = [], generation._decode
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Constraint, "allowed", lambda self, row, draft: [])
        patched.setattr(generation, "_decode", lambda *given: rows.extend(given[2]) or settled(*given))
        generated, calls = run(base, item, patched, lambda text, most: [])
    return item, generated, len(calls), {tuple(row.tokens[: row.context]): row.said for row in rows[: len(SUFFIXES)]}


@given(chance=st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_schema_is_kept_with_guesses_as_without(base, kept_to_schema, monkeypatch, chance):
    item, wanted, steps, said = kept_to_schema
    assert all(json.loads(text)["urgent"] in ("yes", "no") for text in wanted.texts)
    vocabulary = base.tokenizer.get_vocab_size()
    offered, allowed = [], Constraint.allowed

    def draft(text, most):
        true = continued(said, text, most)
        return [token if chance.random() < 0.8 else chance.randrange(vocabulary) for token in true]

    def spied(constraint, row, draft):
        found = allowed(constraint, row, draft)
        offered.append(bool(found) and not constraint.rows[row].compute_ff_tokens())
        return found

    monkeypatch.setattr(Constraint, "allowed", spied)
    found, calls = run(base, item, monkeypatch, draft)
    assert (found.texts, found.new_tokens) == (wanted.texts, wanted.new_tokens)
    assert len(calls) < steps and any(offered)


def test_what_a_schema_leaves_no_choice_about_is_guessed(base, kept_to_schema, monkeypatch):
    item, wanted, steps, _ = kept_to_schema
    found, calls = run(base, item, monkeypatch, lambda text, most: [])
    assert (found.texts, found.new_tokens) == (wanted.texts, wanted.new_tokens)
    assert len(calls) < steps


@pytest.mark.parametrize("order", [LONG_MATCH, SHORT_MATCH])
def test_what_followed_the_same_tokens_last_is_guessed(order):
    lookup, same = PromptLookup(), list(range(order))
    text = [*same, 94, 95, 96]
    assert lookup.draft(text, 2, order) == []
    lookup.index(text)
    assert lookup.draft([99, *same], 2, order) == [94, 95]
    assert lookup.draft([99, *same], 10, order) == [94, 95, 96]
    assert lookup.draft([99, *same], 0, order) == lookup.draft([99, *same], -1, order) == []
    assert lookup.draft([99, *same[1:]], 2, order) == lookup.draft(same[1:], 2, order) == []
    lookup.index([*same, 97])
    assert lookup.draft(same, 2, order) == [97]


def test_what_a_text_says_later_is_learned_and_after_fewer_tokens_an_unsure_guess_alone_is_made():
    lookup, text = PromptLookup(), [1, 2, 3, 4]
    lookup.index(text)
    text += [5, 6]
    assert lookup.draft([1, 2, 3], 9, SHORT_MATCH) == [4, 5, 6] and lookup.draft([3, 4, 5], 9, SHORT_MATCH) == []
    lookup.index(text, 4)
    assert lookup.draft([3, 4, 5], 9, SHORT_MATCH) == [6]
    lookup.index(list(range(10, 30)))
    text = [99, *range(15, 15 + SHORT_MATCH)]
    assert lookup.draft(text, 2, SHORT_MATCH) == [15 + SHORT_MATCH, 16 + SHORT_MATCH]
    assert lookup.draft(text, 2, LONG_MATCH) == []


def test_unsure_guesses_are_made_in_small_calls_alone(base, truth, monkeypatch):
    """`after` knows the truth here, but only for the order that the test asks for."""
    calls = []
    monkeypatch.setattr(generation, "SHORT_MATCH_CALL_TOKENS", len(SUFFIXES))
    for order in (LONG_MATCH, SHORT_MATCH):
        with monkeypatch.context() as patched:
            patched.setattr(
                PromptLookup, "draft",
                lambda self, text, most, asked, order=order: continued(truth, text, most) if asked == order else [],
            )  # fmt: skip
            generated, made = run(base, ITEM, patched, None)
        assert generated.texts == [base.decode(said) for said in truth.values()]
        calls.append(len(made))
    assert calls[0] < calls[1] == NEW
