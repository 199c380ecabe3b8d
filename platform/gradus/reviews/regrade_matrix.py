"""Computes what a shadow run would change: old marks by new marks, passes gained and lost, and each submission."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from gradus.reviews.models import Regrade, Regraded
from gradus.submissions import services
from gradus.submissions.models import Evaluation
from gradus.submissions.states import OPEN

# Reasons for answers that were graded again.
KEPT = {
    "decided": _("a person has decided the grade"),
    "lowers": _("the new grade is lower, and only a person may lower a grade that was shown"),
    "in_doubt": _("the new grade is only provisional"),
    "appealed": _("an appeal is open"),
    "own_answer": _("it is the answer of the person who approved"),
    "superseded": _("it was graded again in the meantime"),
    "not_held": _("it was graded again in the meantime"),
    "open": _("it was being graded at that moment"),
    "not_graded": _("it could not be graded again"),
}
# Reasons for answers that were not graded again.
LEFT_OUT = {
    "decided": _("a person had decided the grade"),
    "appealed": _("an appeal was open"),
    "unmarked": _("a person has to mark the answer first"),
    "open": _("it was being graded"),
}


def counted(counts: Mapping[str, int], words: Mapping[str, str | Promise]) -> list[tuple[str, int]]:
    """Returns the reasons in words with their counts, in the order of `words`, without those that count 0."""
    return [(str(text), counts[reason]) for reason, text in words.items() if counts.get(reason)]


MARKS = ("met", "partial", "not_met", "cannot_tell")
CHANGES = ("raised", "same", "lowered", "in_doubt", "not_graded", "waiting")


@dataclass(frozen=True)
class Change:
    """The change of one submission. Scores are those that a learner would see; `new` is None until it is graded.

    `before` and `after` are the versions of the challenge by which the scores were graded.
    """

    item: Regraded
    old: float
    new: float | None
    passed_before: bool
    passes: bool
    kind: str

    @property
    def before(self) -> str:
        return self.item.old.version.version

    @property
    def after(self) -> str:
        return self.item.new.version.version

    @property
    def kept(self) -> str:
        """Why the old grade stays, in words. It is empty if the new one counts, or if the run has not ended."""
        return str(KEPT.get(self.item.kept_because, self.item.kept_because))


@dataclass(frozen=True)
class Matrix:
    """All changes of a shadow run. `marks[old][new]` counts marks of criteria; `kinds` counts submissions.

    `kept` counts, by reason, the submissions whose grade stayed when the run was approved.
    """

    changes: list[Change]
    marks: dict[str, dict[str, int]]
    kinds: dict[str, int]
    passes_gained: int
    passes_lost: int
    adopted: int
    kept: dict[str, int]

    @property
    def waiting(self) -> int:
        return self.kinds["waiting"]

    @property
    def done(self) -> int:
        return len(self.changes) - self.waiting


def matrix(regrade: Regrade) -> Matrix:
    """Returns what a shadow run would change, or has changed."""
    items = regrade.items.select_related(
        "old__score",
        "old__graded_version",
        "old__submission__version",
        "new__graded_version",
        "new__score",
        "new__submission__version",
    )
    changes = [_change(item) for item in items]
    counted = [c for c in changes if c.new is not None and c.kind != "in_doubt"]
    kinds = Counter(change.kind for change in changes)
    return Matrix(
        changes=changes,
        marks=_marks(changes),
        kinds={kind: kinds[kind] for kind in CHANGES},
        passes_gained=sum(c.passes and not c.passed_before for c in counted),
        passes_lost=sum(c.passed_before and not c.passes for c in counted),
        adopted=sum(change.item.adopted_at is not None for change in changes),
        kept=dict(Counter(change.item.kept_because for change in changes if change.item.kept_because)),
    )


def _change(item: Regraded) -> Change:
    old, spec = item.old.score, item.new.version.parsed
    value = _value(item.new)
    if value is None:
        kind = "waiting" if item.new.state in OPEN else "not_graded"
        return Change(item, old.shown, None, old.passed, old.passed, kind)
    new = services.shown_of(item.new, value)
    doubtful = item.new.proposal is not None and item.new.proposal["provisional"]
    kind = "in_doubt" if doubtful else "raised" if new > old.shown else "lowered" if new < old.shown else "same"
    return Change(item, old.shown, new, old.passed, new >= spec.pass_, kind)


def _value(evaluation: Evaluation) -> float | None:
    """Returns the new score, whether it is held or has been adopted, or None if there is none."""
    if evaluation.proposal is not None:
        return float(evaluation.proposal["value"])
    score = getattr(evaluation, "score", None)
    return float(score.value) if score is not None else None


def _marks(changes: list[Change]) -> dict[str, dict[str, int]]:
    counts: Counter[tuple[str, str]] = Counter()
    for change in changes:
        if change.new is not None:
            old, new = _by_id(change.item.old), _by_id(change.item.new)
            counts.update((old[id], new[id]) for id in old.keys() & new.keys())
    return {old: {new: counts[old, new] for new in MARKS} for old in MARKS}


def _by_id(evaluation: Evaluation) -> dict[str, str]:
    return {mark["id"]: mark["mark"] for mark in (evaluation.result or {}).get("marks", [])}
