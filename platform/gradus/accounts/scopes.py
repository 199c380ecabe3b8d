"""What an API token may do beside a learner's own work, on two axes: course content and learner data."""

from dataclasses import dataclass

from django.db.models import TextChoices


class Content(TextChoices):
    """Lessons, challenges and their versions. Each level may do what those before it may."""

    NONE = "none"
    VIEWER = "viewer"
    EDITOR = "editor"
    OWNER = "owner"


class LearnerData(TextChoices):
    """Other people's answers and grades. Each level may do what those before it may."""

    NONE = "none"
    VIEWER = "viewer"
    EDITOR = "editor"


@dataclass(frozen=True)
class Scope:
    """A level on each axis. The lowest scope is a learner's: their own runs, submissions, path and results."""

    content: Content = Content.NONE
    learner_data: LearnerData = LearnerData.NONE

    def missing(self, need: "Scope") -> dict[str, str]:
        """The levels that `need` asks for and this scope does not reach, by axis."""
        return {axis: str(level) for axis, level in vars(need).items() if rank(vars(self)[axis]) < rank(level)}


LEARNER = Scope()


def rank(level: Content | LearnerData) -> int:
    return list(type(level)).index(level)


def named(axis: str, level: str) -> str:
    """A scope's name, as documents and refusals write it: `learner_data:viewer`."""
    return f"{axis}:{level}"
