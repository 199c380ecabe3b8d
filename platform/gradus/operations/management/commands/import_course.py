from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from challenges.reading import read_course
from challenges.texts import several
from gradus.cli.authors import problems_in
from gradus.courses import verification
from gradus.courses.models import ChallengeVersion, Course
from gradus.courses.services import import_course
from gradus.courses.versions import VersionRefused
from gradus.operations.first_start import LIBRARY
from gradus.submissions import services


class Command(BaseCommand):
    help = (
        "Check a course bundle and import it. New content is a draft until its baselines have reached their bounds on "
        "this server. The workers run the baselines when nothing else waits. Run this command again after each change "
        "of the course: submissions are kept. `--verbosity 0` prints one line in all."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", nargs="?", default=str(LIBRARY), help="the folder with course.yaml")
        parser.add_argument(
            "--unverified", action="store_true", help="publish at once; the pages say that it is not verified"
        )

    def handle(self, *args: Any, path: str, unverified: bool, verbosity: int, **options: Any) -> None:
        problems, unchecked = problems_in(Path(path))
        if problems:
            raise CommandError("\n".join(str(problem) for problem in problems))
        if unchecked is not None:
            self.stdout.write(f"not checked: similarity ({unchecked})")
        try:
            course = import_course(read_course(Path(path)), linted=unchecked is None, unverified=unverified)
        except VersionRefused as refused:
            raise CommandError(f"Nothing was imported.\n{refused}") from None
        found = [(version, services.verify(version)) for version in verification.newest(course)]
        if verbosity == 0:
            self.sum_up(found)
            return
        for version, queued in found:
            self.report(course, version, queued)

    def sum_up(self, found: list[tuple[ChallengeVersion, int]]) -> None:
        """Prints one line about all challenges, for the terminal in which the whole site runs."""
        verified, queued = sum(version.is_verified for version, _ in found), sum(count for _, count in found)
        challenges, baselines = several(len(found), "challenge"), several(queued, "baseline")
        self.stdout.write(
            f"{verified} of {challenges} verified on this server; {baselines} queued now. "
            "Baselines run while no learner waits, and `manage.py doctor` shows their results."
        )

    def report(self, course: Course, version: ChallengeVersion, queued: int) -> None:
        """Prints the state of a challenge, which checks it still lacks, and what learners see."""
        challenge, live = version.challenge, version.challenge.version
        state = "verified" if version.is_verified else "draft" if version.is_draft else "published, not verified"
        self.stdout.write(f"{course.slug} / {challenge.lesson.slug} / {challenge.slug} {version.version}: {state}")
        for line in verification.lacking(version) if not version.is_verified else ():
            self.stdout.write(f"  {line}")
        if queued:
            self.stdout.write(f"  {several(queued, 'baseline')} queued; `manage.py doctor` shows the results")
        if version.is_draft:
            shown = f"still get version {live.version}" if live else "do not see this challenge yet"
            self.stdout.write(f"  learners {shown}")
