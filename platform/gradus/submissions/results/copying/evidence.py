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
from gradus.submissions.models import Fingerprint, Submission
from gradus.submissions.results.copying import fingerprints
from gradus.submissions.results.copying import given as gifts
from gradus.submissions.results.copying.given import Given
from gradus.submissions.results.copying.material import Material, NearRows, Row, material_of

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
IN_BOTH = ("common", "near")


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
    """A piece of an attempt's text, or one of its rows. `state` is `common`, `near`, `given`, or empty.

    Rows have their number from 1 on, and `match`, the number of the first row of the other attempt that is like it.
    """

    text: str
    state: str
    output: str = ""
    number: int = 0
    match: int = 0


@dataclass(frozen=True)
class Side:
    """One of two attempts as it is shown beside the other one: the pieces of its text, and its rows."""

    attempt: Submission
    pieces: Sequence[Marked]
    rows: Sequence[Marked]

    @property
    def rows_in_both(self) -> list[Marked]:
        return [row for row in self.rows if row.state in IN_BOTH]

    @property
    def other_rows(self) -> list[Marked]:
        return [row for row in self.rows if row.state not in IN_BOTH]


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
    sides: tuple[Side, Side]

    @property
    def share(self) -> float:
        return max((one.share for one in (self.text, self.rows) if one is not None), default=0.0)

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
    read = {one.pk: _read(one, given) for one in {one.pk: one for pair in pairs for one in pair}.values()}
    done = []
    for own, other in pairs:
        sides = read[own.pk], read[other.pk]
        if sides[0] is None or sides[1] is None:
            continue
        text, pieces = _texts(sides[0], sides[1], gifts.announced(challenge, (own.user_id, other.user_id)))
        rows, listed = _rows(sides[0], sides[1])
        shown = [Side(*one) for one in zip((own, other), pieces, listed, strict=True)]
        done.append(Pair(own, other, text, rows, min(own, other, key=lambda one: one.pk), (shown[0], shown[1])))
    return done


@dataclass(frozen=True)
class Read:
    """An attempt as it is compared: its material, and what of it the course does not give."""

    material: Material
    runs: Sequence[int | None]
    rows: Sequence[Row | None]

    @cached_property
    def known(self) -> list[tuple[int, Row]]:
        return [(number, row) for number, row in enumerate(self.rows, 1) if row is not None]

    @cached_property
    def near(self) -> NearRows:
        return NearRows(row.words for _number, row in self.known)

    def near_numbers(self, row: Row) -> list[int]:
        """Returns the numbers of the rows whose words are nearly those of `row`."""
        return [self.known[one][0] for one in self.near.find(row.words)]


def read(material: Material, given: Given) -> Read:
    return Read(material, given.free_runs(material), [given.free_row(row) for row in material.rows])


def _read(attempt: Submission, given: Given) -> Read | None:
    try:
        return read(material_of(attempt.version.parsed, attempt.payload), given)
    except (ValidationError, KeyError):
        return None


def _texts(
    own: Read, other: Read, told: frozenset[int] = frozenset()
) -> tuple[Shared | None, tuple[tuple[Marked, ...], tuple[Marked, ...]]]:
    kept = [{one for one in side.runs if one is not None} - told for side in (own, other)]
    common = kept[0] & kept[1]
    long = all(len(side.material.words) >= TEXT_WORDS_MIN for side in (own, other))
    shared = Shared(len(common), 0, len(kept[0]), len(kept[1])) if long and all(kept) else None
    shown = common if long else set[int]()
    return shared, (_pieces(own, shown), _pieces(other, shown))


def _pieces(side: Read, common: Collection[int]) -> tuple[Marked, ...]:
    """Cuts a text where a run begins or ends that both have."""
    text, words = side.material.text, side.material.words
    marked: list[tuple[int, int]] = []
    for number, one in enumerate(side.runs):
        if one is None or one not in common:
            continue
        start, end = words[number].start, words[number + RUN_WORDS - 1].end
        if marked and start <= marked[-1][1]:
            marked[-1] = marked[-1][0], end
        else:
            marked.append((start, end))
    pieces, at = [], 0
    for start, end in marked:
        pieces += [Marked(text[at:start], ""), Marked(text[start:end], "common")]
        at = end
    return tuple(one for one in [*pieces, Marked(text[at:], "")] if one.text)


def _rows(own: Read, other: Read) -> tuple[Shared | None, tuple[Sequence[Marked], Sequence[Marked]]]:
    listed = _marked_rows(own, other), _marked_rows(other, own)
    # A row that one learner repeats is one row of the other's.
    states = min(([row.state for row in rows if row.state in IN_BOTH] for rows in listed), key=len)
    sizes = len(own.known), len(other.known)
    return Shared(len(states), states.count("near"), *sizes) if all(sizes) else None, listed


def _marked_rows(own: Read, other: Read) -> list[Marked]:
    whole = {row.whole: number for number, row in reversed(other.known)}
    inputs = {row.keys: number for number, row in reversed(other.known)}
    marked = []
    for number, (row, free) in enumerate(zip(own.material.rows, own.rows, strict=True), 1):
        state, match = "given", 0
        if free is not None and free.whole in whole:
            state, match = "common", whole[free.whole]
        elif free is not None:
            like = [inputs[free.keys]] if free.keys in inputs else other.near_numbers(free)
            state, match = ("near", min(like)) if like else ("", 0)
        marked.append(Marked("\n".join(row.inputs), state, row.output, number, match))
    return marked


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
