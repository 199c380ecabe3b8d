"""Rows of a learner's own run that an answer in free text quotes: which there are, and whether quoted ones are true.

A question with `own_run` names another challenge of its course. The payload of an answer holds the rows and the digest
of the run, so that it can be graded after the run has expired. Nothing here is computed from a hidden row.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.utils import translation
from django.utils.translation import gettext as _

from challenges.field_checks import FieldProblem
from challenges.kinds import registry as kinds
from challenges.kinds.free_text import FreeTextPayload
from challenges.kinds.rubric import OwnRun as Asked
from challenges.kinds.rubric import free_text
from challenges.payloads import Submitted
from challenges.rows import QuotedRow, Sample, shortened
from challenges.shown_score import counted, mark_of
from gradus.accounts.models import User
from gradus.courses import catalogue
from gradus.courses.models import Challenge, ChallengeVersion
from gradus.submissions.models import Run, Submission

# Of the newest runs and attempts, so many are offered.
OFFERED = 5
# A public sample, what came out for it, and its mark.
Answer = tuple[Sample, str, Any]


@dataclass(frozen=True)
class OwnRun:
    """An ended run or attempt of a learner, with its public rows as they are quoted.

    `digest` is a SHA-256 of what it handed in and of what came out for each public row.
    """

    work: Submission | Run
    rows: tuple[QuotedRow, ...]
    digest: str

    @property
    def is_run(self) -> bool:
        return isinstance(self.work, Run)

    @property
    def name(self) -> str:
        """The name that the learner gave a run, or ""."""
        return self.work.name if isinstance(self.work, Run) else ""

    @property
    def created_at(self) -> datetime:
        return self.work.created_at

    @property
    def counts(self) -> str:
        """A summary such as "12 right, 31 wrong"."""
        return counted(row.mark for row in self.rows)

    def quote(self, ids: Sequence[str]) -> dict[str, Any]:
        """The part `own_run` of a payload that quotes the rows with these ids."""
        rows = [row.model_dump(mode="json") for row in self.rows if row.id in ids]
        return {"run": str(self.work.uuid), "digest": self.digest, "rows": rows}


@dataclass(frozen=True)
class Offered:
    """What a question asks to quote, the challenge there if the course offers it now, and the learner's newest runs."""

    asked: Asked
    challenge: Challenge | None
    runs: Sequence[OwnRun]

    @property
    def title(self) -> str:
        return self.challenge.title if self.challenge else self.asked.challenge


def offered(user: User | None, challenge: Challenge) -> Offered | None:
    """What can be quoted in an answer to a question; None where the challenge asks for no run."""
    asked = _asked(challenge)
    if asked is None:
        return None
    at = catalogue.now().challenge_named(challenge.course, asked.challenge)
    return Offered(asked, at, runs_of(user, challenge))


def runs_of(user: User | None, challenge: Challenge) -> list[OwnRun]:
    """The newest runs and attempts that an answer to the question can quote, the newest first."""
    asked = _asked(challenge)
    if user is None or asked is None:
        return []
    there = Challenge.objects.filter(course=challenge.course_id, name=asked.challenge)
    runs = _runs(user).filter(version__challenge__in=there)[:OFFERED]
    attempts = _attempts(user).filter(challenge__in=there)[:OFFERED]
    newest = sorted([*runs, *attempts], key=lambda work: work.created_at, reverse=True)
    return [own for own in _with_rows(newest[:OFFERED]) if own.rows]


def named(user: User | None, uuid: str) -> OwnRun | None:
    """The ended run or attempt of this learner with this id, at whichever challenge, or None."""
    try:
        key = UUID(uuid)
    except ValueError:
        return None
    if user is None:
        return None
    found = _runs(user).filter(uuid=key).first() or _attempts(user).filter(uuid=key).first()
    return next(_with_rows([found]), None) if found else None


def strange_quotes(user: User, challenge: Challenge, payload: Submitted) -> Iterator[FieldProblem]:
    """The rows of a payload that are not those of a run of the learner's own at the challenge that is asked about."""
    asked = _asked(challenge)
    if asked is None or not isinstance(payload, FreeTextPayload) or payload.own_run is None:
        return
    own = named(user, payload.own_run.run)
    if own is None or not _is_at(own, challenge, asked):
        said = _("This is not a finished run or attempt of yours at the challenge “%(name)s”. Choose rows of one.")
        yield FieldProblem("not_your_run", "own_run", said % {"name": _title(challenge, asked)})
        return
    for number, row in enumerate(payload.own_run.rows, 1):
        if row not in own.rows:
            said = _("Your run has no such row with this answer. Choose a row from the list of its rows.")
            yield FieldProblem("not_in_run", "own_run", said, number)
    if payload.own_run.digest != own.digest:
        said = _("The digest is not that of your run. Choose the rows from the list again.")
        yield FieldProblem("other_run", "own_run", said)


def _asked(challenge: Challenge) -> Asked | None:
    is_judged = any(kinds.find(track).is_judged for track in challenge.spec.tracks)
    return free_text(challenge.spec).own_run if is_judged else None


def _title(challenge: Challenge, asked: Asked) -> str:
    found = catalogue.now().challenge_named(challenge.course, asked.challenge)
    return found.title if found else asked.challenge


def _is_at(own: OwnRun, challenge: Challenge, asked: Asked) -> bool:
    there = own.work.version.challenge if isinstance(own.work, Run) else own.work.challenge
    return (there.course_id, there.name) == (challenge.course_id, asked.challenge)


# A current evaluation that has ended and left something to read.
ENDED = Q(evaluations__is_current=True, evaluations__result__has_key="public", evaluations__finished_at__isnull=False)


def _runs(user: User) -> Any:
    return Run.objects.trials().filter(ENDED, user=user).with_current().order_by("-pk")


def _attempts(user: User) -> Any:
    """The attempts whose results the learner may see."""
    return Submission.objects.of(user).filter(ENDED, details_withheld=False).with_current().order_by("-pk")


def _with_rows(works: Sequence[Submission | Run]) -> Iterator[OwnRun]:
    shown = [(work, work.current) for work in works]
    versions = ChallengeVersion.objects.in_bulk({evaluation.version_id for _work, evaluation in shown})
    for work, evaluation in shown:
        answers = list(_answers(versions[evaluation.version_id], evaluation.result or {}))
        rows = tuple(
            QuotedRow(id=sample.id, input=shortened(sample.input), answer=shortened(answer), mark=mark)
            for sample, answer, mark in answers
        )
        yield OwnRun(work, rows, _digest(work.payload, answers))


def _answers(version: ChallengeVersion, result: dict[str, Any]) -> Iterator[Answer]:
    """What came out for each public sample, in the author's order. It is the same in every language."""
    graded = {row["id"]: row for row in (result.get("public") or {}).get("rows", ())}
    spec = version.parsed
    kind = kinds.find(spec.kind)
    with translation.override("en"):
        for sample in version.samples:
            if (row := graded.get(sample.id)) is not None:
                yield sample, kind.came_to(spec, sample, row), mark_of(row["score"], row["correct"])


def _digest(payload: dict[str, Any], answers: Sequence[Answer]) -> str:
    known = [payload, [[sample.id, answer, mark] for sample, answer, mark in answers]]
    return hashlib.sha256(json.dumps(known, sort_keys=True, ensure_ascii=False).encode(errors="replace")).hexdigest()
