"""A small course that lints clean, written as an author writes one, so that each way to break it has a known line."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from tests.challenges.factory import label_samples, write_free_text_challenge, write_rows, write_text
from tests.challenges.kinds.rag_bundle import EXAMPLE

COURSE = """\
schema: 1
id: coast
version: 1.0.0
title: By the coast
summary: Two lessons for tests.
timezone: Europe/Dublin
lessons:
  - first
  - second
"""
FIRST = """\
title: Sea and sky
summary: Which is which.
minutes: 20
challenges:
  - sea-or-sky
  - explain
questions:
  check:
    - id: foam
      question: What is foam?
      options:
        - {text: Sea., because: It is water., right: true}
        - {text: Sky., because: It looks like a cloud.}
"""
FIRST_TEXT = """\
# Sea and sky

Waves are below, and clouds are above.

![Two lines, one above the other](assets/coast.svg)

::: fold More about waves
They move.
:::

<!-- question: foam -->
"""
DRAWING = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 100">
  <path class="stroke-blue" d="M0 70 H400"/>
  <text x="10" y="30" font-size="16">sky</text>
</svg>
"""
SEA_OR_SKY = """\
schema: 1
id: sea-or-sky
version: 1.0.0
kind: prompt
also: [tune]
title: Sea or sky
model: smollm2-135m-instruct
answer:
  type: label
  labels: [sea, sky]
  calibrate: contextual
prompt:
  example: "Thing: {input}\\nPlace: {output}"
metric: {name: macro_f1}
pass: 0.60
gold: 0.80
limits: {attempts_per_day: 10, examples_max: 8}
feedback: {mode: rounded, step: 0.02}
tune: {rows_max: 100}
hints:
  - Read the public rows.
  - Name both labels.
  - Give an example of each label.
baselines:
  - {file: baselines/weak.yaml, max: 0.50}
  - {file: baselines/good.yaml, min: 0.64}
  - {file: baselines/lora.yaml, min: 0.70}
"""
GOOD = """\
kind: prompt
instructions: Sea or sky?
examples:
  - {input: a gull over the bay, output: sky}
  - {input: a rusty buoy, output: sea}
"""
LORA = """\
kind: tune
rows_file: ../train.jsonl
hyperparameters:
  r: 8
  num_train_epochs: 2
"""
SECOND = """\
title: Look it up
summary: Answers that stand in documents.
minutes: 10
requires: [first]
challenges: [ask-the-library]
"""
CHALLENGE = "first/sea-or-sky"
QUESTION = "first/explain"
LIBRARY = "second/ask-the-library"
SECRET = "quokka"
"""A word that the hidden rows of broken bundles hold. No message may repeat it."""


def write(root: Path) -> Path:
    """Writes the course into the folder `root`, which must not exist, and returns it."""
    texts = {
        "course.yaml": COURSE,
        "first/lesson.yaml": FIRST,
        "first/lesson.md": FIRST_TEXT,
        "first/assets/coast.svg": DRAWING,
        f"{CHALLENGE}/challenge.yaml": SEA_OR_SKY,
        f"{CHALLENGE}/statement.md": "# What to do\n\nSay where each thing is.\n",
        f"{CHALLENGE}/solution.md": "Name both labels.\n",
        f"{CHALLENGE}/baselines/weak.yaml": "kind: prompt\n",
        f"{CHALLENGE}/baselines/good.yaml": GOOD,
        f"{CHALLENGE}/baselines/lora.yaml": LORA,
        "second/lesson.yaml": SECOND,
        "second/lesson.md": "# Look it up\n\nSome answers stand in documents.\n",
    }
    for name, text in texts.items():
        write_text(root / name, text)
    write_rows(root / CHALLENGE / "public.jsonl", label_samples("p", 0, 2))
    hidden = label_samples("h", 2, 5)
    write_rows(root / CHALLENGE / "hidden.jsonl", [row | {"input": f"{row['input']}, {SECRET}"} for row in hidden])
    train = [{"input": row["input"], "output": row["target"]} for row in label_samples("t", 5, 8)]
    write_rows(root / CHALLENGE / "train.jsonl", train)
    write_free_text_challenge(root / QUESTION)
    shutil.copytree(EXAMPLE, root / LIBRARY)
    return root


def files(root: Path) -> Iterator[str]:
    """The paths of all files of the course, relative to its folder."""
    yield from (path.relative_to(root).as_posix() for path in sorted(root.rglob("*")) if path.is_file())
