"""What a run may be for: the name of each purpose, and the class that says everything about it.

A new purpose is a class (`gradus.submissions.services.purpose.Purpose`) in the room that owns it, and an entry here.
"""

from django.core.exceptions import ValidationError

# What a learner's own run on public samples is for, which all pages about runs show.
TRIAL = "trial"
PURPOSES = {
    TRIAL: "gradus.submissions.services.runs.Trial",
    "demo": "gradus.learn.demo.purpose.DemoAnswer",
    "baseline": "gradus.submissions.services.verification.BaselineCheck",
    "finding": "gradus.laboratory.own_sets.OwnSet",
    "chat": "gradus.chats.purpose.Chat",
    "costs": "gradus.submissions.services.measurements.Costs",
    "lint": "gradus.submissions.services.verification.LintCheck",
    "proof": "gradus.submissions.services.proofs.ProofCheck",
    "again": "gradus.submissions.services.reruns.Again",
}


def known_purpose(name: str) -> None:
    """Raises ValidationError for a name that is not in the registry."""
    if name not in PURPOSES:
        raise ValidationError(f"There is no purpose of runs called {name}.")
