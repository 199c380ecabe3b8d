"""Counts the calls and tokens that a judge needs for one grade and for a qualification, on the course's questions.

    python -m benchmarks.judge_costs [--rows N]

The judge is simulated and wrong on 5 % of its marks (`benchmarks.attacks.replay`). For grades the answers are the
unseen honest ones of `benchmarks/attacks`; for a qualification N answers of each kind (default: 4), and the number of
all. Tokens are those of the built-in base model's tokenizer, of messages and the form of the reply; a simulated reply
gets a reason of thirty words for each criterion, the most that the prompt allows. It needs no endpoint. The figures are
written to `benchmarks/results/judge_costs.json`, from which `docs/judge.md` has
its table; the command prints what belongs there.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.attacks import rows
from benchmarks.attacks.__main__ import Kept
from benchmarks.attacks.measure import attacking, estimates_kept, known
from benchmarks.attacks.replay import JUDGES, Known, Simulated, Texts
from challenges.kinds.rubric import free_text
from challenges.models.catalogue import MODELS
from challenges.models.tokens import counter
from graders.base import Judge, Judged
from workers.authoring import calibration, qualification
from workers.authoring.bench import Bench

PAGE = Path(__file__).parents[1] / "docs" / "judge.md"
RESULTS = Path(__file__).parent / "results" / "judge_costs.json"
TOKENIZER = next(name for name, model in MODELS.items() if model.wheel is not None)
JUDGE, SEED = "erring", 0
# The example of the page: a class of sixty, and prices of 1,000,000 tokens in USD.
LEARNERS, PRICE_SENT, PRICE_RECEIVED = 60, 0.15, 0.60
REASON = "The answer says so in its own words where it explains why this happens, and it gives the cause and the effect"
REASON_WORDS = 30


@dataclass
class Counting:
    """Counts the calls and tokens of a simulated judge."""

    to: Simulated
    count: Callable[[str], int]
    calls: int = 0
    sent: int = 0
    received: int = 0

    def judge(self, item: Judge) -> Judged:
        judged = self.to.judge(item)
        texts = [*(message["content"] for message in item.messages), json.dumps(item.schema, default=dict)]
        self.calls += 1
        self.sent += sum(map(self.count, texts))
        self.received += self.count(json.dumps(_with_reasons(judged.reply or {})))
        return judged


def _with_reasons(reply: Any) -> Any:
    words = (REASON.split() * 2)[:REASON_WORDS]
    if isinstance(reply, dict):
        return {key: " ".join(words) if key == "reason" else _with_reasons(part) for key, part in reply.items()}
    return [_with_reasons(part) for part in reply] if isinstance(reply, list) else reply


def of_grades(question: str, bench: Callable[[Simulated], tuple[Bench, Counting]]) -> dict[str, Any]:
    """Calls and tokens of an honest answer's grade, on the mean."""
    bundle, sources = rows.bundle(question), rows.sources(question, today=True)
    answers = [row for row in rows.honest_unseen() if row.question == question]
    texts = Texts(free_text(bundle.challenge).rubric, [known(row, bundle) for row in answers])
    made, counted = bench(JUDGES[JUDGE](texts, SEED))
    for row in answers:
        made.grade(bundle, row.answer, sources)
    return _means(counted, len(answers))


def of_qualification(one: qualification.Question, whole: int, bench: Callable[..., Any]) -> dict[str, Any]:
    """Calls and tokens of an answer that `gradus judge qualify` grades, on the mean, and the number of all such."""
    answers = calibration.answers_of(one.bundle, one.sources, one.rows)
    rubric = free_text(one.bundle.challenge).rubric
    texts = [
        attacking(answer.text, answer.category, answer.most, rubric, {})
        if answer.category
        else Known(answer.text, answer.marks)
        for answer in answers
    ]
    made, counted = bench(JUDGES[JUDGE](Texts(rubric, texts), SEED))
    for answer in answers:
        made.grade(answer.known, answer.text, one.sources, answer.quoted)
    return {"whole": whole, **_means(counted, len(answers))}


def _means(counted: Counting, answers: int) -> dict[str, Any]:
    return {
        "answers": answers,
        "calls": round(counted.calls / answers, 3),
        "sent": round(counted.sent / answers),
        "received": round(counted.received / answers),
    }


def measure(some: Iterable[qualification.Question], whole: dict[str, int]) -> dict[str, Any]:
    """The figures by question; JSON-ready."""
    embed, count = Kept(None), counter(TOKENIZER)
    if count is None:
        raise SystemExit(f"{TOKENIZER} is not installed: `manage.py fetch_models` brings it")

    def bench(judge: Simulated) -> tuple[Bench, Counting]:
        counted = Counting(judge, count)
        return Bench(counted, embed), counted

    found = {}
    with estimates_kept():
        for one in some:
            name = one.bundle.challenge.id
            found[name] = {"grade": of_grades(name, bench), "qualify": of_qualification(one, whole[name], bench)}
    return {"tokenizer": TOKENIZER, "judge": JUDGE, "questions": found}


def page_parts(found: dict[str, Any]) -> tuple[str, str]:
    """The sentence and the table of `docs/judge.md` that say what a judge costs."""
    grades = [one["grade"] for one in found["questions"].values()]
    answers = sum(grade["answers"] for grade in grades)
    calls, sent, received = (
        sum(grade[name] for grade in grades) / len(grades) for name in ("calls", "sent", "received")
    )
    sentence = (
        f"{answers} honest answers, and the tokenizer of the built-in model. Most grades take three votes and a "
        f"question about denials, or more; the mean is {calls:.1f} calls, {sent:,.0f} tokens sent and {received:,.0f} "
        "received."
    )
    head = "| | answers | calls | million tokens sent | received | money |\n| --- | --- | --- | --- | --- | --- |\n"
    rows = [
        _row(f"each of {LEARNERS} learners hands in once", [(LEARNERS, grade) for grade in grades]),
        _row("each hands in twice", [(2 * LEARNERS, grade) for grade in grades]),
        _row(
            "qualifying the judge, once",
            [(one["qualify"]["whole"], one["qualify"]) for one in found["questions"].values()],
        ),
    ]
    return sentence, head + "".join(rows)


def _row(title: str, parts: list[tuple[int, dict[str, Any]]]) -> str:
    answers = sum(count for count, _ in parts)
    calls, sent, received = (sum(count * mean[name] for count, mean in parts) for name in ("calls", "sent", "received"))
    money = (sent * PRICE_SENT + received * PRICE_RECEIVED) / 1e6
    return f"| {title} | {answers:,} | {calls:,.0f} | {sent / 1e6:.1f} | {received / 1e6:.2f} | {money:.2f} USD |\n"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.judge_costs", description=__doc__.split("\n\n")[0])
    parser.add_argument("--rows", type=int, default=4, help="answers of each kind and question (default: 4)")
    options = parser.parse_args()
    whole = {one.bundle.challenge.id: one.count for one in qualification.questions(rows.LIBRARY)}
    found = measure(qualification.questions(rows.LIBRARY, options.rows), whole)
    RESULTS.write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found, indent=2))
    print("\n\n".join(page_parts(found)))


if __name__ == "__main__":
    main()
