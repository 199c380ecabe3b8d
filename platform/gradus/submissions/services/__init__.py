"""Services for submissions and runs. Only they write submissions, evaluations, scores and standings."""

from challenges.jobs import Outcome
from gradus.submissions.events import append_events
from gradus.submissions.services.cancel import cancel, cancel_run, withdraw, withdraw_attempt
from gradus.submissions.services.claim import claim, end_leases, heartbeat, learner_waits, others_at_work
from gradus.submissions.services.finish import keep_trained, postpone, record, reject, release, retry, shown_of
from gradus.submissions.services.forgetting import withdraw_waiting
from gradus.submissions.services.hints import hints_taken, take_hint
from gradus.submissions.services.measurements import measure_attempt, measure_baseline
from gradus.submissions.services.payload import token_use
from gradus.submissions.services.progress import Check, CheckState, Progress, progress
from gradus.submissions.services.proofs import verify_findings
from gradus.submissions.services.regrade import adopt, decide, regrade
from gradus.submissions.services.runs import Repetition, name_run, start_run
from gradus.submissions.services.submit import Refused, submit
from gradus.submissions.services.verification import verify, withdraw_checks
from gradus.submissions.services.workers import (
    another_can,
    forget_choice,
    forget_workers,
    keep_choice,
    kept_choice,
    lacks_model,
    other_weights,
    report_worker,
    seen_worker,
    unavailable,
)

__all__ = [
    "Check",
    "CheckState",
    "Outcome",
    "Progress",
    "Refused",
    "Repetition",
    "adopt",
    "another_can",
    "append_events",
    "cancel",
    "cancel_run",
    "claim",
    "decide",
    "end_leases",
    "forget_choice",
    "forget_workers",
    "heartbeat",
    "hints_taken",
    "keep_choice",
    "keep_trained",
    "kept_choice",
    "lacks_model",
    "learner_waits",
    "measure_attempt",
    "measure_baseline",
    "name_run",
    "other_weights",
    "others_at_work",
    "postpone",
    "progress",
    "record",
    "regrade",
    "reject",
    "release",
    "report_worker",
    "retry",
    "seen_worker",
    "shown_of",
    "start_run",
    "submit",
    "take_hint",
    "token_use",
    "unavailable",
    "verify",
    "verify_findings",
    "withdraw",
    "withdraw_attempt",
    "withdraw_checks",
    "withdraw_waiting",
]
