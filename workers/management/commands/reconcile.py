import signal
import threading

from django.core.management.base import BaseCommand, CommandParser

from workers.reconciler import sweep


class Command(BaseCommand):
    help = "Sweep expired leases, ring again, tidy up and check invariants, every ten seconds."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="one round, then print what it did")
        parser.add_argument("--every", type=float, default=10.0, metavar="SECONDS")

    def handle(self, *args: object, once: bool, every: float, **options: object) -> None:
        if once:
            self.stdout.write(", ".join(f"{name}: {count}" for name, count in sweep().items()))
            return
        stop = threading.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: stop.set())
        while not stop.is_set():
            sweep()
            stop.wait(every)
