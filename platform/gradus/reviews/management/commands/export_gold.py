from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from gradus.courses.models import Challenge
from gradus.reviews.services import as_json_lines


class Command(BaseCommand):
    help = "Print the gold rows that reviewers have stored, in the format of the bundle's gold.jsonl."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("challenge", help="the challenge's id, as in its address")

    def handle(self, *args: Any, challenge: str, **options: Any) -> None:
        row = Challenge.objects.shown().filter(slug=challenge).first()
        if row is None:
            known = ", ".join(Challenge.objects.shown().values_list("slug", flat=True))
            raise CommandError(f"There is no challenge `{challenge}`. The challenges are: {known or 'none'}.")
        self.stdout.write(as_json_lines(row), ending="")
