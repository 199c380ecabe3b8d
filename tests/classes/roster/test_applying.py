"""What a roster changes in a class, and what it never does."""

from __future__ import annotations

import pytest
from django.db import connection
from django.http import Http404
from django.test.utils import CaptureQueriesContext

from gradus.accounts.models import StaffAction, User
from gradus.accounts.token_rules import LearnerData
from gradus.classes import joining, members, signals
from gradus.classes.models import Class, Member
from gradus.classes.roster import services
from gradus.classes.roster.comparison import Plan
from gradus.classes.roster.people import parse
from gradus.courses.models import Course
from gradus.refusal import Refused
from tests.hostile.rosters.cast import account, class_of, state_of

OWN = "login,email,registrationnumber,firstname,lastname,labels,role\n"
CANVAS = "Student,ID,SIS User ID,SIS Login ID,Section\n"


@pytest.fixture
def evening(course: Course) -> Class:
    return class_of(course)


@pytest.fixture
def tom(evening: Class) -> User:
    return User.objects.get(username="tom")


def applied(of_class: Class, text: str, by: User, **how: bool | str) -> Plan:
    return services.apply(of_class, parse(text.encode()), by=by, **how)


def outcomes(plan: Plan) -> list[tuple[str, int | None]]:
    return [(step.outcome.value, step.row) for step in plan.steps]


def member(name: str) -> Member:
    return Member.objects.get(first_name=name)


def labels(name: str) -> set[str]:
    return {str(one) for one in member(name).labels.all()}


def test_rows_add_change_and_leave_alone(evening: Class, tom: User) -> None:
    text = OWN + (
        "ann,ann@example.org,1001,Anna,Lee,Section B,\n"
        ",dan@example.org,,Dan,,,\n"
        ",EVA@example.org,,Eva,Roe,Section A; Lab,assistant\n"
        ",new@example.org,007,Nu,,,\n"
    )
    seen = services.preview(evening, parse(text.encode()), by=tom)
    assert outcomes(seen) == [("change", 2), ("unchanged", 3), ("add", 4), ("add", 5)]
    assert seen.new_labels == ("Section B", "Lab") and seen.missing == ("Fay One", "Fay Two")
    assert member("Ann").login == "" and Member.objects.count() == 5

    assert applied(evening, text, tom, seen=seen.digest).counts == seen.counts
    ann, eva, new = member("Anna"), member("Eva"), member("Nu")
    assert (ann.login, ann.user) == ("ann", User.objects.get(username="ann"))
    assert labels("Anna") == {"Section A", "Section B"} and labels("Eva") == {"Section A", "Lab"}
    assert (eva.user, eva.email, eva.learner_data) == (User.objects.get(username="eva"), "eva@example.org", "viewer")
    assert (new.user, new.email, new.registration_number, new.joined_via) == (None, "new@example.org", "007", "roster")
    assert Member.objects.active().count() == 7


def test_applied_twice_changes_nothing(evening: Class, tom: User) -> None:
    text = OWN + "ann,ann@example.org,1001,Anna,Lee,Section B,\n,new@example.org,007,Nu,,extra time,\n"
    applied(evening, text, tom)
    before, noted = state_of(evening), StaffAction.objects.count()
    again = applied(evening, text, tom)
    assert outcomes(again) == [("unchanged", 2), ("unchanged", 3)] and not again.writes
    assert (state_of(evening), StaffAction.objects.count()) == (before, noted)


def test_what_was_downloaded_changes_nothing(evening: Class, tom: User) -> None:
    Member.objects.filter(first_name="Dan").update(last_name="=1+1")
    Member.objects.filter(last_name="Two").update(registration_number="-12")
    evening.labels.filter(name="Section A").update(name="Monday, 9 o'clock")
    plan = applied(evening, services.as_csv(evening), tom, sync=True)
    assert "'=1+1" in services.as_csv(evening)
    assert {step.outcome.value for step in plan.steps} == {"unchanged"} and len(plan.steps) == 5


def test_an_export_that_is_applied_twice_changes_nothing(evening: Class, tom: User) -> None:
    text = (
        CANVAS + '    Points Possible,,,,\n"Lee, Ann",5,1001,ann@example.org,Section B\n"Student, Test",9,,,Section B\n'
    )
    assert outcomes(applied(evening, text, tom)) == [("change", 3)]
    assert labels("Ann") == {"Section A", "Section B"} and member("Ann").login == "ann@example.org"
    assert outcomes(applied(evening, text, tom)) == [("unchanged", 3)]


def test_only_sync_removes_and_it_keeps_who_teaches(evening: Class, tom: User) -> None:
    text = OWN + ",ann@example.org,,,,,\n"
    plan = applied(evening, text, tom)
    assert outcomes(plan) == [("unchanged", 2)] and plan.missing == ("Dan", "Fay One", "Fay Two")
    assert Member.objects.active().count() == 5

    plan = applied(evening, text, tom, sync=True)
    assert plan.counts["remove"] == 3
    left = Member.objects.filter(state="left")
    assert {one.first_name for one in left} == {"Dan", "Fay"} and all(one.left_at for one in left)
    assert labels("Dan") == {"Section A", "extra time"}
    assert member("Tom").is_active


