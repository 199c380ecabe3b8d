"""Asks the base model about inputs and reads its answers, from label likelihoods or from greedily decoded text."""

from __future__ import annotations

import json
import math
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from challenges import output_faults
from challenges.models.chat_templates import turns_of
from challenges.payloads import Example
from challenges.prompts import CHATML, NoTurns, Rendered, Turns, orders, render
from challenges.rows import Sample
from challenges.spec import Challenge, FreeForm, Json, Label
from graders.base import CALIBRATE, Generate, Generated, Rejected, Score, Scored, WorkItem
from graders.metrics import Prediction
from graders.parsing import first_json_object, label_at_start

CONTENT_FREE = ("N/A", "", "[MASK]")
# Enough samples for a mean, and few enough that the demo, which scores no public samples, stays quick.
BATCH_ROWS = 25
Priors = tuple[float, ...] | None


@contextmanager
def _usable() -> Iterator[None]:
    try:
        yield
    except NoTurns:
        raise Rejected("no_chat_template") from None


def _turns(challenge: Challenge) -> Turns:
    # A model that is asked in completion style needs no chat template.
    return turns_of(challenge.model) if challenge.prompt.style == "chat" else CHATML


@dataclass(frozen=True)
class Ask:
    """How a submission asks the model about an input. It is the same for public, hidden and content-free inputs.

    `template` is the text of one example, with `{input}` and `{output}`; None is the challenge's own. `words` are the
    words that the model writes instead of labels, by label.
    """

    challenge: Challenge
    instructions: str
    examples: tuple[Example, ...] = ()
    template: str | None = None
    adapter: str | None = None
    words: Mapping[str, str] = field(default_factory=dict)

    def word(self, label: str) -> str:
        """Returns the word that the model writes for `label`."""
        return self.words.get(label, label)

    def in_orders(self) -> tuple[Ask, ...]:
        """Returns one `Ask` for each order of the examples that the challenge asks for, the given order first."""
        return tuple(replace(self, examples=one) for one in orders(self.examples, self.challenge.metric.orders))

    def render(self, inputs: Sequence[str]) -> Rendered:
        """Returns the prompts for `inputs` as a common beginning and one ending for each input.

        Raises:
            Rejected: `no_chat_template`, the model has none for a challenge in chat style, or refuses these messages.
        """
        with _usable():
            return render(
                self.challenge.prompt,
                instructions=self.instructions,
                examples=self.examples,
                inputs=inputs,
                template=self.template,
                words=self.words,
                turns=_turns(self.challenge),
            )


@dataclass(frozen=True)
class Output:
    """The model's text for one input, and the prediction that was read from it.

    `why` says how it was read, or why it could not be read. `valid` is None unless answers are JSON. `documents` are
    those of the passages that were retrieved for the input, the best one first.
    """

    text: str
    prediction: Prediction
    probabilities: dict[str, float] = field(default_factory=dict)
    confidence: float | None = None
    why: str = ""
    valid: bool | None = None
    documents: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answers:
    """Outputs in the order of the inputs. `cost` holds means per request: prompt tokens, new tokens, milliseconds."""

    outputs: tuple[Output, ...]
    cost: dict[str, float]


Answering = Generator[WorkItem, Any, Answers]


def answer(ask: Ask, inputs: Sequence[str], stage: str, priors: Priors = None, rows: tuple[int, ...] = ()) -> Answering:
    """Yields one work item for all `inputs`, of which there must be at least one, and reads the result.

    `priors` are the mean probabilities of the labels that `label_priors` computed, or None for no calibration. If the
    inputs belong to some of the samples only, `rows` are the places of these samples.
    """
    spec = ask.challenge.answer
    if isinstance(spec, Label) and spec.decode == "score":
        return (yield from _by_likelihood(ask, spec, inputs, stage, priors))
    return (yield from _by_text(ask, inputs, stage, rows))


def label_priors(ask: Ask, public: Sequence[Sample]) -> Generator[WorkItem, Any, Priors]:
    """Returns the mean probability of each label, which is the model's bias towards it; None without calibration.

    The mean is taken over content-free inputs (`contextual`, Zhao et al. 2021) or over the first public samples
    (`batch`, Zhou et al. 2023), which one work item scores.

    Only public samples are used, because with a prior from hidden rows the result of one row would depend on other
    rows. A trained adapter is not calibrated, because training removes the label bias of the base model.
    """
    spec = ask.challenge.answer
    if not (isinstance(spec, Label) and spec.decode == "score") or spec.calibrate == "none" or ask.adapter:
        return None
    inputs = CONTENT_FREE if spec.calibrate == "contextual" else [sample.input for sample in public[:BATCH_ROWS]]
    scored: Scored = yield replace(_score(ask, spec, inputs, CALIBRATE), exact=True)
    rows = [softmax(row) for row in scored.logprobs]
    return tuple(sum(column) / len(rows) for column in zip(*rows, strict=True))


def softmax(logs: Sequence[float]) -> list[float]:
    """Probabilities over the labels from their log-likelihoods."""
    top = max(logs)
    weights = [math.exp(value - top) for value in logs]
    return [weight / sum(weights) for weight in weights]


