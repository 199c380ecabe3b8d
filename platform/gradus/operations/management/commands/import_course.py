from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from challenges.course_bundle import CourseBundle
from challenges.reading import BundleErrors, read_course
from challenges.texts import several
from gradus.cli.authors import inspected
from gradus.courses import archives, verification
from gradus.courses.archives import Archive
from gradus.courses.models import ChallengeVersion, Course
from gradus.courses.services import import_course
from gradus.courses.versions import VersionRefused, check_versions
from gradus.operations.first_start import LIBRARY
from gradus.submissions import services


class Command(BaseCommand):
    help = (
        "Check a course bundle and import it. New content is a draft until its baselines have reached their bounds on "
        "this server. The workers run the baselines when nothing else waits. Run this command again after each change "
        "of the course: submissions are kept. `--verbosity 0` prints one line in all."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", nargs="?", help="the folder with course.yaml; without it, the built-in course")
        parser.add_argument(
            "--unverified",
            nargs="*",
            metavar="CHALLENGE",
            help="publish these challenges at once, or all if none is named; pages say that they are not verified",
        )

    def handle(
        self, *args: Any, path: str | None, unverified: list[str] | None, verbosity: int, **options: Any
    ) -> None:
        if path is None and unverified and _is_course(Path(unverified[-1])):
            # The folder may also stand last, after `--unverified`.
            path, unverified = unverified[-1], unverified[:-1]
        folder = Path(path or LIBRARY)
        bundle = _read(folder)
        chosen = _chosen(bundle, unverified)
        try:
            # First, because lint can take minutes.
            check_versions(bundle)
            linted = self.lint(folder)
            course = import_course(bundle, linted=linted, unverified=chosen, archive=self.kept(folder))
        except VersionRefused as refused:
            raise CommandError(f"Nothing was imported.\n{refused}") from None
        queued = {version.pk: services.verify(version) for version in verification.newest(course)}
        found = [(version, queued[version.pk]) for version in verification.newest(course)]
        if verbosity == 0:
            self.sum_up(found)
            return
        for version, count in found:
            self.report(course, version, count)

    def lint(self, folder: Path) -> bool:
        """Returns True if all checks could run. Raises `CommandError` with all problems that they find."""
        found = inspected(folder)
        if found.problems:
            raise CommandError("\n".join(map(str, found.problems)))
        for unchecked in found.not_checked:
            self.stdout.write(f"not checked: {unchecked}")
        if found.not_checked:
            self.stdout.write("The workers of this site check it while no learner waits.")
        return not found.not_checked

    def kept(self, folder: Path) -> Archive | None:
        """Keeps the folder as an archive. What cannot be packed is imported all the same, as it always was."""
        try:
            return archives.keep_folder(folder)
        except BundleErrors as errors:
            self.stderr.write(
                "No archive of this content was kept, so that `gradus course rollback` cannot restore it:"
            )
            for problem in errors.problems:
                self.stderr.write(f"  {problem}")
            return None

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


def _is_course(folder: Path) -> bool:
    return (folder / "course.yaml").is_file()


def _read(folder: Path) -> CourseBundle:
    """Returns the course in a folder. Raises `CommandError` where it is none, or with all problems that lint finds."""
    if not _is_course(folder):
        raise CommandError(f"{folder} has no course.yaml. Give the folder of a whole course.")
    try:
        return read_course(folder)
    except BundleErrors as errors:
        raise CommandError("\n".join(map(str, inspected(folder).problems or errors.problems))) from None


def _chosen(bundle: CourseBundle, named: list[str] | None) -> list[str]:
    """Returns the challenges to publish at once: those that are named, or all if the option names none."""
    known = [challenge.challenge.id for challenge in bundle.challenges]
    unknown = [name for name in named or () if name not in known]
    if unknown:
        listed = f"{', '.join(unknown)}. Its challenges are: {', '.join(known)}"
        raise CommandError(f"--unverified: the course {bundle.course.id} has no challenge {listed}.")
    return known if named == [] else named or []
