"""The kind `rag`: how documents are cut and searched, and a prompt around what was found for each row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from heapq import nlargest
from typing import Any, Literal

from pydantic import Field

from challenges import field_checks
from challenges.documents import PASSAGES_MAX, Cut, advance, count_passages, digest, passages
from challenges.field_checks import FieldProblem
from challenges.files.corpus import read_corpus
from challenges.files.source import Source
from challenges.files.yaml_lines import Located
from challenges.kinds.base import Item, Kind, TokenUse
from challenges.kinds.rag_keys import METHODS, NOT_IN_CORPUS, Method, RagKeys, corpora, rag
from challenges.kinds.rag_prompts import JOIN, Asked, composed, open_prompt, problem_with, row_template
from challenges.kinds.rag_reader import has_reader, place_in_words
from challenges.kinds.rag_room import largest_passages
from challenges.models.token_counts import CountTokens
from challenges.payloads import Payload, Submitted, Whole
from challenges.prompts import own_words, render
from challenges.rows import Sample, TrainRow
from challenges.spec import Challenge, dump
from challenges.translation import gettext, gettext_noop, ngettext

# Settings of a search, of which a challenge gives the lowest and the highest value.
RANGES = ("chunk_words", "overlap", "top_k")


class RagExample(Payload):
    """`passages` stand where the passages that were found for a row stand."""

    passages: str = Field("", max_length=8192)
    input: str = Field(min_length=1, max_length=8192)
    output: str = Field(min_length=1, max_length=8192)


class RagPayload(Submitted):
    kind: Literal["rag"] = "rag"
    chunk_words: Whole = Field(80, ge=1, le=1000, description="Words of a passage")
    overlap: float = Field(0.0, ge=0, lt=1, strict=True, description="Share of a passage that the next one repeats")
    method: Method = Field(
        "words", description="words: BM25; vectors: cosine of sentence embeddings; both: their fusion"
    )
    top_k: Whole = Field(1, ge=1, le=20, description="How many passages are looked up for a row")
    min_score: float = Field(0.0, ge=0, le=1, strict=True, description="Passages with a lower score are not used")
    instructions: str = Field("", max_length=16_384)
    examples: tuple[RagExample, ...] = Field((), max_length=64)
    example: str | None = Field(None, max_length=2000, description="Row template with {passages}, {input}, {output}")


class RagKind(Kind):
    """Codes of problems: too_long, too_many_examples, too_many_tokens, too_many_passages, bad_template, range, overlap,
    special_token, control_character, empty.
    """

    name = "rag"
    title = gettext_noop("Retrieval")
    noun = gettext_noop("a retrieval")
    icon = "search"
    payload = RagPayload
    keys = RagKeys
    is_alone = True
    has_documents = True
    packages = ("bm25s", "faiss")
    approaches = METHODS
    lint = "challenges.lint.rag:lint_rag"
    scaffold = "challenges.scaffold.rag:SCAFFOLD"
    file_keys = frozenset({"corpus", "updates"})

    def asks_model(self, challenge: Challenge) -> bool:
        return has_reader(challenge)

    def expected(self, challenge: Challenge, sample: Sample) -> Sequence[str]:
        """Without a reader, the documents that hold the answer; where none does, its target says so."""
        targets = super().expected(challenge, sample)
        return targets if has_reader(challenge) else sample.documents or targets

    def items(self, challenge: Challenge, hidden: Sequence[Sample]) -> Sequence[Item]:
        """Without a reader, an answer is a list of documents."""
        items = super().items(challenge, hidden)
        if has_reader(challenge):
            return items
        return [replace(item, parts=sample.documents) for item, sample in zip(items, hidden, strict=True)]

    def came_to(self, challenge: Challenge, sample: Sample, row: Mapping[str, Any]) -> str:
        """Without a reader, the place of the right document."""
        look_up = row.get("look_up")
        if has_reader(challenge) or not look_up:
            return super().came_to(challenge, sample, row)
        return place_in_words(sample.documents, look_up)

    def read_files(self, source: Source, rel: str, located: Located) -> dict[str, Any]:
        """Documents may also stand in `challenge.yaml` itself, as a list."""
        named = [key for key in ("corpus", "updates") if isinstance(located.data.get(key), str)]
        return {key: read_corpus(source, rel, located, key) for key in named}

    def check(self, challenge: Challenge, payload: RagPayload) -> Iterator[FieldProblem]:
        return _fields(challenge, payload)

    def limit(self, challenge: Challenge, payload: Mapping[str, Any], field: str) -> str:
        return field_checks.between(*getattr(rag(challenge).retrieval, field)) if field in RANGES else ""

    def check_tokens(
        self, challenge: Challenge, payload: RagPayload, count_tokens: CountTokens
    ) -> Iterator[FieldProblem]:
        use = self.tokens(challenge, payload, count_tokens)
        if use is not None:
            yield from use.problems(payload.examples)
        yield from _passage_tokens(challenge, payload, count_tokens)

    def tokens(self, challenge: Challenge, payload: RagPayload, count_tokens: CountTokens) -> TokenUse | None:
        """Counts the tokens that all rows share: instructions, examples and an own template. None if no model reads."""
        if not has_reader(challenge):
            return None
        prefix = render(
            open_prompt(challenge).prompt,
            instructions=payload.instructions,
            examples=[composed(template_of(challenge, payload), e.output, asked_of(e)) for e in payload.examples],
            inputs=(),
            template=row_template(template_of(challenge, payload)),
        ).prefix
        shared = prefix + own_words(challenge.prompt, payload.example)
        return TokenUse(count_tokens(shared) if shared else 0, challenge.limits.prompt_tokens_max)

    def inputs(self, payload: RagPayload) -> Sequence[str]:
        return [example.input for example in payload.examples]

    def prose(self, payload: RagPayload) -> str:
        return payload.instructions

    def approach(self, payload: RagPayload) -> str:
        return payload.method

    def parts(self, challenge: Challenge, payload: RagPayload) -> Mapping[str, object]:
        searched = ("chunk_words", "overlap", "method", "top_k", "min_score")
        return {
            **{name: getattr(payload, name) for name in searched},
            "instructions": payload.instructions.strip(),
            "example": template_of(challenge, payload),
            "examples": sorted(map(repr, payload.examples)),
            "order": payload.examples,
        }

    def decides_outputs(self, challenge: Challenge, samples: Sequence[Sample]) -> dict[str, Any]:
        """The documents too, and which of them each row names: a run keeps the scores of its rows."""
        keys = rag(challenge)
        return {
            **super().decides_outputs(challenge, samples),
            "documents": [digest(documents) for documents in (keys.corpus, keys.updates)],
            "rows": [list(sample.documents) for sample in samples],
        }

    def shown_keys(self, challenge: Challenge) -> dict[str, Any]:
        """What may be chosen, and how many documents there are; their texts are a page and a call of their own."""
        keys = rag(challenge)
        return {
            "retrieval": dump(keys.retrieval),
            "has_reader": has_reader(challenge),
            "passage_tokens_max": keys.passage_tokens_max,
            "documents": len(keys.corpus),
            "documents_digest": digest(keys.corpus),
            "updates": len(keys.updates),
            "not_in_corpus": NOT_IN_CORPUS,
        }


KIND = RagKind()


def cut(challenge: Challenge, payload: RagPayload) -> tuple[tuple[Cut, ...], ...]:
    """The passages of each of `corpora`, as the payload cuts them."""
    return tuple(passages(corpus, payload.chunk_words, payload.overlap) for corpus in corpora(challenge))


def asked_of(example: RagExample) -> Asked:
    return Asked(example.passages, example.input)


def template_of(challenge: Challenge, payload: RagPayload) -> str:
    """The row template that counts: the author's where it is locked or the learner gives none."""
    prompt = challenge.prompt
    return prompt.example if prompt.locked or payload.example is None else payload.example


