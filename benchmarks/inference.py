"""Label scoring: ours against plain transformers, row by row, as most people would write it.

`python -m benchmarks.inference [--shapes P/S/N/L,...] [--threads T] [--json FILE]`, P tokens of shared prompt, S tokens
a row, N rows, L labels. The peer is timed on at most 20 rows and scaled, and says so. Both read the same checkpoint.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import AutoModelForCausalLM

from graders.base import Score
from workers.engine import models, places, scoring
from workers.engine.watch import Watch

MODEL = "smollm2-135m-instruct"
TIMED_ROWS = 20
LABELS = (" eyes", " skin", " nerves", " bladder", " allergies", " stomach", " heart", " ears")
LIBRARY = Path(__file__).resolve().parents[1] / "challenges" / "library" / "fine-tuning-vs-prompting"


@dataclass(frozen=True)
class Row:
    """One measurement; `peer_s` is scaled from `timed_rows` rows; `agree` is the share of equal labels."""

    peer: str
    version: str
    shape: str
    dtype: str
    threads: int
    ours_s: float
    peer_s: float
    ratio: float
    max_abs_diff: float
    agree: float
    timed_rows: int


def texts() -> Iterator[str]:
    """Real complaints, again and again."""
    rows = [json.loads(line)["input"] for line in (LIBRARY / "symptom-specialty" / "train.jsonl").open()]
    while True:
        yield from rows


def item(base: models.Base, p: int, s: int, n: int, l: int) -> Score:  # noqa: E741 - the shape's own letters
    """P, S, N and L to within a token or two: text is cut at token borders and decoded again."""
    source = texts()

    def cut(tokens: int) -> str:
        ids: list[int] = []
        while len(ids) < tokens:
            ids += base.encode(["Symptoms: " + next(source) + "\n"])[0]
        return base.decode(ids[:tokens])

    suffixes = tuple("\n" + cut(max(1, s - 4)) + "\nProblem with:" for _ in range(n))
    return Score(MODEL, cut(p), suffixes, LABELS[:l])


@torch.no_grad()
def plain(model: Any, base: models.Base, work: Score, rows: int) -> list[list[float]]:
    """Row by row and label by label: a forward pass over the whole text for each."""
    found = []
    for suffix in work.suffixes[:rows]:
        context = base.encode([work.prompt + suffix])[0]
        found.append([_label(model, context, base.encode([work.prompt + suffix + label])[0]) for label in work.labels])
    return found


def _label(model: Any, context: list[int], whole: list[int]) -> float:
    logprobs = model(input_ids=torch.tensor([whole])).logits[0].log_softmax(-1)
    return sum(float(logprobs[at - 1, whole[at]]) for at in range(len(context), len(whole)))


def measure(base: models.Base, peer: Any, shape: str, threads: int) -> Row:
    work = item(base, *(int(part) for part in shape.split("/")))
    scoring.score(base, base.model, Score(MODEL, "a", (" b",), LABELS[:2]), Watch())
    started = time.perf_counter()
    ours = scoring.score(base, base.model, work, Watch()).logprobs
    ours_s = time.perf_counter() - started
    rows = min(TIMED_ROWS, len(work.suffixes))
    started = time.perf_counter()
    theirs = plain(peer, base, work, rows)
    peer_s = (time.perf_counter() - started) * len(work.suffixes) / rows
    pairs = list(zip(ours, theirs, strict=False))
    diff = max(abs(a - b) for mine, other in pairs for a, b in zip(mine, other, strict=True))
    agree = sum(mine.index(max(mine)) == other.index(max(other)) for mine, other in pairs) / len(pairs)
    return Row(
        peer="transformers, row by row",
        version=transformers.__version__,
        shape=shape,
        dtype="float32",
        threads=threads,
        ours_s=round(ours_s, 2),
        peer_s=round(peer_s, 2),
        ratio=round(peer_s / ours_s, 2),
        max_abs_diff=float(f"{diff:.1e}"),
        agree=round(agree, 3),
        timed_rows=rows,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", default="300/60/100/5", help="P/S/N/L, comma-separated")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--json", type=Path, help="write one row per measurement")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    folder = places.models_dir() / MODEL
    base = models.load(folder)
    peer = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    rows = []
    for shape in given.shapes.split(","):
        row = measure(base, peer, shape, given.threads)
        rows.append(asdict(row))
        print(
            f"{row.peer} {row.version} ({row.timed_rows} rows timed, scaled)  P/S/N/L {row.shape}  {row.dtype}  "
            f"{row.threads} threads  ours {row.ours_s} s  peer {row.peer_s} s  ratio {row.ratio}  "
            f"largest difference {row.max_abs_diff}  labels equal {row.agree:.0%}"
        )
    if given.json:
        given.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
