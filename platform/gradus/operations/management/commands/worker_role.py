import secrets
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection, transaction
from django.db.utils import DatabaseError

from challenges.kinds.base import Lane
from gradus.accounts import staff_actions as staff
from gradus.accounts.models import StaffAction
from gradus.operations.worker_role import setting_up
from gradus.operations.worker_role.setting_up import NotPossible
from gradus.preferences.services import lot_key

WHAT = StaffAction.What.WORKER_ROLE_CHANGED


class Command(BaseCommand):
    help = (
        "Print what makes a database role with few rights for the workers of one machine; --apply carries it out and "
        "prints the settings of that machine. It may be run again at any time."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="of the role, one for each machine, such as gpu1")
        parser.add_argument("--lanes", nargs="+", choices=[*Lane], default=["grade", "train"], metavar="LANE")
        parser.add_argument(
            "--connections",
            type=int,
            default=setting_up.CONNECTIONS,
            metavar="N",
            help="to the database, at most so many at once (default: %(default)s)",
        )
        parser.add_argument("--apply", action="store_true", help="carry it out, with the role in DATABASE_URL")
        parser.add_argument("--new-password", action="store_true", help="give a role that exists another password")
        parser.add_argument("--remove", action="store_true", help="end the sessions of the role, and remove it")

    def handle(self, *args: Any, **options: Any) -> None:
        if connection.vendor != "postgresql":
            raise CommandError("Only PostgreSQL has roles. The database of this site is SQLite.")
        try:
            self.remove(**options) if options["remove"] else self.make(**options)
        except NotPossible as problem:
            raise CommandError(str(problem)) from None
        except DatabaseError as error:
            raise CommandError(f"PostgreSQL has refused, and nothing was changed: {str(error).strip()}") from None

    def make(
        self, name: str, lanes: list[str], connections: int, apply: bool, new_password: bool, **options: Any
    ) -> None:
        if connections < 1:
            raise CommandError("--connections must be at least 1: a worker needs one to find its jobs.")
        setting_up.expect_owner()
        password = secrets.token_urlsafe(24) if new_password or not setting_up.is_there(name) else ""
        roles = setting_up.role_statements(name, lanes, password, connections)
        if not apply:
            self.show([*roles, *setting_up.policy_statements(), *setting_up.right_statements()])
        elif setting_up.may_make_roles():
            with transaction.atomic():
                setting_up.run(roles)
                setting_up.apply_rights()
                staff.note(WHAT, name, lanes=lanes, connections=connections, new_password=bool(password))
            self.stdout.write(f"The role {name} works on the lanes {', '.join(lanes)}, and has no other rights.")
        elif setting_up.is_there(name) and not new_password:
            with transaction.atomic():
                setting_up.apply_rights()
                staff.note(WHAT, name, rights="as this release has them")
            self.stdout.write(
                f"The role {name} has its rights. Its lanes and its limit of connections stay as they are."
            )
            return
        else:
            self.show(roles)
            raise CommandError(
                "The role in DATABASE_URL may not make roles. Have an administrator of PostgreSQL run what is printed "
                "above, and then run this command again."
            )
        self.show_settings(name, password)

    def remove(self, name: str, apply: bool, **options: Any) -> None:
        statements = setting_up.remove_statements(name)
        if not apply:
            self.show(statements)
            return
        with transaction.atomic():
            setting_up.run(statements)
            staff.note(WHAT, name, removed=True)
        self.stdout.write(f"The role {name} is gone. Others claim its jobs when their leases end.")

    def show(self, statements: list[str]) -> None:
        self.stdout.write("".join(f"{statement};\n" for statement in statements), ending="")

    def show_settings(self, name: str, password: str) -> None:
        """The settings are comments, so that all that is printed can be given to `psql`."""
        given = connection.settings_dict
        secret = quote(password, safe="") if password else "THE-PASSWORD-IT-HAS"
        place = f"{given['HOST'] or 'localhost'}:{given['PORT'] or 5432}/{given['NAME']}"
        lines = [
            f"DATABASE_URL=postgres://{name}:{secret}@{place}",
            f"GRADUS_WORKER_KEY={lot_key()}",
            *([f"GRADUS_S3_BUCKET={settings.BUCKET}"] if settings.BUCKET else []),
        ]
        head = "Settings of its machine, which gets neither GRADUS_SECRET_KEY nor REDIS_URL:"
        self.stdout.write("\n".join(f"-- {line}" for line in [head, *lines]))
