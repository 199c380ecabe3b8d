"""The rules of API tokens: what a token may do, how many an account may have, and how long they last.

What a token may do, its scope, has two axes: course content, and the data of other learners. A token always allows its
owner's own work as a learner.
"""

from dataclasses import dataclass

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Content(TextChoices):
    """Access to lessons, challenges and their versions. Each level includes the levels before it."""

    NONE = "none", _("None")
    VIEWER = "viewer", _("Viewer")
    EDITOR = "editor", _("Editor")
    OWNER = "owner", _("Owner")


class LearnerData(TextChoices):
    """Access to other people's answers and grades. Each level includes the levels before it."""

    NONE = "none", _("None")
    VIEWER = "viewer", _("Viewer")
    EDITOR = "editor", _("Editor")


@dataclass(frozen=True)
class Scope:
    """A level on each axis. The lowest scope allows only the owner's own runs, submissions, path and results."""

    content: Content = Content.NONE
    learner_data: LearnerData = LearnerData.NONE

    def missing(self, need: "Scope") -> dict[str, str]:
        """Returns, by axis, the levels that `need` requires and that this scope does not include."""
        return {axis: str(level) for axis, level in vars(need).items() if rank(vars(self)[axis]) < rank(level)}


LEARNER = Scope()


def rank(level: Content | LearnerData) -> int:
    return list(type(level)).index(level)


def named(axis: str, level: str) -> str:
    """Returns the name of a level as API documents and error messages write it, such as `learner_data:viewer`."""
    return f"{axis}:{level}"


TOKENS_MAX = 20
"""The tokens of one account that may work at the same time."""
TOKEN_DAYS = 90
"""The days after which a token expires, unless its owner chooses another number."""
DAYS_MAX = 365
