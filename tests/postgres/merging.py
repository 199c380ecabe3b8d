"""Run by `test_suites.py` in a process whose database is PostgreSQL; by its name no other run collects it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from gradus.accounts.models import Merge, StaffAction, User
from gradus.courses.models import Challenge
from gradus.gradebook import cells
from gradus.leaderboards import boards
from gradus.notices.models import Notice
from gradus.own_data import deletion, merging
from gradus.refusal import Refused
from gradus.reviews import services as reviews
from gradus.submissions.models import HintsTaken, Mark, Slot, Submission
from gradus.submissions.results import board_decisions as moderation
from gradus.submissions.results.standings import differences
from tests import factories
from tests.own_data.test_merging import named
from tests.postgres.concurrency import until_it_waits_or
from tests.reviews import cases
from tests.threads import THREADS, at_once
from tests.waiting import PATIENCE_SECONDS

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def on_postgresql(transactional_db: None) -> None:
    assert connection.vendor == "postgresql"


def code_of(work: Callable[[], Any]) -> str:
    try:
        work()
    except Refused as refused:
        return refused.code
    except IntegrityError:
        return "integrity"
    return ""


def test_both_accounts_agree_at_once(sea_or_sky: Challenge, ada: User, bob: User, grace: User) -> None:
    of_class = factories.a_class(sea_or_sky.course)
    for user, score in ((ada, 0.9), (bob, 0.7)):
        factories.member(of_class, user)
        factories.grade(factories.submit(user), score)
    made = merging.propose(bob, ada, by=grace, reason="Same words")
    found = at_once(lambda number: code_of(lambda: merging.consent(made, by=(ada, bob)[number % 2])), THREADS)
    # Of those who come later, nobody agrees to what is done.
    assert found.count("") >= 2 and set(found) <= {"", "merged_already", "closed"}
    assert (
        StaffAction.objects.filter(what="accounts_merged").count() == Notice.objects.filter(kind="merged").count() == 1
    )
    assert list(named(ada)) == differences() == cells.differences(of_class) == []
    assert [(row.rank, row.score) for row in boards.board(sea_or_sky, "prompt", None).rows] == [(1, 0.9)]


def test_it_is_agreed_to_while_it_is_withdrawn(course: Any, ada: User, bob: User) -> None:
    made = merging.ask(bob, ada)
    acts = (lambda: merging.consent(made, by=ada), lambda: merging.end(made, by=bob))
    found = at_once(lambda number: code_of(acts[number % 2]), THREADS)
    made.refresh_from_db()
    ada.refresh_from_db()
    assert found.count("") == 1 and (made.merged_at is None) != (made.ended_at is None)
    assert (ada.merged_into == bob) == (made.merged_at is not None)


def test_of_several_proposals_at_once_one_is_made(sea_or_sky: Challenge, ada: User, bob: User, grace: User) -> None:
    for user in (ada, bob):
        factories.grade(factories.submit(user), 0.5)
    pairs = ((ada, bob), (bob, ada))
    found = at_once(lambda number: code_of(lambda: merging.propose(*pairs[number % 2], by=grace, reason="Same")), 4)
    assert sorted(found) == ["", *["merge_open"] * 3] and Merge.objects.count() == 1


def test_the_account_is_deleted_while_it_is_merged(course: Any, ada: User, bob: User) -> None:
    made = merging.ask(bob, ada)
    acts = (lambda: merging.consent(made, by=ada), lambda: deletion.ask(ada, reason="By mail.", at_once=True))
    found = at_once(lambda number: code_of(acts[number]), 2)
    deletion.carry_out()
    ada.refresh_from_db()
    # It was merged and may be deleted as an empty account, or it is to be deleted and is not merged.
    assert found[0] == "to_be_deleted" or ada.merged_into == bob
    assert differences() == []


def beside(monkeypatch: pytest.MonkeyPatch, merge: Merge, by: User, work: Callable[[], Any]) -> str:
    """What becomes of `work` that begins while the merge holds both accounts, and waits for its end."""
    waiting: list[Any] = []
    told = merging._tell

    def then(*given: Any, **more: Any) -> None:
        waiting.append(pool.submit(lambda: at_once(lambda number: code_of(work), 1)[0]))
        until_it_waits_or(waiting[0].done)
        told(*given, **more)

    with ThreadPoolExecutor(1) as pool:
        monkeypatch.setattr(merging, "_tell", then)
        assert merging.consent(merge, by=by).merged_at
        return str(waiting[0].result(timeout=PATIENCE_SECONDS))


def test_nothing_is_stored_for_an_account_that_is_being_merged(
    sea_or_sky: Challenge, ada: User, bob: User, grace: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each begins before the merge ends, without a lock of its own, and is refused when it has ended."""
    review = cases.waiting(ada)
    factories.grade(factories.submit(ada), 0.6)
    acts: dict[str, Callable[[], Any]] = {
        "integrity": lambda: HintsTaken.objects.create(user=ada, challenge=sea_or_sky, count=1),
        "changed_meanwhile": lambda: reviews.decide(review, by=grace, marks=cases.ALL_MET, reason="Says all."),
    }
    gone = ada
    for number, (code, work) in enumerate(acts.items()):
        made = merging.ask(bob, gone)
        assert beside(monkeypatch, made, gone, work) == code, number
        assert list(named(gone)) == differences() == []
        # Another account of the same person, with the attempts of the first one.
        monkeypatch.undo()
        if number == 0:
            gone, bob = bob, factories.UserFactory.create()
    # Read anew, the answer is decided.
    fresh = type(review).objects.get(pk=review.pk)
    reviews.decide(fresh, by=grace, marks=cases.ALL_MET, reason="Says all.")
    assert differences() == [] and Submission.objects.filter(user=bob).count() == 2


def test_an_attempt_is_handed_in_and_an_entry_is_hidden_while_it_is_merged(
    sea_or_sky: Challenge, ada: User, bob: User, grace: User
) -> None:
    factories.grade(factories.submit(ada), 0.6)
    Slot.objects.all().delete()
    made = merging.ask(bob, ada)
    acts = (
        lambda: merging.consent(made, by=ada),
        lambda: factories.submit(ada, payload={**factories.PROMPT, "instructions": "later"}),
        lambda: moderation.mark(ada, sea_or_sky, Mark.Kind.HIDDEN, by=grace, reason="Copied"),
    )
    found = at_once(lambda number: code_of(acts[number]), 3)
    made.refresh_from_db()
    # What came first has moved, or holds the merge up; what came later is refused.
    assert found[0] in ("", "open_work") and (made.merged_at is not None) == (found[0] == "")
    if made.merged_at is not None:
        assert list(named(ada)) == [] and found[1] in ("changed_meanwhile", "busy")
        assert Mark.objects.filter(user=bob).exists() == (found[2] == "")
    with transaction.atomic():
        assert differences() == []
