"""Says when the grades of a class are released. `submissions.services.releasing` carries it out."""

from __future__ import annotations

from gradus.classes.models import Class, ReleaseRule
from gradus.courses.models import Challenge


def rule_of(of_class: Class, challenge: Challenge | int) -> ReleaseRule:
    """Returns the rule for a challenge: its own, or that of the class, or one that withholds nothing."""
    return ReleaseRule.objects.of(of_class, challenge).first() or ReleaseRule(of_class=of_class)
