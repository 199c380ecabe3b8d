"""What lint asks of the documents of a challenge, and of the rows that are answered from them."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable

from challenges.documents import Corpus
from challenges.files.corpus import SUFFIXES, unseen_in
from challenges.kinds.rag_keys import NOT_IN_CORPUS, corpora, halves, rag
from challenges.kinds.rag_prompts import Asked, filled, problem_with
from challenges.lint.subject import Subject
from challenges.models.catalogue import MODELS
from challenges.models.tokens import counter
from challenges.prompts import accepted_texts
from challenges.rows import Sample
from challenges.spec import FreeForm
from challenges.texts import normal


def lint_rag(subject: Subject) -> None:
    """Documents, the template, which documents the rows name, and whether everything fits into the model's context."""
    if not isinstance(subject.challenge.answer, FreeForm):
        subject.spec("answers that are looked up are texts", "set answer.type to text", "answer", "type")
    keys = rag(subject.challenge)
    if not keys.corpus and not subject.source.problems:
        subject.spec("there are no documents", "name a folder of documents", "corpus")
    for key, documents in (("corpus", keys.corpus), ("updates", keys.updates)):
        _documents(subject, key, documents)
    wrong = problem_with(subject.challenge.prompt.example)
    if wrong is not None:
        subject.spec(wrong, "correct prompt.example", "prompt", "example")
    if keys.corpus:
        _rows(subject)
    if wrong is None:
        _context(subject)


def _documents(subject: Subject, key: str, documents: Corpus) -> None:
    model = MODELS.get(subject.challenge.model or "")
    seen: set[str] = set()
    for document in documents:
        where = f"the document `{document.id}`"
        if document.id in seen:
            subject.spec(f"two documents have the id `{document.id}`", "give each one an id of its own", key)
        seen.add(document.id)
        if not document.text.strip():
            subject.spec(f"{where} has no words", "write its text, or remove it", key)
        if (character := unseen_in(document)) is not None:
            what = f"{where} holds the unseen character {character}"
            file = _file_of(subject, key, document.id)
            if file is None:
                subject.spec(what, "remove it", key)
            else:
                subject.source.add(file, None, what, "remove it")
        if model and any(token in document.text for token in model.special_tokens):
            subject.spec(f"{where} holds a control token of the model", "remove it", key)


def _file_of(subject: Subject, key: str, document: str) -> str | None:
    """The file of a document, where the documents lie in a folder."""
    named = subject.located.data.get(key) if subject.located else None
    folder = posixpath.normpath(subject.at(named)) if isinstance(named, str) else ""
    return next((file for end in SUFFIXES if subject.source.has(file := f"{folder}/{document}{end}")), None)


def _rows(subject: Subject) -> None:
    """Each half of the hidden rows names documents that are there at its time."""
    before, after = corpora(subject.challenge)[0], corpora(subject.challenge)[-1]
    first, second = halves(subject.bundle.hidden)
    _named(subject, "public.jsonl", 0, subject.bundle.public, before)
    _named(subject, "hidden.jsonl", 0, first, before)
    _named(subject, "hidden.jsonl", len(first), second, after)


def _named(subject: Subject, name: str, start: int, samples: Iterable[Sample], corpus: Corpus) -> None:
    known = {document.id for document in corpus}
    for index, sample in enumerate(samples, start):
        if any(document not in known for document in sample.documents):
            fix = "correct the id; documents change half-way through the hidden rows"
            subject.row(name, index, "names a document that is not there when the row is asked", fix)
        says_nothing = normal(NOT_IN_CORPUS) in map(normal, accepted_texts(sample.target))
        if says_nothing and sample.documents:
            subject.row(name, index, "names documents, but its target says that none has the answer", "correct one")
        elif not says_nothing and not sample.documents:
            fix = f"name them in `documents`, or make the target `{NOT_IN_CORPUS}`"
            subject.row(name, index, "names no document that holds its answer", fix)


def _context(subject: Subject) -> None:
    challenge = subject.challenge
    count, model = counter(challenge.model), MODELS.get(challenge.model or "")
    if count is None or model is None or not isinstance(challenge.answer, FreeForm):
        return
    limit = rag(challenge).passage_tokens_max
    room = model.context - challenge.limits.prompt_tokens_max - limit - challenge.answer.max_new_tokens
    for name, samples in (("public.jsonl", subject.bundle.public), ("hidden.jsonl", subject.bundle.hidden)):
        for index, sample in enumerate(samples):
            used = count(filled(challenge.prompt.example, Asked("", sample.input)))
            if used > room:
                fix = "shorten it, or lower passage_tokens_max or limits.prompt_tokens_max"
                subject.row(name, index, f"has {used} tokens; the context leaves {room} beside the passages", fix)
