"""Counts a question's marked answers, and says how many are missing until a gate can open."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from challenges.kinds.rubric import GATE_ANSWERS, free_text
from challenges.texts import normal
from gradus.courses import bundles
from gradus.courses.models import ChallengeVersion, Content, parse_once
from gradus.reviews.models import GoldConsent, GoldRow

# The roles of rows that are made of decisions, and how many answers of each a question gets, in this order. Answers
# beyond that are for calibration too.
QUOTAS = ((GoldRow.Role.CALIBRATION, GATE_ANSWERS), (GoldRow.Role.TEST, 10), (GoldRow.Role.PROMPT, 8))

_known: dict[Content, dict[str, str]] = {}


@dataclass(frozen=True)
class Marked:
    """The marked answers of a question by role: those of its bundle, and `kept` gold rows that the bundle lacks.

    `is_open` is True if a judge has passed the gate. `consent` is the one that stands, if there is one. `unread` is
    True if private storage has lost the bundle, so that its answers are not counted.
    """

    bundle: Mapping[str, int]
    kept: Mapping[str, int]
    is_open: bool
    consent: GoldConsent | None
    unread: bool = False

    @property
    def calibration(self) -> int:
        """The number of answers on which a judge can be measured."""
        return self.bundle.get("calibration", 0) + self.kept.get("calibration", 0)

    @property
    def kept_count(self) -> int:
        return sum(self.kept.values())

    @property
    def needed(self) -> int:
        return GATE_ANSWERS

    @property
    def missing(self) -> int:
        """How many more answers have to be marked before a gate can open."""
        return max(0, GATE_ANSWERS - self.calibration)

    @property
    def is_pilot(self) -> bool:
        """True while too few answers are marked to let any judge pass: people review every answer."""
        return not self.is_open and not self.unread and self.missing > 0

    def next_role(self) -> str:
        """Returns the role of the next row that is made of a decision."""
        for role, quota in QUOTAS:
            if self.bundle.get(role, 0) + self.kept.get(role, 0) < quota:
                return role
        return "calibration"


def of(version: ChallengeVersion) -> Marked:
    """Counts the marked answers of one question; see `of_all`."""
    return of_all([version])[version.pk]


def of_all(versions: Iterable[ChallengeVersion]) -> dict[int, Marked]:
    """Counts the marked answers of questions, by the key of the version.

    A gold row counts if it marks the criteria of this version, and if the bundle does not have the answer.
    """
    asked = {version.challenge_id: version for version in versions}
    standing = GoldConsent.objects.filter(challenge__in=asked, revoked_at=None).select_related("given_by")
    consents = {consent.challenge_id: consent for consent in standing}
    kept = defaultdict[int, Counter[str]](Counter)
    for row in GoldRow.objects.filter(challenge__in=asked).only("challenge_id", "answer", "marks", "role"):
        version = asked[row.challenge_id]
        if set(row.marks) == _rubric(version) and normal(row.answer) not in (_texts(version) or {}):
            kept[row.challenge_id][row.role] += 1
    return {
        version.pk: Marked(
            bundle=Counter(role for role in (_texts(version) or {}).values() if role),
            kept=kept[challenge],
            is_open=any(calibration.passed for calibration in version.calibrations.all()),
            consent=consents.get(challenge),
            unread=_texts(version) is None,
        )
        for challenge, version in asked.items()
    }


def has_text(version: ChallengeVersion, answer: str) -> bool:
    """Returns True if the bundle or a gold row of the question has this answer, but for case and punctuation."""
    wanted = normal(answer)
    rows = GoldRow.objects.filter(challenge=version.challenge_id).values_list("answer", flat=True)
    return wanted in (_texts(version) or {}) or any(normal(row) == wanted for row in rows)


def _rubric(version: ChallengeVersion) -> set[str]:
    return {criterion.id for criterion in free_text(version.parsed).rubric}


def _texts(version: ChallengeVersion) -> dict[str, str] | None:
    """Returns the role of each answer in the bundle, empty for attacks and look-alikes; None if storage has lost it."""
    try:
        return parse_once(_known, (version.challenge_id, version.digest), lambda: _read(version))
    except bundles.BundleMissing:
        return None


def _read(version: ChallengeVersion) -> dict[str, str]:
    bundle = bundles.load(version)
    attacks = {normal(row.answer): "" for row in bundle.attacks}
    benign = {normal(row.answer): "" for row in bundle.benign}
    return attacks | benign | {normal(row.answer): row.role for row in bundle.gold}
