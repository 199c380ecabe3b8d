"""Two worlds that differ in hidden material only: what is published in each, and who answers there.

Real services, real worker, real graders; the engine is a table.
"""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from challenges.kinds.rag_keys import NOT_IN_CORPUS
from challenges.reading import read_course
from graders.base import (
    DENIALS,
    Embed,
    Embedded,
    Generate,
    Generated,
    Judge,
    Judged,
    Rejected,
    Retrieve,
    Retrieved,
    Score,
    Scored,
    Train,
    Trained,
)
from gradus.courses.services import publish
from tests import factories
from tests.challenges.factory import (
    MARKS,
    RUBRIC,
    gold_row,
    ticket_samples,
    write_course,
    write_free_text_challenge,
    write_prompt_challenge,
    write_rows,
)
from tests.challenges.kinds.rag_bundle import GOOD, write_rag_challenge
from workers.engine.choice import DEFAULT, Choice
from workers.sandbox import adapter_files

ANSWER = "Because the weights keep old facts, whereas a look-up reads the newest ones every time."
# What the engine says that public rows took: then hidden ones are about as quick, as lint wants them.
ITEM_S = 0.11


@dataclass(frozen=True)
class Hidden:
    """Hidden material: `(input, label)` rows, a word for every other secret place, seconds that hidden rows take."""

    rows: tuple[tuple[str, str], ...]
    secret: str
    seconds: float


def hidden(counts: Sequence[int], secret: str, seconds: float) -> Hidden:
    """`counts`: rows that go up and are sky, down and sea (both answered rightly), up and sea, down and sky."""
    kinds = zip((("up", "sky"), ("down", "sea"), ("up", "sea"), ("down", "sky")), counts, strict=True)
    rows = [(f"{secret} thing {n} goes {way} there", label) for (way, label), count in kinds for n in range(count)]
    return Hidden(tuple(rows), secret, seconds)


class Engine:
    """Says `sky` for what goes up, or `sea` to everything if told to be worse; hidden rows take what they take."""

    device, dtype, threads = "cpu", "float32", 1
    memory_bytes = 16 << 30
    worked = staticmethod(time.monotonic)

    def __init__(self, world: Hidden, clock: Any, folder: Path) -> None:
        self.world, self.clock, self.folder = world, clock, folder

    def choose(self, model: str, *, should_stop: Any) -> Choice:
        return DEFAULT

    def run(self, item: Any, *, on_event: Any, should_stop: Any, seconds: float) -> Any:
        if isinstance(item, Embed):
            return Embedded([[1.0, 0.0] for _ in item.texts])
        if isinstance(item, Train):
            return self._train(item, on_event)
        if isinstance(item, Retrieve):
            return self._retrieve(item)
        text = item.prompt
        if item.stage == "hidden":
            self._break(text)
            self.clock.shift(self.world.seconds)
        for done in range(len(item.suffixes) + 1):
            on_event({"type": "progress", "stage": item.stage, "done": done, "total": len(item.suffixes)})
        if isinstance(item, Generate):
            replies = [WRITTEN] * len(item.suffixes)
            self._tell(item.stage, replies, on_event)
            return Generated(replies, [9] * len(replies), [8] * len(replies), ITEM_S)
        assert isinstance(item, Score)
        up = [" up " in suffix and "worse" not in text for suffix in item.suffixes]
        low, high = math.log(0.2), math.log(0.8)
        values = [[low, high] if is_up else [high, low] for is_up in up]
        self._tell(item.stage, values, on_event)
        return Scored(values, [10] * len(up), ITEM_S)

    def _retrieve(self, item: Retrieve) -> Retrieved:
        """Finds the document `loans` for everything but what is nowhere; hidden rows take what they take."""
        if item.stage == "hidden":
            self.clock.shift(self.world.seconds)
        place = next(n for n, text in enumerate(item.passages) if "15 books" in text)
        return Retrieved([[] if "nowhere" in query else [(place, 0.9)] for query in item.queries], ITEM_S)

    def _tell(self, stage: str, values: Sequence[Any], on_event: Any) -> None:
        """Reports the rows of every stage, as if an engine did not know which a learner may see."""
        on_event({"type": "rows", "stage": stage, "rows": [list(pair) for pair in enumerate(values)]})

    def _train(self, item: Train, on_event: Any) -> Trained:
        if "diverge" in item.rows[0][0]:
            raise Rejected("diverged", self.world.secret)
        on_event({"type": "loss", "step": 1, "steps": 1, "train_loss": 0.5, "valid_loss": 0.6, "seconds": 0.2})
        for name in adapter_files.NAMES:
            (self.folder / name).write_bytes(b"{}")
        return Trained(str(self.folder), 1, 0.5, 0.6, 0.01, 4, 20, 0.2)

    def forget(self) -> None:
        """The folder is the test's."""

    def _break(self, text: str) -> None:
        if "break" in text:
            raise RuntimeError(f"cannot read the row {self.world.rows[0]} of {self.world.secret}")

    def close(self) -> None:
        """Nothing to end."""


