"""How the preference grew in a DPO run: the margin and the accuracy of each step, as a chart and as a table."""

from typing import Any

from gradus.submissions.models import Evaluation

FIGURES = ("step", "margin", "accuracy", "valid_margin", "valid_accuracy")
SERIES = {
    "margin": "Margin",
    "accuracy": "Accuracy",
    "valid_margin": "Held-out margin",
    "valid_accuracy": "Held-out accuracy",
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
    series = [{"name": SERIES[key], "points": found} for key, found in drawn.items() if found]
    return {"points": points, "title": _title(points), "chart": {"series": series, "x_title": "Step", "y_title": ""}}


def _title(points: list[dict[str, Any]]) -> str:
    """A chart's title states its finding."""
    held = [point for point in points if point["valid_accuracy"] is not None]
    if not held:
        return f"The margin went from {points[0]['margin']:.2f} to {points[-1]['margin']:.2f}"
    return f"In the end the model shared your preference in {held[-1]['valid_accuracy']:.0%} of the held-out pairs"
