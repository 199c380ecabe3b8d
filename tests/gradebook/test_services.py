"""What people set in place of computed grades: who may, with which reason, once, and with a trace."""

from __future__ import annotations

from decimal import Decimal
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.http import Http404
from django.utils import timezone

from gradus.accounts.models import StaffAction, User
from gradus.accounts.token_rules import LearnerData, Scope
from gradus.classes.models import Class, Member, ReleaseRule
from gradus.courses.models import Challenge, Course
from gradus.gradebook import cells, own, queries, services, triggers
from gradus.gradebook.models import Cell, Override
from gradus.gradebook.table import Cell as Shown
from gradus.gradebook.table import State
from gradus.refusal import Refused
from tests import factories

pytestmark = pytest.mark.django_db


def shown(of_class: Class, member: Member, place: int = 0) -> Shown:
    return next(line.cells[place] for line in queries.table(of_class).lines if line.person.member == member.pk)


def refusal(service: Any, *given: Any, **more: Any) -> Refused:
    with pytest.raises(Refused) as found, transaction.atomic():
        service(*given, **more)
    return found.value


def test_an_override_is_set_replaced_and_cleared_with_a_trace(
    evening: Class, ann: Member, ada: User, teacher: User, sea_or_sky: Challenge
) -> None:
    factories.grade(factories.submit(ada), 0.5)
    services.override([ann], sea_or_sky, by=teacher, value="8,5", reason="  read the essay\n again ")
    assert (shown(evening, ann).state, shown(evening, ann).points) == (State.OVERRIDDEN, Decimal("8.50"))
    services.override([ann], sea_or_sky, by=teacher, value=9, reason="and again")
    services.clear([ann], sea_or_sky, by=teacher)
    assert (shown(evening, ann).state, shown(evening, ann).points) == (State.GRADED, Decimal(5))
    kept = Override.objects.order_by("pk").values_list("value", "reason", "by", "ended_by")
    assert list(kept) == [
        (Decimal("8.50"), "read the essay again", teacher.pk, teacher.pk),
        (Decimal("9.00"), "and again", teacher.pk, teacher.pk),
    ]
    first, second, third = StaffAction.objects.filter(user_id=teacher.pk).order_by("pk")
    assert (first.what, first.details["class"], first.details["member"]) == ("grade_overridden", evening.pk, ann.pk)
    assert first.details["before"] == {"override": None} and first.details["after"]["points"] == "8.50"
    assert second.details["before"]["points"] == "8.50" and second.details["reason"] == "and again"
    assert (third.what, third.details["after"]) == ("override_cleared", {"override": None})


def test_excused_is_neither_missing_nor_zero(
    evening: Class, ann: Member, ben: Member, eve: Member, teacher: User, sea_or_sky: Challenge
) -> None:
    services.override([ann], sea_or_sky, by=teacher, value=0, reason="copied")
    services.excuse([ben, eve], sea_or_sky, by=teacher, reason="joined late")
    states = {line.person.member: line for line in queries.table(evening).lines}
    totals = {pk: (line.total.points, line.total.possible, line.total.missing) for pk, line in states.items()}
    # The two other challenges have no grade.
    zero, ten = Decimal(0), Decimal(10)
    assert totals == {ann.pk: (zero, ten, 2), ben.pk: (zero, zero, 2), eve.pk: (zero, zero, 2)}
    column = queries.table(evening).columns[0]
    assert (column.average, column.graded) == (zero, 1)


@pytest.mark.parametrize(
    ("value", "reason", "field"),
    [
        ("", "because", "value"),
        ("nine", "because", "value"),
        ("-1", "because", "value"),
        ("20.01", "because", "value"),
        ("1.234", "because", "value"),
        ("nan", "because", "value"),
        ("inf", "because", "value"),
        ("1e400", "because", "value"),
        ("7", "", "reason"),
        ("7", "x" * 501, "reason"),
        ("7", "nul \x00", "reason"),
    ],
)
def test_a_wrong_value_or_reason_is_refused_beside_its_field(
    ann: Member, teacher: User, sea_or_sky: Challenge, value: str, reason: str, field: str
) -> None:
    found = refusal(services.override, [ann], sea_or_sky, by=teacher, value=value, reason=reason)
    assert (found.status, found.problems[0]["field"]) == (422, field)
    assert not Override.objects.exists() and not StaffAction.objects.filter(what="grade_overridden").exists()


