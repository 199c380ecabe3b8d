import signal
import threading

import structlog
from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError, close_old_connections, connection

from gradus.lti import sending
from gradus.submissions.services import file_links, handed_in
from workers.reconciler import sweep
from workers.recorder import Recorder

log = structlog.get_logger(__name__)


class Command(BaseCommand):
    help = (
        "Record what workers with few rights hand in. Every ten seconds: requeue evaluations with expired leases, ring "
        "workers, delete old rows, check invariants. In a thread of its own: send grades to learning platforms."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="run one round and print what it did")
        parser.add_argument("--every", type=float, default=10.0, metavar="SECONDS")

    def handle(self, *args: object, once: bool, every: float, **options: object) -> None:
        if once:
            file_links.sign_all()
            handed_in.record_all()
            done = {**sweep(), "sent": sending.run()}
            self.stdout.write(", ".join(f"{name}: {count}" for name, count in done.items()))
            return
        stop = threading.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: stop.set())
        if connection.vendor == "postgresql":
            Recorder(stop).start()
        # A platform that does not answer keeps only this thread waiting.
        threading.Thread(target=self.send, args=(stop, every), daemon=True, name="platforms").start()
        while not stop.is_set():
            self.round()
            stop.wait(every)

    def send(self, stop: threading.Event, every: float) -> None:
        """Sends grades to learning platforms until the reconciler stops. What it was doing then is done again later."""
        while not stop.wait(every):
            close_old_connections()
            try:
                sending.run()
            except Exception as error:
                # Nobody would start the thread again.
                log.exception("sending_failed", reason=type(error).__name__)
        connection.close()

    def round(self) -> None:
        """Runs one round. The reconciler goes on if the database cannot be reached for a while."""
        close_old_connections()
        try:
            sweep()
        except DatabaseError as error:
            log.warning("database_away", reason=type(error).__name__)
