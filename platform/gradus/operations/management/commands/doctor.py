import json as jsonlib
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from gradus.operations.doctor import machine, site, work
from gradus.operations.doctor.findings import Finding, examine

LOOKS = (
    machine.python,
    machine.packages,
    machine.disk,
    machine.data_folder,
    site.configuration,
    site.database,
    work.message_broker,
    work.model_files,
    work.embeddings,
    work.workers,
    work.reconciler,
    work.isolation,
)


class Command(BaseCommand):
    help = "Look over this machine and the site, and say how to mend what is wrong. Ends with status 1 on a failure."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON array, for monitoring")

    def handle(self, *args: Any, json: bool, **options: Any) -> None:
        found = examine(LOOKS)
        self.write_json(found) if json else self.write_lines(found)
        if any(finding.level == "fail" for finding in found):
            sys.exit(1)

    def write_json(self, found: list[Finding]) -> None:
        self.stdout.write(jsonlib.dumps([finding.as_dict() for finding in found], indent=2))

    def write_lines(self, found: list[Finding]) -> None:
        paint = {"ok": self.style.SUCCESS, "warn": self.style.WARNING, "fail": self.style.ERROR}
        width = max(len(finding.name) for finding in found)
        for finding in found:
            self.stdout.write(f"{paint[finding.level](f'{finding.level:<4}')}  {finding.name:<{width}}  {finding.text}")
            if finding.mend:
                self.stdout.write(f"{'':<4}  {'':<{width}}  -> {finding.mend}")
        counts = {level: sum(finding.level == level for finding in found) for level in paint}
        self.stdout.write(f"\n{counts['ok']} ok, {counts['warn']} to look at, {counts['fail']} to mend")
