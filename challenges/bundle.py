"""All that the folder of one challenge holds, as one JSON text with its digest. `challenges.reading` reads it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import TypeAdapter

from challenges.kinds import registry as kinds
from challenges.payloads import Submitted, parse
from challenges.rows import AnyRow, Attack, Benign, GoldAnswer, Sample, TrainingRow
from challenges.spec import BaselineRef, Challenge, Metric, Spec, dump

FORMAT = 1
_TRAINING_ROWS: TypeAdapter[tuple[AnyRow, ...]] = TypeAdapter(tuple[TrainingRow, ...])


@dataclass(frozen=True)
class Baseline:
    """A real submission and the hidden score that it must get."""

    ref: BaselineRef
    payload: Submitted


@dataclass(frozen=True)
class ChallengeBundle:
    """All that one challenge folder holds. `digest` covers what decides a grade, so not statement and solution."""

    challenge: Challenge
    statement: str
    solution: str
    public: tuple[Sample, ...] = ()
    hidden: tuple[Sample, ...] = field(default=(), repr=False)
    train: tuple[AnyRow, ...] = field(default=(), repr=False)
    gold: tuple[GoldAnswer, ...] = field(default=(), repr=False)
    attacks: tuple[Attack, ...] = field(default=(), repr=False)
    benign: tuple[Benign, ...] = field(default=(), repr=False)
    baselines: tuple[Baseline, ...] = field(default=(), repr=False)
    digest: str = ""

    def __post_init__(self) -> None:
        if not self.digest:
            object.__setattr__(self, "digest", sha256_of(self._graded()))

    def with_seed(self, seed: int) -> ChallengeBundle:
        """This content with another training seed. It keeps its digest, which tells contents apart and not runs."""
        if seed == self.seed:
            return self
        challenge = self.challenge
        for name in challenge.tracks:
            challenge = kinds.find(name).with_seed(challenge, seed)
        return replace(self, challenge=challenge)

    def with_plain_metric(self) -> ChallengeBundle:
        """This content with the metric alone, as findings measure it: each arm in its own order, without a budget."""
        metric = Metric(name=self.challenge.metric.name)
        return replace(self, challenge=self.challenge.model_copy(update={"metric": metric}))

    @property
    def seed(self) -> int:
        """The seed of its training runs; 0 where no track trains."""
        return max(kinds.find(name).seed(self.challenge) for name in self.challenge.tracks)

    def _graded(self) -> dict[str, Any]:
        return {
            "challenge": dump(self.challenge),
            "public": _dump_all(self.public),
            "hidden": _dump_all(self.hidden),
            "train": _dump_all(self.train),
            "gold": _dump_all(self.gold),
            "attacks": _dump_all(self.attacks),
            "baselines": [{"ref": dump(b.ref), "payload": b.payload.model_dump(mode="json")} for b in self.baselines],
            # The file came later than the format: bundles without it keep their digest.
            **({"benign": _dump_all(self.benign)} if self.benign else {}),
        }

    def to_json(self) -> str:
        """The whole bundle as JSON, for private storage only: it holds hidden rows.

        Keys keep the author's order, because a JSON target is shown to a model as it was written.
        """
        texts = {"statement": self.statement, "solution": self.solution, "digest": self.digest, "format": FORMAT}
        return json.dumps({**self._graded(), **texts}, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> ChallengeBundle:
        """The inverse of `to_json`. Raises ValueError where the content does not have its digest."""
        data = json.loads(text)
        bundle = cls(
            challenge=Challenge.model_validate(data["challenge"]),
            statement=data["statement"],
            solution=data["solution"],
            public=tuple(Sample.model_validate(row) for row in data["public"]),
            hidden=tuple(Sample.model_validate(row) for row in data["hidden"]),
            train=training_rows(data["train"]),
            gold=tuple(GoldAnswer.model_validate(row) for row in data["gold"]),
            attacks=tuple(Attack.model_validate(row) for row in data["attacks"]),
            benign=tuple(Benign.model_validate(row) for row in data.get("benign", ())),
            baselines=tuple(_baseline(item) for item in data["baselines"]),
        )
        if bundle.digest != data["digest"]:
            raise ValueError("the bundle's content does not have the digest that it names")
        return bundle


def training_rows(data: Any) -> tuple[AnyRow, ...]:
    """Training rows as they are stored: pairs or preferences. Raises `pydantic.ValidationError`."""
    return _TRAINING_ROWS.validate_python(data)


def _baseline(item: dict[str, Any]) -> Baseline:
    return Baseline(BaselineRef.model_validate(item["ref"]), parse(item["payload"]))


def _dump_all(rows: tuple[Spec, ...]) -> list[dict[str, Any]]:
    return [dump(row) for row in rows]


def canonical_json(value: Any) -> str:
    """Sorted keys, no spaces, UTF-8 kept: equal values have equal texts."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def sha256_of(value: Any) -> str:
    """Hex digest of the canonical JSON of `value`."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()
