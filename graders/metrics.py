"""The built-in metrics. Higher is better, in [0, 1]."""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from challenges.metrics import metrics
from challenges.registry import load
from challenges.rows import Required
from challenges.spec import Json

Target = str | Mapping[str, str] | tuple[str, ...] | Required
"""A label, a text, an object or what a text must hold; or several texts, each of which is right; or documents' ids."""
Prediction = str | Mapping[str, Any] | tuple[str, ...] | None
"""A label, a text or an object as read from the output; None where nothing could be read. Or found documents' ids."""

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


@dataclass(frozen=True)
class Measured:
    """The result of a metric: `value` over all rows, and `rows[n]`, the score of row n in [0, 1].

    `fields[n]` holds the score in [0, 1] of each declared field of row n; it is empty for a metric of whole answers.
    """

    value: float
    rows: tuple[float, ...]
    fields: tuple[dict[str, float], ...] = ()


MetricFunction = Callable[[Sequence[Prediction], Sequence[Target], Any], Measured]


def measure(name: str, predictions: Sequence[Prediction], targets: Sequence[Target], answer: object) -> Measured:
    """Applies the metric called `name`; `answer` is the challenge's answer spec.

    Raises KeyError for an unknown name, and ValueError where there are no rows, where the lengths differ, or where
    the metric gives a value outside [0, 1] or not one score for each row.
    """
    if not targets or len(predictions) != len(targets):
        raise ValueError("a metric needs one prediction for each of at least one target")
    function: MetricFunction = load(metrics()[name].function)
    measured = function(predictions, targets, answer)
    if len(measured.rows) != len(targets) or not all(0 <= value <= 1 for value in (measured.value, *measured.rows)):
        raise ValueError(f"the metric {name} must give a value and one score for each row, all in [0, 1]")
    return measured


def accuracy(predictions: Sequence[Prediction], targets: Sequence[Target], answer: object) -> Measured:
    """Returns the share of rows whose prediction equals a target; for JSON, whose whole object does."""
    rows = tuple(float(p in accepted(t)) for p, t in zip(predictions, targets, strict=True))
    return Measured(sum(rows) / len(rows), rows)


def macro_f1(predictions: Sequence[Prediction], targets: Sequence[Target], answer: object) -> Measured:
    """Returns the unweighted mean of F1 over the labels that occur among the targets; the score of a row is 0 or 1.

    It equals scikit-learn's `f1_score(average="macro")`, whose import takes 50 MB and a second of each worker.
    """
    truth, read = [str(t) for t in targets], ["" if p is None else str(p) for p in predictions]
    meant, said = Counter(truth), Counter(read)
    right = Counter(t for t, r in zip(truth, read, strict=True) if t == r)
    values = [2 * right[label] / (meant[label] + said[label]) for label in sorted(meant)]
    return Measured(sum(values) / len(values), accuracy(predictions, targets, answer).rows)


def adjusted_balanced_accuracy(
    predictions: Sequence[Prediction], targets: Sequence[Target], answer: object
) -> Measured:
    """Returns the mean recall of the labels among the targets, scaled so that chance is 0 and all right is 1.

    Who always gives one label, or guesses, scores 0, and so does who is worse than that. With two labels it is Youden's
    J (Youden 1950): the share that is found minus the share of false alarms. With one label alone it is 0.
    """
    rows = accuracy(predictions, targets, answer).rows
    truth = Counter(str(target) for target in targets)
    right = Counter(str(target) for target, row in zip(targets, rows, strict=True) if row)
    recall, chance = sum(right[label] / count for label, count in truth.items()) / len(truth), 1 / len(truth)
    return Measured(max(0.0, (recall - chance) / (1 - chance)) if len(truth) > 1 else 0.0, rows)


def exact_match(predictions: Sequence[Prediction], targets: Sequence[Target], answer: object) -> Measured:
    """Returns the share of rows whose text equals a target, after NFKC normalisation and collapsing of white space."""
    plain = [tuple(_plain(one) or "" for one in accepted(t)) for t in targets]
    return accuracy([_plain(p) for p in predictions], plain, answer)


def accepted(target: Target) -> tuple[str | Mapping[str, str] | Required, ...]:
    """Returns the targets of a row, each of which is right: several texts, or the one that there is."""
    return target if isinstance(target, tuple) else (target,)


def answer_f1(predictions: Sequence[Prediction], targets: Sequence[Target], answer: object) -> Measured:
    """Returns the mean over rows of the token F1 with the accepted answer that is nearest, as SQuAD scores it."""
    rows = tuple(
        max(token_f1(p, str(one)) for one in accepted(t)) if isinstance(p, str) else 0.0
        for p, t in zip(predictions, targets, strict=True)
    )
    return Measured(sum(rows) / len(rows), rows)


