"""The levels of what people and their API tokens may do, how many tokens an account may have, and how long they last.

What a role or a token allows, its scope, has two axes: course content, and the data of other learners. Everybody, and
each token, may do the own work of a learner. `roles` decides what a person may do in a course.
"""

from dataclasses import dataclass

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Content(TextChoices):
    """Access to lessons, challenges and their versions. Each level includes the levels before it.

    A previewer sees a draft as a learner would. A viewer also sees versions, what a draft changes, and how far its
    verification is. An editor also pushes, publishes, discards, rolls back and pulls, and reads hidden rows. An owner
    also decides who has which role.
    """

    NONE = "none", _("None")
    PREVIEWER = "previewer", _("Previewer")
    VIEWER = "viewer", _("Viewer")
    EDITOR = "editor", _("Editor")
    OWNER = "owner", _("Owner")


class LearnerData(TextChoices):
    """Access to other people's answers and grades. Each level includes the levels before it.

    A viewer reads them, and an editor also decides.
    """

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

    def includes(self, need: "Scope") -> bool:
        return not self.missing(need)


LEARNER = Scope()


def rank(level: Content | LearnerData) -> int:
    return list(type(level)).index(level)


def at_least(level: Content | LearnerData) -> list[str]:
    """Returns the stored values of this level and of those that include it."""
    levels = list(type(level))
    return [str(one) for one in levels[levels.index(level) :]]


def named(axis: str, level: str) -> str:
    """Returns the name of a level as API documents and error messages write it, such as `learner_data:viewer`."""
    return f"{axis}:{level}"


TOKENS_MAX = 20
"""The tokens of one account that may work at the same time."""
TOKEN_DAYS = 90
"""The days after which a token expires, unless its owner chooses another number."""
DAYS_MAX = 365
