"""Grades a retrieval: looks each row up in the documents, and has the base model answer where answers count."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from challenges import output_faults
from challenges.documents import Cut
from challenges.example_orders import stage as order_stage
from challenges.kinds.rag import RagPayload, asked_of, cut, template_of
from challenges.kinds.rag_keys import NOT_IN_CORPUS, halves
from challenges.kinds.rag_places import has_reader
from challenges.kinds.rag_prompts import Asked, composed, filled, joined, open_prompt, row_template
from challenges.metrics import metrics
from challenges.spec import Challenge, Sample
from graders.base import Assignment, Grade, Grading, LookUp, Passage, Retrieve, Retrieved, Row, WorkItem
from graders.decoding import Answers, Ask, Output, answer
from graders.evaluation import with_hidden, with_public
from graders.metrics import place_of
from graders.orders_and_budget import charge, with_charge, worst_hidden, worst_public

INDEX, PUBLIC, HIDDEN = "index", "public", "hidden"
METRICS = ("token_f1", "exact_match", "hit_rate", "mrr")
# How far down the list of a public row the right document is looked for.
RANKED = 100
NOTHING = Output(NOT_IN_CORPUS, NOT_IN_CORPUS, why=output_faults.NOTHING_FOUND)


@dataclass(frozen=True)
class Found:
    """What was found for one row: numbers of passages with their scores, the best first."""

    cuts: Sequence[Cut]
    ranked: Sequence[tuple[int, float]]


@dataclass(frozen=True)
class Lookup:
    """The learner's choices for one challenge, and the passages that they cut."""

    challenge: Challenge
    payload: RagPayload

    @cached_property
    def cuts(self) -> tuple[tuple[Cut, ...], ...]:
        """The passages before and after the update."""
        return cut(self.challenge, self.payload)

    @cached_property
    def template(self) -> str:
        return template_of(self.challenge, self.payload)

    def ask(self) -> Ask:
        """How the model is asked: a row and its passages together are one input."""
        return Ask(
            open_prompt(self.challenge),
            self.payload.instructions,
            tuple(composed(self.template, e.output, asked_of(e)) for e in self.payload.examples),
            row_template(self.template),
        )

    def asks(self) -> tuple[Ask, ...]:
        """How the model is asked in each order of the examples. Where no model reads, all orders come to the same."""
        return self.ask().in_orders() if self.has_reader else (self.ask(),)

    @cached_property
    def has_reader(self) -> bool:
        return has_reader(self.challenge)

    @property
    def metrics(self) -> list[str]:
        """The metrics that are shown on public rows; without answers there are none of answers."""
        known = metrics()
        return [name for name in METRICS if self.has_reader or known[name].of_documents]

    def item(self, cuts: Sequence[Cut], queries: Sequence[str], stage: str, limit: int) -> Retrieve:
        """The work item that looks `queries` up in `cuts`."""
        return Retrieve(tuple(one.text for one in cuts), tuple(queries), self.payload.method, limit, stage)

    def used(self, found: Found) -> list[Cut]:
        """The passages for the prompt: the best `top_k`, without those whose score is too low."""
        best = found.ranked[: self.payload.top_k]
        return [found.cuts[number] for number, score in best if score >= self.payload.min_score]

    def asked(self, found: Found, sample: Sample) -> str:
        """The input of the ordinary prompt for a row."""
        return filled(self.template, Asked(joined([one.text for one in self.used(found)]), sample.input))

    def unread(self, found: Sequence[Found]) -> Answers:
        """What comes out where no model reads: the documents of the used passages, the best one first."""
        outputs = [self.with_documents(Output("", ""), one) for one in found]
        named = [replace(one, text=", ".join(one.documents) or one.text) for one in outputs]
        return Answers(tuple(named), {})

    def with_documents(self, output: Output, found: Found) -> Output:
        """The output, or that the corpus does not say, with the documents of the used passages."""
        used = self.used(found)
        return replace(output if used else NOTHING, documents=tuple(one.document for one in used))


