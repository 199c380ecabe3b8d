"""Counts the bytes and requests that Chromium needs to show a page."""

from __future__ import annotations

import re
from itertools import count

from playwright.sync_api import CDPSession, Page

# A page is complete when nothing more has arrived for this long.
QUIET_MS = 500
LONGEST_WAITS = 40


class Wire:
    """Counts what the page has received since the last `reset`: answers and their bytes with headers, and libraries.

    A file that comes from the browser's own cache counts as nothing. An event stream counts as one answer.
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        self.reset()
        link: CDPSession = page.context.new_cdp_session(page)
        link.send("Network.enable")
        link.on("Network.requestServedFromCache", lambda event: self.cached.add(event["requestId"]))
        link.on("Network.responseReceived", lambda event: self._answered(event["requestId"], event["response"]))
        link.on("Network.dataReceived", lambda event: self._received(event["encodedDataLength"]))
        link.on("Network.loadingFinished", lambda event: self._finished(event["requestId"], event["encodedDataLength"]))

    def reset(self) -> None:
        self.bytes = self.requests = self._news = 0
        self.cached: set[str] = set()
        self.libraries: set[str] = set()
        self.files: dict[str, int] = {}
        self._names: dict[str, str] = {}

    def heaviest(self, count: int) -> dict[str, int]:
        """Returns the bytes of the heaviest answers by their names, without the digests in them."""
        return dict(sorted(self.files.items(), key=lambda file: -file[1])[:count])

    def settle(self) -> None:
        """Waits until nothing more arrives. A page with an open event stream is complete as well."""
        for number in count():
            before = self._news
            self.page.wait_for_timeout(QUIET_MS)
            if self._news == before or number == LONGEST_WAITS:
                return

    def _answered(self, request: str, response: dict[str, object]) -> None:
        self._news += 1
        url = str(response["url"])
        self.libraries |= set(re.findall(r"/static/vendor/(\w+)\.\w+\.js$", url))
        self._names[request] = re.sub(r"\.[0-9a-f]{12}\.", ".", url.partition("?")[0].rpartition("/")[2]) or "the page"
        if request not in self.cached and not response.get("fromDiskCache"):
            self.requests += 1

    def _received(self, length: int) -> None:
        self._news += bool(length)

    def _finished(self, request: str, length: int) -> None:
        self._news += 1
        self.bytes += length
        name = self._names.get(request, "")
        self.files[name] = self.files.get(name, 0) + length
