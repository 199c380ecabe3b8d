"""The table of measured pages, and what the budgets say about them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.pages.budgets import LAYOUT_SHIFT
from benchmarks.pages.visits import View

HEAD = (
    "| page | kB cold | budget | kB warm | requests cold / warm | first paint, ms | largest paint, ms | layout shift "
    "| nodes | height, px | holds |"
)
RULE = "| --- |" + " ---: |" * 9 + " --- |"


def text(found: Sequence[View]) -> str:
    """Markdown: one table for each device, with one row for each page."""
    devices = list(dict.fromkeys(view.device for view in found))
    return "\n\n".join(_table(device, [view for view in found if view.device == device]) for device in devices)


def _table(device: str, found: Sequence[View]) -> str:
    cold = {view.page: view for view in found if view.cache == "cold"}
    warm = {view.page: view for view in found if view.cache == "warm"}
    rows = [_row(cold[page], warm[page]) for page in cold]
    return "\n".join([f"**{device.capitalize()}**", "", HEAD, RULE, *rows])


def _row(cold: View, warm: View) -> str:
    shift = max(cold.layout_shift, warm.layout_shift)
    problems = list(dict.fromkeys([*cold.problems, *warm.problems]))
    cells = [
        cold.page,
        f"{cold.bytes / 1000:.0f}",
        f"{cold.budget / 1000:.0f}",
        f"{warm.bytes / 1000:.0f}",
        f"{cold.requests} / {warm.requests}",
        f"{cold.first_paint_ms} / {warm.first_paint_ms}",
        f"{cold.largest_paint_ms} / {warm.largest_paint_ms}",
        f"{shift:.3f}",
        f"{cold.nodes:,}",
        f"{cold.height:,}",
        f"no: {'; '.join(problems)}" if problems else "yes",
    ]
    return f"| {' | '.join(cells)} |"


def recorded(data: dict[str, Any]) -> str:
    """The section of `results.md` for a file that `python -m benchmarks.pages` wrote."""
    found = [View(**one) for one in data["views"]]
    pages = len({view.page for view in found})
    missed = len(short_of(found))
    said = "Every budget holds" if not missed else f"{missed} of {len(found)} views miss a budget"
    return (
        f"## The pages in a browser\n\n{pages} pages in Chromium {data['chromium']}, {data['served_by']}. {said}: "
        f"bytes over the wire at the first view, and a layout shift below {LAYOUT_SHIFT:g}. "
        "Paints are cold / warm, on this machine's loopback.\n\n" + text(found)
    )


def short_of(found: Sequence[View]) -> list[str]:
    """Returns one line of text for each page view that exceeds a budget."""
    return [f"{view.page}, {view.device}, {view.cache}: {'; '.join(view.problems)}" for view in found if view.problems]
