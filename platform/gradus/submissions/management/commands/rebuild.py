from django.core.management.base import BaseCommand, CommandError, CommandParser

from gradus.submissions.services.standings import differences, rebuild


class Command(BaseCommand):
    help = "Write all standings anew from the scores, or with --check only say where they differ."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="change nothing; exit 1 where something differs")

    def handle(self, *args: object, check: bool, **options: object) -> None:
        if not check:
            self.stdout.write(f"{rebuild()} standings written")
            return
        found = differences()
        if found:
            raise CommandError("\n".join([*found, "Mend it with: manage.py rebuild"]))
        self.stdout.write("standings agree with the scores")
