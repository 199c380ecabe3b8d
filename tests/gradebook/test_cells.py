"""Cells follow what happens to attempts, dates and members, and agree with a slow and obvious computation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from random import Random
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gradus.accounts.models import User
from gradus.classes import access
from gradus.classes import services as classes
from gradus.classes.models import Class, DateRule, Member
from gradus.classes.policy import Facts, decide
from gradus.courses.models import Challenge
from gradus.gradebook import cells, queries, services
from gradus.gradebook.models import Cell, Override
from gradus.gradebook.points import Attempt
from gradus.gradebook.schedules import schedules
from gradus.gradebook.table import Cell as Shown
from gradus.gradebook.table import State
from gradus.submissions.models import Evaluation, Score, Submission
from gradus.submissions.services import cancel
from tests import factories

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def cell(of_class: Class, member: Member, slug: str = "sea-or-sky") -> Shown:
    table = queries.table(of_class)
    place = [column.slug for column in table.columns].index(slug)
    return next(line.cells[place] for line in table.lines if line.person.member == member.pk)


def test_a_cell_follows_its_attempts(evening: Class, ann: Member, ada: User) -> None:
    assert cell(evening, ann) == Shown()
    first = factories.submit(ada)
    assert cell(evening, ann).state == State.GRADING
    factories.grade(first, 0.7)
    assert (cell(evening, ann).state, cell(evening, ann).points) == (State.GRADED, Decimal("7.00"))
    second = factories.submit(ada)
    assert (cell(evening, ann).points, cell(evening, ann).attempts) == (Decimal("7.00"), 2)
    factories.grade(second, 0.9)
    assert cell(evening, ann).points == Decimal("9.00")
    assert cells.differences(evening) == []


def test_an_attempt_that_was_cancelled_is_none(evening: Class, ann: Member, ada: User) -> None:
    cancel(factories.submit(ada))
    assert (cell(evening, ann).state, cell(evening, ann).attempts) == (State.NONE, 0)


def test_a_trial_alone_is_a_draft(evening: Class, ann: Member, ada: User, sea_or_sky: Challenge) -> None:
    from gradus.submissions import services as submissions

    assert sea_or_sky.version is not None
    submissions.start_run(ada, sea_or_sky.version, factories.PROMPT)
    assert cell(evening, ann).state == State.DRAFT


def test_an_answer_that_waits_for_a_person_has_no_points(evening: Class, ann: Member, ada: User) -> None:
    made = factories.submit(ada, "explain", factories.FREE_TEXT)
    factories.grade(made, 0.8, provisional=True, review=("no-calibration",))
    found = cell(evening, ann, "explain")
    assert (found.state, found.points, found.waits) == (State.WAITING, None, True)


def test_an_attempt_of_self_study_counts_for_no_class(evening: Class, bob: User, ben: Member) -> None:
    evening.members.filter(user=bob).delete()
    factories.grade(factories.submit(bob))
    assert not Cell.objects.exists()


def test_dates_and_extensions_decide_the_credit_today(
    evening: Class, ann: Member, ada: User, sea_or_sky: Challenge
) -> None:
    factories.grade(factories.submit(ada), 0.8)
    rule = DateRule.objects.create(of_class=evening, challenge=sea_or_sky, due_at=timezone.now() - DAY, after=0.5)
    cells.rebuild(evening)
    found = cell(evening, ann)
    assert (found.points, found.raw, found.credit, found.is_late) == (Decimal(4), Decimal(8), Decimal("0.5"), True)
    DateRule.objects.create(
        of_class=evening, challenge=sea_or_sky, member=ann, due_at=timezone.now() + DAY, reason="was ill"
    )
    cells.rebuild(evening, {ann.pk})
    assert (cell(evening, ann).points, cell(evening, ann).is_late) == (Decimal(8), False)
    assert rule.pk


def test_the_classs_scheme_decides_the_share(evening: Class, ann: Member, ada: User, grace: User) -> None:
    factories.grade(factories.submit(ada), 0.7)
    classes.change(evening, by=grace, points="pass")
    passes = factories.challenge("sea-or-sky").spec.pass_ <= 0.7
    assert cell(evening, ann).points == (10 if passes else 0)
    classes.change(evening, by=grace, points="steps", steps=[{"from": 0.5, "points": 0.25}])
    assert cell(evening, ann).points == Decimal("2.50")


def test_a_regrade_changes_what_is_computed_and_not_what_a_person_set(
    evening: Class, ann: Member, ada: User, teacher: User, sea_or_sky: Challenge
) -> None:
    made = factories.submit(ada)
    factories.grade(made, 0.5)
    services.override([ann], sea_or_sky, by=teacher, value="9", reason="the mail server was down")
    again = Evaluation.objects.create(
        submission=made, number=2, is_current=False, lane=made.current_for_staff.lane, fair_share_rank=0
    )
    factories.grade(made, 0.8) if again.is_current else _record(again, 0.8)
    found = cell(evening, ann)
    assert (found.state, found.points, found.computed) == (State.OVERRIDDEN, Decimal(9), Decimal(8))
    services.clear([ann], sea_or_sky, by=teacher)
    assert (cell(evening, ann).state, cell(evening, ann).points) == (State.GRADED, Decimal(8))
    assert cells.differences(evening) == []


def _record(evaluation: Evaluation, score: float) -> None:
    from gradus.submissions import services as submissions

    claimed = submissions.claim(evaluation.lane, worker="worker-1", profile="cpu/float32/1")
    assert claimed is not None and claimed.pk == evaluation.pk
    assert claimed.submission is not None
    result = factories.result_for(claimed.submission)
    submissions.record(claimed.pk, claimed.fence, submissions.Outcome(score=score, result=result))


def test_who_leaves_and_comes_back_has_the_grades(evening: Class, ann: Member, ada: User, grace: User) -> None:
    from gradus.classes import members

    factories.grade(factories.submit(ada), 0.7)
    members.remove_member(ann, by=grace)
    assert queries.table(evening).lines == ()
    assert queries.table(evening, queries.Wanted(left=True)).lines[0].cells[0].points == Decimal(7)
    members.add_member(evening, by=grace, user=ada)
    assert cell(evening, ann).points == Decimal(7)


# The oracle: each cell and total from the scores, in the plainest way.


@dataclass(frozen=True)
class Made:
    learner: int
    challenge: int
    hour: int
    score: int | None
    provisional: bool
    state: str


MOMENT = datetime.fromisoformat("2026-10-24T22:00+00:00")
attempts = st.lists(
    st.builds(
        Made,
        learner=st.integers(0, 1),
        challenge=st.integers(0, 2),
        hour=st.integers(0, 10),
        score=st.none() | st.integers(0, 20),
        provisional=st.booleans(),
        state=st.sampled_from(["queued", "cancelled", "failed"]),
    ),
    max_size=8,
)
rules = st.lists(
    st.tuples(
        st.integers(0, 2), st.sampled_from(["everybody", "label", "learner"]), st.integers(0, 9), st.integers(0, 10)
    ),
    max_size=4,
    unique_by=lambda one: one[:2],
)
overrides = st.dictionaries(st.tuples(st.integers(0, 1), st.integers(0, 2)), st.none() | st.integers(0, 20), max_size=3)
schemes = st.sampled_from(
    [("share", []), ("pass", []), ("steps", [{"from": 0.5, "points": 0.6}, {"from": 0.9, "points": 1}])]
)
worths = st.lists(st.sampled_from([None, "0", "2.5", "100"]), min_size=3, max_size=3)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(attempts, rules, overrides, schemes, worths)
def test_the_table_is_what_a_slow_computation_gives(
    evening: Class,
    ann: Member,
    ben: Member,
    teacher: User,
    made: list[Made],
    dates: list[tuple[int, str, int, int]],
    set_by_hand: dict[tuple[int, int], int | None],
    scheme: tuple[str, list[dict[str, Any]]],
    weights: list[str | None],
) -> None:
    with transaction.atomic():
        members, challenges = [ann, ben], queries.challenges_of(evening)
        Class.objects.filter(pk=evening.pk).update(points=scheme[0], steps=scheme[1])
        of_class = Class.objects.get(pk=evening.pk)
        for one in made:
            store(of_class, members[one.learner], challenges[one.challenge], one)
        for place, who, hour, after in dates:
            groups: dict[str, dict[str, Any]] = {"label": {"label": ann.labels.get()}, "learner": {"member": ann}}
            DateRule.objects.create(
                of_class=of_class,
                challenge=challenges[place],
                due_at=MOMENT + timedelta(hours=hour),
                after=after / 10,
                reason="x",
                **groups.get(who, {}),
            )
        services.weigh(
            of_class, {one.pk: worth for one, worth in zip(challenges, weights, strict=True) if worth}, by=teacher
        )
        cells.rebuild(of_class)
        for (learner, place), value in set_by_hand.items():
            Override.objects.create(
                member=members[learner],
                challenge=challenges[place],
                reason="x",
                by=teacher,
                kind="excused" if value is None else "value",
                value=value,
            )
        cells.rebuild(of_class)
        compare(of_class, members, challenges, weights)
        transaction.set_rollback(True)


def store(of_class: Class, member: Member, challenge: Challenge, one: Made) -> None:
    assert member.user is not None and challenge.version is not None
    row = Submission.objects.create(
        user=member.user, challenge=challenge, version=challenge.version, kind=challenge.kind, payload={},
        payload_sha256="", idempotency_key=f"k{next(factories.KEYS)}", of_class=of_class,
        created_at=MOMENT + timedelta(hours=one.hour),
    )  # fmt: skip
    state = one.state if one.score is None else "review" if one.provisional else "scored"
    ended = Evaluation.objects.create(submission=row, state=state, lane="fast")
    if one.score is not None:
        share = one.score / 20
        Score.objects.create(
            evaluation=ended,
            value=share,
            shown=share,
            passed=share >= challenge.spec.pass_,
            provisional=one.provisional,
            verified_by=None if one.provisional else "code",
        )


def compare(of_class: Class, members: list[Member], challenges: list[Challenge], weights: list[str | None]) -> None:
    table = queries.table(of_class)
    by_member = {line.person.member: line for line in table.lines}
    sums: dict[int, list[Decimal]] = {}
    for member in members:
        line = by_member[member.pk]
        got, possible, missing = Decimal(0), Decimal(0), 0
        for challenge, worth, shown in zip(challenges, weights, line.cells, strict=True):
            value, excused = slow(of_class, member, challenge, Decimal(worth or 10))
            assert (shown.points, shown.is_excused) == (value, excused)
            compare_cell(of_class, member, challenge)
            if excused:
                continue
            if value is None:
                missing += 1
                continue
            got, possible = got + value, possible + Decimal(worth or 10)
            sums.setdefault(challenge.pk, []).append(value)
        assert (line.total.points, line.total.possible, line.total.missing) == (got, possible, missing)
    for column in table.columns:
        values = sums.get(column.challenge, [])
        assert column.graded == len(values)
        if values:
            assert column.average is not None
            # The average is of what was earned, before each cell is rounded.
            assert abs(column.average - sum(values, Decimal(0)) / len(values)) <= Decimal("0.02")


def compare_cell(of_class: Class, member: Member, challenge: Challenge) -> None:
    """The cell has the values that its attempts make if each of them is looked at."""
    schedule = schedules([member], [challenge])[member.pk, challenge.pk]
    found = one_by_one(of_class, member, challenge)
    values = cells.values_of(found, cells.scheme_of(of_class), cells.credit_by(schedule), schedule.is_late)
    kept = Cell.objects.filter(member=member, challenge=challenge).values(*values).first()
    assert kept == values or (kept is None and not found)


def one_by_one(of_class: Class, member: Member, challenge: Challenge) -> list[Attempt]:
    found = []
    for one in Submission.objects.filter(of_class=of_class, user=member.user, challenge=challenge):
        evaluation = one.evaluations.get(is_current=True)
        score = Score.objects.filter(evaluation=evaluation, provisional=False).first()
        shown = None if score is None else Decimal(str(score.shown))
        passed, grader = (False, "") if score is None else (score.passed, score.verified_by or "")
        version = evaluation.graded_version_id or one.version_id
        found.append(Attempt(one.pk, one.created_at, evaluation.state, shown, passed, grader, version))
    return found


QUICK = (("share", 0.3), ("pass", 0), ("steps", 0.3))
OTHERS = (("share", 0), ("pass", 0.3), ("steps", 0))


@pytest.mark.parametrize(("scheme", "after"), [*QUICK, *(pytest.param(*one, marks=pytest.mark.slow) for one in OTHERS)])
def test_of_many_attempts_the_database_finds_the_one_that_counts(
    evening: Class, ann: Member, ben: Member, sea_or_sky: Challenge, scheme: str, after: float
) -> None:
    steps = [{"from": 0.5, "points": 0.6}, {"from": 0.9, "points": 1}] if scheme == "steps" else []
    Class.objects.filter(pk=evening.pk).update(points=scheme, steps=steps)
    of_class = Class.objects.get(pk=evening.pk)

    def step(hour: int, credit: float) -> dict[str, Any]:
        return {"until": (MOMENT + timedelta(hours=hour)).isoformat(), "credit": credit}

    dates = {"of_class": of_class, "challenge": sea_or_sky, "due_at": MOMENT + timedelta(hours=6)}
    DateRule.objects.create(**dates, early=[step(2, 1.2), step(4, 1.1)], late=[step(8, 0.7)], after=after)
    DateRule.objects.create(of_class=of_class, challenge=sea_or_sky, label=ben.labels.get(), due_at=MOMENT + DAY)
    drawn = Random(7)
    for number in range(80):
        score = drawn.choice([None, *range(21)])
        state = drawn.choice(["queued", "cancelled", "failed"])
        one = Made(0, 0, number % 11, score, drawn.random() < 0.2, state)
        store(of_class, ann if number % 2 else ben, sea_or_sky, one)
        if number % 4 == 3:
            cells.rebuild(of_class)
            compare_cell(of_class, ann, sea_or_sky)
            compare_cell(of_class, ben, sea_or_sky)


def slow(of_class: Class, member: Member, challenge: Challenge, worth: Decimal) -> tuple[Decimal | None, bool]:
    """The points of a cell, and whether it is excused: one query after another, one attempt after another."""
    for override in Override.objects.filter(member=member, challenge=challenge, ended_at=None):
        return override.value, override.kind == "excused"
    facts: Facts = access.facts_of([member], [challenge])[member.pk, challenge]
    earned = []
    for attempt in Submission.objects.filter(of_class=of_class, user=member.user, challenge=challenge):
        evaluation = attempt.evaluations.get(is_current=True)
        score = Score.objects.filter(evaluation=evaluation, provisional=False).first()
        if score is None:
            continue
        if of_class.points == "share":
            share = Decimal(str(score.shown))
        elif of_class.points == "pass":
            share = Decimal(1 if score.passed else 0)
        else:
            fitting = [step["points"] for step in of_class.steps if step["from"] <= score.shown]
            share = Decimal(str(max(fitting, default=0)))
        credit = Decimal(str(decide(facts, attempt.created_at).credit))
        earned.append((share * credit).quantize(Decimal("0.0001"), ROUND_HALF_UP))
    if not earned:
        return None, False
    return (max(earned) * worth).quantize(Decimal("0.01"), ROUND_HALF_UP), False
