"""Compares a repetition of a finding's arm that was run again, on public rows, with the author's record of it.

The engine is deterministic: the same submission, seed and base model give the same answers on one kind of machine. On
another one sums are added up in another order, so that two answers which were almost equally likely may change places,
and the steps of a training run drift apart. `tolerance` says how far scores may differ for these reasons.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import stdev
from typing import Any

from challenges.findings.runs import listed_fields
from challenges.findings.spec import ArmRecord, Measure
from challenges.spec import Challenge

# Of a hundred rows, two may be near-ties. A row is worth its share of the rows, and in macro F1 at most twice as much,
# because it leaves one label and joins another.
NEAR_TIES = 0.02
OF_A_ROW = {"macro_f1": 2}
# Records are rounded to four decimals.
ROUNDING = 1e-4
# A training run on another machine differs less than training runs with other seeds.
DEVIATIONS = 2.0


def public_values(challenge: Challenge, public: Mapping[str, Any]) -> dict[Measure, float]:
    """The scores of a run on public rows, by measure; `public` is that part of its stored result.

    Shares of JSON answers are only there if the worker kept the fields of each row. Every field of an answer that is
    not valid counts as wrong, as in the author's record.
    """
    rows, listed = public.get("rows") or [], listed_fields(challenge)
    scores: dict[Measure, float] = {}
    if isinstance(public.get("score"), int | float):
        scores["score"] = public["score"]
    if rows and all(isinstance(row.get("valid"), bool) and row.get("fields") for row in rows):
        scores["valid"] = sum(row["valid"] for row in rows) / len(rows)
        right = [row["valid"] and row["fields"].get(name, 0.0) for row in rows for name in listed]
        scores.update({"decisions": sum(right) / len(right)} if right else {})
    return scores


def tolerance(challenge: Challenge, record: ArmRecord, measure: str, rows: int, *, is_trained: bool) -> float:
    """How far a score on `rows` public rows may be from the record of the same repetition."""
    worth = OF_A_ROW.get(challenge.metric.name, 1) if measure == "score" else 1
    ties = max(1, math.ceil(NEAR_TIES * rows)) * worth / rows
    values = [run.public[measure] for run in record.runs if measure in run.public]
    drift = DEVIATIONS * stdev(values) if is_trained and len(values) > 1 else 0.0
    return ties + drift + ROUNDING
