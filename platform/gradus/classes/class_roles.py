"""The names of the roles in a class. A role in a class is a level of learner data that holds in this class alone."""

from __future__ import annotations

from typing import Literal

from django.utils.translation import gettext_lazy as _

from gradus.accounts.token_rules import LearnerData

Name = Literal["learner", "assistant", "instructor"]
# As files, the API and the command line spell them.
NAMES: dict[str, Name] = {
    LearnerData.NONE: "learner",
    LearnerData.VIEWER: "assistant",
    LearnerData.EDITOR: "instructor",
}
# As people read them on pages.
TITLES = {
    LearnerData.NONE: _("Learner"),
    LearnerData.VIEWER: _("Assistant"),
    LearnerData.EDITOR: _("Instructor"),
}


def level_of(name: str) -> LearnerData:
    """Returns the level of learner data of a role. Raises `StopIteration` if there is no such role."""
    return LearnerData(next(level for level, role in NAMES.items() if role == name))
