"""Records what workers with few rights hand in, and signs the addresses of files that they ask for, at once."""

from __future__ import annotations

import threading

import structlog
from django.db import DatabaseError, connection

from gradus.submissions.services import file_links, handed_in

log = structlog.get_logger(__name__)
# How long a process waits to be told. It looks by itself then, because PostgreSQL tells nobody who does not listen.
SECONDS = 1.0


class Recorder(threading.Thread):
    """Listens to PostgreSQL until `stop` is set. It goes on if the database cannot be reached for a while."""

    def __init__(self, stop: threading.Event) -> None:
        super().__init__(name="recorder", daemon=True)
        self._ending = stop

    def run(self) -> None:
        is_listening = False
        while not self._ending.is_set():
            try:
                if not is_listening:
                    with connection.cursor() as cursor:
                        cursor.execute(f"listen {handed_in.CHANNEL}")
                    is_listening = True
                handed_in.record_all()
                file_links.sign_all()
                for _ in connection.connection.notifies(timeout=SECONDS, stop_after=1):
                    pass
            except Exception as error:  # any error: whatever is wrong now, later grades have to be recorded
                is_away = isinstance(error, DatabaseError | OSError)
                log.warning("database_away" if is_away else "not_recorded", reason=type(error).__name__)
                connection.close()
                is_listening = False
                self._ending.wait(SECONDS)
        connection.close()
