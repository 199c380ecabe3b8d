from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from gradus.accounts.models import User
from gradus.accounts.tokens import revoke_all


class Command(BaseCommand):
    help = "End all API tokens of an account at once, where a secret may have got out."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", help="the account's")

    def handle(self, *args: Any, email: str, **options: Any) -> None:
        user = User.objects.filter(email__iexact=email).first()
        if user is None:
            raise CommandError(f"There is no account with the email {email}.")
        self.stdout.write(f"{revoke_all(user)} tokens of {email} no longer work")
