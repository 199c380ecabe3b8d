import signal

import structlog
from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError, close_old_connections

from challenges.kinds.base import Lane
from workers.work import Worker

log = structlog.get_logger(__name__)


class Command(BaseCommand):
    help = "Grade the evaluations of a lane without a broker: look for new ones in the database each second."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--lane", required=True, choices=[*Lane])
        parser.add_argument("--once", action="store_true", help="end when the lane is empty")

    def handle(self, *args: object, lane: str, once: bool, **options: object) -> None:
        worker = Worker(lane)
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: worker.end())
        try:
            while not worker.ending.is_set():
                if not self.step(worker):
                    if once:
                        return
                    worker.warm()
                    worker.ending.wait(1)
        finally:
            worker.close()

    def step(self, worker: Worker) -> bool:
        """Grades one evaluation if there is one. No error ends the worker: what it has claimed is tried again later."""
        close_old_connections()
        try:
            return worker.step()
        except DatabaseError as error:
            log.warning("database_away", reason=type(error).__name__)
            return False
        except Exception as error:
            log.exception("step_failed", reason=type(error).__name__)
            return False
