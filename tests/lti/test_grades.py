"""Grades reach the platform in their newest value: what learners see here, and nothing else."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from gradus.accounts.models import StaffAction, User
from gradus.classes.models import Class, Member, ReleaseRule
from gradus.gradebook import services as gradebook
from gradus.lti import keys, released, services
from gradus.lti.models import Context, Delivery, LineItem, Platform, ToolKey
from gradus.lti.status import waiting
from gradus.submissions.results import releasing
from tests import factories
from tests.conftest import logged_in
from tests.lti.gradebook import Gradebook, endpoint, grade, launched, lost, worked
from tests.lti.platform import Moodle, registered


def test_a_grade_arrives_and_so_does_a_better_one(book: Gradebook, ada_there: Member) -> None:
    assert worked() == 0 and not book.received
    grade(ada_there, 0.7)
    assert worked() == 1
    (first,) = book.received
    assert (first["scoreGiven"], first["scoreMaximum"]) == (7.0, 10.0)
    assert (first["activityProgress"], first["gradingProgress"]) == ("Completed", "FullyGraded")
    assert datetime.fromisoformat(first["timestamp"]).utcoffset() == timedelta(0)
    assert worked() == 0 and len(book.received) == 1
    grade(ada_there, 0.9)
    assert worked() == 1 and book.points() == 9.0
    assert book.received[1]["timestamp"] > first["timestamp"] and book.tokens == 1
    row = Delivery.objects.get()
    assert (row.state, row.due_at, row.body) == ("delivered", None, None)


def test_what_is_not_released_is_not_sent_and_what_ends_is_recalled(
    book: Gradebook, ada_there: Member, of_class: Class, operator: User
) -> None:
    challenge = factories.challenge("sea-or-sky")
    by_hand = {"score": ReleaseRule.When.HAND, "details": ReleaseRule.When.HAND, "score_at": None, "details_at": None}
    releasing.change_rule(of_class, challenge, by=operator, **by_hand)
    grade(ada_there, 0.7)
    assert worked() == 0 and not book.received
    releasing.release(of_class, challenge, by=operator)
    assert worked() == 1 and book.points() == 7.0
    gradebook.override([ada_there], challenge, value="8.5", reason="A mistake of ours", by=operator)
    worked()
    assert book.points() in (7.0, 8.5)
    gradebook.excuse([ada_there], challenge, reason="Was ill", by=operator)
    releasing.release(of_class, challenge, by=operator)
    assert worked() == 1
    assert book.received[-1]["gradingProgress"] == "NotReady" and book.points() is None
    gradebook.clear([ada_there], challenge, by=operator)
    assert worked() == 1 and book.points() == 7.0


def test_a_challenge_that_is_worth_nothing_has_no_grade_there(
    book: Gradebook, ada_there: Member, of_class: Class, operator: User
) -> None:
    challenge = factories.challenge("sea-or-sky")
    grade(ada_there, 0.7)
    worked()
    gradebook.weigh(of_class, {challenge.pk: "0"}, by=operator)
    assert worked() == 1 and book.received[-1]["gradingProgress"] == "NotReady" and book.points() is None
    page = logged_in(operator).get(f"/teach/classes/{of_class.pk}/grades/{ada_there.pk}/sea-or-sky/")
    assert "The platform was asked to take the grade back." in page.content.decode()


def test_a_course_that_is_no_class_any_more_is_sent_nothing(
    book: Gradebook, ada_there: Member, of_class: Class, operator: User
) -> None:
    grade(ada_there, 0.7)
    released.look()
    context = Context.objects.get()
    services.connect(context, None, by=operator)
    assert worked() == 0 and not book.received and waiting(registered(book.moodle)).grades == 0
    services.connect(context, of_class, by=operator)
    assert worked() == 1 and book.points() == 7.0


@pytest.mark.parametrize("after", [lambda: None, lost])
def test_where_another_class_is_connected_the_grades_of_the_first_are_recalled(
    book: Gradebook, ada_there: Member, of_class: Class, operator: User, after: Any
) -> None:
    """A grade that is being sent arrives first."""
    grade(ada_there, 0.7)
    book.after = after
    worked()
    assert book.points() == 7.0
    book.after, context = (lambda: None), Context.objects.get()
    services.connect(context, factories.a_class(of_class.course, title="Second"), by=operator)
    worked(later=timedelta(minutes=5))
    worked()
    assert book.points() is None and book.received[-1]["gradingProgress"] == "NotReady"
    services.connect(context, of_class, by=operator)
    assert worked() == 1 and book.points() == 7.0


def test_of_two_processes_one_compares_a_column(
    book: Gradebook, ada_there: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    grade(ada_there, 0.7)
    compare, compared = released.compare, list[int]()

    def comparing(item: LineItem) -> int:
        compared.append(item.pk)
        if len(compared) == 1:
            assert released.look() == 0
        return compare(item)

    monkeypatch.setattr(released, "compare", comparing)
    assert released.look() == 1 and len(compared) == 1


def test_who_teaches_or_never_came_from_the_platform_gets_nothing(
    book: Gradebook, ada_there: Member, of_class: Class, bob: User
) -> None:
    member = factories.member(of_class, bob)
    grade(member, 0.7)
    Member.objects.filter(pk=ada_there.pk).update(learner_data="editor")
    assert worked() == 0 and not Delivery.objects.exists()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://evil.example.org/lineitems/1", "evil.example.org"),
        ("http://moodle.example.org/lineitems/1", "moodle.example.org"),
        ("https://moodle.example.org.evil.example.org/1", "not a host of this platform"),
        ("https://user@moodle.example.org/1", "not a host of this platform"),
        ("//evil.example.org/1", "evil.example.org"),
    ],
)
def test_no_token_goes_to_another_host(
    moodle: Moodle, of_class: Class, ada: User, url: str, said: str, operator: User
) -> None:
    launched(moodle, item=endpoint(url))
    assert not LineItem.objects.exists() and said in registered(moodle).refusal
    if url.startswith("https://evil"):
        Platform.objects.update(hosts="other.example.org EVIL.example.org")
        launched(moodle, item=endpoint(url))
        assert LineItem.objects.get().url == url


def test_a_host_that_an_operator_has_removed_is_sent_nothing_more(
    moodle: Moodle, book: Gradebook, ada_there: Member
) -> None:
    Platform.objects.update(hosts="grades.example.org")
    LineItem.objects.update(url="https://grades.example.org/1")
    Platform.objects.update(hosts="")
    grade(ada_there, 0.7)
    assert worked() == 0 and not book.tokens
    assert "grades.example.org, which is not a host of this platform" in Delivery.objects.get().fault


@pytest.mark.parametrize("item", [{}, endpoint(scopes=["x"]), endpoint("a\x00b"), {next(iter(endpoint())): "x"}])
def test_a_link_without_a_column_gets_no_grades(moodle: Moodle, of_class: Class, item: dict[str, Any]) -> None:
    launched(moodle, item=item)
    assert not LineItem.objects.exists()


def test_a_link_to_a_lesson_has_no_column_and_a_changed_link_another_challenge(
    moodle: Moodle, book: Gradebook, ada_there: Member
) -> None:
    site = "http://testserver"
    other = endpoint("https://moodle.example.org/lineitems/2")
    launched(moodle, item=other, target_link_uri=f"{site}/lessons/first/")
    assert LineItem.objects.count() == 1
    launched(moodle, target_link_uri=f"{site}/challenges/explain/")
    assert LineItem.objects.get().challenge == factories.challenge("explain")


def test_the_gradebook_says_what_was_sent_and_sends_again(
    book: Gradebook, ada_there: Member, of_class: Class, operator: User, ada: User
) -> None:
    staff = logged_in(operator)
    table, cell = (
        f"/teach/classes/{of_class.pk}/grades/",
        f"/teach/classes/{of_class.pk}/grades/{ada_there.pk}/sea-or-sky/",
    )
    assert "Moodle" not in staff.get(cell).content.decode()
    grade(ada_there, 0.7)
    book.after = lost
    worked()
    assert "Waits to be sent" in staff.get(table).content.decode()
    page = staff.get(cell).content.decode()
    assert "Waits to be sent" in page and "took too long" in page
    book.after = lambda: None
    assert staff.post(f"{cell}send").status_code == 302
    assert StaffAction.objects.get(what="grade_sent").details["challenge"] == "sea-or-sky"
    assert worked() == 1
    page = staff.get(cell).content.decode()
    assert "Send again" in page and book.points() == 7.0
    assert ">Sent<" in staff.get(table).content.decode()
    # An assistant sees it and cannot send; of a cell without a column there is nothing to send.
    factories.member(of_class, ada, learner_data="viewer")
    assert logged_in(ada).post(f"{cell}send").status_code == 403
    assert "Send again" not in logged_in(ada).get(cell).content.decode()
    assert staff.post(cell.replace("sea-or-sky", "ticket") + "send").status_code == 404


def test_a_platform_that_is_switched_off_is_sent_nothing(book: Gradebook, ada_there: Member) -> None:
    grade(ada_there, 0.7)
    Platform.objects.update(is_open=False)
    assert worked() == 0 and not book.received


def test_nobody_sends_again_what_will_not_be_sent(
    book: Gradebook, ada_there: Member, of_class: Class, operator: User
) -> None:
    grade(ada_there, 0.7)
    worked()
    Platform.objects.update(is_open=False)
    send = f"/teach/classes/{of_class.pk}/grades/{ada_there.pk}/sea-or-sky/send"
    assert "switched off here" in logged_in(operator).post(send, follow=True).content.decode()
    assert Delivery.objects.get().state == "delivered" and not StaffAction.objects.filter(what="grade_sent").exists()


def test_the_next_key_is_made_when_the_newest_is_old(platform: Platform) -> None:
    first = ToolKey.objects.get()
    assert keys.rotate() == 0
    long_ago = timezone.now() - keys.LASTS - timedelta(days=1)
    ToolKey.objects.update(created_at=long_ago, signs_from=long_ago)
    assert keys.rotate() == 1 and keys.rotate() == 0
    assert keys.signing()[0] == first.kid and len(keys.published()) == 2
    second = ToolKey.objects.exclude(pk=first.pk).get()
    ToolKey.objects.filter(pk=second.pk).update(created_at=long_ago, signs_from=timezone.now())
    assert keys.signing()[0] == second.kid


def test_a_round_compares_what_was_not_for_longest(book: Gradebook, ada_there: Member) -> None:
    grade(ada_there, 0.7)
    released.look()
    looked = LineItem.objects.get().looked_at
    assert released.look() == 0 and LineItem.objects.get().looked_at == looked
    assert released.look(timezone.now() + released.EVERY * 2) == 0
    assert LineItem.objects.get().looked_at != looked
