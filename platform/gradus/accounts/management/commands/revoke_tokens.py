from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from challenges.texts import several
from gradus.accounts.models import User
from gradus.accounts.tokens import revoke_all


class Command(BaseCommand):
    help = "Revoke all API tokens of an account, for example because somebody else may know one of them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", help="the email address of the account")

    def handle(self, *args: Any, email: str, **options: Any) -> None:
        user = User.objects.filter(email__iexact=email).first()
        if user is None:
            raise CommandError(f"There is no account with the email {email}.")
        self.stdout.write(f"Revoked {several(revoke_all(user), 'token')} of {email}.")