class TalkativeJudge:
    """The same marks in every world, with secret words wherever there is room for words."""

    def __init__(self, secret: str) -> None:
        self.secret = secret

    def judge(self, item: Judge) -> Judged:
        if item.asks == DENIALS:
            rows = [
                {"id": id, "evidence": [], "reason": f"{self.secret} says why", "denied": False} for id in item.criteria
            ]
            return Judged({"denials": rows}, "", "judge-1", None)
        kept = {"evidence": ["the weights keep old facts", f"{self.secret} quote"], "mark": "met", "confidence": 90}
        rows = [{"id": id, "reason": f"{self.secret} says why", **kept} for id in item.criteria]
        return Judged({"criteria": rows, "contradictions": [], "addresses_grader": False}, "", "judge-1", None)


def publish_world(root: Path, world: Hidden, **prompt: Any) -> None:
    write_course(root)
    lesson, secret = root / "first", world.secret
    write_prompt_challenge(lesson / "sea-or-sky", metric={"name": "accuracy"}, **prompt)
    rows = [{"id": f"{secret}-{n}", "input": text, "target": label} for n, (text, label) in enumerate(world.rows)]
    write_rows(lesson / "sea-or-sky" / "hidden.jsonl", rows)
    tickets = [{**row, "id": f"{secret}-{row['id']}"} for row in ticket_samples("h", 3, 6)]
    tickets = [{**row, "target": {**row["target"], "summary": f"{secret} label"}} for row in tickets]
    write_rows(lesson / "ticket" / "hidden.jsonl", tickets)
    rubric = [
        {**c, "text": f"{c['text']} {secret}", "accept": [f"{secret} yes"], "reject": [f"{secret} no"]} for c in RUBRIC
    ]
    write_free_text_challenge(
        lesson / "explain", rubric=rubric, model_answer=f"Facts go stale, says the {secret} answer."
    )
    gold = [gold_row(n, role) for n, role in enumerate(["prompt"] * 5 + ["calibration"] * len(MARKS) * 4)]
    write_rows(lesson / "explain" / "gold.jsonl", [{**row, "answer": f"{row['answer']} {secret}"} for row in gold])
    publish(read_course(root))


def publish_library(root: Path, world: Hidden) -> None:
    """A challenge with documents, whose hidden rows are those of the world: a label is a target."""
    write_course(root)
    shutil.rmtree(root / "first" / "sea-or-sky")
    library = write_rag_challenge(root / "first" / "sea-or-sky", id="sea-or-sky", public_metrics=None)
    named = {NOT_IN_CORPUS: []}
    rows = [
        {"id": f"{world.secret}-{n}", "input": text, "target": target, "documents": named.get(target, ["loans"])}
        for n, (text, target) in enumerate(world.rows)
    ]
    write_rows(library / "hidden.jsonl", rows)
    publish(read_course(root))


WRITTEN = '{"priority": "low", "summary": "broken"}'
# Half of the rows are right in both: those that are not found in the one, and two that are answered in the other.
_WRONG = [("thing one is where", "wrong"), ("thing two is where", "wrong")]
HALF_FOUND = Hidden(
    (*_WRONG, ("thing three is nowhere", NOT_IN_CORPUS), ("thing four is nowhere", NOT_IN_CORPUS)), "heron", 0.1
)
ALL_FOUND = Hidden((("oyster six is where", WRITTEN), *_WRONG, ("oyster five is here", WRITTEN)), "oysters", 0.2)
RETRIEVAL = ("sea-or-sky", "grade", {**GOOD, "method": "words", "min_score": 0.2})

ATTEMPTS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("sea-or-sky", "grade", factories.PROMPT),
    ("sea-or-sky", "train", factories.LORA),
    ("ticket", "grade", {"kind": "prompt", "instructions": "Answer in JSON."}),
    ("explain", "judge", {"kind": "free_text", "answer": ANSWER}),
    ("sea-or-sky", "grade", {"kind": "prompt", "instructions": "break"}),
    ("sea-or-sky", "train", {**factories.LORA, "instructions": "diverge"}),
)
WORSE = ("sea-or-sky", "grade", {"kind": "prompt", "instructions": "worse"})
