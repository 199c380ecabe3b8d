"""Stores calibrations of judges, which come with a course, and finds the one that a final grade needs."""

from collections.abc import Iterable
from typing import Any

from django.utils import timezone

from challenges.kinds.rubric import GATE_RULES
from gradus.courses.models import Calibration, ChallengeVersion


def save(version: ChallengeVersion, measured: dict[str, Any]) -> None:
    """Stores the calibrations that `gradus challenge calibrate` measured.

    If they were measured on other content, no judge passes for this version, and none by a report that was made by
    earlier rules of the gate. `measured` is the challenge's part of `measured.json`: `digest`, and `judges`, each with
    model, template, passed and its report.
    """
    current = measured.get("digest") == version.digest
    measurements = {(row["model"], row["template"]): row for row in (measured.get("judges", []) if current else [])}
    for stale in version.calibrations.all():
        if (stale.model, stale.template) not in measurements:
            _withdraw(stale)
    for (model, template), row in measurements.items():
        rules = rules_of(row)
        Calibration.objects.update_or_create(
            version=version,
            model=model,
            template=template,
            defaults={
                "passed": bool(row["passed"] and model and rules == GATE_RULES),
                "rules": rules,
                "report": row,
                "imported_at": timezone.now(),
            },
        )


def rules_of(report: dict[str, Any]) -> int:
    """Returns the number of the rules by which a report was made; those of versions 0.2 and 0.3 do not name it."""
    rules = report.get("rules", 1)
    return rules if isinstance(rules, int) and 1 <= rules <= GATE_RULES else 1


def _withdraw(calibration: Calibration) -> None:
    # The row stays, because final grades refer to it.
    Calibration.objects.filter(pk=calibration.pk).update(passed=False)


def passed(version: ChallengeVersion) -> Iterable[tuple[str, str]]:
    """Returns the model and template of each judge whose grades of this content may be final."""
    return version.calibrations.filter(passed=True).values_list("model", "template")


def behind(version: ChallengeVersion, judge: tuple[str, str] | None) -> Calibration | None:
    """Returns the calibration that allows this judge's grades to be final, or None if there is none."""
    if judge is None:
        return None
    return version.calibrations.filter(passed=True, model=judge[0], template=judge[1]).first()
