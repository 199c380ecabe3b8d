"""A lesson's retriever: one question, looked up by words, by vectors and by both. Each search is a real run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy

from challenges.kinds.rag import KIND as RAG
from challenges.kinds.rag_keys import corpora
from challenges.lesson.spec import Retriever
from challenges.spec import Challenge as ChallengeSpec
from gradus.courses.models import Lesson
from gradus.learn.demo.three_runs import Panel, ThreeRuns
from gradus.submissions.models import Run

TITLES = {
    "words": gettext_lazy("By words (BM25)"),
    "vectors": gettext_lazy("By vectors"),
    "both": gettext_lazy("By both"),
}


@dataclass(frozen=True)
class Passage:
    """A passage that was found; `title` is that of its document."""

    document: str
    title: str
    text: str
    score: float


@dataclass(frozen=True)
class SearchPanel(Panel):
    """What one search found; `passages` is None while the run is open, and where it failed. There are `of` of them."""

    passages: tuple[Passage, ...] | None = None
    of: int = 0


class RetrieverRuns(ThreeRuns[Retriever]):
    """By words, by vectors and by both."""

    name = "retriever"
    titles = TITLES
    unpublished = gettext_lazy("The documents of this search are not published on this server yet.")

    def spec(self, lesson: Lesson) -> Retriever | None:
        return lesson.parsed.retriever

    def payloads(self, lesson: Lesson, spec: Retriever) -> dict[str, dict[str, Any]]:
        return {method: choices(spec, method) for method in TITLES}

    def context(self, lesson: Lesson) -> dict[str, Any]:
        """The pages link to the documents of the challenge that is searched."""
        return {**super().context(lesson), "searched": self.challenge(lesson)}

    def panel(self, lesson: Lesson, run: Run) -> SearchPanel:
        rows = ((run.current.result or {}).get("public") or {}).get("rows") or []
        look_up = rows[0].get("look_up") if rows else None
        if not look_up:
            return SearchPanel(**self._shown(run))
        passages = _passages(run.version.parsed, look_up["passages"])
        return SearchPanel(**self._shown(run), passages=passages, of=look_up["of"])


RETRIEVER = RetrieverRuns()


def choices(spec: Retriever, method: str) -> dict[str, Any]:
    """The submission with which one of the three searches is run; `method` is a key of `TITLES`."""
    return {"kind": RAG.name, "chunk_words": spec.chunk_words, "top_k": spec.top_k, "method": method}


def _passages(challenge: ChallengeSpec, passages: Sequence[Mapping[str, Any]]) -> tuple[Passage, ...]:
    titles = {document.id: document.title for document in corpora(challenge)[0]}
    return tuple(
        Passage(one["document"], titles.get(one["document"]) or one["document"], one["text"], one["score"])
        for one in passages
    )