def _fields(challenge: Challenge, payload: RagPayload) -> Iterator[FieldProblem]:
    yield from _choices(challenge, payload)
    yield from field_checks.instructions(challenge, payload.instructions)
    yield from field_checks.example_count(challenge, len(payload.examples))
    wrong = list(_template(challenge, payload.example))
    yield from wrong
    if wrong:
        return
    template = template_of(challenge, payload)
    rows = [TrainRow(input=composed(template, e.output, asked_of(e)).input, output=e.output) for e in payload.examples]
    for number, example in enumerate(payload.examples, 1):
        if not (example.passages.strip() and example.input.strip()):
            message = gettext("The passage or the input is empty: copy a passage in which the output stands.")
            yield FieldProblem("empty", "examples", message, number)
    yield from field_checks.pairs(challenge, "examples", rows)
    texts = [payload.instructions, payload.example or "", *(text for row in rows for text in (row.input, row.output))]
    yield from field_checks.size("examples", texts, field_checks.PAYLOAD_BYTES)


def _choices(challenge: Challenge, payload: RagPayload) -> Iterator[FieldProblem]:
    allowed = rag(challenge).retrieval
    problems = []
    for name in RANGES:
        low, high = getattr(allowed, name)
        if not low <= getattr(payload, name) <= high:
            problems.append(FieldProblem("range", name, field_checks.between(low, high)))
    if payload.method not in allowed.method:
        message = gettext("This challenge does not allow the method %(method)s. Choose one of these: %(allowed)s.")
        message %= {"method": payload.method, "allowed": ", ".join(allowed.method)}
        problems.append(FieldProblem("range", "method", message))
    yield from problems
    if not problems:
        yield from _cuts(challenge, payload)


