import subprocess
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from challenges.catalogue import MODELS


class Command(BaseCommand):
    help = "Fetch the base models and convert them, once. Needs the worker packages."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("names", nargs="*", help=f"default: all of {', '.join(MODELS)}")

    def handle(self, *args: Any, names: list[str], **options: Any) -> None:
        # Another process, because it needs torch and this package must not.
        argv = [sys.executable, "-m", "workers.engine.fetch", *names, "--data-dir", str(settings.DATA_DIR)]
        if subprocess.run(argv, cwd=settings.BASE_DIR, check=False).returncode != 0:
            raise CommandError("The models could not be fetched; the lines above say why.")
