"""The pages about people are marked in all their states: notices of each kind, forms that are refused, empty boards."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.template.loader import render_to_string
from django.test import Client
from django.utils import timezone
from django.utils.translation import override
from pytest_django.fixtures import Settings

from gradus.accounts import tokens
from gradus.accounts.models import User
from gradus.accounts.token_rules import Content, LearnerData, Scope
from gradus.courses import catalogue
from gradus.courses.models import Course
from gradus.leaderboards.boards import BoardRow
from gradus.leaderboards.templatetags.boards import board_row
from gradus.learn.profile_forms import ends
from gradus.notices import services as notices
from gradus.notices.models import Notice
from gradus.reports import services as reports
from gradus.submissions import services
from tests import factories
from tests.challenges.factory import write_course
from tests.leaderboards.test_versions import raise_version
from tests.words.unmarked import unmarked

pytestmark = pytest.mark.usefixtures("pseudo", "course")
REPORT = "/challenges/sea-or-sky/report/"
PASSWORD = {"oldpassword": factories.PASSWORD, "password1": "short", "password2": "other"}


def plain(client: Client, path: str, data: dict[str, Any] | None = None, status: int = 200) -> list[str]:
    """Returns the unmarked texts of a page, or of the page after a form was sent."""
    answer = client.get(path) if data is None else client.post(path, data, follow=True)
    assert answer.status_code == status
    html = answer.content.decode()
    assert '<html lang="en-xa"' in html
    return unmarked(html)


def test_notices_of_each_kind(ada: User, grace: User, ada_client: Client) -> None:
    for score in (0.9, 0.7, 0.3, None):
        made = factories.submit(ada, payload=factories.LORA)
        if score is None:
            failed = factories.claimed(made)
            services.reject(failed.pk, failed.fence, "internal")
        else:
            factories.grade(made, score, provisional=score == 0.3)
    factories.grade(services.start_run(ada, made.version, factories.LORA))
    report = reports.report(ada, made.challenge, track="prompt", what="sample", text="It is wrong.")
    reports.answer(report, by=grace, text="It is right.")
    assert Notice.objects.count() == 6
    graded = Notice.objects.filter(pk__in=list(Notice.objects.filter(kind="graded").values_list("pk", flat=True)))
    assert plain(ada_client, "/notices/") == [] and graded.count() == 3
    for kind in ("reviewed", "appealed", "regraded"):
        graded.update(kind=kind, seen_at=None)
        assert plain(ada_client, "/notices/") == []
    for notice in Notice.objects.exclude(kind="answered"):
        mail = render_to_string("notices/mail.txt", {"notice": notice, "site": "http://a"})
        assert unmarked(f"<main>{mail}</main>") == []


def test_a_profile_without_attempts_and_with_refused_forms(bob: User, bob_client: Client, grace: User) -> None:
    assert plain(bob_client, "/profile/") == []
    assert plain(bob_client, "/profile/?propose=1") == []
    for name in ("", "a", "<b>", grace.pseudonym, "quiet one"):
        assert plain(bob_client, "/profile/", {"pseudonym": name}, 200 if name == "quiet one" else 422) == []
    for given in ({"name": ""}, {"name": "a", "days": "8"}, {"name": "a", "content": "owner"}, {"name": "a\u0007"}):
        assert plain(bob_client, "/profile/tokens/", given, 422) == []
    assert plain(bob_client, "/notices/by-mail", {"wanted": "on"}) == []


def test_a_profile_with_tokens(grace: User, grace_client: Client) -> None:
    assert plain(grace_client, "/profile/tokens/", {"name": "laptop"}) == []
    token, _ = tokens.issue(grace, "scripts", Scope(Content.OWNER, LearnerData.VIEWER))
    token.last_used_at = timezone.now()
    token.save()
    assert plain(grace_client, "/profile/") == []
    assert plain(grace_client, f"/profile/tokens/{token.pk}/revoke", {}) == []
    for number in range(19):
        tokens.issue(grace, str(number))
    assert plain(grace_client, "/profile/tokens/", {"name": "one more"}, 422) == []
    assert plain(grace_client, "/accounts/password/change/", PASSWORD) == []


def test_when_a_token_may_end_is_asked_in_the_language_of_the_page() -> None:
    assert all(unmarked(f"<main>{name}</main>") == [] for _, name in ends())


def test_why_no_mails_come(ada: User, ada_client: Client, settings: Settings) -> None:
    EmailAddress.objects.create(user=ada, email=ada.email, primary=True, verified=True)
    for data in (None, {"wanted": "on"}, {}):
        assert plain(ada_client, "/profile/" if data is None else "/notices/by-mail", data) == []
    settings.EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
    assert plain(ada_client, "/profile/") == []
    assert unmarked(f"<main>{notices.why_no_mails(User(is_guest=True))}</main>") == []


def test_reports_that_are_refused(ada_client: Client) -> None:
    given = {"track": "prompt", "what": "sample"}
    for wrong in ({"text": ""}, {"text": "x" * 2001}, {"text": "a\u0007"}, {"text": "It is wrong.", "what": ""}):
        assert plain(ada_client, REPORT, {**given, **wrong}, 422) == []
    for number in range(5):
        ada_client.post(REPORT, {**given, "text": f"Problem {number}"})
    assert plain(ada_client, REPORT, {**given, "text": "One more"}, 429) == []


def test_accounts(ada: User, guest_client: Client, client: Client) -> None:
    for path in ("signup", "login", "password/reset"):
        assert plain(guest_client, f"/accounts/{path}/") == []
        assert plain(client, f"/accounts/{path}/", {"email": "a", "login": "a"}) == []
    assert plain(client, "/accounts/signup/", {"email": f"{'a' * 300}@example.org", "password1": "a"}) == []
    for _ in range(6):
        assert plain(client, "/accounts/login/", {"login": ada.email, "password": "wrong-password"}) == []
    for template in ("account_inactive", "password_reset_done", "password_reset_from_key_done", "signup_closed"):
        assert unmarked(render_to_string(f"account/{template}.html", {"language": "en-xa"})) == []
    assert unmarked(render_to_string("account/verification_sent.html")) == []


def test_boards_without_rows_with_ties_and_with_older_scores(
    ada: User, bob: User, grace: User, guest: User, guest_client: Client, ada_client: Client, tmp_path: Path
) -> None:
    path = "/leaderboards/sea-or-sky/"
    folder = write_course(tmp_path / "mine")
    assert [plain(ada_client, path), plain(ada_client, "/leaderboards/")] == [[], []]
    for user, score in ((ada, 0.7), (bob, 0.7), (grace, 0.9), (guest, 0.5)):
        factories.grade(factories.submit(user), score, provisional=user == grace)
    for client in (ada_client, guest_client):
        assert [plain(client, path), plain(client, "/leaderboards/")] == [[], []]
    raise_version(folder)
    assert plain(ada_client, path) == []
    assert "1.0.0" in ada_client.get(path).content.decode()
    Course.objects.update(frozen_at=timezone.now() + timedelta(days=1))
    catalogue.forget()
    assert plain(ada_client, path) == []
    Course.objects.update(frozen_at=timezone.now())
    catalogue.forget()
    assert plain(ada_client, path) == []


def test_a_row_that_was_shown_in_english_is_shown_in_the_other_language(ada: User) -> None:
    row = BoardRow(1, "enchantress", 0.7, 2, True, False, False, True, {}, timezone.now())
    with override("en"):
        assert "(you)" in board_row(row, shows_costs=False)
    shown = board_row(row, shows_costs=False)
    assert "(you)" not in shown and unmarked(f"<main>{shown}</main>") == []


def test_a_board_without_a_course(ada_client: Client) -> None:
    Course.objects.update(is_published=False)
    catalogue.forget()
    assert plain(ada_client, "/leaderboards/") == []
