"""Tells if a model answers from the passages found. If not, the score depends only on which documents were found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from challenges.metrics import metrics
from challenges.spec import Challenge
from challenges.translation import gettext


def has_reader(challenge: Challenge) -> bool:
    """Whether a model answers from what was found: the score, or a metric beside it, is of answers.

    A metric whose package is gone counts as one of answers.
    """
    known = metrics()
    names = (challenge.metric.name, *challenge.public_metrics)
    return not all(name in known and known[name].of_documents for name in names)


MEASURED = ("token_f1", "exact_match", "hit_rate", "mrr")
"""The metrics that are measured on public samples of every retrieval, where they can count, in the order of a page."""


def measured(challenge: Challenge) -> list[str]:
    """The metrics that are measured on public samples; without a reader there are none of answers."""
    known = metrics()
    return [name for name in MEASURED if has_reader(challenge) or known[name].of_documents]


def place_in_words(right: Sequence[str], look_up: Mapping[str, Any]) -> str:
    """What a retrieval handed over for a row, in a few words.

    `right` are the ids of the documents that hold the answer. `look_up` is a `graders.base.LookUp` as it is stored.
    """
    handed_over = [passage for passage in look_up["passages"] if passage["used"]]
    if not right:
        return gettext("something handed over") if handed_over else gettext("nothing handed over")
    place = next((place for place, passage in enumerate(handed_over, 1) if passage["right"]), None)
    return gettext("place %(place)s") % {"place": place} if place else gettext("not handed over")
