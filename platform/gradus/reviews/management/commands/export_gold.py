from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from gradus.reviews.management.commands.rejudge import find_challenge
from gradus.reviews.services import as_json_lines


class Command(BaseCommand):
    help = "Print the gold rows that reviewers kept, in the form of the bundle's gold.jsonl."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("challenge", help="the challenge's id, as in its address")

    def handle(self, *args: Any, challenge: str, **options: Any) -> None:
        self.stdout.write(as_json_lines(find_challenge(challenge)), ending="")
