"""How the preference grew in a DPO run: the margin and the accuracy of each step, as a chart and as a table."""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gradus.submissions.models import Evaluation

FIGURES = ("step", "margin", "accuracy", "valid_margin", "valid_accuracy")
SERIES = {
    "margin": gettext_lazy("Margin"),
    "accuracy": gettext_lazy("Accuracy"),
    "valid_margin": gettext_lazy("Margin on held-out rows"),
    "valid_accuracy": gettext_lazy("Accuracy on held-out rows"),
}


def preference_course(evaluation: Evaluation) -> dict[str, Any] | None:
    """The points of all steps, and the chart's JSON with its title; None for runs of other methods."""
    points: list[dict[str, Any]] = []
    for kind, data in evaluation.events.filter(type__in=["loss", "started"]).values_list("type", "data"):
        if kind == "started":
            points = []
        elif "margin" in data:
            points.append({name: data.get(name) for name in FIGURES})
    if not points:
        return None
    drawn = {key: [[p["step"], p[key]] for p in points if p[key] is not None] for key in SERIES}
    series = [{"name": str(SERIES[key]), "points": found} for key, found in drawn.items() if found]
    return {"points": points, "title": _title(points), "chart": {"series": series, "x_title": _("Step"), "y_title": ""}}


def _title(points: list[dict[str, Any]]) -> str:
    """A chart's title states its finding."""
    held = [point for point in points if point["valid_accuracy"] is not None]
    if not held:
        ends = {"first": f"{points[0]['margin']:.2f}", "last": f"{points[-1]['margin']:.2f}"}
        return _("The margin went from %(first)s to %(last)s") % ends
    share = f"{held[-1]['valid_accuracy']:.0%}"
    return _("In the end the model shared your preference in %(share)s of the held-out rows") % {"share": share}