def json_fields(predictions: Sequence[Prediction], targets: Sequence[Target], answer: Json) -> Measured:
    """Returns the mean over rows of the weighted mean of `field_scores`; an output without a JSON object scores 0."""
    fields = tuple(field_scores(p, t, answer) for p, t in zip(predictions, targets, strict=True))
    rows = tuple(_weighted(scores, answer) for scores in fields)
    return Measured(sum(rows) / len(rows), rows, fields)


def required_content(predictions: Sequence[Prediction], targets: Sequence[Target], answer: object) -> Measured:
    """Returns the share of texts that hold all that their target requires, in at most as many words as it allows.

    So an empty text scores 0, and so does one that says everything at length. Case, punctuation and articles do not
    count; what is required must stand in the text as whole words, side by side.
    """
    rows = tuple(float(_keeps_to(p, t)) for p, t in zip(predictions, targets, strict=True))
    return Measured(sum(rows) / len(rows), rows)


def _keeps_to(predicted: Prediction, target: Target) -> bool:
    if not isinstance(predicted, str) or not isinstance(target, Required):
        return False
    text = f" {' '.join(_squad_tokens(predicted))} "
    held = all(f" {' '.join(_squad_tokens(one))} " in text for one in target.must)
    return held and 0 < len(predicted.split()) <= target.words_max


def field_scores(predicted: Prediction, target: Target, answer: Json) -> dict[str, float]:
    """Returns the score in [0, 1] of each declared field; keys that are not declared are ignored."""
    if not isinstance(predicted, Mapping) or not isinstance(target, Mapping):
        return dict.fromkeys(answer.fields, 0.0)
    return {
        name: field_score(predicted.get(name), target.get(name, ""), allowed) for name, allowed in answer.fields.items()
    }


def _weighted(scores: Mapping[str, float], answer: Json) -> float:
    weights = {name: answer.weights.get(name, 1.0) for name in answer.fields}
    return sum(weight * scores[name] for name, weight in weights.items()) / sum(weights.values())


def field_score(value: object, target: str, allowed: Sequence[str] | str) -> float:
    """Equality (0 or 1) for a field with listed values, else token F1; a value that is not a string scores 0."""
    if not isinstance(value, str):
        return 0.0
    return token_f1(value, target) if isinstance(allowed, str) else float(value in allowed and value == target)


def token_f1(predicted: str, target: str) -> float:
    """Token F1 as in SQuAD: the harmonic mean of token precision and recall, after its normalisation.

    Source: Rajpurkar et al. 2016, arXiv 1606.05250.
    """
    left, right = _squad_tokens(predicted), _squad_tokens(target)
    if not left or not right:
        return float(left == right)
    shared = (Counter(left) & Counter(right)).total()
    return 2 * shared / (len(left) + len(right))


def _squad_tokens(text: str) -> list[str]:
    return _ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split()


def _plain(value: Prediction | Target) -> str | None:
    return None if value is None else " ".join(unicodedata.normalize("NFKC", str(value)).split())


def hit_rate(predictions: Sequence[Prediction], targets: Sequence[Target], answer: object) -> Measured:
    """Returns the share of rows for which a passage of a right document was found.

    A row whose answer stands in no document is right where nothing was found.
    """
    return _mean([float(place > 0) for place in _places(predictions, targets)])


def mrr(predictions: Sequence[Prediction], targets: Sequence[Target], answer: object) -> Measured:
    """Returns the mean reciprocal rank: 1 / place of the first passage of a right document, 0 where there is none.

    Source: Voorhees 1999, "The TREC-8 Question Answering Track Report". A row whose answer stands in no document has 1
    where nothing was found.
    """
    return _mean([1 / place if place else 0.0 for place in _places(predictions, targets)])


def place_of(ranked: Sequence[str], right: Sequence[str]) -> int:
    """Returns the place, from 1, of the first found document that is right; 0 where there is none."""
    return next((place for place, document in enumerate(ranked, 1) if document in right), 0)


def _places(predictions: Sequence[Prediction], targets: Sequence[Target]) -> list[int]:
    pairs = [(tuple(p or ()), tuple(map(str, t))) for p, t in zip(predictions, targets, strict=True)]
    return [place_of(ranked, right) if right else int(not ranked) for ranked, right in pairs]


def _mean(rows: Sequence[float]) -> Measured:
    return Measured(sum(rows) / len(rows), tuple(rows))
