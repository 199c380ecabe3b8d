from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from gradus.fleet import tokens
from gradus.fleet.machines import machines
from gradus.fleet.models import LANES, WorkerToken
from gradus.refusal import Refused


class Command(BaseCommand):
    help = (
        "Make a token with which the workers of one machine join the site over HTTPS. Only the token is printed on "
        "stdout, and it is printed only once."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", nargs="?", default="", help="of the machine: a-z, 0-9 and -, such as gpu-1")
        parser.add_argument("--lanes", default="grade,train", help=f"of {','.join(LANES)} (default: %(default)s)")
        parser.add_argument("--days", type=int, default=tokens.USUAL_DAYS, help="it works for (default: %(default)s)")
        acts = parser.add_mutually_exclusive_group()
        acts.add_argument("--revoke", metavar="NAME", default="", help="end this token for good")
        acts.add_argument("--list", action="store_true", help="list the tokens and the site's own machines")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["list"]:
            self.show()
        elif options["revoke"]:
            self.revoke(options["revoke"])
        elif options["name"]:
            self.make(options["name"], options["lanes"], options["days"])
        else:
            raise CommandError("Name the machine that gets a token, or use --revoke NAME or --list.")

    def make(self, name: str, lanes: str, days: int) -> None:
        if not 1 <= days <= tokens.DAYS_MAX:
            raise CommandError(f"--days is a whole number from 1 to {tokens.DAYS_MAX}.")
        chosen = [lane.strip() for lane in lanes.split(",") if lane.strip()]
        try:
            token, secret = tokens.make(name, chosen, timezone.now() + timedelta(days=days), None)
        except Refused as refused:
            raise CommandError(str(refused)) from None
        self.stderr.write(
            f"The token of {name} works on the lanes {', '.join(token.lanes)} until {token.ends_at:%Y-%m-%d %H:%M} "
            "UTC. Save it on the machine, in a file that only its user can read:",
            self.style.SUCCESS,
        )
        self.stdout.write(secret)

    def revoke(self, name: str) -> None:
        token = WorkerToken.objects.filter(name=name).first()
        if token is None:
            raise CommandError(f"There is no token called {name}. --list names all.")
        if not tokens.revoke(token):
            raise CommandError(f"The token of {name} was revoked before.")
        self.stderr.write(f"The token of {name} was revoked, and its jobs are in the queue again.", self.style.SUCCESS)

    def show(self) -> None:
        for one in machines():
            seen = f"{one.last_report:%Y-%m-%d %H:%M}" if one.last_report else "never seen"
            draining = ", draining" if one.is_live and one.token and one.token.is_draining else ""
            self.stdout.write(f"{one.name}\t{','.join(one.lanes)}\t{one.state}{draining}\t{seen}")
