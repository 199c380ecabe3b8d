"""Reads the documents of a challenge: a folder of Markdown and text files, or one file of JSON Lines."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from pydantic import ValidationError

from challenges.characters import unwanted
from challenges.documents import CORPUS_CHARS, DOCUMENT_CHARS, DOCUMENTS_MAX, Document
from challenges.files.jsonl import RowLimits
from challenges.files.rows import read_documents
from challenges.files.source import Source
from challenges.files.yaml_lines import Located

SUFFIXES = (".md", ".txt")
# A character has at most four bytes in UTF-8. JSON may write one as six.
LIMITS = RowLimits(bytes_max=6 * CORPUS_CHARS, rows_max=DOCUMENTS_MAX, row_bytes_max=6 * DOCUMENT_CHARS)


def read_corpus(source: Source, rel: str, located: Located, key: str) -> list[dict[str, Any]]:
    """The documents that the key `key` of `challenge.yaml` names, as mappings; what is wrong becomes a problem.

    The key's value is the path of a folder or of a file in the challenge's folder `rel`.
    """
    path = named_path(source, rel, located, key)
    if path is None:
        return []
    documents = _lines(source, path) if path.endswith(".jsonl") else list(_folder(source, path))
    _sizes(source, path, documents)
    return [document.model_dump() for document in documents]


def named_path(source: Source, rel: str, located: Located, key: str) -> str | None:
    """The path that `key` names, which must lie in the challenge's folder `rel`; None, with a problem, otherwise."""
    name, file = located.data[key], posixpath.join(rel, "challenge.yaml")
    path = posixpath.normpath(posixpath.join(rel, name))
    inside = posixpath.normpath(posixpath.join(rel, "."))
    if posixpath.isabs(name) or path.startswith("..") or (inside != "." and not path.startswith(inside + "/")):
        source.add(file, located.line(key), f"`{key}` leaves the challenge's folder", "name a folder or file inside it")
        return None
    if not source.has(path):
        fix = source.instead(path) or f"add the folder or the file, or correct `{key}`"
        source.add(file, located.line(key), f"there is no `{name}`", fix)
        return None
    return path


def _lines(source: Source, path: str) -> list[Document]:
    documents = list(source.rows(path, lambda data: read_documents(data, LIMITS), needed=True))
    seen: set[str] = set()
    for document in documents:
        if document.id in seen:
            source.add(path, None, f"two documents have the id `{document.id}`", "give each one an id of its own")
        seen.add(document.id)
    return documents


def _folder(source: Source, path: str) -> Iterator[Document]:
    names = source.names(path) or []
    seen: dict[str, str] = {}
    for name in names[: DOCUMENTS_MAX + 1]:
        file, stem = posixpath.join(path, name), PurePosixPath(name).stem
        if not name.endswith(SUFFIXES):
            source.add(file, None, "is no document", f"give it the ending {' or '.join(SUFFIXES)}, or move it away")
        elif stem in seen:
            source.add(file, None, f"has the same id as {seen[stem]}", "give one of them another name")
        else:
            seen[stem] = name
            yield from _file(source, file, stem)


def _file(source: Source, file: str, stem: str) -> Iterator[Document]:
    text = source.text(file)
    if text is None:
        return
    if not text.strip():
        source.add(file, None, "is empty", "write its text, or remove it")
        return
    try:
        yield Document(id=stem, title=_title(text), text=text)
    except ValidationError:
        fix = "use at most 64 letters, digits, dots, hyphens and underscores, and begin with a letter or digit"
        source.add(file, None, "its name cannot be an id", fix)


def _title(text: str) -> str:
    """The first heading of a Markdown text; empty where its first line that is not blank is none."""
    first = next(line for line in text.splitlines() if line.strip())
    return first.lstrip("#").strip()[:200] if first.startswith("#") else ""


def _sizes(source: Source, path: str, documents: list[Document]) -> None:
    if not documents and not source.problems:
        source.add(path, None, "holds no documents", "add some")
    if len(documents) > DOCUMENTS_MAX:
        source.add(path, None, f"holds more than {DOCUMENTS_MAX} documents", "leave some out, or join them")
    for document in documents:
        if len(document.text) > DOCUMENT_CHARS:
            what = f"the document `{document.id}` has {len(document.text):,} characters; {DOCUMENT_CHARS:,} are allowed"
            source.add(path, None, what, "divide it into several documents")
    if (total := sum(len(document.text) for document in documents)) > CORPUS_CHARS:
        what = f"all documents have {total:,} characters; {CORPUS_CHARS:,} are allowed"
        source.add(path, None, what, "leave some documents out")


def unseen_in(document: Document) -> str | None:
    """The first invisible character of a text, written as `U+XXXX`; None if there is none."""
    return unwanted(document.title + "\n" + document.text, unseen=True)
