"""Reads single public rows while an engine still works on the others, so that a learner sees them one by one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from challenges.metrics import metrics
from challenges.rows import Sample
from challenges.shown_score import mark_of
from challenges.spec import Challenge, Label
from graders.base import Generate, Grade, Score
from graders.decoding import Answers, Ask, Output, most_likely, read
from graders.measuring import with_public
from graders.metrics import measure

PUBLIC = "public"
OUTPUT_CHARS = 160


def read_row(
    ask: Ask, samples: Sequence[Sample], item: Score | Generate, number: int, value: Any
) -> tuple[Sample, Output]:
    """Returns one finished public row: the sample, and what the model answered.

    `number` is the row's position in `item`, the work item that asks the model about the public `samples`.

    `value` is the engine's: log-probabilities by label, or a text.

    Raises:
        ValueError: the item is not about public samples, or the value is not one of a row.
    """
    asked = _asked(item, samples)
    if item.stage != PUBLIC or len(item.suffixes) != len(asked) or number not in range(len(asked)):
        raise ValueError("not a public row")
    return asked[number], _output(ask, item, value)


def live_row(ask: Ask, samples: Sequence[Sample], item: Score | Generate, number: int, value: Any) -> dict[str, Any]:
    """Returns the part of one finished public row that a learner may see while others are computed.

    The row is measured by itself, so that its score may differ from the final one where a metric compares rows. The
    output is cut to `OUTPUT_CHARS`. Raises what `read_row` raises.
    """
    (sample, output), challenge = read_row(ask, samples, item, number, value), ask.challenge
    (score,) = measure(challenge.metric.name, [output.prediction], [sample.target], challenge.answer).rows
    row = {"id": sample.id, "mark": mark_of(score), "score": round(score, 4), "output": output.text[:OUTPUT_CHARS]}
    return row if output.confidence is None else {**row, "confidence": output.confidence}


def finished(challenge: Challenge, samples: Sequence[Sample], outputs: Mapping[str, Output]) -> Grade:
    """What is known of a run that was ended: the rows of the public `samples` whose outputs are there, by their ids.

    It has no score, because a score of some of the rows would be compared with those of all.
    """
    done = [sample for sample in samples if sample.id in outputs]
    if not done or metrics()[challenge.metric.name].of_documents:
        return Grade(score=None)
    answers = Answers(tuple(outputs[sample.id] for sample in done), {})
    return replace(with_public(Grade(score=None), challenge, done, answers), public_score=None, public_metrics={})


def _asked(item: Score | Generate, samples: Sequence[Sample]) -> Sequence[Sample]:
    """Returns the samples that an item is about: all, or those at the places that it names."""
    return [samples[place] for place in item.rows] if isinstance(item, Generate) and item.rows else samples


def _output(ask: Ask, item: Score | Generate, value: Any) -> Output:
    spec = ask.challenge.answer
    if isinstance(item, Score):
        if not isinstance(spec, Label) or not _are_logprobs(value, len(spec.labels)):
            raise ValueError("not the log-probabilities of the labels")
        return most_likely(spec, value, item.offsets)
    if spec is None or not isinstance(value, str):
        raise ValueError("not a text")
    return read(ask, spec, value)


def _are_logprobs(value: Any, labels: int) -> bool:
    return (
        isinstance(value, list)
        and len(value) == labels
        and all(isinstance(one, float | int) and math.isfinite(one) for one in value)
    )
