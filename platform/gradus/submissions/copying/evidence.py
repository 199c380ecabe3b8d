"""Finds the attempts of other learners that have parts in common with an attempt, and says which parts.

The index gives a few candidates, which are compared word by word. What comes out is evidence for people who decide.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from django.db.models import Count
from pydantic import ValidationError

from challenges.kinds import registry as kinds
from challenges.shingles import RUN_WORDS
from gradus.submissions.copying import fingerprints
from gradus.submissions.copying import given as gifts
from gradus.submissions.copying.given import Given
from gradus.submissions.copying.material import Material, NearRows, material_of
from gradus.submissions.models import Fingerprint, Submission

SHOWN = 5
# The candidates of the index, and the learners among them whose attempts are compared.
CANDIDATES, COMPARED = 40, 8
# A single common hash is chance.
HASHES_MIN = 2
# From so many common runs of words, or rows, and from this share of the shorter text, or of fewer rows, on.
RUNS_MIN = ROWS_MIN = 5
TEXT_WORDS_MIN = 16
SHARE_MIN = 0.3
# Answers in free text to one question often have words in common: see `graders.free_text.copies`.
SHARE_MIN_ANSWERS = 0.5


@dataclass(frozen=True)
class Shared:
    """How many of one attempt's parts are in another one. `near` of the `common` ones are not equal, but nearly.

    `own` and `theirs` count the parts that the course does not give: runs of five words, or rows.
    """

    common: int
    near: int
    own: int
    theirs: int

    @property
    def equal(self) -> int:
        return self.common - self.near

    @property
    def share(self) -> float:
        """The share in [0, 1] of the smaller of both."""
        return self.common / max(1, min(self.own, self.theirs))

    @property
    def percent(self) -> int:
        return int(100 * self.share)


@dataclass(frozen=True)
class Marked:
    """A piece of an attempt's text, or one of its rows. `state` is `common`, `near`, `given`, or empty."""

    text: str
    state: str
    output: str = ""


@dataclass(frozen=True)
class Pair:
    """Two attempts of different learners, compared. `text` and `rows` are None where there is too little to compare.

    `first` is the attempt with which one of the two learners had first handed in most of what both have.
    """

    own: Submission
    other: Submission
    text: Shared | None
    rows: Shared | None
    first: Submission
    pieces: tuple[tuple[Marked, ...], tuple[Marked, ...]]
    listed: tuple[tuple[Marked, ...], tuple[Marked, ...]]

    @property
    def share(self) -> float:
        return max((one.share for one in (self.text, self.rows) if one is not None), default=0.0)

    @property
    def other_was_first(self) -> bool:
        return self.first.user_id == self.other.user_id

    @cached_property
    def is_evidence(self) -> bool:
        """Whether so much is shared that a person should look at both."""
        least = SHARE_MIN_ANSWERS if kinds.find(self.own.kind).is_judged else SHARE_MIN
        return any(
            one is not None and one.common >= many and one.share >= least
            for one, many in ((self.text, RUNS_MIN), (self.rows, ROWS_MIN))
        )


def similar(attempts: Sequence[Submission], most: int = SHOWN) -> list[Pair]:
    """Returns the attempts of other learners that have most in common with these, at most one for each learner.

    `attempts` are of one learner at one challenge. Those that are annulled count, but annulled ones of others do not.
    """
    hashes = {one.pk: fingerprints.hashes_of(one) for one in _different(attempts)}
    found = _candidates(attempts, frozenset[int]().union(*hashes.values())) if hashes else {}
    others = Submission.objects.filter(pk__in=found, annulled=False, user__deleted_at=None)
    best: dict[int, tuple[int, int, Submission]] = {}
    for other in others.select_related("user", "version", "challenge").order_by("pk"):
        for own, kept in hashes.items():
            common = len(kept & found[other.pk])
            if common >= HASHES_MIN and common > best.get(other.user_id, (0,))[0]:
                best[other.user_id] = common, own, other
    chosen = sorted(best.values(), key=lambda one: (-one[0], one[2].pk))[:COMPARED]
    mine = {one.pk: one for one in attempts}
    pairs = [one for one in compared([(mine[key], other) for _common, key, other in chosen]) if one.is_evidence]
    return [replace(one, first=first_of(one)) for one in sorted(pairs, key=lambda one: -one.share)[:most]]


def _different(attempts: Iterable[Submission]) -> list[Submission]:
    """Leaves out attempts with the payload of an earlier one."""
    ordered = sorted(attempts, key=lambda one: one.pk, reverse=True)
    return list({one.payload_sha256: one for one in ordered}.values())