def _cuts(challenge: Challenge, payload: RagPayload) -> Iterator[FieldProblem]:
    if advance(payload.chunk_words, payload.overlap) < 1:
        message = gettext(
            "This overlap leaves no new word for the next passage: choose less overlap, or longer passages."
        )
        yield FieldProblem("overlap", "overlap", message)
        return
    most = max(count_passages(corpus, payload.chunk_words, payload.overlap) for corpus in corpora(challenge))
    if most > PASSAGES_MAX:
        message = gettext(
            "This makes %(count)s passages; %(most)s are allowed. Choose longer passages or less overlap."
        )
        message %= {"count": f"{most:,}", "most": f"{PASSAGES_MAX:,}"}
        yield FieldProblem("too_many_passages", "chunk_words", message)
    if not most:
        message = gettext("The documents have no words, so there is nothing to look up.")
        yield FieldProblem("empty", "chunk_words", message)


def _template(challenge: Challenge, template: str | None) -> Iterator[FieldProblem]:
    if template is None:
        return
    if challenge.prompt.locked and template != challenge.prompt.example:
        message = gettext("The row template is fixed in this challenge: leave it out.")
        yield FieldProblem("bad_template", "example", message)
    elif (wrong := problem_with(template)) is not None:
        yield FieldProblem("bad_template", "example", f"{wrong[0].upper()}{wrong[1:]}.")
    yield from field_checks.characters(challenge, "example", template)


def _passage_tokens(challenge: Challenge, payload: RagPayload, count_tokens: CountTokens) -> Iterator[FieldProblem]:
    """The longest passages could all be found for one row."""
    allowed = rag(challenge).passage_tokens_max
    counts = [[count_tokens(one.text + JOIN) for one in corpus] for corpus in cut(challenge, payload)]
    most = max(sum(nlargest(payload.top_k, corpus)) for corpus in counts)
    if most > allowed:
        message = ngettext(
            "The longest passage has %(count)s tokens; %(most)s are allowed.",
            "The %(number)s longest passages have %(count)s tokens together; %(most)s are allowed.",
            payload.top_k,
        )
        message %= {"number": payload.top_k, "count": f"{most:,}", "most": f"{allowed:,}"}
        message = f"{message} {_what_fits(challenge, payload, count_tokens)}"
        yield FieldProblem("too_many_tokens", "chunk_words", message)


def _what_fits(challenge: Challenge, payload: RagPayload, count_tokens: CountTokens) -> str:
    """How long so many passages may be, and how many passages of this length fit."""
    fitting = largest_passages(challenge, payload.overlap, count_tokens)
    texts = []
    if (words := fitting.get(payload.top_k)) is not None:
        text = ngettext(
            "A single passage may have %(words)s words.",
            "%(number)s passages may have %(words)s words each.",
            payload.top_k,
        )
        texts.append(text % {"number": payload.top_k, "words": words})
    if counts := [count for count, words in fitting.items() if words >= payload.chunk_words]:
        text = ngettext(
            "Of %(words)s words, a single passage fits.", "Of %(words)s words, %(number)s passages fit.", counts[-1]
        )
        texts.append(text % {"number": counts[-1], "words": payload.chunk_words})
    return " ".join(texts) or _largest(fitting)


def _largest(fitting: Mapping[int, int]) -> str:
    """The fewest passages and their most words, where neither the number nor the length of the payload fits."""
    if not fitting:
        return gettext("Not even the shortest passages fit with this overlap: choose less of it, or ask the author.")
    count, words = next(iter(fitting.items()))
    text = ngettext(
        "Choose a single passage of at most %(words)s words.",
        "Choose %(number)s passages of at most %(words)s words.",
        count,
    )
    return text % {"number": count, "words": words}
