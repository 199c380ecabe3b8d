"""Readers of event streams: each holds one open, and opens the next one where it ends. A process of its own.

`python -m benchmarks.web.streams PLAN`: the plan is JSON, `{port, host, open, seconds, streams: [[path, session], ...],
result}`. Plain sockets: a browser's own client costs more than the streams do.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

# All at once would measure the arrival and nothing else.
ARRIVE_SECONDS = 5.0


class Readers:
    def __init__(self, plan: dict[str, Any]) -> None:
        self.plan = plan
        self.waiting = deque(plan["streams"])
        self.open = 0
        self.most = 0
        self.events = 0
        self.bad = 0
        self.statuses: dict[str, int] = {}
        self.first_ms: list[float] = []

    async def run(self) -> dict[str, Any]:
        readers = [asyncio.create_task(self._reader(number)) for number in range(self.plan["open"])]
        await asyncio.sleep(self.plan["seconds"])
        open_at_the_end = self.open
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
        names = ("most", "events", "bad", "statuses", "first_ms")
        return {"open": open_at_the_end, **{name: getattr(self, name) for name in names}}

    async def _reader(self, number: int) -> None:
        await asyncio.sleep(ARRIVE_SECONDS * number / self.plan["open"])
        while self.waiting:
            path, session = self.waiting.popleft()
            try:
                await self._follow(path, session)
            except (OSError, asyncio.IncompleteReadError):
                self.bad += 1
                await asyncio.sleep(0.5)

    async def _follow(self, path: str, session: str) -> None:
        begin, first = time.perf_counter(), True
        source, sink = await asyncio.open_connection("127.0.0.1", self.plan["port"])
        try:
            head = {"Host": self.plan["host"], "X-Forwarded-Proto": "https", "Cookie": f"sessionid={session}"}
            lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
            sink.write(f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode())
            status = (await source.readline()).split()[1:2]
            self._count(b"".join(status).decode())
            if status != [b"200"]:
                await asyncio.sleep(0.5)
                return
            while line := await source.readline():
                if not line.startswith(b"event: "):
                    # The last chunk of a chunked answer: the stream has ended.
                    if line == b"0\r\n":
                        return
                    continue
                self.events += 1
                if first:
                    first = False
                    self.first_ms.append(1000 * (time.perf_counter() - begin))
                    self.open += 1
                    self.most = max(self.most, self.open)
        finally:
            self.open -= not first
            sink.close()

    def _count(self, status: str) -> None:
        self.statuses[status] = self.statuses.get(status, 0) + 1


def main() -> None:
    plan = json.loads(Path(sys.argv[1]).read_text())
    Path(plan["result"]).write_text(json.dumps(asyncio.run(Readers(plan).run())))


if __name__ == "__main__":
    main()
