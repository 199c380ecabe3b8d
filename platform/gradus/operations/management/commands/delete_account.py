from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from gradus.accounts.models import User
from gradus.own_data import deletion, erasing
from gradus.refusal import Refused


class Command(BaseCommand):
    help = (
        "Delete the account of a person who has asked for it. Scores and ranks stay without a name. The person can "
        "keep the account until it is deleted. The reason stands in the log of staff actions."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("account", help="the email address of the account, or its number")
        parser.add_argument("--reason", default="", help="who asked for it and how, without the person's name")
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--now", action="store_true", help="without time to change one's mind")
        how.add_argument("--keep", action="store_true", help="keep an account that is to be deleted")

    def handle(self, *args: Any, account: str, reason: str, now: bool, keep: bool, **options: Any) -> None:
        user = _found(account)
        if keep:
            if not deletion.keep(user):
                raise CommandError(f"{account} is not to be deleted, or its deletion has begun.")
            self.stdout.write(f"{account} is kept.")
            return
        try:
            due_at = deletion.ask(user, reason=reason, at_once=now)
        except Refused as refusal:
            raise CommandError(str(refusal)) from None
        if not now:
            self.stdout.write(f"{account} will be deleted after {due_at:%Y-%m-%d %H:%M} UTC.")
        elif erasing.erase(user.pk, waits=True):
            self.stdout.write(f"{account} was deleted.")
        else:
            self.stdout.write(f"{account} is being deleted: the reconciler does the rest.")


def _found(account: str) -> User:
    accounts = User.objects.filter(is_guest=False, deleted_at=None)
    by_key = account.isascii() and account.isdecimal() and len(account) < 19
    found = list(accounts.filter(pk=int(account)) if by_key else accounts.filter(email__iexact=account))
    if len(found) != 1:
        many = f"{len(found)} accounts have" if found else "No account has"
        raise CommandError(f"{many} the address or number {account}. Give the number, which the admin shows.")
    return found[0]
