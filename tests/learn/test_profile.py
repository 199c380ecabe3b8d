import pytest
from allauth.account.models import EmailAddress
from django.urls import reverse

from gradus.accounts import pseudonyms
from gradus.accounts.models import ApiToken
from gradus.accounts.token_rules import LEARNER, Content, LearnerData, Scope
from gradus.learn.profile_forms import PseudonymForm
from tests import factories
from tests.markup import Markup

PROFILE = "/profile/"


def test_a_visitor_is_asked_to_sign_in(client, guest_client):
    for one in (client, guest_client):
        assert one.get(PROFILE).url.startswith(reverse("account_login"))


def test_a_pseudonym_is_changed(ada, ada_client):
    assert ada_client.post(PROFILE, {"pseudonym": "countess of L."}).status_code == 302
    ada.refresh_from_db()
    assert ada.pseudonym == "countess of L."


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("builder", "Somebody else uses this name already. Choose another one."),
        ("<b>x</b>", "Use only letters, digits, spaces, dots, hyphens and underscores"),
        ("\u202eevil", "Use only letters, digits, spaces, dots, hyphens and underscores"),
        ("ab", "at least 3 characters"),
        ("x" * 41, "at most 40 characters"),
    ],
)
def test_a_pseudonym_that_is_taken_or_odd_is_refused_beside_its_field_and_stays_in_it(ada, ada_client, bob, name, said):
    answer = ada_client.post(PROFILE, {"pseudonym": name})
    assert answer.status_code == 422
    ada.refresh_from_db()
    assert ada.pseudonym == "enchantress"
    field = answer.content.decode().split('id="id_pseudonym"')[1].split("</form>")[0]
    assert said in field.split("field-error")[1]
    assert answer.context["pseudonym_form"]["pseudonym"].value() == name
    assert "enchantress" in answer.content.decode().split("site-account")[1].split("</header>")[0]


def test_of_two_who_want_a_name_at_once_the_second_reads_why(ada, ada_client, bob, monkeypatch):
    monkeypatch.setattr(PseudonymForm, "validate_unique", lambda form: None)
    answer = ada_client.post(PROFILE, {"pseudonym": "builder"})
    assert answer.status_code == 422 and "Somebody else uses this name already." in answer.content.decode()
    ada.refresh_from_db()
    assert ada.pseudonym == "enchantress"


def test_a_proposed_name_is_free_and_allowed_and_counts_only_when_it_is_saved(ada, ada_client):
    page = ada_client.get(f"{PROFILE}?propose=1")
    name = page.context["pseudonym_form"]["pseudonym"].value()
    assert "It counts when you save it." in page.content.decode() and name != "enchantress"
    ada.refresh_from_db()
    assert ada.pseudonym == "enchantress"
    ada_client.post(PROFILE, {"pseudonym": name})
    ada.refresh_from_db()
    assert ada.pseudonym == name


def test_a_name_that_is_taken_is_not_proposed(ada, monkeypatch):
    drawn = iter([ada.pseudonym, "free-otter-100"])
    monkeypatch.setattr(pseudonyms, "_drawn", lambda: next(drawn))
    assert pseudonyms.propose() == "free-otter-100"


def test_attempts_so_far_are_listed_by_challenge_with_the_best_and_the_last(ada, ada_client, bob, course):
    for score in (0.4, 0.7, 0.6):
        factories.grade(factories.submit(ada), score)
    factories.submit(ada, "explain", factories.FREE_TEXT)
    factories.grade(factories.submit(bob, payload=factories.LORA))
    tried = ada_client.get(PROFILE).context["tried"]
    assert [(one.challenge.slug, one.attempts, one.state) for one in tried] == [
        ("explain", 1, "open"),
        ("sea-or-sky", 3, "passed"),
    ]
    assert tried[0].standing is None and tried[1].standing.shown == 0.7
    assert tried[1].last == ada.submissions.filter(challenge__slug="sea-or-sky").first().created_at


