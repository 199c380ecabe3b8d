"""Learners report problems with challenges, a few a day, and read the answers of staff among their notices."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from gradus.accounts.models import StaffAction, User
from gradus.courses.models import Course
from gradus.notices.models import Notice
from gradus.reports import services
from gradus.reports.models import TEXT_CHARS, ProblemReport
from gradus.submissions.budgets import limits
from gradus.submissions.models import Slot
from gradus.submissions.services import Refused
from tests import factories
from tests.markup import Markup
from tests.threads import at_once

pytestmark = pytest.mark.usefixtures("course")
PER_DAY = 5
PAGE = "/challenges/sea-or-sky/report/"
GIVEN = {"track": "tune", "what": "sample", "text": "The third sample says sea, but it is about the sky."}


def reported(user: User, text: str = GIVEN["text"]) -> ProblemReport:
    return services.report(user, factories.challenge("sea-or-sky"), track="prompt", what="sample", text=text)


def test_a_report_is_kept_with_its_version_and_track(ada: User, ada_client: Client) -> None:
    assert f"{PAGE}?track=tune" in Markup(ada_client.get("/challenges/sea-or-sky/?track=tune").content.decode())
    assert 'name="track" value="tune"' in Markup(ada_client.get(f"{PAGE}?track=tune").content.decode())
    answer = ada_client.post(PAGE, GIVEN, follow=True)
    assert answer.redirect_chain[0] == ("/challenges/sea-or-sky/?track=tune", 302)
    assert "Thank you." in Markup(answer.content.decode())
    made = ProblemReport.objects.get()
    assert (made.user, made.version, made.track) == (ada, factories.challenge("sea-or-sky").version, "tune")
    assert (made.what, made.text, made.is_open) == ("sample", GIVEN["text"], True)


def test_a_visitor_without_an_account_can_report_and_looking_makes_no_guest(client: Client) -> None:
    assert client.get(PAGE).status_code == 200
    assert not User.objects.filter(is_guest=True).exists()
    assert client.post(PAGE, GIVEN).status_code == 302
    assert ProblemReport.objects.get().user.is_guest


@pytest.mark.parametrize(
    ("changed", "place", "said"),
    [
        ({"text": "  \n "}, "report-text-problem", "Describe the problem in a sentence or two"),
        ({"text": "a bell \x07 rings"}, "report-text-problem", "U+0007, a control character: remove it."),
        ({"text": "x" * (TEXT_CHARS + 1)}, "report-text-problem", "The text has 2,001 characters; 2,000 are allowed."),
        ({"what": ""}, "report-what-problem", "Choose what is wrong."),
        ({"what": "nonsense"}, "report-what-problem", "Choose what is wrong."),
        ({"what": "", "text": ""}, "report-what-problem", "Choose what is wrong."),
        ({"what": "", "text": ""}, "report-text-problem", "Describe the problem in a sentence or two"),
    ],
)
def test_what_is_wrong_is_said_beside_the_field_and_nothing_is_lost(
    ada_client: Client, changed: dict[str, str], place: str, said: str
) -> None:
    given = {**GIVEN, **changed}
    answer = ada_client.post(PAGE, given)
    page = Markup(answer.content.decode())
    assert answer.status_code == 422 and not ProblemReport.objects.exists()
    assert said in page.split(f'id="{place}"')[1].split("</div></div>")[0]
    assert given["text"].strip() in page and 'name="track" value="tune"' in page
    assert ('value="sample" required aria-describedby="report-what-problem" checked' in page) == ("what" not in changed)


def test_five_a_day_for_each_person_and_challenge(ada: User, bob: User, ada_client: Client) -> None:
    for n in range(PER_DAY):
        reported(ada, f"Problem {n}")
    answer = ada_client.post(PAGE, GIVEN)
    page = Markup(answer.content.decode())
    assert int(answer["Retry-After"]) > 0
    assert answer.status_code == 429 and "You have reported 5 problems of this challenge today." in page
    assert GIVEN["text"] in page and ProblemReport.objects.count() == PER_DAY
    reported(bob)
    ada_client.post("/challenges/ticket/report/", GIVEN)
    Slot.objects.of(limits.REPORTS).filter(user=ada).update(period="2026-01-01")
    reported(ada)
    assert ProblemReport.objects.filter(user=ada).count() == PER_DAY + 2


def test_a_report_that_is_sent_twice_is_kept_once(ada: User, grace: User, ada_client: Client) -> None:
    assert [ada_client.post(PAGE, GIVEN).status_code for _ in range(2)] == [302, 302]
    assert ProblemReport.objects.count() == Slot.objects.of(limits.REPORTS).count() == 1
    services.answer(ProblemReport.objects.get(), by=grace, text="It is mended.")
    ada_client.post(PAGE, GIVEN)
    assert ProblemReport.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_equal_reports_at_the_same_moment_are_one_and_others_stay_within_the_limit(ada: User) -> None:
    made = at_once(lambda _: reported(ada).pk, 4)
    assert len(set(made)) == 1 and Slot.objects.of(limits.REPORTS).count() == 1

    def another(number: int) -> str:
        try:
            return str(reported(ada, f"Problem {number}").slot.number)
        except Refused as refused:
            return refused.code

    assert sorted(at_once(another, 6)) == ["2", "3", "4", "5", "enough_reports", "enough_reports"]


@pytest.mark.parametrize("wrong", [{"text": ""}, {"text": "x" * 2001}, {"what": "nonsense"}, {"answer": "Yes."}])
def test_the_database_refuses_what_the_service_would_and_keeps_the_limit(ada: User, wrong: dict[str, str]) -> None:
    made = reported(ada)
    with pytest.raises(IntegrityError), transaction.atomic():
        ProblemReport.objects.filter(pk=made.pk).update(**wrong)
    later = reported(ada, "Another problem").slot
    assert (made.slot.number, later.number, later.allowed) == (1, 2, PER_DAY)
    for number in (1, PER_DAY + 1):
        with pytest.raises(IntegrityError), transaction.atomic():
            Slot.objects.of(limits.REPORTS).filter(pk=later.pk).update(number=number)


def answered(client: Client, made: ProblemReport, text: str) -> int:
    return client.post(f"/admin/reports/problemreport/{made.pk}/change/", {"answer": text}).status_code


def test_staff_answer_in_the_admin_and_the_learner_is_told(
    ada: User, grace: User, ada_client: Client, grace_client: Client
) -> None:
    made = reported(ada)
    assert str(made.pk) in Markup(grace_client.get("/admin/reports/problemreport/?state=open").content.decode())
    assert answered(grace_client, made, "You are right. Version 1.0.1 will mend it.") == 302
    made.refresh_from_db()
    assert (made.answered_by, made.is_open) == (grace, False)
    assert StaffAction.objects.get(what="report_answered").details == {"report": made.pk}
    notice = Notice.objects.get()
    assert (notice.user, notice.kind, notice.report) == (ada, "answered", made)
    page = Markup(ada_client.get("/notices/").content.decode())
    assert "Version 1.0.1 will mend it." in page and f'You wrote: <span lang="">{GIVEN["text"]}</span>' in page
    assert "0 problem reports" in Markup(grace_client.get("/admin/reports/problemreport/?state=open").content.decode())


@pytest.mark.parametrize("text", ["", " ", "a bell \x07", "x" * 2001])
def test_an_answer_that_cannot_be_is_refused_on_the_form(ada: User, grace_client: Client, text: str) -> None:
    made = reported(ada)
    assert answered(grace_client, made, text) == 200
    made.refresh_from_db()
    assert made.is_open and not Notice.objects.exists()


def test_an_answer_is_given_once(ada: User, grace: User, grace_client: Client) -> None:
    made = reported(ada)
    services.answer(made, by=grace, text="Thank you.")
    with pytest.raises(Refused) as refused:
        services.answer(made, by=grace, text="No.")
    assert refused.value.code == "answered"
    assert answered(grace_client, made, "No.") == 403
    made.refresh_from_db()
    assert made.answer == "Thank you." and Notice.objects.count() == 1


def test_erasing_an_account_erases_its_reports(ada: User, course: Course) -> None:
    reported(ada)
    ada.delete()
    assert not ProblemReport.objects.exists() and not Slot.objects.of(limits.REPORTS).exists()
