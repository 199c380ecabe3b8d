"""What a learner did: attempts and trial runs at one challenge in one list, and all challenges that were attempted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from django.db.models import Count, FloatField, Max, Prefetch
from django.db.models.fields.json import KT
from django.db.models.functions import Cast
from django.utils.translation import gettext as _

from gradus.accounts.models import User
from gradus.courses import catalogue
from gradus.courses.models import Challenge, ChallengeVersion
from gradus.learn.path import steps
from gradus.submissions.models import Evaluation, Run, Standing, Submission

SHOWN = 30


@dataclass(frozen=True)
class Entry:
    """An attempt or a run. `score` is that of an attempt as it is shown, or that of a run on public samples."""

    work: Submission | Run
    evaluation: Evaluation
    score: float | None

    @property
    def is_run(self) -> bool:
        return isinstance(self.work, Run)

    @property
    def title(self) -> str:
        """The run's own name, where the learner gave it one."""
        return (self.work.name or _("Run")) if isinstance(self.work, Run) else _("Attempt")


def history_of(user: User | None, challenge: Challenge) -> list[Entry]:
    """At most the newest `SHOWN`."""
    if user is None:
        return []
    entries = [*_attempts(user, challenge), *_runs(user, challenge)]
    return list(islice(sorted(entries, key=lambda entry: entry.work.created_at, reverse=True), SHOWN))


def _attempts(user: User, challenge: Challenge) -> list[Entry]:
    made = Submission.objects.of(user).filter(challenge=challenge).with_current().defer("payload")[:SHOWN]
    return [_attempt(one) for one in made]


def _attempt(made: Submission) -> Entry:
    score = getattr(made.current, "score", None)
    return Entry(made, made.current, score.shown if score is not None else None)


def _runs(user: User, challenge: Challenge) -> list[Entry]:
    """Results are large, so that the database gives only the score in each."""
    scored = Cast(KT("result__public__score"), FloatField())
    current = Evaluation.objects.filter(is_current=True).defer("result").annotate(public_score=scored)
    made = Run.objects.trials_of(user, challenge).select_related("version")
    made = made.defer("payload", "inputs", *ChallengeVersion.content("version"))
    kept = made.prefetch_related(Prefetch("evaluations", current, to_attr="current_evaluations"))[:SHOWN]
    return [Entry(one, one.current, one.current.public_score) for one in kept]  # type: ignore[attr-defined]


def entry_of(run: Run) -> Entry:
    """A run's own entry, as the list shows it."""
    result = run.current.result or {}
    return Entry(run, run.current, result.get("public", {}).get("score"))


@dataclass(frozen=True)
class Tried:
    """A challenge with the number of attempts, the time of the last one, and the best result if there is one."""

    challenge: Challenge
    attempts: int
    last: datetime
    state: str
    standing: Standing | None


def tried(user: User) -> Sequence[Tried]:
    """The challenges that are offered now. What was attempted of others is in the export of one's data."""
    offered = {challenge.pk: challenge for challenge in catalogue.now().challenges.values()}
    standings = steps.standings_of(user)
    counted = Submission.objects.of(user).order_by().values("challenge").annotate(n=Count("pk"), at=Max("created_at"))
    rows = [(offered[row["challenge"]], row["n"], row["at"]) for row in counted if row["challenge"] in offered]
    return [_tried(*row, standings) for row in sorted(rows, key=lambda row: row[2], reverse=True)]


def _tried(challenge: Challenge, attempts: int, last: datetime, standings: steps.Standings) -> Tried:
    own, others = steps.by_track(challenge, standings)
    return Tried(challenge, attempts, last, steps.state_of(own, others), steps.shown_standing(challenge, own))