def test_whoever_left_comes_back_with_all_that_was_there(evening: Class, tom: User) -> None:
    applied(evening, OWN + ",ann@example.org,,,,,\n", tom, sync=True)
    dan = member("Dan")
    assert outcomes(applied(evening, OWN + ",dan@example.org,,,,Section B,\n", tom)) == [("back", 2)]
    back = member("Dan")
    assert (back.pk, back.state, back.left_at) == (dan.pk, "active", None)
    assert labels("Dan") == {"Section A", "Section B", "extra time"}


@pytest.mark.parametrize("text", [OWN + ",dan@example.org,,,,,\n", "email\ndan@example.org\n"])
def test_whoever_taught_comes_back_as_a_learner(evening: Class, tom: User, text: str) -> None:
    """Whoever was removed gets no role that the row does not give, and the preview says so."""
    Member.objects.filter(first_name="Dan").update(learner_data=LearnerData.EDITOR)
    assert outcomes(applied(evening, text, tom)) == [("unchanged", 2)]
    members.remove_member(member("Dan"), by=tom)
    (step,) = services.preview(evening, parse(text.encode()), by=tom).steps
    assert (step.before["role"], step.after["role"]) == ("editor", "none")
    assert outcomes(applied(evening, text, tom)) == [("back", 2)]
    assert (member("Dan").learner_data, member("Dan").is_active) == (LearnerData.NONE, True)


DAN_AND_ANN = ",dan@example.org,,,,{},\n,ann@example.org,,,,section a,\n"


@pytest.mark.parametrize(
    ("text", "sync", "left"),
    [
        pytest.param(OWN + DAN_AND_ANN.format("Section B"), True, {"Section B"}, id="those of the row"),
        pytest.param(OWN + DAN_AND_ANN.format(""), False, {"Section A", "extra time"}, id="none without sync"),
        pytest.param(OWN + DAN_AND_ANN.format(""), True, set(), id="all for an empty cell"),
        pytest.param("email\ndan@example.org\nann@example.org\n", True, {"Section A", "extra time"}, id="no column"),
        # Canvas does not know who has extra time.
        pytest.param(
            CANVAS + "Dan,1,,dan@example.org,Section B\nAnn,2,,ann@example.org,Section A\n",
            True,
            {"Section B", "extra time"},
            id="sections of Canvas",
        ),
    ],
)
def test_sync_takes_the_labels_that_its_source_would_have(
    evening: Class, tom: User, text: str, sync: bool, left: set[str]
) -> None:
    applied(evening, text, tom, sync=sync)
    assert (labels("Dan"), labels("Ann")) == (left, {"Section A"})


@pytest.mark.parametrize("wrong", [",not an address,,,,,\n", "nobody,,,,,,\n"])
def test_sync_removes_nobody_while_a_row_is_wrong(evening: Class, tom: User, wrong: str) -> None:
    text = OWN + ",ann@example.org,,,,,\n" + wrong
    seen = services.preview(evening, parse(text.encode()), by=tom, sync=True)
    assert seen.sync_blocked and seen.counts["remove"] == 0
    before = state_of(evening)
    with pytest.raises(Refused) as refused:
        applied(evening, text, tom, sync=True)
    assert (refused.value.code, refused.value.status, len(refused.value.problems)) == ("roster_faults", 422, 1)
    assert state_of(evening) == before


def test_a_class_that_changed_meanwhile_is_left_alone(evening: Class, tom: User) -> None:
    text = OWN + ",dan@example.org,,Daniel,,,\n,new@example.org,,,,,\n"
    seen = services.preview(evening, parse(text.encode()), by=tom)
    Member.objects.filter(first_name="Dan").update(last_name="Ode")
    assert services.preview(evening, parse(text.encode()), by=tom).digest == seen.digest
    Member.objects.filter(first_name="Dan").update(first_name="Danny")
    with pytest.raises(Refused) as refused:
        applied(evening, text, tom, seen=seen.digest)
    assert (refused.value.code, refused.value.status) == ("changed_meanwhile", 409)
    assert member("Danny") and not Member.objects.filter(email="new@example.org")


def test_a_preview_names_what_was_asked(evening: Class, tom: User) -> None:
    """So that nobody who looked at a roster applies a sync."""
    roster = parse((OWN + ",ann@example.org,,,,,\n").encode())
    seen = services.preview(evening, roster, by=tom)
    with pytest.raises(Refused) as refused:
        services.apply(evening, roster, by=tom, sync=True, seen=seen.digest)
    assert refused.value.code == "changed_meanwhile" and Member.objects.active().count() == 5


def test_who_confirms_the_address_of_a_row_is_the_member(evening: Class, tom: User) -> None:
    applied(evening, OWN + ",new@example.org,007,Nu,,Lab,\n", tom)
    user = account("nu", "other@example.org")
    user.emailaddress_set.create(email="new@example.org", verified=True)
    assert member("Nu").user == user and labels("Nu") == {"Lab"}
    assert outcomes(applied(evening, OWN + ",new@example.org,007,Nu,,,\n", tom)) == [("unchanged", 2)]


