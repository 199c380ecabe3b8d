import subprocess
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from challenges.models.catalogue import MODELS


class Command(BaseCommand):
    help = "Download and convert the base models that are missing. Needs the packages of a worker."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("names", nargs="*", help=f"of {', '.join(MODELS)}; default: all but those on request")

    def handle(self, *args: Any, names: list[str], **options: Any) -> None:
        # Runs in another process, because it needs torch, which the site must not import.
        argv = [sys.executable, "-m", "workers.engine.fetch", *names, "--data-dir", str(settings.DATA_DIR)]
        if subprocess.run(argv, cwd=settings.BASE_DIR, check=False).returncode != 0:
            raise CommandError("The models could not be fetched; the lines above say why.")
