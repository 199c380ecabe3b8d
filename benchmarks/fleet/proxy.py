"""A proxy of TCP connections that can be slow and can break them; this kernel has no netem."""

from __future__ import annotations

import asyncio
import random
import threading
from contextlib import suppress

PIECE = 16_384


class Proxy(threading.Thread):
    """Passes everything on to `target`.

    `delay` is the longest wait of a piece, in seconds; `breaks` is the share of pieces at which a connection is cut.
    """

    def __init__(self, listen: tuple[str, int], target: tuple[str, int]) -> None:
        super().__init__(daemon=True)
        self.listen, self.target = listen, target
        self.delay, self.breaks, self.broken = 0.0, 0.0, 0
        self._chance = random.Random(7)
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()

    def run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._pass, *self.listen))
        self._ready.set()
        self._loop.run_forever()
        server.close()
        left = asyncio.all_tasks(self._loop)
        for task in left:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        self._loop.close()

    def begin(self) -> None:
        self.start()
        self._ready.wait(10)

    def end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self.join(10)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = [writer]
        try:
            there, here = await asyncio.open_connection(*self.target)
            ends.append(here)
            ways = [asyncio.ensure_future(self._copy(*way)) for way in ((reader, here), (there, writer))]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
        except OSError:
            return
        finally:
            for end in ends:
                end.close()

    async def _copy(self, source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while piece := await source.read(PIECE):
                if self.delay:
                    await asyncio.sleep(self._chance.uniform(0, self.delay))
                if self._chance.random() < self.breaks:
                    self.broken += 1
                    return
                to.write(piece)
                await to.drain()