def stops(challenge: Challenge) -> tuple[str, ...]:
    """Returns where greedy decoding stops: at the first JSON object's end, a line end, or the examples' separator."""
    if isinstance(challenge.answer, Json):
        return ("json",)
    if challenge.prompt.style == "chat":
        return ()
    if isinstance(challenge.answer, Label):
        return ("\n",)
    return (challenge.prompt.join,) if challenge.prompt.join else ()


def ending(challenge: Challenge) -> str:
    """Returns the text after a completion in training, from which the model learns to stop; empty if code stops it.

    Raises:
        Rejected: `no_chat_template`, as `Ask.render` does.
    """
    if isinstance(challenge.answer, Json) or (
        isinstance(challenge.answer, Label) and challenge.answer.decode == "score"
    ):
        return ""
    if challenge.prompt.style != "chat":
        return "".join(stops(challenge)[:1])
    with _usable():
        return _turns(challenge).end


def _score(ask: Ask, spec: Label, inputs: Sequence[str], stage: str) -> Score:
    rendered = ask.render(inputs)
    labels = tuple(rendered.lead + ask.word(label) for label in spec.labels)
    return Score(str(ask.challenge.model), rendered.prefix, rendered.suffixes, labels, ask.adapter, stage)


def _by_likelihood(ask: Ask, spec: Label, inputs: Sequence[str], stage: str, priors: Priors) -> Answering:
    offsets = tuple(_log(prior) for prior in priors or ())
    scored: Scored = yield replace(_score(ask, spec, inputs, stage), offsets=offsets)
    outputs = tuple(most_likely(spec, row, offsets) for row in scored.logprobs)
    return Answers(outputs, _cost(scored.prompt_tokens, [0] * len(inputs), scored.seconds))


def most_likely(spec: Label, logs: Sequence[float], offsets: Sequence[float] = ()) -> Output:
    """Reads the most likely label from a row's log-likelihoods, from which any `offsets` are subtracted first."""
    if offsets:
        logs = [log - offset for log, offset in zip(logs, offsets, strict=True)]
    ranked = sorted(zip(spec.labels, softmax(logs), strict=True), key=lambda pair: -pair[1])
    top, confidence = ranked[0]
    why = ", ".join(f"{label} {share:.2f}" for label, share in ranked[:2])
    return Output(top, top, {label: round(share, 4) for label, share in ranked}, round(confidence, 4), why)


def _log(prior: float) -> float:
    return math.log(max(prior, 1e-12))


def _by_text(ask: Ask, inputs: Sequence[str], stage: str, rows: tuple[int, ...]) -> Answering:
    rendered, spec = ask.render(inputs), ask.challenge.answer
    assert spec is not None
    generated: Generated = yield Generate(
        model=str(ask.challenge.model),
        prompt=rendered.prefix,
        suffixes=rendered.suffixes,
        max_new_tokens=spec.max_new_tokens,
        stop=stops(ask.challenge),
        adapter=ask.adapter,
        stage=stage,
        schema=json_schema(spec) if isinstance(spec, Json) and spec.constrained else "",
        rows=rows,
    )
    outputs = tuple(read(ask, spec, text) for text in generated.texts)
    return Answers(outputs, _cost(generated.prompt_tokens, generated.new_tokens, generated.seconds))


def json_schema(spec: Json) -> str:
    """Returns the JSON schema of an answer. It requires all fields, in the author's order."""
    fields = {
        name: {"type": "string"} if isinstance(allowed, str) else {"enum": list(allowed)}
        for name, allowed in spec.fields.items()
    }
    whole = {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}
    return json.dumps(whole, ensure_ascii=False)


def read(ask: Ask, spec: Label | Json | FreeForm, text: str) -> Output:
    """Reads greedily decoded text: the label at its start, its first JSON object, or the text itself."""
    if isinstance(spec, Label):
        by_word = {ask.word(label): label for label in spec.labels}
        word = label_at_start(text, tuple(by_word))
        label = by_word[word] if word else None
        return Output(text.strip(), label, why="" if label else output_faults.NO_LABEL)
    if isinstance(spec, Json):
        value = first_json_object(text)
        problem = _json_problem(spec, value)
        return Output(text.strip(), value, why=problem, valid=not problem)
    return Output(text.strip(), text)


def _json_problem(spec: Json, value: dict[str, Any] | None) -> str:
    if value is None:
        return output_faults.NO_OBJECT
    missing = [name for name in spec.fields if name not in value]
    unknown = [name for name, allowed in spec.fields.items() if name in value and not _fits(value[name], allowed)]
    return output_faults.of_fields(missing, unknown)


def _fits(value: object, allowed: Sequence[str] | str) -> bool:
    return isinstance(value, str) and (isinstance(allowed, str) or value in allowed)


def _cost(prompt_tokens: Sequence[int], new_tokens: Sequence[int], seconds: float) -> dict[str, float]:
    n = len(prompt_tokens)
    return {
        "prompt_tokens": round(sum(prompt_tokens) / n, 1),
        "new_tokens": round(sum(new_tokens) / n, 1),
        "ms": round(1000 * seconds / n, 2),
    }
