"""The pages of reviews are marked in all the states that an answer passes through, not only in the usual one."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client

from gradus.accounts.models import User
from gradus.courses.models import Challenge
from gradus.reviews import services
from gradus.reviews.models import Review
from gradus.submissions import services as submissions
from tests import factories
from tests.reviews import cases
from tests.reviews.cases import ALL_MET, MARKS, NONE_MET
from tests.reviews.test_calibration import imported, report
from tests.reviews.test_votes import judged
from tests.words.unmarked import unmarked

pytestmark = pytest.mark.usefixtures("pseudo", "explain")
HTMX = {"HX-Request": "true"}


@pytest.fixture
def staff(pseudo: str, grace_client: Client) -> Client:
    return grace_client


def plain(client: Client, path: str) -> list[str]:
    answer = client.get(path)
    assert answer.status_code == 200
    return unmarked(answer.content.decode())


def sent(client: Client, review: Review, action: str, given: dict[str, str], status: int) -> list[str]:
    data = {"action": action, "reason": "", **{f"mark-{id}": mark for id, mark in given.items()}}
    answer = client.post(f"/reviews/{review.pk}/", data, follow=True)
    assert answer.status_code == status
    return unmarked(answer.content.decode())


def test_an_answer_with_votes_notes_and_neighbours(staff: Client, ada: User, bob: User, grace: User) -> None:
    services.decide(cases.waiting(bob), by=grace, marks=MARKS, reason="It is close.")
    for review in (judged(ada), cases.waiting(ada, review=("copied-from: learner:17, 62 %", "no-judge: budget"))):
        assert plain(staff, f"/reviews/{review.pk}/") == []
    assert plain(staff, "/reviews/judge/") == []
    assert plain(staff, "/reviews/accuracy/") == []


def test_the_desk_before_and_after_a_decision(staff: Client, ada: User, bob: User, grace: User) -> None:
    first, second = cases.waiting(ada), cases.waiting(bob)
    services.appeal(first.submission, "I named the cause.")
    desk = "/reviews/question/explain/"
    for path in (desk, "/reviews/", "/reviews/?question=explain"):
        assert plain(staff, path) == []
    marks = {f"mark-{id}": mark for id, mark in MARKS.items()}
    for given, review, shown in (
        ({}, first, second),
        (marks, first, second),
        (marks, first, second),
        (marks, second, ""),
    ):
        data = {"action": "decide", "reason": "", "shown": [review.pk, getattr(shown, "pk", "")], **given}
        assert unmarked(staff.post(f"{desk}{review.pk}", data, headers=HTMX).content.decode(), frame=True) == []
    assert plain(staff, desk) == []


def test_acceptance_in_bulk_before_and_after_it_is_earned(
    staff: Client, grace: User, explain: Challenge, settings
) -> None:
    bulk = "/reviews/question/explain/bulk/"
    first = cases.waiting(factories.UserFactory.create(), notes={"certainty": 0.95})
    assert plain(staff, bulk) == []
    assert unmarked(staff.post(bulk, {"answer": [first.pk]}, follow=True).content.decode()) == []
    cases.history(grace, [(0.9, True)] * 40)
    settings.AUDIT_SHARE = 0.05
    second = cases.waiting(factories.UserFactory.create(), notes={"certainty": 0.95})
    assert [plain(staff, bulk), plain(staff, "/reviews/question/explain/")] == [[], []]
    assert unmarked(staff.post(bulk, {"answer": [first.pk, second.pk]}, follow=True).content.decode()) == []
    for blind in ("yes", "no"):
        answer = staff.post("/reviews/question/explain/blind", {"blind": blind}, follow=True)
        assert unmarked(answer.content.decode()) == []


def test_snippets_and_comments(staff: Client, ada: User) -> None:
    review = cases.waiting(ada)
    for data in ({"text": ""}, {"text": "Name it.", "name": "one"}, {"text": "Name it.", "name": "one"}):
        assert unmarked(staff.post("/reviews/snippets/", data, follow=True).content.decode()) == []
        assert unmarked(staff.post("/reviews/snippets/", data, headers=HTMX).content.decode(), frame=True) == []
    assert unmarked(staff.get(f"/reviews/{review.pk}/").content.decode(), frame=True) == []
    data = {"action": "decide", "comment": "Well done.", **{f"mark-{id}": mark for id, mark in MARKS.items()}}
    assert unmarked(staff.post(f"/reviews/{review.pk}/", data, follow=True).content.decode()) == []
    assert plain(staff, f"/reviews/{review.pk}/") == []


def test_an_answer_with_signs_of_machine_writing(staff: Client, ada: User) -> None:
    cases.final(ada, answer="Certainly! Here is my answer: **the weights** keep it a \u2014 b, c \u2014 d, e \u2014 f.")
    services.appeal(ada.submissions.get(), "I named the cause.")
    assert plain(staff, f"/reviews/{Review.objects.get().pk}/") == []


def test_an_appeal_until_it_is_a_gold_row(staff: Client, ada: User, grace: User) -> None:
    services.appeal(cases.final(ada), "I named the cause.")
    review = Review.objects.get()
    path = f"/reviews/{review.pk}/"
    assert [plain(staff, "/reviews/"), plain(staff, path)] == [[], []]
    assert sent(staff, review, "decide", {"cause": "met"}, 422) == []
    assert sent(staff, review, "decide", NONE_MET, 422) == []
    assert sent(staff, review, "decide", ALL_MET, 200) == []
    assert sent(staff, review, "decide", ALL_MET, 422) == []
    assert plain(staff, path) == []
    answer = staff.post(f"{path}gold", {"role": "test"}, follow=True)
    assert unmarked(answer.content.decode()) == []
    assert plain(staff, "/reviews/accuracy/") == []


def test_a_blind_audit_before_and_after(staff: Client, ada: User, settings) -> None:
    settings.AUDIT_SHARE = settings.AUDIT_SHARE_NEW = 1.0
    cases.final(ada, notes={"language": "en"})
    review = Review.objects.get()
    assert [plain(staff, "/reviews/"), plain(staff, f"/reviews/{review.pk}/")] == [[], []]
    assert sent(staff, review, "blind", ALL_MET, 200) == []
    assert sent(staff, review, "decide", MARKS, 200) == []
    assert plain(staff, "/reviews/accuracy/") == []


def test_a_regrade_until_it_counts(staff: Client, ada: User, bob: User, grace: User, explain: Challenge) -> None:
    decided = cases.final(bob)
    submissions.decide(decided, by=grace, value=0.3, result=cases.result())
    cases.final(ada)
    regrade = services.start_regrade(explain, by=grace, note="A new judge")
    path = f"/reviews/regrades/{regrade.pk}/"
    assert plain(staff, path) == []
    refused = staff.post(path, {"action": "approve"}, follow=True)
    assert unmarked(refused.content.decode()) == []
    cases.work_off(NONE_MET)
    assert plain(staff, path) == []
    for answer in (staff.post(path, {"action": "approve"}, follow=True), staff.get("/reviews/regrades/")):
        assert unmarked(answer.content.decode()) == []


def test_the_report_on_a_judge(staff: Client, tmp_path: Path) -> None:
    version = imported(tmp_path / "a", report(), report(model="other", passed=False, missed=["agreement 0.5 < 0.8"]))
    assert plain(staff, f"/reviews/calibration/{version.pk}/") == []
    assert plain(staff, "/reviews/calibration/") == []
