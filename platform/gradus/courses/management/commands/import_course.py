from pathlib import Path

from django.core.management.base import BaseCommand, CommandError, CommandParser

from challenges.bundle import read_course
from challenges.lint import lint
from gradus.courses.services import publish

BUILT_IN = Path(__file__).resolve().parents[5] / "challenges" / "library"


class Command(BaseCommand):
    help = "Check a course bundle and publish it on this site. Run it again after a change; submissions are kept."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", nargs="?", default=str(BUILT_IN), help="the folder with course.yaml")

    def handle(self, *args: object, path: str, **options: object) -> None:
        problems = lint(Path(path))
        if problems:
            raise CommandError("\n".join(str(problem) for problem in problems))
        course = publish(read_course(Path(path)))
        for lesson in course.lessons.filter(is_current=True):
            for challenge in lesson.challenges.filter(is_current=True).select_related("version"):
                verified = challenge.version and challenge.version.verified_at
                state = "verified" if verified else "not verified: run `gradus challenge test --record`"
                self.stdout.write(f"{course.slug} / {lesson.slug} / {challenge.slug}: {state}")
