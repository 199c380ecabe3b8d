"""The documents of a challenge, which everybody may read and download."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path

from challenges.documents import Corpus
from challenges.kinds.rag_keys import RagKeys
from challenges.spec import dump
from gradus.courses.models import Challenge
from gradus.learn.access import shown_challenge
from gradus.learn.kinds.jsonl import json_lines, jsonl_file


def documents(request: HttpRequest, slug: str) -> HttpResponse:
    """All documents, and those that change half-way through the hidden samples."""
    challenge = shown_challenge(request, slug)
    keys = keys_of(challenge)
    known = {document.id for document in keys.corpus}
    context = {
        "challenge": challenge,
        "documents": keys.corpus,
        "updates": [(document, document.id in known) for document in keys.updates],
    }
    return render(request, "learn/kinds/rag/documents.html", context)


def documents_file(request: HttpRequest, slug: str) -> HttpResponse:
    """The documents as a file that a bundle can name as its corpus."""
    return _file(keys_of(shown_challenge(request, slug)).corpus, f"{slug}-documents.jsonl")


def updates_file(request: HttpRequest, slug: str) -> HttpResponse:
    """The documents that change; 404 where none does."""
    return _file(keys_of(shown_challenge(request, slug)).updates, f"{slug}-updates.jsonl")


def keys_of(challenge: Challenge) -> RagKeys:
    """The documents of a challenge. Raises `Http404` where it has none."""
    keys = challenge.spec.keys_of("rag")
    if not isinstance(keys, RagKeys):
        raise Http404
    return keys


def _file(listed: Corpus, name: str) -> HttpResponse:
    if not listed:
        raise Http404
    return jsonl_file(json_lines(dump(document) for document in listed), name)


urlpatterns = [
    path("challenges/<slug:slug>/documents/", documents, name="documents"),
    path("challenges/<slug:slug>/documents.jsonl", documents_file, name="documents_file"),
    path("challenges/<slug:slug>/updates.jsonl", updates_file, name="updates_file"),
]
