"""Documents in which answers are looked up, and how they are cut into passages."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, StringConstraints

from challenges.spec import FORMS, Spec, Text

DOCUMENTS_MAX = 500
DOCUMENT_CHARS = 64 * 1024
CORPUS_CHARS = 512 * 1024
PASSAGES_MAX = 4000
ID_CHARS = 64

FORMS |= {(DOCUMENT := r"^[A-Za-z0-9][A-Za-z0-9._-]*$"): "use letters, digits, dots, hyphens and underscores"}
DocumentId = Annotated[str, StringConstraints(pattern=DOCUMENT, max_length=ID_CHARS)]


class Document(Spec):
    """One document. Its text is cut into passages and searched; the field `title` is for people.

    The text of a Markdown file keeps the heading from which its title is taken, so that this title is searched, too.
    """

    id: DocumentId
    title: str = Field("", max_length=200)
    text: Text


Corpus = tuple[Document, ...]
# Stands between the ids of documents where a list of them is written as one text.
ID_JOIN = ", "


@dataclass(frozen=True)
class Cut:
    """A passage: `words` of one document that follow each other, with one space between them."""

    document: str
    text: str


def passages(documents: Iterable[Document], chunk_words: int, overlap: float) -> tuple[Cut, ...]:
    """Cuts each document into passages of `chunk_words` words; the last one of a document may be shorter.

    A passage begins with the last words of the one before it: with the share `overlap` of `chunk_words`, rounded down.
    A word is what stands between white space. Line breaks go, so that no document can imitate the lines of a prompt.
    Raises ValueError where `advance` is below 1.
    """
    step = advance(chunk_words, overlap)
    if step < 1:
        raise ValueError("an overlap that leaves no new word in the next passage")
    return tuple(Cut(d.id, text) for d in documents for text in _windows(d.text.split(), chunk_words, step))


def advance(chunk_words: int, overlap: float) -> int:
    """How many words after the beginning of a passage the next one begins."""
    return chunk_words - int(chunk_words * overlap)


def count_passages(documents: Iterable[Document], chunk_words: int, overlap: float) -> int:
    """How many passages there are, without making them."""
    step = advance(chunk_words, overlap)
    return sum(1 + max(0, -(-(len(words) - chunk_words) // step)) for d in documents if (words := d.text.split()))


def _windows(words: Sequence[str], size: int, step: int) -> Iterator[str]:
    for start in range(0, len(words), step):
        yield " ".join(words[start : start + size])
        if start + size >= len(words):
            return


def updated(corpus: Corpus, updates: Corpus) -> Corpus:
    """The corpus after its update: a document with a known id takes the old one's place, and others join at the end."""
    changed = {document.id: document for document in updates}
    known = {document.id for document in corpus}
    return (*(changed.get(d.id, d) for d in corpus), *(d for d in updates if d.id not in known))


def digest(documents: Iterable[Document]) -> str:
    """SHA-256 of the documents in their order, as hex digits."""
    listed = [[document.id, document.title, document.text] for document in documents]
    return hashlib.sha256(json.dumps(listed, ensure_ascii=False).encode()).hexdigest()