def test_without_attempts_the_profile_says_where_to_begin(ada_client):
    assert "You have not submitted anything yet." in ada_client.get(PROFILE).content.decode()


def test_the_wish_for_mails_says_why_it_cannot_be_chosen(ada, ada_client, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    page = Markup(ada_client.get(PROFILE).content.decode())
    assert "have not set up a mail server" in page and 'name="wanted" disabled' in page
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    page = Markup(ada_client.get(PROFILE).content.decode())
    assert "Confirm your email address first" in page and 'name="wanted" disabled' in page
    EmailAddress.objects.create(user=ada, email=ada.email, primary=True, verified=True)
    assert 'name="wanted" disabled' not in Markup(ada_client.get(PROFILE).content.decode())
    ada_client.post("/notices/by-mail", {"wanted": "on"})
    assert 'name="wanted" checked' in Markup(ada_client.get(PROFILE).content.decode())


def test_a_tokens_secret_is_shown_once(ada, ada_client):
    text = ada_client.post("/profile/tokens/", {"name": "laptop"}).content.decode()
    token = ApiToken.objects.get(user=ada)
    secret = text.split('<code id="secret">')[1].split("<")[0]
    assert ApiToken.objects.matching(secret).get() == token
    assert secret not in ada_client.get(PROFILE).content.decode()


def test_a_token_is_revoked_by_its_owner_only(ada, ada_client, bob_client):
    token, secret = ApiToken.issue(ada, "laptop")
    address = reverse("learn:token_revoke", args=[token.pk])
    assert bob_client.post(address).status_code == 404 and ApiToken.objects.matching(secret).exists()
    assert ada_client.post(address).status_code == 302 and not ApiToken.objects.matching(secret).exists()


def test_a_learner_chooses_when_a_token_ends_and_is_offered_no_scope(ada, ada_client):
    page = ada_client.get(PROFILE).content.decode()
    assert "When does it end?" in page and "Learner data" not in page
    ada_client.post("/profile/tokens/", {"name": "week", "days": "7", "content": "none", "learner_data": "none"})
    token = ApiToken.objects.get(user=ada)
    assert (token.scope, (token.expires_at - token.created_at).days) == (LEARNER, 7)
    page = ada_client.get(PROFILE).content.decode()
    assert f"{token.expires_at:%-d %b %Y}" in page and "your own work" in page


def test_staff_choose_a_scope_and_see_it(grace, grace_client):
    given = {"name": "scripts", "days": "365", "content": "owner", "learner_data": "viewer"}
    assert grace_client.post("/profile/tokens/", given).status_code == 200
    assert ApiToken.objects.get(user=grace).scope == Scope(Content.OWNER, LearnerData.VIEWER)
    page = Markup(grace_client.get(PROFILE).content.decode())
    assert "It may do your own work. Course content: Owner. Learner data: Viewer." in page


@pytest.mark.parametrize(
    "wrong",
    [
        {"days": "8"},
        {"days": "366"},
        {"days": "x"},
        {"content": "viewer"},
        {"learner_data": "editor"},
        {"content": "\0"},
    ],
)
def test_a_token_that_may_not_be_is_refused_on_the_page(ada_client, wrong):
    answer = ada_client.post("/profile/tokens/", {"name": "laptop", **wrong})
    assert answer.status_code == 422
    assert next(iter(wrong)) in answer.context["token_form"].errors
    assert "Select a valid choice" in answer.content.decode()
    assert not ApiToken.objects.exists()


def test_an_ended_token_is_not_listed(ada, ada_client):
    token, _ = ApiToken.issue(ada, "long ago")
    ada.api_tokens.update(created_at="2026-01-01T00:00Z", expires_at="2026-02-01T00:00Z")
    assert "long ago" not in ada_client.get(PROFILE).content.decode()
    assert ada_client.post(reverse("learn:token_revoke", args=[token.pk])).status_code == 404