def test_two_instructors_at_once(ann: Member, teacher: User, grace: User, sea_or_sky: Challenge) -> None:
    seen = services.seen_of(ann, sea_or_sky)
    services.override([ann], sea_or_sky, by=teacher, value=8, reason="first", seen=seen)
    late = refusal(services.override, [ann], sea_or_sky, by=grace, value=3, reason="second", seen=seen)
    assert (late.status, late.code) == (409, "changed_meanwhile")
    assert refusal(services.clear, [ann], sea_or_sky, by=grace, seen=seen).code == "changed_meanwhile"
    assert Override.objects.get().value == 8
    services.override([ann], sea_or_sky, by=grace, value=3, reason="second", seen=services.seen_of(ann, sea_or_sky))
    assert Override.objects.open().get().value == 3


def test_nothing_to_clear_is_said(ann: Member, teacher: User, sea_or_sky: Challenge) -> None:
    assert refusal(services.clear, [ann], sea_or_sky, by=teacher).code == "not_overridden"


def test_who_may(
    evening: Class, ann: Member, ben: Member, bob: User, ada: User, course: Course, sea_or_sky: Challenge
) -> None:
    given: dict[str, Any] = {"value": 1, "reason": "because"}
    with pytest.raises(Http404):
        services.override([ann], sea_or_sky, by=bob, **given)
    other = factories.a_class(course, title="Another class")
    assistant = factories.UserFactory.create()
    factories.member(other, assistant, learner_data=LearnerData.EDITOR)
    with pytest.raises(Http404):
        services.override([ann], sea_or_sky, by=assistant, **given)
    viewer = factories.UserFactory.create()
    factories.member(evening, viewer, learner_data=LearnerData.VIEWER)
    assert refusal(services.override, [ann], sea_or_sky, by=viewer, **given).status == 403
    factories.enrol(ada, course, Scope(learner_data=LearnerData.EDITOR))
    assert refusal(services.override, [ann], sea_or_sky, by=ada, **given).code == "own_grade"
    services.override([ben], sea_or_sky, by=ada, **given)
    assert Override.objects.get().member == ben


def test_points_of_a_challenge_change_what_is_computed_only(
    evening: Class, ann: Member, ben: Member, ada: User, teacher: User, sea_or_sky: Challenge
) -> None:
    factories.grade(factories.submit(ada), 0.5)
    services.override([ben], sea_or_sky, by=teacher, value=8, reason="because")
    seen = queries_seen(evening)
    services.weigh(evening, {sea_or_sky.pk: "20"}, by=teacher, seen=seen)
    assert (shown(evening, ann).points, shown(evening, ben).points) == (Decimal(10), Decimal(8))
    noted = StaffAction.objects.get(what="weights_changed").details
    assert (noted["before"], noted["after"]) == ({"sea-or-sky": "10.00"}, {"sea-or-sky": "20.00"})
    assert refusal(services.weigh, evening, {sea_or_sky.pk: "5"}, by=teacher, seen=seen).code == "changed_meanwhile"
    wrong = refusal(services.weigh, evening, {sea_or_sky.pk: "many"}, by=teacher)
    assert (wrong.status, wrong.problems[0]["field"]) == (422, str(sea_or_sky.pk))
    assert refusal(services.weigh, evening, {0: "5"}, by=teacher).status == 422


def queries_seen(of_class: Class) -> str:
    from gradus.classes.changes import version_of

    return version_of(services.worths_seen(queries.columns_of(of_class)))