def grade(assignment: Assignment) -> Grading:
    """Yields Retrieve for building the indexes and for looking up, and Generate for the public and hidden samples.

    Both indexes are built before any hidden sample is looked up. With `assignment.inputs` (a lesson's retriever) these
    alone are looked up, and the model is not asked. Nor is it where what it writes could not change the score.
    """
    bundle, payload = assignment.bundle, assignment.payload
    assert isinstance(payload, RagPayload)
    look = Lookup(bundle.challenge, payload)
    if assignment.inputs:
        return (yield from _searched(look, assignment.inputs))
    for cuts in look.cuts if assignment.hidden else look.cuts[:1]:
        yield look.item(cuts, (), INDEX, 1)
    found = yield from _find(look, look.cuts[0], inputs_of(bundle.public), PUBLIC)
    asks, several = look.asks(), []
    charged = yield from charge(asks[0])
    for number, ask in enumerate(asks, 1):
        answers = yield from _public(look, ask, bundle.public, found, order_stage(number))
        several.append(with_public(Grade(score=None), bundle.challenge, bundle.public, answers, look.metrics))
    graded = worst_public(several)
    rows = [
        replace(r, look_up=_shown(look, f, s.documents))
        for r, f, s in zip(graded.public, found, bundle.public, strict=True)
    ]
    graded = replace(graded, public=tuple(rows))
    if assignment.hidden:
        found, several = (yield from _find_hidden(look, bundle.hidden)), []
        for ask in asks:
            answers = yield from _hidden(look, ask, bundle.hidden, found)
            several.append(with_hidden(graded, bundle.challenge, bundle.hidden, answers))
        graded = worst_hidden(several)
    return with_charge(graded, charged, bundle.challenge.feedback.step)


def _searched(look: Lookup, inputs: Sequence[str]) -> Generator[WorkItem, Any, Grade]:
    found = yield from _find(look, look.cuts[0], inputs, PUBLIC)
    rows = [Row(f"input-{n}", "", 0.0, correct=False, look_up=_shown(look, f, ())) for n, f in enumerate(found, 1)]
    return Grade(score=None, public=tuple(rows))


def ask_of(assignment: Assignment) -> Ask:
    """How a public row is read while others are still computed."""
    assert isinstance(assignment.payload, RagPayload)
    return Lookup(assignment.bundle.challenge, assignment.payload).ask()


def inputs_of(samples: Sequence[Sample]) -> list[str]:
    return [sample.input for sample in samples]


def _find(
    look: Lookup, cuts: Sequence[Cut], queries: Sequence[str], stage: str
) -> Generator[WorkItem, Any, list[Found]]:
    limit = RANKED if stage == PUBLIC else look.payload.top_k
    retrieved: Retrieved = yield look.item(cuts, queries, stage, limit)
    return [Found(cuts, ranked) for ranked in retrieved.found]


def _public(
    look: Lookup, ask: Ask, samples: Sequence[Sample], found: Sequence[Found], stage: str
) -> Generator[WorkItem, Any, Answers]:
    """The model is not asked about a row for which nothing was found."""
    if not look.has_reader:
        return look.unread(found)
    rows = tuple(place for place, one in enumerate(found) if look.used(one))
    asked = [look.asked(found[place], samples[place]) for place in rows]
    if not asked:
        return Answers(tuple(look.with_documents(NOTHING, f) for f in found), dict.fromkeys(COSTS, 0.0))
    answers = yield from answer(ask, asked, stage, rows=rows)
    given = iter(answers.outputs)
    outputs = [look.with_documents(next(given) if look.used(f) else NOTHING, f) for f in found]
    return Answers(tuple(outputs), answers.cost)


COSTS = ("prompt_tokens", "new_tokens", "ms")


def _find_hidden(look: Lookup, samples: Sequence[Sample]) -> Generator[WorkItem, Any, list[Found]]:
    """Looks the first half up in the documents before the update, and the second half in those after it."""
    found: list[Found] = []
    for part, cuts in zip(halves(samples), (look.cuts[0], look.cuts[-1]), strict=True):
        found += (yield from _find(look, cuts, inputs_of(part), HIDDEN)) if part else []
    return found


def _hidden(
    look: Lookup, ask: Ask, samples: Sequence[Sample], found: Sequence[Found]
) -> Generator[WorkItem, Any, Answers]:
    """The model is asked about every row, and its answer is not looked at where nothing was found: else the time would
    tell how many such rows there are.
    """
    if not look.has_reader:
        return look.unread(found)
    asked = [look.asked(f, s) for f, s in zip(found, samples, strict=True)]
    answers = yield from answer(ask, asked, HIDDEN)
    return replace(answers, outputs=tuple(map(look.with_documents, answers.outputs, found)))


def _shown(look: Lookup, found: Found, right: Sequence[str]) -> LookUp:
    """What a learner sees of a public row: the best `top_k` passages, and where the first `right` document stood."""
    passages = tuple(
        Passage(
            document=found.cuts[number].document,
            text=found.cuts[number].text,
            score=score,
            right=found.cuts[number].document in right,
            used=score >= look.payload.min_score,
        )
        for number, score in found.ranked[: look.payload.top_k]
    )
    place = place_of([found.cuts[number].document for number, _ in found.ranked], right)
    return LookUp(passages, place or None, len(found.cuts))
