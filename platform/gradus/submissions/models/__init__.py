"""The tables of submissions, by what they describe. Only the services of this app write them."""

from gradus.submissions.models.board_decisions import Annulment, Mark, MarkQuerySet, Season
from gradus.submissions.models.copying import Fingerprint
from gradus.submissions.models.evaluations import (
    LANES,
    RUN_NAME_CHARS,
    Evaluation,
    EvaluationQuerySet,
    Grader,
    Run,
    RunQuerySet,
    Submission,
    SubmissionQuerySet,
    known_kind,
)
from gradus.submissions.models.quotas import Quota, QuotaHold, QuotaUse
from gradus.submissions.models.reruns import Rerun
from gradus.submissions.models.results import Event, Refund, Score, ScoreQuerySet, Standing, StandingQuerySet
from gradus.submissions.models.slots import HintsTaken, Slot, SlotQuerySet
from gradus.submissions.models.workers import EngineChoice, ReconcilerStatus, WorkerStatus

__all__ = [
    "LANES",
    "RUN_NAME_CHARS",
    "Annulment",
    "EngineChoice",
    "Evaluation",
    "EvaluationQuerySet",
    "Event",
    "Fingerprint",
    "Grader",
    "HintsTaken",
    "Mark",
    "MarkQuerySet",
    "Quota",
    "QuotaHold",
    "QuotaUse",
    "ReconcilerStatus",
    "Refund",
    "Rerun",
    "Run",
    "RunQuerySet",
    "Score",
    "ScoreQuerySet",
    "Season",
    "Slot",
    "SlotQuerySet",
    "Standing",
    "StandingQuerySet",
    "Submission",
    "SubmissionQuerySet",
    "WorkerStatus",
    "known_kind",
]
