import json as jsonlib
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from challenges.texts import several
from gradus.operations.doctor import grading, machine, platforms, sign_in, site, unreadable
from gradus.operations.doctor.results import Result, run_checks

CHECKS = (
    machine.python,
    machine.packages,
    machine.memory_and_cores,
    machine.disk,
    machine.data_folder,
    site.configuration,
    site.database,
    sign_in.providers,
    sign_in.second_factors,
    platforms.platforms,
    grading.message_broker,
    grading.model_files,
    grading.engine,
    grading.embeddings,
    grading.workers,
    grading.reconciler,
    unreadable.values,
    grading.isolation,
)


class Command(BaseCommand):
    help = "Check this machine and the site, and say how to fix what is wrong. Exits with status 1 if a check fails."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON array, for monitoring")

    def handle(self, *args: Any, json: bool, **options: Any) -> None:
        found = run_checks(CHECKS)
        self.write_json(found) if json else self.write_lines(found)
        if any(result.level == "fail" for result in found):
            sys.exit(1)

    def write_json(self, found: list[Result]) -> None:
        self.stdout.write(jsonlib.dumps([result.as_dict() for result in found], indent=2))

    def write_lines(self, found: list[Result]) -> None:
        paint = {"ok": self.style.SUCCESS, "warn": self.style.WARNING, "fail": self.style.ERROR}
        width = max(len(result.name) for result in found)
        for result in found:
            self.stdout.write(f"{paint[result.level](f'{result.level:<4}')}  {result.name:<{width}}  {result.text}")
            if result.hint:
                self.stdout.write(f"{'':<4}  {'':<{width}}  -> {result.hint}")
        counts = {level: sum(result.level == level for result in found) for level in paint}
        self.stdout.write(f"\n{counts['ok']} ok, {several(counts['warn'], 'warning')}, {counts['fail']} failed")
