"""One page with all pictures, small and side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import groupby
from pathlib import Path

HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Screenshots of Gradus</title><style>
body { font: 14px/1.4 system-ui, sans-serif; margin: 2rem; background: #888; color: #000; }
section { display: flex; flex-wrap: wrap; gap: 1rem; align-items: flex-start; margin-bottom: 2rem; }
figure { margin: 0; background: #fff; padding: 0.5rem; max-width: 24rem; }
figure.is-wrong { outline: 4px solid #b00; }
img { display: block; height: 20rem; max-width: 100%; object-fit: contain; object-position: top; }
</style></head><body><h1>Screenshots</h1>
"""


@dataclass(frozen=True)
class Picture:
    """One state of one page at one width in one theme, with what is wrong with it and the height of the whole page."""

    name: str
    width: int
    theme: str
    height: int
    wrong: list[str] = field(default_factory=list)

    @property
    def file(self) -> str:
        words = "".join(letter if letter.isalnum() else "-" for letter in self.name).strip("-")
        return f"{words}-{self.width}-{self.theme}.png"


def write(folder: Path, pictures: Sequence[Picture]) -> Path:
    rows = [row(name, list(found)) for name, found in groupby(pictures, lambda picture: picture.name)]
    page = folder / "index.html"
    page.write_text(HEAD + "\n".join(rows) + "\n</body></html>\n")
    return page


def row(name: str, pictures: Sequence[Picture]) -> str:
    return f"<h2>{escape(name)}</h2>\n<section>\n{''.join(map(figure, pictures))}</section>"


def figure(picture: Picture) -> str:
    wrong = "".join(f"<li>{escape(one)}</li>" for one in picture.wrong)
    return (
        f'<figure{" class=is-wrong" if picture.wrong else ""}><a href="{picture.file}">'
        f'<img src="{picture.file}" alt="{escape(picture.name)}" loading="lazy"></a>'
        f"<figcaption>{picture.width} px, {picture.theme}, {picture.height:,} px high<ul>{wrong}</ul></figcaption>"
        "</figure>\n"
    )
