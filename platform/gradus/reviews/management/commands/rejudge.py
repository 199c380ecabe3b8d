import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from gradus.accounts.models import User
from gradus.courses.models import Challenge
from gradus.reviews import services
from gradus.reviews.matrix import MARKS, Matrix, matrix
from gradus.reviews.models import Regrade
from gradus.submissions.services import Refused

POLL_SECONDS = 2.0


class Command(BaseCommand):
    help = (
        "Grade the submissions of a challenge again without touching their grades, and show what would change. "
        "Then --approve makes the new grades count, --discard drops them."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("challenge", help="the challenge's id, as in its address")
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument(
            "--dry-run", action="store_true", help="start a shadow run, or show the open one; wait for it"
        )
        what.add_argument("--approve", action="store_true", help="make the new grades of the open run count")
        what.add_argument("--discard", action="store_true", help="end the open run; no grade changes")
        parser.add_argument("--by", required=True, metavar="EMAIL", help="who does this; a reviewer")
        parser.add_argument("--lower", action="store_true", help="with --approve: also lower grades that were shown")
        parser.add_argument("--note", default="", help="why, for the record")
        parser.add_argument("--no-wait", action="store_true", help="do not wait for the workers")

    def handle(self, *args: Any, **options: Any) -> None:
        challenge, by = find_challenge(options["challenge"]), find_reviewer(options["by"])
        try:
            if options["dry_run"]:
                self.dry_run(challenge, by, options)
                return
            regrade = open_run(challenge)
            if options["discard"]:
                services.discard(regrade, by=by)
                self.stdout.write("Discarded. No grade has changed.")
                return
            done = services.approve(regrade, by=by, lower=options["lower"])
        except Refused as refusal:
            raise CommandError(refusal.message) from None
        for name, count in sorted(done.items()):
            self.stdout.write(f"{count:6} {name.replace('_', ' ')}")

    def dry_run(self, challenge: Challenge, by: User, options: dict[str, Any]) -> None:
        regrade = Regrade.objects.filter(challenge=challenge, ended_at=None).first()
        regrade = regrade or services.start_regrade(challenge, by=by, note=options["note"])
        found = matrix(regrade)
        while found.waiting and not options["no_wait"]:
            self.stderr.write(f"{found.done} of {len(found.changes)} graded")
            time.sleep(POLL_SECONDS)
            found = matrix(regrade)
        for line in report(found):
            self.stdout.write(line)


def find_challenge(slug: str) -> Challenge:
    found = Challenge.objects.shown().filter(slug=slug).first()
    if found is None:
        known = ", ".join(Challenge.objects.shown().values_list("slug", flat=True))
        raise CommandError(f"There is no challenge `{slug}`. There are: {known or 'none'}.")
    return found


def find_reviewer(email: str) -> User:
    found = User.objects.filter(email__iexact=email, is_active=True).first()
    if found is None or not found.is_reviewer:
        raise CommandError(f"{email} is no reviewer here. Name somebody who is staff or teaches the course.")
    return found


def open_run(challenge: Challenge) -> Regrade:
    found = Regrade.objects.filter(challenge=challenge, ended_at=None).first()
    if found is None:
        raise CommandError(f"No shadow run of {challenge.slug} is open. Start one: manage.py rejudge ... --dry-run")
    return found


def report(found: Matrix) -> list[str]:
    """The change matrix as text."""
    kinds = ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in found.kinds.items() if count)
    lines = [kinds, f"passes gained {found.passes_gained}, lost {found.passes_lost}"]
    if any(count for row in found.marks.values() for count in row.values()):
        lines += ["", "old \\ new  " + "".join(f"{mark:>12}" for mark in MARKS)]
        lines += [f"{old:11}" + "".join(f"{found.marks[old][new]:12}" for new in MARKS) for old in MARKS]
    changed = [c for c in found.changes if c.new is not None and c.new != c.old]
    lines += (
        ["", *(f"{c.item.new.submission}: {c.old:.2f} -> {c.new:.2f} {c.kind}" for c in changed)] if changed else []
    )
    return lines
