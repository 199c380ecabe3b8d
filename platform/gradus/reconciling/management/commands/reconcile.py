import signal
import threading
from collections.abc import Callable

import structlog
from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError, close_old_connections, connection

from gradus.lti import rosters, sending
from gradus.reconciling.reconciler import sweep

log = structlog.get_logger(__name__)


class Command(BaseCommand):
    help = (
        "Every ten seconds: requeue evaluations with expired leases, ring workers, delete old rows, check invariants. "
        "In threads of their own: send grades to learning platforms, and fetch rosters."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="run one round and print what it did")
        parser.add_argument("--every", type=float, default=10.0, metavar="SECONDS")

    def handle(self, *args: object, once: bool, every: float, **options: object) -> None:
        if once:
            done = {**sweep(), "sent": sending.run(), "rosters": rosters.run()}
            self.stdout.write(", ".join(f"{name}: {count}" for name, count in done.items()))
            return
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        # A platform that does not answer keeps only these threads waiting.
        for name, run in (("grades", sending.run), ("rosters", rosters.run)):
            threading.Thread(target=self.serve, args=(run, stop, every), daemon=True, name=name).start()
        while not stop.is_set():
            self.round()
            stop.wait(every)

    def serve(self, run: Callable[[], int], stop: threading.Event, every: float) -> None:
        """Asks learning platforms until the reconciler stops. What was going on then is done again later."""
        while not stop.wait(every):
            close_old_connections()
            try:
                run()
            except Exception as error:
                # Nobody would start the thread again.
                log.exception("platforms_failed", task=run.__module__, reason=type(error).__name__)
        connection.close()

    def round(self) -> None:
        """Runs one round. No error ends the reconciler, which goes on when the database can be reached again."""
        close_old_connections()
        try:
            sweep()
        except DatabaseError as error:
            log.warning("database_away", reason=type(error).__name__)
        except Exception as error:
            log.exception("round_failed", reason=type(error).__name__)
