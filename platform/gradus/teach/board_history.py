"""Reads how an entry of a leaderboard came about: attempts, trial runs, and what people decided about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.core.paginator import Page, Paginator
from django.db.models import FloatField, Prefetch
from django.db.models.fields.json import KT
from django.db.models.functions import Cast

from gradus.accounts.models import User
from gradus.classes.models import Member
from gradus.courses.models import Challenge, ChallengeVersion
from gradus.submissions.models import Annulment, Evaluation, Mark, Rerun, Run, Submission
from gradus.submissions.models.evaluations import SubmissionQuerySet
from gradus.teach.board_entries import names_of

ATTEMPTS, RUNS = 10, 30


@dataclass(frozen=True)
class History:
    """What a learner did at a challenge on all tracks and in all seasons, and what was decided; the newest first."""

    person: User
    name: str
    attempts: Page[Submission]
    runs: Sequence[Run]
    marks: Sequence[Mark]
    members: Sequence[Member]

    @property
    def flag(self) -> Mark | None:
        return self._standing(Mark.Kind.FLAG)

    @property
    def hiding(self) -> Mark | None:
        return self._standing(Mark.Kind.HIDDEN)

    def _standing(self, kind: Mark.Kind) -> Mark | None:
        return next((one for one in self.marks if one.kind == kind and one.ended_at is None), None)


def history_of(person: User, challenge: Challenge, viewer: User, page: str) -> History:
    """Returns the history of an entry. `page` is that of the attempts; any text means the nearest one."""
    return History(
        person=person,
        name=names_of(challenge.course_id, [person.pk]).get(person.pk, ""),
        attempts=Paginator(attempts_of(challenge).of(person).order_by("-created_at", "-pk"), ATTEMPTS).get_page(page),
        runs=_runs(person, challenge),
        marks=_marks(person, challenge, viewer),
        members=_members(person, challenge),
    )


def attempts_of(challenge: Challenge) -> SubmissionQuerySet:
    """Returns all attempts at a challenge; each has its annulments as `decisions` and its reruns as `runs_again`."""
    people = Annulment.objects.select_related("made_by", "ended_by")
    made = Submission.objects.filter(challenge=challenge).select_related("of_class")
    again = Rerun.objects.select_related("asked_by")
    return made.with_current().prefetch_related(
        Prefetch("annulments", people, to_attr="decisions"), Prefetch("reruns", again, to_attr="runs_again")
    )


def _runs(person: User, challenge: Challenge) -> Sequence[Run]:
    """Results are large, so that the database gives only the score in each."""
    scored = Cast(KT("result__public__score"), FloatField())
    current = Evaluation.objects.filter(is_current=True).defer("result").annotate(public_score=scored)
    made = Run.objects.trials_of(person, challenge).select_related("version")
    made = made.defer("payload", "inputs", *ChallengeVersion.content("version"))
    return list(made.prefetch_related(Prefetch("evaluations", current, to_attr="current_evaluations"))[:RUNS])


def _marks(person: User, challenge: Challenge, viewer: User) -> Sequence[Mark]:
    """Nobody reads flags of the own entry."""
    marks = Mark.objects.filter(user=person, challenge=challenge).select_related("made_by", "read_by", "ended_by")
    return list(marks.exclude(kind=Mark.Kind.FLAG) if person == viewer else marks)


def _members(person: User, challenge: Challenge) -> Sequence[Member]:
    """Returns the places of a learner in classes of the course, whose gradebooks have a cell of the challenge."""
    members = Member.objects.filter(user=person, of_class__course=challenge.course_id).learners()
    return list(members.select_related("of_class").order_by("of_class_id"))