def test_the_database_keeps_overrides_as_they_were(ann: Member, teacher: User, sea_or_sky: Challenge) -> None:
    [made] = services.override([ann], sea_or_sky, by=teacher, value=8, reason="because")
    for change in ({"value": 9}, {"reason": "another"}, {"at": timezone.now()}, {"kind": "excused", "value": None}):
        with pytest.raises(DatabaseError), transaction.atomic():
            Override.objects.filter(pk=made.pk).update(**change)
    with pytest.raises(DatabaseError, match="not withheld again"), transaction.atomic():
        Override.objects.filter(pk=made.pk).update(withheld=True)
    with pytest.raises(IntegrityError), transaction.atomic():
        Override.objects.create(member=ann, challenge=sea_or_sky, kind="value", value=1, reason="a second one")
    for wrong in ({"kind": "value"}, {"kind": "excused", "value": 1}, {"kind": "value", "value": -1}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Override.objects.create(**{"member": ann, "challenge": sea_or_sky, "reason": "x", **wrong}, ended_at=None)
    services.clear([ann], sea_or_sky, by=teacher)
    with pytest.raises(DatabaseError), transaction.atomic():
        Override.objects.filter(pk=made.pk).update(ended_at=None)


def test_earlier_overrides_are_withheld_as_the_rules_say(
    evening: Class, ann: Member, ben: Member, teacher: User, sea_or_sky: Challenge, ticket: Challenge
) -> None:
    """The migration cannot know what learners have seen."""
    migration = import_module("gradus.gradebook.migrations.0003_withhold_what_rules_withhold")
    for member, place in ((ann, sea_or_sky), (ben, sea_or_sky), (ann, ticket)):
        services.override([member], place, by=teacher, value=8, reason="because")
    ReleaseRule.objects.create(of_class=evening, score="hand", details="hand")
    ReleaseRule.objects.create(of_class=evening, challenge=ticket, score="date", score_at=timezone.now())
    triggers.remove_release(None, connection.schema_editor())
    migration.withhold(apps, None)
    kept = Override.objects.values_list("challenge", "withheld")
    assert sorted(kept) == sorted([(sea_or_sky.pk, True), (sea_or_sky.pk, True), (ticket.pk, False)])


def test_what_is_not_released_is_held_for_the_learner_alone(
    evening: Class, ann: Member, ben: Member, ada: User, teacher: User, sea_or_sky: Challenge
) -> None:
    ReleaseRule.objects.create(of_class=evening, score="hand", details="hand")
    factories.grade(factories.submit(ada), 0.5)
    services.override([ben], sea_or_sky, by=teacher, value=8, reason="because")
    found = shown(evening, ann)
    assert (found.state, found.points, found.is_shown) == (State.HELD, Decimal(5), False)
    assert shown(evening, ben).is_shown is False
    table = queries.table(evening)
    assert queries.count_held(evening, queries.learners(evening), table.columns) == 2


def test_of_two_members_who_are_one_person_the_points_stay_visible(
    evening: Class, ann: Member, eve: Member, teacher: User, sea_or_sky: Challenge
) -> None:
    from gradus.classes.joining import merge

    services.override([eve], sea_or_sky, by=teacher, value=3, reason="seen before the rule")
    ReleaseRule.objects.create(of_class=evening, score="hand", details="hand")
    services.override([ann], sea_or_sky, by=teacher, value=8, reason="because")
    merge(ann, eve)
    assert next(cell.points for _column, cell in own.grades_of(ann).rows) == 8


def test_two_members_who_are_one_person_keep_every_override(
    evening: Class, ann: Member, eve: Member, teacher: User, sea_or_sky: Challenge, ticket: Challenge
) -> None:
    from gradus.classes.joining import merge

    for member, place, value in ((ann, sea_or_sky, 8), (eve, sea_or_sky, 3), (eve, ticket, 4)):
        services.override([member], place, by=teacher, value=value, reason="because")
    merge(ann, eve)
    table = queries.table(evening)
    assert [cell.points for cell in table.lines[0].cells][:2] == [8, 4]
    assert Override.objects.filter(member=ann).count() == 3
    assert Cell.objects.count() == 2 and cells.differences(evening) == []
