import tarfile
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from challenges.texts import several
from gradus.accounts import staff_actions as staff
from gradus.accounts.models import StaffAction
from gradus.operations.backup.manifest import BackupError
from gradus.operations.backup.restore import restore


class Command(BaseCommand):
    help = "Replace all data of this site by a backup. Stop the site first. A broken backup changes nothing."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("source", type=Path, help="the folder or .tar file that `manage.py backup` wrote")
        parser.add_argument("--force", action="store_true", help="go on although this site is not empty")

    def handle(self, *args: Any, source: Path, force: bool, **options: Any) -> None:
        with ExitStack() as places:
            try:
                made = restore(self.folder(source, places), force=force)
            except BackupError as error:
                raise CommandError(str(error)) from None
            except (OSError, tarfile.TarError, DatabaseError) as error:
                raise CommandError(f"The restore failed: {type(error).__name__}: {error}") from None
        staff.note(StaffAction.What.BACKUP_RESTORED, source, made_at=str(made.made_at), version=made.version)
        files = several(len(made.parts()), "file")
        text = f"Restored the backup that Gradus {made.version} took at {made.made_at}: {files}."
        self.stdout.write(text)
        self.stdout.write("The standings agree with the scores. Start the site: it grades again what was being graded.")
        if made.missing:
            text = f"These files were missing already when the backup was taken: {', '.join(made.missing[:5])}"
            self.stderr.write(self.style.WARNING(text))

    def folder(self, source: Path, places: ExitStack) -> Path:
        if source.is_dir():
            return source.absolute()
        if not source.is_file():
            raise CommandError(f"There is no {source}.")
        work = places.enter_context(tempfile.TemporaryDirectory(prefix="gradus-restore-"))
        with tarfile.open(source) as archive:
            # Python has a filter for that from 3.11.4 on, and warns from 3.12 on where none is set.
            archive.extraction_filter = getattr(tarfile, "data_filter", lambda one, folder: one)
            for one in archive:
                if not (one.isfile() or one.isdir()) or one.name.startswith("/") or ".." in one.name.split("/"):
                    raise tarfile.TarError(f"{one.name} is no file or folder of a backup")
                archive.extract(one, work)
        return Path(work) / "backup"
