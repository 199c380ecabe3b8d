"""The loss curve of a training run: its points from the event table, and the sentence above it."""

from typing import Any

from django.utils.translation import gettext as _

from gradus.submissions.event_data import Checkpoint, Loss, read
from gradus.submissions.models import Evaluation


def loss_curve(evaluation: Evaluation) -> dict[str, Any] | None:
    """The chart's JSON from the event table; None where nothing was trained, or its learner does not see details."""
    if evaluation.submission is not None and evaluation.submission.details_withheld:
        return None
    events = evaluation.events.filter(type__in=["loss", "checkpoint", "started"]).values_list("type", "data")
    points: list[dict[str, Any]] = []
    checkpoints: list[int] = []
    for kind, data in events:
        if kind == "started":
            points, checkpoints = [], []
        elif kind == "loss":
            points += [loss.model_dump() for loss in read(Loss, data)]
        else:
            checkpoints += [checkpoint.step for checkpoint in read(Checkpoint, data)]
    return {"points": points, "checkpoints": checkpoints} if points else None


def loss_title(curve: dict[str, Any]) -> str:
    """A chart's title states its finding."""
    known = [point for point in curve["points"] if point.get("valid_loss") is not None]
    if len(known) < 2:
        first, last = curve["points"][0], curve["points"][-1]
        losses = {"first": f"{first['train_loss']:.2f}", "last": f"{last['train_loss']:.2f}"}
        return _("The training loss went from %(first)s to %(last)s") % losses
    best, last = min(known, key=lambda point: point["valid_loss"]), known[-1]
    found = {"step": best["step"], "last": f"{last['valid_loss']:.2f}"}
    if best is last:
        return _("The validation loss was still falling at step %(step)s: %(last)s") % found
    return _("The validation loss was lowest at step %(step)s, then rose to %(last)s") % found
