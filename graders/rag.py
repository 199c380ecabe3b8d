"""Grades a retrieval: finds passages for each row, and lets the base model answer from them if answers count."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from challenges import output_faults
from challenges.documents import ID_JOIN, Cut
from challenges.kinds.rag import RagPayload, asked_of, cut, template_of
from challenges.kinds.rag_keys import NOT_IN_CORPUS, halves
from challenges.kinds.rag_prompts import Asked, composed, filled, joined, open_prompt, row_template
from challenges.kinds.rag_reader import has_reader, measured
from challenges.prompts import stage as order_stage
from challenges.rows import Sample
from challenges.spec import Challenge
from graders.base import Assignment, Grade, GradedSample, Grading, LookUp, Passage, Retrieve, Retrieved, WorkItem
from graders.decoding import Answers, Ask, Output, answer
from graders.measuring import with_hidden, with_public
from graders.metrics import place_of
from graders.orders_and_budget import charge, with_charge, worst_hidden, worst_public

INDEX, PUBLIC, HIDDEN = "index", "public", "hidden"
# How far down the list of a public row the right document is looked for.
RANKED = 100
NOTHING = Output(NOT_IN_CORPUS, NOT_IN_CORPUS, why=output_faults.NOTHING_FOUND)


@dataclass(frozen=True)
class Ranking:
    """The passages that were found for one row, as places in `cuts` with their scores, the best one first."""

    cuts: Sequence[Cut]
    ranked: Sequence[tuple[int, float]]


@dataclass(frozen=True)
class Retrieval:
    """A learner's retrieval for one challenge: the payload, and the passages into which it cuts the documents."""

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
        """Returns how the model is asked: a row and its passages together are one input."""
        return Ask(
            open_prompt(self.challenge),
            self.payload.instructions,
            tuple(composed(self.template, e.output, asked_of(e)) for e in self.payload.examples),
            row_template(self.template),
        )

    def asks(self) -> tuple[Ask, ...]:
        """Returns how the model is asked in each order of the examples. Without a model, all orders have one result."""
        return self.ask().in_orders() if self.has_reader else (self.ask(),)

    @cached_property
    def has_reader(self) -> bool:
        return has_reader(self.challenge)

    def item(self, cuts: Sequence[Cut], queries: Sequence[str], stage: str, limit: int) -> Retrieve:
        """Returns the work item that looks `queries` up in `cuts`."""
        return Retrieve(tuple(one.text for one in cuts), tuple(queries), self.payload.method, limit, stage)

    def used(self, ranking: Ranking) -> list[Cut]:
        """Returns the passages for the prompt: the best `top_k`, without those whose score is too low."""
        best = ranking.ranked[: self.payload.top_k]
        return [ranking.cuts[number] for number, score in best if score >= self.payload.min_score]

    def asked(self, ranking: Ranking, sample: Sample) -> str:
        """Returns the input of the ordinary prompt for a row."""
        return filled(self.template, Asked(joined([one.text for one in self.used(ranking)]), sample.input))

    def unread(self, rankings: Sequence[Ranking]) -> Answers:
        """Returns the answers without a model that reads: the documents of the used passages, the best one first."""
        outputs = [self.with_documents(Output("", ""), one) for one in rankings]
        named = [replace(one, text=ID_JOIN.join(one.documents) or one.text) for one in outputs]
        return Answers(tuple(named), {})

    def with_documents(self, output: Output, ranking: Ranking) -> Output:
        """Returns the output with the documents of the used passages. Without any, the answer is not in the corpus."""
        used = self.used(ranking)
        return replace(output if used else NOTHING, documents=tuple(one.document for one in used))


def grade(assignment: Assignment) -> Grading:
    """Yields Retrieve for building the indexes and for looking up, and Generate for the public and hidden samples.

    Both indexes are built before any hidden sample is looked up. With `assignment.inputs` (a lesson's retriever) these
    alone are looked up, and the model is not asked. Nor is it where what it writes could not change the score.
    """
    bundle, payload = assignment.bundle, assignment.payload
    assert isinstance(payload, RagPayload)
    challenge, retrieval = bundle.challenge, Retrieval(bundle.challenge, payload)
    if assignment.inputs:
        return (yield from _searched(retrieval, assignment.inputs))
    for cuts in retrieval.cuts if assignment.hidden else retrieval.cuts[:1]:
        yield retrieval.item(cuts, (), INDEX, 1)
    rankings = yield from _find(retrieval, retrieval.cuts[0], inputs_of(bundle.public), PUBLIC)
    asks, several = retrieval.asks(), []
    charged = yield from charge(asks[0], payload.example)
    for number, ask in enumerate(asks, 1):
        answers = yield from _public(retrieval, ask, bundle.public, rankings, order_stage(number))
        several.append(with_public(Grade(score=None), challenge, bundle.public, answers, measured(challenge)))
    graded = worst_public(several)
    rows = [
        replace(row, look_up=_shown(retrieval, ranking, sample.documents))
        for row, ranking, sample in zip(graded.public, rankings, bundle.public, strict=True)
    ]
    graded = replace(graded, public=tuple(rows))
    if assignment.hidden:
        rankings, several = (yield from _find_hidden(retrieval, bundle.hidden)), []
        for ask in asks:
            answers = yield from _hidden(retrieval, ask, bundle.hidden, rankings)
            several.append(with_hidden(graded, challenge, bundle.hidden, answers))
        graded = worst_hidden(several)
    return with_charge(graded, charged, challenge.feedback.step)


