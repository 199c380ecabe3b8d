"""Points, credit and totals, against a slow and obvious computation."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from gradus.gradebook import points
from gradus.gradebook.points import Attempt, Counted, Kind, Scheme

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
STEPS = Scheme.of("steps", [{"from": 0.9, "points": 1}, {"from": 0.5, "points": 0.5}])
scores = st.integers(0, 100).map(lambda n: Decimal(n) / 100)
schemes = st.sampled_from([Scheme(), Scheme(Kind.PASSED), STEPS])
credits_given = st.sampled_from([Decimal(n) / 10 for n in range(13)])
attempts = st.lists(
    st.builds(
        Attempt,
        id=st.integers(1, 10**6),
        at=st.integers(0, 5).map(lambda hours: NOON + timedelta(hours=hours)),
        state=st.just("scored"),
        score=st.none() | scores,
        passed=st.booleans(),
    ),
    unique_by=lambda one: one.id,
    max_size=8,
)


def test_a_share_is_by_score_by_pass_or_by_steps() -> None:
    assert Scheme().share(Decimal("0.85"), passed=True) == Decimal("0.85")
    assert Scheme(Kind.PASSED).share(Decimal("0.85"), passed=True) == 1
    assert Scheme(Kind.PASSED).share(Decimal("0.85"), passed=False) == 0
    assert [STEPS.share(Decimal(x), passed=True) for x in ("0.49", "0.5", "0.89", "0.9")] == [
        0,
        Decimal("0.5"),
        Decimal("0.5"),
        1,
    ]


@given(attempts, schemes, st.dictionaries(st.integers(0, 5), credits_given))
def test_the_attempt_that_earns_most_counts(given_: list[Attempt], scheme: Scheme, credits: dict[int, Decimal]) -> None:
    def credit_at(at: datetime) -> Decimal:
        return credits.get((at - NOON).seconds // 3600, Decimal(1))

    found = points.best(given_, scheme, credit_at)
    final = [one for one in given_ if one.score is not None]
    if not final:
        assert found is None
        return
    assert found is not None
    earned = {one.id: scheme.share(one.score or Decimal(0), passed=one.passed) * credit_at(one.at) for one in final}
    assert found.share == found.share.quantize(Decimal("0.0001"))
    assert abs(found.share - max(earned.values())) <= Decimal("0.00005")
    equal = [one for one in final if round(earned[one.id], 4) == round(max(earned.values()), 4)]
    assert found.attempt.score == max(one.score for one in equal if one.score is not None)
    assert found.attempt.at == min(one.at for one in equal if one.score == found.attempt.score)


def test_half_a_cent_is_rounded_up() -> None:
    assert points.points(Decimal("0.1234"), Decimal("2.5")) == Decimal("0.31")
    assert points.points(Decimal("0.5"), Decimal("0.01")) == Decimal("0.01")


def test_missing_zero_and_excused_are_three_things() -> None:
    ten = Decimal(10)
    with_zero = points.total([Counted(Decimal(8), ten), Counted(Decimal(0), ten)])
    missing = points.total([Counted(Decimal(8), ten), Counted(None, ten)])
    excused = points.total([Counted(Decimal(8), ten), Counted(None, ten, excused=True)])
    assert (with_zero.share, with_zero.missing, with_zero.excused) == (Decimal("0.4"), 0, 0)
    assert (missing.share, missing.missing, missing.excused) == (Decimal("0.8"), 1, 0)
    assert (excused.share, excused.missing, excused.excused) == (Decimal("0.8"), 0, 1)


def test_nothing_graded_has_no_share() -> None:
    assert points.total([]).share is None
    assert points.total([Counted(None, Decimal(10))]).share is None
    assert points.total([Counted(Decimal(0), Decimal(0))]).share is None


cells = st.lists(
    st.builds(
        Counted,
        points=st.none() | st.decimals(0, 20, places=2),
        worth=st.decimals(0, 20, places=2),
        excused=st.booleans(),
    ),
    max_size=12,
)


@given(cells)
def test_a_total_is_the_weighted_mean_of_what_is_graded(given_: list[Counted]) -> None:
    found = points.total(given_)
    counted = [one for one in given_ if one.points is not None and not one.excused]
    assert found.points == sum(Fraction(one.points or 0) for one in counted)
    assert found.possible == sum(Fraction(one.worth) for one in counted)
    assert found.missing + found.excused + len(counted) == len(given_)
