"""Tokenising the shared beginning once gives the tokens of each text read whole."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

from tests.workers import tiny
from workers import tokenising

LONG = " ".join(tiny.SENTENCES) * 2
pieces = st.sampled_from(
    [
        *tiny.SENTENCES,
        *tiny.SPECIAL,
        *("don't", " we'll", "  ", "\n\n", " \n ", "\t", "2024", "3.5", "skin", " skin", "a" * 40),
        *(" " * 40, "\n" * 30, "\t" * 30, "\n\t\n", "…" * 21, "\nx"),
        *("wörld", "e\u0301", "\u0301", "\u200d", "日本語", "👩\u200d⚕️", "ﬁ", "A", ".", "!?", "{", '"'),
    ]
)
texts = st.lists(pieces, max_size=6).map("".join)


def made(pre_tokenizer, normalizer=None, post_processor=None):
    tokenizer = Tokenizer(models.BPE(unk_token="<|endoftext|>"))
    tokenizer.pre_tokenizer, tokenizer.normalizer = pre_tokenizer, normalizer
    if post_processor is not None:
        tokenizer.post_processor = post_processor
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=500, special_tokens=tiny.SPECIAL, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator([*tiny.SENTENCES, "2024 3.5 wörld 日本語", *["\n\t\n\t\n   \n"] * 9], trainer)
    return tokenizer


LLAMA_3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
bytes_only = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
TOKENIZERS = {
    "byte-level": made(pre_tokenizers.ByteLevel(add_prefix_space=False)),
    "trimmed offsets": made(
        pre_tokenizers.ByteLevel(add_prefix_space=False), None, processors.ByteLevel(trim_offsets=True)
    ),
    "prefix space": made(pre_tokenizers.ByteLevel(add_prefix_space=True)),
    "digits": made(
        pre_tokenizers.Sequence([pre_tokenizers.Digits(True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    ),
    "llama 3": made(pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(LLAMA_3), "isolated"), bytes_only])),
    "metaspace": made(pre_tokenizers.Metaspace()),
    "no words": made(bytes_only),
    "normalised": made(
        pre_tokenizers.BertPreTokenizer(),
        normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase(), normalizers.Strip()]),
    ),
}


@pytest.mark.parametrize("name", TOKENIZERS)
@settings(deadline=None)
@given(beginning=texts, lead=st.sampled_from(["", LONG]), rest=st.lists(texts, min_size=1, max_size=4))
def test_the_tokens_are_those_of_whole_texts(name, beginning, lead, rest):
    tokenizer, beginning = TOKENIZERS[name], lead + beginning
    whole = tokenising.encode(tokenizer, [beginning + text for text in rest])
    assert tokenising.encode_after(tokenizer, beginning, rest) == whole


@pytest.fixture(scope="module")
def built_in(built_in_folder):
    return Tokenizer.from_file(str(built_in_folder / "tokenizer.json"))


@settings(deadline=None)
@given(beginning=texts, rest=st.lists(texts, min_size=1, max_size=4))
def test_the_built_in_models_tokens_are_those_of_whole_texts(built_in, beginning, rest):
    beginning = LONG + beginning
    whole = tokenising.encode(built_in, [beginning + text for text in rest])
    assert tokenising.encode_after(built_in, beginning, rest) == whole


@pytest.fixture
def read(monkeypatch):
    """The texts that were read so far."""
    texts, encode = [], tokenising.encode
    monkeypatch.setattr(tokenising, "encode", lambda tokenizer, given: texts.extend(given) or encode(tokenizer, given))
    return texts


def test_a_long_beginning_is_read_once(read):
    tokenising.encode_after(TOKENIZERS["byte-level"], LONG * 5, [" skin", "\nOutput:"])
    assert len(read) == 3 and max(map(len, read)) < len(LONG) / 2


@pytest.mark.parametrize(
    ("name", "beginning", "text"),
    [
        ("trimmed offsets", "some words here" + " " * 40, "and"),
        ("normalised", "xy" + "…" * 21 + "..", "a"),
        ("llama 3", "some words\n" + "\t" * 30, "\nx"),
        ("prefix space", LONG + "\n" * 60, "a"),
    ],
)
def test_where_the_last_words_read_otherwise_by_themselves_texts_are_read_whole(name, beginning, text, read):
    tokens = tokenising.encode_after(TOKENIZERS[name], beginning, [text])
    assert read[-1] == beginning + text
    assert tokens == tokenising.encode(TOKENIZERS[name], [beginning + text])
