"""The admin: its names and order, each list and page with few queries, searches through indexes, and no secrets."""

from __future__ import annotations

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from gradus.accounts import admin_site
from gradus.accounts.admin_site import SECTIONS, Listed, people_named
from gradus.accounts.models import ApiToken, ExemptNetwork, StaffAction
from gradus.notices.models import Notice
from gradus.reports.models import ProblemReport
from gradus.reviews.models import JudgeCall
from gradus.submissions.models import (
    EngineChoice,
    Evaluation,
    ReconcilerStatus,
    Run,
    Score,
    Submission,
    WorkerStatus,
)
from tests import factories
from tests.conftest import logged_in
from tests.markup import Markup

# Queries of a page: the session, the account, its rights, savepoints, filters and the rows; never some for each row.
MOST = 26


@pytest.fixture
def rows(ada, grace, course):
    """Several rows behind each list."""
    for number in range(3):
        user = factories.UserFactory.create()
        EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
        Authenticator.objects.create(user=user, type="totp", data={"secret": "never shown"})
        SocialAccount.objects.create(user=user, provider="school", uid=user.username)
        ApiToken.issue(user, "a program")
        factories.enrol(user, course, factories.TEACHER)
        graded = factories.submit(user)
        factories.grade(graded)
        evaluation = graded.current_for_staff
        JudgeCall.objects.create(evaluation=evaluation, key="k", template="t", model="m", rung="schema",
                                 request={"messages": ["a rubric"]}, response="said")  # fmt: skip
        ProblemReport.objects.create(user=user, version=graded.version, track="prompt", what="task", text="Unclear")
        Notice.objects.get_or_create(user=user, evaluation=evaluation, kind="graded")
        WorkerStatus.objects.create(name=f"w-{number}", lane="grade")
        ReconcilerStatus.objects.create(name=f"r-{number}", done={"freed": 1})
        EngineChoice.objects.create(key=str(number), model="m", cpu="c", threads=2, device="cpu", versions="v",
                                    digest=f"d{number}", choice={"threads": 2})  # fmt: skip
        ExemptNetwork.objects.create(network=f"203.0.{number}.0/24", until=timezone.now(), note="A class")
        StaffAction.objects.create(
            user_id=grace.pk, who="grace", via="page", what="removed", about="x", details={"a": 1}
        )
    Group.objects.create(name="readers")


def lists():
    return [pytest.param(model, id=model._meta.label) for model in admin.site._registry]


def address(model, name=""):
    return f"/admin/{model._meta.app_label}/{model._meta.model_name}/{name}"


@pytest.mark.parametrize("model", lists())
def test_each_list_and_each_page_answers_with_few_queries(rows, grace_client, model):
    found = list(model._default_manager.order_by("-pk")[:2])
    assert found, "no row of this model was made"
    for path in ("", "?q=learner1", "?q=00000000-0000-4000-8000-000000000000", "?q=7", f"{found[0].pk}/change/"):
        with CaptureQueriesContext(connection) as queries:
            answer = grace_client.get(address(model, path))
        assert answer.status_code == 200, path
        assert len(queries) <= MOST, (path, [one["sql"][:200] for one in queries])


@pytest.mark.parametrize("model", lists())
def test_each_list_says_what_it_is_for_and_bounds_what_it_counts(model):
    options = admin.site._registry[model]
    assert isinstance(options, Listed) and options.purpose
    assert not options.show_full_result_count and options.paginator is admin_site.BoundedPaginator
    assert not options.date_hierarchy


def test_names_and_order_are_those_of_people(rows, grace_client):
    page = Markup(grace_client.get("/admin/").content.decode())
    titles = [str(name) for name, labels in SECTIONS]
    places = [page.index(f">{title}</h2>") for title in titles]
    assert places == sorted(places)
    for wrong in ("wishs", "Api token", "Django", "Accounts", "MFA", "Authentication and Authorization"):
        assert wrong not in page
    labels = [label for _, some in SECTIONS for label in some]
    assert sorted(labels) == sorted(model._meta.label for model in admin.site._registry)
    assert "<title>Administration · Gradus</title>" in page and 'href="/"' in page


def test_a_colleague_sees_the_lists_that_they_may_see_and_no_other(rows):
    client = logged_in(factories.UserFactory.create(is_staff=True))
    page = client.get("/admin/").content.decode()
    assert "/admin/accounts/user/" not in page and "permission" in page
    assert client.get("/admin/reviews/judgecall/").status_code == 403


def test_json_is_folded_and_a_secret_is_nowhere(rows, grace_client):
    call = JudgeCall.objects.first()
    page = grace_client.get(address(JudgeCall, f"{call.pk}/change/")).content.decode()
    assert '<details class="json">' in page and "&quot;messages&quot;: [" in page
    listed = grace_client.get(address(JudgeCall)).content.decode()
    assert "a rubric" not in listed and "said" not in listed
    factor = Authenticator.objects.first()
    assert "never shown" not in grace_client.get(address(Authenticator, f"{factor.pk}/change/")).content.decode()


def test_a_search_finds_people_by_the_beginning_of_each_name(rows, ada):
    EmailAddress.objects.create(user=ada, email="augusta@example.org", verified=False)
    for text in ("ada", "enchant", "Augusta@", "ada@example.org"):
        assert ada.pk in people_named(text), text
    assert people_named("nobody at all") == []


def test_a_search_finds_an_attempt_by_its_uuid_and_number(rows, grace_client):
    one = Evaluation.objects.exclude(submission=None).order_by("pk")[0]
    for text in (str(one.submission.uuid), str(one.pk)):
        page = grace_client.get(address(Evaluation, f"?q={text}")).content.decode()
        assert f"/admin/submissions/evaluation/{one.pk}/change/" in page


def test_a_count_ends_where_it_would_take_long(rows, grace_client, monkeypatch):
    monkeypatch.setattr(admin_site, "COUNTED", 2)
    monkeypatch.setattr(admin_site.BoundedPaginator, "most", 2)
    page = grace_client.get(address(Evaluation)).content.decode()
    assert "The first 2 evaluations in this order." in page


def test_the_admin_has_no_page_of_runs(rows, grace_client):
    assert Run not in admin.site._registry


@pytest.mark.parametrize("model", [Submission, Evaluation, Score, JudgeCall, Notice])
def test_more_rows_need_no_more_queries(rows, grace_client, model):
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            assert grace_client.get(address(model)).status_code == 200
        counts.append(len(queries))
        for _ in range(4):
            made = factories.submit(factories.UserFactory.create())
            factories.grade(made)
            JudgeCall.objects.create(
                evaluation=made.current_for_staff, key="k", template="t", model="m", rung="schema", request={}
            )
    assert counts[0] == counts[1]
