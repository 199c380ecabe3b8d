"""How the preference grew in a DPO run: the margin and the accuracy of each step, as charts and as a table."""

from typing import Any

from django.utils.translation import gettext as _

from gradus.submissions.models import Evaluation

FIGURES = ("step", "margin", "accuracy", "valid_margin", "valid_accuracy")


def preference_course(evaluation: Evaluation) -> dict[str, Any] | None:
    """The points of all steps, and the titles of both charts; None for runs of other methods."""
    points: list[dict[str, Any]] = []
    for kind, data in evaluation.events.filter(type__in=["loss", "started"]).values_list("type", "data"):
        if kind == "started":
            points = []
        elif "margin" in data:
            points.append({name: data.get(name) for name in FIGURES})
    if not points:
        return None
    return {"points": points, "title": _title(points), "margin_title": _margin_title(points)}


def _title(points: list[dict[str, Any]]) -> str:
    """A chart's title states its finding."""
    held = [point for point in points if point["valid_accuracy"] is not None]
    if not held:
        return _("In the end the model shared your preference in %(share)s of the trained rows") % {
            "share": f"{points[-1]['accuracy']:.0%}"
        }
    share = f"{held[-1]['valid_accuracy']:.0%}"
    return _("In the end the model shared your preference in %(share)s of the held-out rows") % {"share": share}


def _margin_title(points: list[dict[str, Any]]) -> str:
    ends = {"first": f"{points[0]['margin']:.2f}", "last": f"{points[-1]['margin']:.2f}"}
    return _("The margin went from %(first)s to %(last)s") % ends
