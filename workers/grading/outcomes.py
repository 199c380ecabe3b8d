"""Turns a grade into what is stored: the result that the learner sees, the private rows, and the adapter as a zip."""

from __future__ import annotations

import functools
import io
import json
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, astuple, replace
from pathlib import Path
from typing import Any, cast

from challenges import distribution, payloads
from challenges.bundle import ChallengeBundle
from challenges.jobs import ADAPTER, RAW, Job, Outcome
from challenges.kinds.rubric import free_text
from challenges.kinds.tune import TunePayload
from challenges.models.catalogue import MODELS
from challenges.shown_score import floor_to_step
from graders.base import Grade
from workers import status
from workers.sandbox import adapter_files
from workers.take_home import contents
from workers.take_home.card import card
from workers.transport.site import Site


def outcome(job: Job, bundle: ChallengeBundle, grade: Grade, site: Site, overlap: int = 0) -> Outcome:
    """Stores the raw rows and the adapter, and returns what the services record.

    `overlap` is the number of hidden rows that the payload holds; only staff may read it. For a baseline only the
    score, which belongs to the challenge version, and the figures on public rows are kept. Of an attempt that staff run
    again, only the score is. An estimate that knows nothing of the answer is left out: a person marks it.
    """
    if grade.provisional and knows_nothing(job, grade):
        rules = (*grade.review, "other-language")
        grade = replace(grade, score=None, marks=(), review=tuple(dict.fromkeys(rules)))
    notes = notes_of(job, grade)
    return Outcome(
        result={} if job.is_rerun else visible(job, grade),
        score=grade.score if job.on_hidden_rows else None,
        private_score=grade.private_score,
        provisional=grade.provisional,
        review=grade.review,
        grader_version=f"gradus {distribution.release()}",
        raw=_save_raw(job, site, grade, notes) if job.is_submission else "",
        judge=astuple(grade.judge) if grade.judge else None,
        artifact=_save_adapter(job, bundle, site, grade) if grade.adapter_files and not job.gives_way else "",
        notes=notes,
        overlap=overlap if job.is_submission else 0,
        rows=_rows(grade) if job.is_submission else {},
    )


def _rows(grade: Grade) -> dict[str, tuple[float, str]]:
    return {row.id: (row.score, "" if row.correct else row.output) for row in grade.hidden}


def notes_of(job: Job, grade: Grade) -> dict[str, Any]:
    """Notes about a free-text answer for its review: the judge's calls, the answer's language and stated certainty."""
    if not job.is_submission or not job.of_kind.is_judged:
        return {}
    return {
        "calls": list(grade.private.get("calls", [])),
        "language": detect_language(job.payload["answer"]),
        "certainty": None if grade.score is None else min(1.0, max(0.0, float(grade.certainty))),
    }


def knows_nothing(job: Job, grade: Grade) -> bool:
    """Whether no judge marked the answer and it is in another language than its question. An estimate compares words,
    so it knows nothing of such an answer. A judge reads any language.
    """
    if not job.is_submission or grade.judge is not None or not job.of_kind.is_judged:
        return False
    return is_of_another_language(job.payload["answer"], free_text(job.challenge).question or "")


def visible(job: Job, grade: Grade) -> dict[str, Any]:
    """The result that the learner may see, made from public samples and the learner's own answer only.

    Metrics on hidden rows are included if the challenge declares them. They are rounded down to the same step as the
    score, and left out in ladder mode, which does not show the score of most attempts either.
    """
    return {
        "public": {
            "score": grade.public_score,
            "metrics": grade.public_metrics,
            "rows": [asdict(row) for row in grade.public],
            **({"orders": grade.public_orders} if grade.public_orders else {}),
            **({"charged": asdict(grade.charged)} if grade.charged else {}),
        },
        "metrics": _declared(job, grade),
        "cost": grade.cost,
        "marks": [asdict(mark) for mark in grade.marks],
        "training": grade.training,
        **({"chat": grade.chat} if grade.chat else {}),
        **({"shown": grade.shown} if grade.shown else {}),
        **({"measured": grade.measured} if grade.measured else {}),
    }


def unfinished(job: Job, samples: int, grade: Grade, seconds: float) -> dict[str, Any] | None:
    """What the learner sees of a trial on so many samples that reached its limit of `seconds`; None of other jobs.

    The attempt of a submission is given back, and what is not a trial is only used as a whole.
    """
    if not job.is_trial:
        return None
    done = {"finished": len(grade.public), "of": samples}
    return {**visible(job, grade), "unfinished": {**done, "seconds": round(seconds)}}


def _declared(job: Job, grade: Grade) -> dict[str, float]:
    spec = job.challenge
    names = () if spec.feedback.mode == "ladder" or job.is_baseline else spec.public_metrics
    return {name: floor_to_step(grade.metrics[name], spec.feedback.step) for name in names if name in grade.metrics}


def _save_raw(job: Job, site: Site, grade: Grade, notes: dict[str, Any]) -> str:
    raw = {
        "score": grade.score,
        "metrics": grade.metrics,
        "hidden": [asdict(row) for row in grade.hidden],
        "review": list(grade.review),
        "private": grade.private,
        "notes": notes,
    }
    return site.write(job, RAW, io.BytesIO(json.dumps(raw, ensure_ascii=False, default=str).encode()))


def _save_adapter(job: Job, bundle: ChallengeBundle, site: Site, grade: Grade) -> str:
    """Stores what was trained as a zip; returns its name if it is kept."""
    assert grade.adapter_files is not None
    with adapter_files.opened(Path(grade.adapter_files)) as files, tempfile.TemporaryFile() as buffer:
        if adapter_files.WEIGHTS in files and not job.keeps_checkpoints:
            return ""
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
            adapter_files.pack(files, archive)
            for name, text in _take_home(job, bundle, grade).items():
                archive.writestr(name, text)
        buffer.seek(0)
        return site.write(job, ADAPTER, buffer)


def _take_home(job: Job, bundle: ChallengeBundle, grade: Grade) -> Mapping[str, str]:
    """A card and scripts for whoever downloads what a submission has trained."""
    if not job.is_submission or not job.of_kind.has_take_home:
        return {}
    payload, spec = cast(TunePayload, payloads.parse(job.payload)), job.challenge
    model = MODELS[str(spec.model)]
    digest = status.digests().get(model.name, "")
    return {
        "README.md": card(spec, payload, model, digest, grade),
        **contents.files(spec, payload, model, digest, bundle.public, grade.public),
    }


CHARS_MIN = 20


def detect_language(text: str) -> str:
    """The ISO 639-1 code of the text's language, or "" if the text is too short to tell.

    py3langid is a naive Bayes classifier over byte n-grams (Lui & Baldwin 2012).
    """
    if len(text.strip()) < CHARS_MIN:
        return ""
    # The import loads a model; processes that grade no free text never need it.
    import py3langid

    code: str = py3langid.classify(text)[0]
    return code


# With the code alone, 65 of 13,434 English answers count as foreign; with this as well, two.
QUESTION_LANGUAGE_MOST = 0.001


def is_of_another_language(answer: str, question: str) -> bool:
    """Whether an answer is not in the question's language: it is classified as another one, and the probability of the
    question's is below 0.001. False where one of the two texts is too short to tell.
    """
    ours, its = detect_language(question), detect_language(answer)
    if not ours or not its or ours == its:
        return False
    return _probability(answer, ours) < QUESTION_LANGUAGE_MOST


def _probability(text: str, language: str) -> float:
    return float(dict(_identifier().rank(text))[language])


@functools.cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
