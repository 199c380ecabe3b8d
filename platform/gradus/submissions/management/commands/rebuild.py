from django.core.management.base import BaseCommand, CommandError, CommandParser

from challenges.texts import several
from gradus.submissions.results.copying import fingerprints
from gradus.submissions.results.standings import differences, rebuild


class Command(BaseCommand):
    help = (
        "Compute all standings again from the scores, and list all attempts again for the search for similar ones. "
        "With --check, only report which standings differ."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="change nothing; exit with 1 if something differs")

    def handle(self, *args: object, check: bool, **options: object) -> None:
        if not check:
            self.stdout.write(f"Wrote {several(rebuild(), 'standing')}.")
            self.stdout.write(f"Listed {several(fingerprints.rebuild(), 'attempt')}.")
            return
        differing = differences()
        if differing:
            raise CommandError("\n".join([*differing, "To fix this, run: manage.py rebuild"]))
        self.stdout.write("The standings agree with the scores.")
