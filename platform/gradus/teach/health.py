"""What the pages, the files and the API about a challenge's health show: its versions, their figures and their rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from challenges.kinds import registry as kinds
from challenges.kinds.base import Item
from challenges.kinds.rubric import free_text
from gradus.accounts import roles
from gradus.accounts import staff_actions as staff
from gradus.accounts.models import StaffAction, User
from gradus.accounts.token_rules import LEARNER, Scope
from gradus.challenge_health import advice, figures
from gradus.challenge_health.figures import BINS, Computed
from gradus.challenge_health.item_analysis import ItemFigures
from gradus.challenge_health.row_scores import items_of
from gradus.courses.models import Challenge, ChallengeVersion
from gradus.learn.costs.approaches import titles
from gradus.reports.models import ProblemReport
from gradus.submissions.models import Submission
from gradus.submissions.results.copying import evidence

# The newest versions that are compared.
VERSIONS = 8
# Reports are listed up to so many, and the newest attempts of so many learners are compared with those of others.
LISTED = 10
# The units of the drawing of scores.
WIDTH, HEIGHT = 400, 100


def refuse_unless_seen(user: Any, challenge: Challenge) -> Scope:
    """Returns what the person may do in the course, who has to read its content or the answers of its learners.

    Raises:
        Http404: the person has no role in the course.
        Refused: 403, the role includes neither.
    """
    scope = roles.scope_in(user, challenge.course_id)
    if not scope.includes(roles.VIEWS):
        roles.refuse_unless(user, challenge.course_id, roles.SEES_ANSWERS)
    return scope


@dataclass(frozen=True)
class Row:
    """A row or criterion with its figures. `before` is its share in the version that it is compared with."""

    number: int
    item: Item
    figures: ItemFigures
    before: float | None

    @property
    def percent(self) -> float:
        return 100 * self.figures.share

    @property
    def change(self) -> float | None:
        return None if self.before is None else 100 * (self.figures.share - self.before)

    @property
    def advice(self) -> advice.Advice:
        return advice.of_row(self.figures)


@dataclass(frozen=True)
class Bar:
    """A bin of the histogram: learners whose best score lies in [low, high), and how it is drawn, in units of the
    drawing, which is 400 wide and 100 high.
    """

    low: float
    high: float
    learners: int
    height: int
    is_passed: bool

    @property
    def left(self) -> int:
        return round(WIDTH * self.low)

    @property
    def top(self) -> int:
        return HEIGHT - self.height


@dataclass(frozen=True)
class Health:
    """One track of one version of a challenge, for a person with this scope."""

    challenge: Challenge
    version: ChallengeVersion
    track: str
    scope: Scope = LEARNER

    @cached_property
    def _kept(self) -> tuple[Computed, datetime]:
        return figures.of_version(self.version, self.track)

    @property
    def figures(self) -> Computed:
        return self._kept[0]

    @property
    def computed_at(self) -> datetime:
        return self._kept[1]

    @property
    def sees_hidden(self) -> bool:
        """Whether the person may read what is computed from single hidden rows."""
        return self.scope.includes(roles.EDITS)

    @property
    def is_judged(self) -> bool:
        return kinds.find(self.track).is_judged

    @property
    def gap(self) -> float | None:
        return self.figures.gap if self.sees_hidden else None

    @cached_property
    def hints(self) -> list[int]:
        return figures.hints_taken(self.challenge)[: len(self.version.parsed.hints)]

    @cached_property
    def open_reports(self) -> int:
        return ProblemReport.objects.filter(version__challenge=self.challenge, answered_at=None).count()

    @cached_property
    def reports(self) -> list[ProblemReport]:
        """The newest reports that wait, for people who correct the challenge or see what learners write."""
        if not (self.scope.includes(roles.EDITS) or self.scope.includes(roles.SEES_ANSWERS)):
            return []
        waiting = ProblemReport.objects.filter(version__challenge=self.challenge, answered_at=None)
        return list(waiting.select_related("version")[:LISTED])

    @property
    def advice(self) -> list[advice.Advice]:
        sees = self.sees_hidden or self.is_judged
        return advice.of_challenge(self.figures, sees_hidden=sees, open_reports=self.open_reports, hints=self.hints)

    @property
    def bars(self) -> list[Bar]:
        counts, most = self.figures.histogram, max([1, *self.figures.histogram])
        passes = self.version.parsed.pass_
        return [
            Bar(number / BINS, (number + 1) / BINS, count, round(HEIGHT * count / most), number / BINS >= passes - 1e-9)
            for number, count in enumerate(counts)
        ]

    @property
    def marks(self) -> list[tuple[float, int]]:
        """The pass mark and, where there is one, gold, each with its place in the drawing."""
        spec = self.version.parsed
        found = (spec.pass_, spec.gold_of(self.track))
        return [(mark, round(WIDTH * mark)) for mark in found if mark is not None]

    @property
    def approaches(self) -> list[tuple[str, float, int]]:
        named = {self.track: kinds.allowed(self.version.parsed, self.track), **titles()}
        return [(str(named.get(name, name)), best, learners) for name, best, learners in self.figures.approaches]

    def items(self) -> Sequence[Item]:
        """Returns the hidden rows, or the criteria of a question, which are no secret."""
        if self.is_judged:
            return [Item(one.id, one.label, "") for one in free_text(self.version.parsed).rubric]
        return items_of(self.version, self.track)

    def rows(self, against: Health | None = None) -> list[Row]:
        """Returns the rows with figures, the hardest first, beside those of the same id in another version."""
        known, before = self.figures.shown_items, against.figures.shown_items if against else {}
        found = [
            Row(number, item, known[item.id], before[item.id].share if item.id in before else None)
            for number, item in enumerate(self.items(), 1)
            if item.id in known
        ]
        return sorted(found, key=lambda row: (not row.advice.is_warning, row.figures.share, row.number))


def versions_of(challenge: Challenge) -> list[ChallengeVersion]:
    """Returns the published versions, the newest first."""
    published = challenge.versions.filter(published_at__isnull=False).order_by("-published_at", "-pk")
    return list(published.defer(*ChallengeVersion.CONTENT[1:])[:VERSIONS])


def chosen(
    challenge: Challenge, scope: Scope, version: str = "", track: str = "", against: str = ""
) -> tuple[Health, Health | None, list[ChallengeVersion]] | None:
    """Returns the health of a version and of the one that it is compared with, and all versions; None for wrong names.

    Without `version` it is the live one, and without `track` the challenge's own.
    """
    versions = versions_of(challenge)
    named = {one.version: one for one in versions}
    shown = named.get(version) if version else next((one for one in versions if one.pk == challenge.version_id), None)
    other = named.get(against) if against else None
    if shown is None or (against and other is None):
        return None
    tracks = shown.parsed.tracks
    if track and track not in tracks:
        return None
    track = track or shown.parsed.kind
    compared = Health(challenge, other, track, scope) if other is not None else None
    return Health(challenge, shown, track, scope), compared, versions


def similar(challenge: Challenge, viewer: User) -> list[evidence.Pair]:
    """Returns attempts with much in common: the newest ones of the learners who came last, with those of others.

    They are found as on the page of an entry. Nobody reads about the own attempts.
    """
    newest = Submission.objects.filter(challenge=challenge, annulled=False, user__deleted_at=None).exclude(user=viewer)
    by_person: dict[int, Submission] = {}
    for one in newest.select_related("user", "version", "challenge").order_by("-pk")[: 10 * LISTED]:
        if len(by_person) < LISTED:
            by_person.setdefault(one.user_id, one)
    pairs: dict[frozenset[int], evidence.Pair] = {}
    for one in by_person.values():
        for pair in evidence.similar([one]):
            if pair.other.user_id != viewer.pk:
                pairs.setdefault(frozenset((pair.own.user_id, pair.other.user_id)), pair)
    return sorted(pairs.values(), key=lambda pair: -pair.share)[:LISTED]


def note_look(health: Health) -> None:
    """Records that the person of this request has read hidden rows. Criteria of a question are no secret."""
    if not health.is_judged:
        version, course = health.version.version, health.challenge.course.slug
        staff.note(StaffAction.What.HIDDEN_ROWS_READ, health.challenge, course=course, version=version)


FIGURES = (
    "version", "track", "learners", "attempts", "passed", "gold", "pass_rate", "attempts_to_pass", "mean_best",
    "grading_seconds", "prompt_tokens", "public_minus_private", "failed_attempts", "runs", "failed_runs", "computed_at",
)  # fmt: skip


def line_of(health: Health) -> dict[str, Any]:
    """Returns the figures of `FIGURES`; scores and shares in [0, 1]."""
    found = health.figures
    values = (
        health.version.version, health.track, found.learners, found.attempts, found.passed, found.gold, found.pass_rate,
        found.attempts_to_pass, found.mean, found.seconds, found.tokens, health.gap, sum(found.failed.values()),
        found.runs, sum(found.failed_runs.values()), health.computed_at,
    )  # fmt: skip
    return dict(zip(FIGURES, values, strict=True))


def lines(challenge: Challenge, scope: Scope) -> list[Health]:
    """Returns the health of each track of each version, the newest version first."""
    return [
        Health(challenge, version, track, scope)
        for version in versions_of(challenge)
        for track in version.parsed.tracks
    ]


def table(challenge: Challenge, scope: Scope) -> Iterator[Sequence[Any]]:
    """Yields the lines of the file of figures, the names first."""
    yield FIGURES
    for health in lines(challenge, scope):
        yield [_number(value) for value in line_of(health).values()]


ROWS = ("number", "id", "text", "expected", "learners", "share_right", "discrimination", "most_common_wrong", "advice")


def rows_table(rows: Sequence[Row]) -> Iterator[Sequence[Any]]:
    """Yields the lines of the file of rows, the names first."""
    yield ROWS
    for row in rows:
        found = row.figures
        wrong = "; ".join(f"{answer} ({count})" for answer, count in found.wrong)
        yield (
            row.number, row.item.id, row.item.text, row.item.expected, found.learners, _number(found.share),
            _number(found.discrimination), wrong, row.advice.text,
        )  # fmt: skip


def _number(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return round(value, 4) if isinstance(value, float) else value