def _candidates(attempts: Sequence[Submission], hashes: Collection[int]) -> dict[int, set[int]]:
    """Returns the attempts of others with most of these hashes, by key, each with the hashes that it has."""
    first = attempts[0]
    own = Submission.objects.filter(user=first.user_id, challenge=first.challenge_id).values_list("pk", flat=True)
    listed = Fingerprint.objects.filter(challenge=first.challenge_id, hash__in=hashes)
    counted = listed.exclude(submission__in=list(own)).values("submission").annotate(common=Count("hash"))
    many = counted.filter(common__gte=HASHES_MIN).order_by("-common", "submission")
    found: dict[int, set[int]] = {row["submission"]: set() for row in many[:CANDIDATES]}
    for key, hash in listed.filter(submission__in=found).values_list("submission_id", "hash"):
        found[key].add(hash)
    return found


def compared(pairs: Sequence[tuple[Submission, Submission]]) -> list[Pair]:
    """Compares attempts exactly, all at one challenge. Pairs with a payload that nobody can read are left out.

    `Pair.first` is the earlier one of the two; `first_of` knows more.
    """
    if not pairs:
        return []
    challenge = pairs[0][0].challenge
    given = gifts.given(challenge)
    done = []
    for own, other in pairs:
        told = gifts.announced(challenge, (own.user_id, other.user_id))
        try:
            sides = [material_of(one.version.parsed, one.payload) for one in (own, other)]
        except (ValidationError, KeyError):
            continue
        text, pieces = _texts(sides, given, told)
        rows, listed = _rows(sides, given)
        first = min(own, other, key=lambda one: one.pk)
        done.append(Pair(own, other, text, rows, first, pieces, listed))
    return done


def _texts(
    sides: Sequence[Material], given: Given, told: frozenset[int]
) -> tuple[Shared | None, tuple[tuple[Marked, ...], tuple[Marked, ...]]]:
    own, theirs = (given.free_runs(one, told) for one in sides)
    kept = [{one for one in found if one is not None} for found in (own, theirs)]
    common = kept[0] & kept[1]
    long = all(len(one.words) >= TEXT_WORDS_MIN for one in sides)
    shared = Shared(len(common), 0, len(kept[0]), len(kept[1])) if long and all(kept) else None
    shown = common if long else set[int]()
    return shared, (_pieces(sides[0], own, shown), _pieces(sides[1], theirs, shown))


def _pieces(side: Material, found: Sequence[int | None], common: Collection[int]) -> tuple[Marked, ...]:
    """Cuts a text where a run begins or ends that both have."""
    marked: list[tuple[int, int]] = []
    for number, one in enumerate(found):
        if one is None or one not in common:
            continue
        start, end = side.words[number].start, side.words[number + RUN_WORDS - 1].end
        if marked and start <= marked[-1][1]:
            marked[-1] = marked[-1][0], end
        else:
            marked.append((start, end))
    pieces, at = [], 0
    for start, end in marked:
        pieces += [Marked(side.text[at:start], ""), Marked(side.text[start:end], "common")]
        at = end
    return tuple(one for one in [*pieces, Marked(side.text[at:], "")] if one.text)


def _rows(
    sides: Sequence[Material], given: Given
) -> tuple[Shared | None, tuple[tuple[Marked, ...], tuple[Marked, ...]]]:
    free = [[given.free_row(row) for row in one.rows] for one in sides]
    states = []
    for own, theirs in ((free[0], free[1]), (free[1], free[0])):
        known = [row for row in theirs if row is not None]
        whole, inputs = {row.whole for row in known}, {row.keys for row in known}
        near = NearRows(row.words for row in known)
        states.append(
            [
                "given"
                if row is None
                else "common"
                if row.whole in whole
                else "near"
                if row.keys in inputs or near.find(row.words)
                else ""
                for row in own
            ]
        )
    sizes = [sum(state != "given" for state in found) for found in states]
    # A row that one learner repeats is one row of the other's.
    fewer = min(states, key=lambda found: sum(state in ("common", "near") for state in found))
    near_ones = fewer.count("near")
    shared = Shared(fewer.count("common") + near_ones, near_ones, *sizes) if all(sizes) else None
    listed = [
        tuple(Marked("\n".join(row.inputs), state, row.output) for row, state in zip(side.rows, found, strict=True))
        for side, found in zip(sides, states, strict=True)
    ]
    return shared, (listed[0], listed[1])


def first_of(pair: Pair) -> Submission:
    """Returns the first attempt of one of the two learners that has most of what both have, as far as the index knows.

    An attempt repeats much of its learner's earlier ones, so that its own time says little.
    """
    earlier = min(pair.own, pair.other, key=lambda one: one.pk)
    listed = Fingerprint.objects.filter(challenge=pair.own.challenge_id)
    own, other = (
        set(listed.filter(submission=one.pk).values_list("hash", flat=True)) for one in (pair.own, pair.other)
    )
    both = own & other
    people = (pair.own.user_id, pair.other.user_id)
    holders = listed.filter(hash__in=both, submission__user__in=people, submission__lt=earlier.pk).values("submission")
    most = holders.annotate(common=Count("hash")).filter(common__gt=len(both) // 2)
    first = most.order_by("submission").values_list("submission", flat=True).first() if both else None
    return earlier if first is None else Submission.objects.select_related("user").get(pk=first)