def _searched(retrieval: Retrieval, inputs: Sequence[str]) -> Generator[WorkItem, Any, Grade]:
    rankings = yield from _find(retrieval, retrieval.cuts[0], inputs, PUBLIC)
    look_ups = [_shown(retrieval, ranking, ()) for ranking in rankings]
    rows = [GradedSample(f"input-{n}", "", 0.0, correct=False, look_up=one) for n, one in enumerate(look_ups, 1)]
    return Grade(score=None, public=tuple(rows))


def ask_of(assignment: Assignment) -> Ask:
    """Returns how the model is asked about a row, so that public rows can be read while others are computed."""
    assert isinstance(assignment.payload, RagPayload)
    return Retrieval(assignment.bundle.challenge, assignment.payload).ask()


def inputs_of(samples: Sequence[Sample]) -> list[str]:
    return [sample.input for sample in samples]


def _find(
    retrieval: Retrieval, cuts: Sequence[Cut], queries: Sequence[str], stage: str
) -> Generator[WorkItem, Any, list[Ranking]]:
    limit = RANKED if stage == PUBLIC else retrieval.payload.top_k
    retrieved: Retrieved = yield retrieval.item(cuts, queries, stage, limit)
    return [Ranking(cuts, ranked) for ranked in retrieved.found]


def _public(
    retrieval: Retrieval, ask: Ask, samples: Sequence[Sample], rankings: Sequence[Ranking], stage: str
) -> Generator[WorkItem, Any, Answers]:
    """Asks the model about the public rows for which something was found."""
    if not retrieval.has_reader:
        return retrieval.unread(rankings)
    rows = tuple(place for place, one in enumerate(rankings) if retrieval.used(one))
    asked = [retrieval.asked(rankings[place], samples[place]) for place in rows]
    if not asked:
        return Answers(
            tuple(retrieval.with_documents(NOTHING, ranking) for ranking in rankings), dict.fromkeys(COSTS, 0.0)
        )
    answers = yield from answer(ask, asked, stage, rows=rows)
    given = iter(answers.outputs)
    outputs = [retrieval.with_documents(next(given) if retrieval.used(one) else NOTHING, one) for one in rankings]
    return Answers(tuple(outputs), answers.cost)


COSTS = ("prompt_tokens", "new_tokens", "ms")


def _find_hidden(retrieval: Retrieval, samples: Sequence[Sample]) -> Generator[WorkItem, Any, list[Ranking]]:
    """Looks the first half up in the documents before the update, and the second half in those after it."""
    rankings: list[Ranking] = []
    for part, cuts in zip(halves(samples), (retrieval.cuts[0], retrieval.cuts[-1]), strict=True):
        rankings += (yield from _find(retrieval, cuts, inputs_of(part), HIDDEN)) if part else []
    return rankings


def _hidden(
    retrieval: Retrieval, ask: Ask, samples: Sequence[Sample], rankings: Sequence[Ranking]
) -> Generator[WorkItem, Any, Answers]:
    """Asks the model about every hidden row, and drops its answer if nothing was found for the row.

    Otherwise the time of the job would tell for how many rows nothing was found.
    """
    if not retrieval.has_reader:
        return retrieval.unread(rankings)
    asked = [retrieval.asked(ranking, sample) for ranking, sample in zip(rankings, samples, strict=True)]
    answers = yield from answer(ask, asked, HIDDEN)
    return replace(answers, outputs=tuple(map(retrieval.with_documents, answers.outputs, rankings)))


def _shown(retrieval: Retrieval, ranking: Ranking, right: Sequence[str]) -> LookUp:
    """Returns what a learner sees of a public row: the best `top_k` passages, and the first `right` document's rank."""
    passages = tuple(
        Passage(
            document=ranking.cuts[number].document,
            text=ranking.cuts[number].text,
            score=score,
            right=ranking.cuts[number].document in right,
            used=score >= retrieval.payload.min_score,
        )
        for number, score in ranking.ranked[: retrieval.payload.top_k]
    )
    place = place_of([ranking.cuts[number].document for number, _ in ranking.ranked], right)
    return LookUp(passages, place or None, len(ranking.cuts))
