from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from gradus.submissions.results.exports import EXPORTS, as_csv


class Command(BaseCommand):
    help = "Print a table as CSV. The export is recorded as an action of staff."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("table", help=f"one of: {', '.join(EXPORTS)}")

    def handle(self, *args: Any, table: str, **options: Any) -> None:
        if table not in EXPORTS:
            raise CommandError(f"{table!r} cannot be exported. Choose one of: {', '.join(EXPORTS)}.")
        self.stdout.write(as_csv(table), ending="")
