import shutil
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, transaction

from challenges.texts import several
from gradus.accounts import staff_actions as staff
from gradus.accounts.models import StaffAction
from gradus.operations.backup.manifest import BackupError
from gradus.operations.backup.take import take


class Command(BaseCommand):
    help = "Back up the database and the stored files into a folder or a .tar file. The site may go on running."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("target", type=Path, help="a new folder, or a new file whose name ends in .tar")
        parser.add_argument("--with-secret-key", action="store_true", help="also copy the key that signs sessions")
        parser.add_argument("--incomplete", action="store_true", help="go on although stored files are missing")

    def handle(self, *args: Any, target: Path, with_secret_key: bool, incomplete: bool, **options: Any) -> None:
        try:
            made = (
                self.into_file(target, with_secret_key, incomplete)
                if target.suffix == ".tar"
                else take(target.absolute(), secret_key=with_secret_key, incomplete=incomplete)
            )
        except BackupError as error:
            raise CommandError(str(error)) from None
        except OSError as error:
            raise CommandError(f"{target} could not be written: {error}. The incomplete backup was removed.") from None
        self.note(target, with_secret_key)
        count, size = len(made.parts()), sum(part.size for part in made.parts())
        self.stdout.write(
            f"{target}: {made.vendor} and {several(count - 1, 'file')}, {size / 1e6:.1f} MB, each with its digest"
        )
        if made.missing:
            self.stderr.write(
                self.style.WARNING(f"Missing: {several(len(made.missing), 'file')}, such as {made.missing[0]}.")
            )
        if with_secret_key:
            text = "It contains the secret key, with which a person can log in as anybody. Keep it like a password."
            self.stderr.write(self.style.WARNING(text))

    def note(self, target: Path, with_secret_key: bool) -> None:
        """Records the backup, unless the table for that is missing because a migration has not been applied yet."""
        try:
            with transaction.atomic():
                staff.note(StaffAction.What.BACKUP_TAKEN, target, secret_key=with_secret_key)
        except DatabaseError as error:
            self.stderr.write(self.style.WARNING(f"The backup is not in the log of staff's actions: {error}"))

    def into_file(self, target: Path, with_secret_key: bool, incomplete: bool) -> Any:
        """Takes the backup into a .tar file. The temporary copy lies beside it, on the same disk."""
        if target.exists():
            raise BackupError(f"{target} already exists. Give the name of a new file, or remove this one.")
        with tempfile.TemporaryDirectory(prefix=".gradus-backup-", dir=target.absolute().parent) as work:
            folder, part = Path(work) / "backup", Path(work) / "backup.tar"
            made = take(folder, secret_key=with_secret_key, incomplete=incomplete)
            part.touch(mode=0o600)
            with tarfile.open(part, "w") as archive:
                archive.add(folder, arcname="backup")
            shutil.move(part, target)
        return made
