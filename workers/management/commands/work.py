import signal
import threading

from django.core.management.base import BaseCommand, CommandParser
from django.db import close_old_connections

from gradus.submissions.models import Lane
from workers.work import Worker


class Command(BaseCommand):
    help = "Work off a lane by looking at the database each second; for machines without a broker."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--lane", required=True, choices=Lane.values)
        parser.add_argument("--once", action="store_true", help="end when the lane is empty")

    def handle(self, *args: object, lane: str, once: bool, **options: object) -> None:
        stop = threading.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: stop.set())
        worker = Worker(lane)
        try:
            while not stop.is_set():
                close_old_connections()
                if not worker.step():
                    if once:
                        return
                    stop.wait(1)
        finally:
            worker.close()
