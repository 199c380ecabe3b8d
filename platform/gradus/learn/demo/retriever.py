"""A lesson's retriever: one question, looked up by words, by vectors and by both. Each search is a real run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from challenges.kinds.base import Lane
from challenges.kinds.rag import KIND as RAG
from challenges.kinds.rag_keys import corpora
from challenges.lesson.spec import Retriever
from challenges.spec import Challenge as ChallengeSpec
from gradus.accounts.models import User
from gradus.courses import catalogue
from gradus.courses.models import Challenge, Lesson
from gradus.submissions import queue, services
from gradus.submissions.models import Run
from gradus.submissions.services import Refused

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
class Panel:
    """What one search found; `passages` is None while the run is open, and where it failed."""

    name: str
    title: str
    run: Run
    state: str
    is_open: bool
    message: str
    passages: tuple[Passage, ...] | None = None
    of: int = 0


def searched(lesson: Lesson) -> Challenge | None:
    """The challenge whose documents the lesson's search reads; None where it is not published."""
    spec = lesson.parsed.retriever
    return catalogue.now().challenge_named(lesson.course, spec.challenge) if spec else None


def start(lesson: Lesson, user: User | None, text: str) -> list[Run]:
    """Starts the three runs, or none.

    Raises:
        Refused: too many runs are open, or the challenge with the documents is not published on this server.
    """
    spec = lesson.parsed.retriever
    assert spec is not None
    challenge = searched(lesson)
    if challenge is None or challenge.version is None:
        message = _("The documents of this search are not published on this server yet.")
        raise Refused("demo_missing", message, 503)
    with transaction.atomic():
        runs = [
            services.start_run(
                user,
                challenge.version,
                choices(spec, name),
                purpose=Run.Purpose.DEMO,
                inputs=[text],
                label=name,
            )
            for name in TITLES
        ]
    # The bell rung within the transaction may have been answered before there was anything to see.
    queue.ring(Lane.INTERACTIVE)
    return runs


def choices(spec: Retriever, method: str) -> dict[str, Any]:
    """The submission with which one of the three searches is run; `method` is a key of `TITLES`."""
    return {"kind": RAG.name, "chunk_words": spec.chunk_words, "top_k": spec.top_k, "method": method}


def panel(run: Run) -> Panel:
    """What a panel shows of its run."""
    evaluation = run.current
    rows = ((evaluation.result or {}).get("public") or {}).get("rows") or []
    found = rows[0].get("look_up") if rows else None
    return Panel(
        name=run.label,
        title=str(TITLES[run.label]),
        run=run,
        state=evaluation.state,
        is_open=evaluation.is_open,
        message=evaluation.message,
        passages=_passages(run.version.parsed, found["passages"]) if found else None,
        of=found["of"] if found else 0,
    )


def _passages(challenge: ChallengeSpec, found: Sequence[Mapping[str, Any]]) -> tuple[Passage, ...]:
    titles = {document.id: document.title for document in corpora(challenge)[0]}
    return tuple(
        Passage(one["document"], titles.get(one["document"]) or one["document"], one["text"], one["score"])
        for one in found
    )