def test_a_member_by_address_gets_the_account_of_a_new_address(evening: Class, tom: User) -> None:
    dan = account("dan", "dan@work.example")
    Member.objects.filter(first_name="Dan").update(login="dan")
    plan = applied(evening, OWN + "dan,dan@work.example,,,,,\n", tom)
    assert outcomes(plan) == [("change", 2)]
    assert (member("Dan").user, member("Dan").email) == (dan, "dan@work.example")


def test_it_is_logged_and_told_once(evening: Class, tom: User) -> None:
    told = []

    def hear(sender: object, of_class: Class, members: set[int], **extra: object) -> None:
        told.append((of_class.pk, members))

    signals.changed.connect(hear)
    try:
        applied(evening, OWN + ",ann@example.org,,Anna,,,\n,new@example.org,,,,,\n", tom)
    finally:
        signals.changed.disconnect(hear)
    new = Member.objects.get(email="new@example.org")
    assert told == [(evening.pk, {member("Anna").pk, new.pk})]
    action = StaffAction.objects.get(what="members_changed")
    assert action.user_id == tom.pk and action.details["class"] == evening.pk
    changed, added = action.details["roster"]
    assert changed["before"] == {"first_name": "Ann"} and changed["after"] == {"first_name": "Anna"}
    assert (added["member"], added["outcome"]) == (new.pk, "add")


def test_only_who_decides_may(evening: Class, ada: User) -> None:
    roster = parse(b"email\nann@example.org\n")
    for service in (services.preview, services.apply):
        with pytest.raises(Http404):
            service(evening, roster, by=ada)
    assistant = account("al", "al@example.org")
    Member.objects.create(of_class=evening, user=assistant, learner_data=LearnerData.VIEWER)
    for service in (services.preview, services.apply):
        with pytest.raises(Refused) as refused:
            service(evening, roster, by=assistant)
        assert refused.value.status == 403


def test_one_person_is_added_by_hand(evening: Class, tom: User) -> None:
    step = services.add_person(evening, {"email": "new@example.org", "firstname": "Nu", "labels": "Lab"}, by=tom)
    assert step.outcome == "add" and labels("Nu") == {"Lab"}
    with pytest.raises(Refused) as refused:
        services.add_person(evening, {"email": "eva@example.org", "registrationnumber": "1001"}, by=tom)
    assert refused.value.problems[0]["code"] == "other_account"


@pytest.mark.parametrize("many", [1000, pytest.param(5000, marks=pytest.mark.slow)])
def test_thousands_of_rows_take_few_statements(evening: Class, tom: User, many: int) -> None:
    rows = "".join(f"u{n},u{n}@example.org,{n:06},First,Last,Section {n % 4},\n" for n in range(many))
    few = "".join(f"u{n},u{n}@example.org,{n:06},First,Last,Section {n % 4},\n" for n in range(500))
    counts = []
    for text in (OWN + few, OWN + rows, (OWN + rows).replace("First", "Other")):
        with CaptureQueriesContext(connection) as queries:
            applied(evening, text, tom)
        counts.append(len(queries))
    assert Member.objects.filter(of_class=evening, first_name="Other").count() == many
    # Each few hundred rows need a statement more, never each row.
    assert counts[0] < 60 and max(counts) < 150, counts


def test_who_leaves_and_joins_by_code_is_found_again(evening: Class, tom: User) -> None:
    ann = User.objects.get(username="ann")
    joining.leave(evening, by=ann)
    assert outcomes(applied(evening, OWN + ",ann@work.example,,,,,\n", tom)) == [("back", 2)]
    assert member("Ann").user == ann and member("Ann").email == ""


def test_a_login_becomes_an_address_only_where_nothing_else_finds_the_person(evening: Class, tom: User) -> None:
    """A Canvas export of a school whose logins are no addresses."""
    Member.objects.filter(first_name="Dan").update(login="dan")
    text = CANVAS + "Dan,1,,dan,\nNu,2,,Nu,\nEva Roe,3,,eva,\nSam,4,,sam or so,\n"
    assert outcomes(applied(evening, text, tom)) == [("unchanged", 2), *(("not_found", row) for row in (3, 4, 5))]
    plan = services.apply(evening, parse(text.encode(), "@Example.org"), by=tom)
    assert outcomes(plan) == [("unchanged", 2), ("add", 3), ("add", 4), ("not_found", 5)]
    assert member("Eva").user == User.objects.get(username="eva") and Member.objects.get(email="nu@example.org")
    twice = parse((OWN + "lou,,,,,,\n,lou@example.org,,,,,\n").encode(), "example.org")
    assert outcomes(services.apply(evening, twice, by=tom)) == [("wrong", 2), ("wrong", 3)]
    with pytest.raises(Refused) as refused:
        parse(text.encode(), "no domain")
    assert refused.value.problems[0]["code"] == "bad_domain"
