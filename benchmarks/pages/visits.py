"""Visits pages in Chromium, first with an empty cache and then again, and measures what a person waits for and sees."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from playwright.sync_api import Browser, BrowserContext

from benchmarks.pages.budgets import LAYOUT_SHIFT, most_bytes
from benchmarks.pages.wire import Wire

DEVICES: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": {"width": 1280, "height": 800}},
    "phone": {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True},
}
# So many of the largest files are named.
HEAVIEST = 6
# Runs before the scripts of a page, so that nothing is missed.
OBSERVE = """
window.seen = {largest: 0, shift: 0};
new PerformanceObserver((list) => { for (const one of list.getEntries()) window.seen.largest = one.startTime; })
  .observe({type: "largest-contentful-paint", buffered: true});
new PerformanceObserver((list) => {
  for (const one of list.getEntries()) if (!one.hadRecentInput) window.seen.shift += one.value;
}).observe({type: "layout-shift", buffered: true});
"""
SEEN = """() => ({
  first_paint_ms: Math.round(performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0),
  largest_paint_ms: Math.round(window.seen.largest),
  layout_shift: Math.round(window.seen.shift * 1e4) / 1e4,
  nodes: document.getElementsByTagName("*").length,
  height: document.documentElement.scrollHeight,
})"""


@dataclass(frozen=True)
class Stop:
    """A page to visit: its name in the table, its path, and the visitor's session key; empty for a newcomer."""

    name: str
    path: str
    session: str = ""


@dataclass(frozen=True)
class View:
    """The measurements of one page view: bytes and requests over the network, and the page's height in CSS pixels."""

    page: str
    device: str
    cache: str
    status: int
    bytes: int
    budget: int
    requests: int
    first_paint_ms: int
    largest_paint_ms: int
    layout_shift: float
    nodes: int
    height: int
    heaviest: dict[str, int] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)

    @property
    def problems(self) -> list[str]:
        found = []
        if self.status != 200:
            found.append(f"answered {self.status}")
        if self.bytes > self.budget:
            heavy = ", ".join(f"{name} {size / 1000:.0f}" for name, size in self.heaviest.items())
            found.append(f"{self.bytes / 1000:.0f} kB ({heavy}), the budget is {self.budget / 1000:.0f} kB")
        if self.layout_shift >= LAYOUT_SHIFT:
            found.append(f"its parts move by {self.layout_shift:.2f}, the budget is {LAYOUT_SHIFT:g}")
        # A page whose files were refused would look light.
        return [*found, *self.errors[:2]]

    def figures(self) -> dict[str, Any]:
        return asdict(self)


def views(browser: Browser, address: str, stops: Sequence[Stop], **options: Any) -> Iterator[View]:
    """Yields four views of each page: desktop and phone, each with an empty cache and with a full one."""
    for device, window in DEVICES.items():
        for stop in stops:
            context = browser.new_context(base_url=address, **window, **options)
            yield from _twice(context, address, stop, device)
            context.close()


def _twice(context: BrowserContext, address: str, stop: Stop, device: str) -> Iterator[View]:
    context.add_init_script(OBSERVE)
    if stop.session:
        context.add_cookies([{"name": "sessionid", "value": stop.session, "url": address}])
    errors: list[str] = []
    context.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    context.on("weberror", lambda error: errors.append(str(error.error)))
    page = context.new_page()
    wire = Wire(page)
    for cache in ("cold", "warm"):
        wire.reset()
        errors.clear()
        response = page.goto(stop.path, wait_until="load")
        wire.settle()
        assert response is not None
        yield View(
            page=stop.name,
            device=device,
            cache=cache,
            status=response.status,
            bytes=wire.bytes,
            budget=most_bytes(stop.path),
            requests=wire.requests,
            heaviest=wire.heaviest(HEAVIEST) if cache == "cold" else {},
            errors=list(dict.fromkeys(errors)),
            **page.evaluate(SEEN),
        )
