import pytest
from django.urls import reverse

from gradus.accounts.models import ApiToken
from gradus.accounts.scopes import LEARNER, Content, LearnerData, Scope

PROFILE = "/profile/"


def test_a_visitor_is_asked_to_sign_in(client, guest_client):
    for one in (client, guest_client):
        assert one.get(PROFILE).url.startswith(reverse("account_login"))


def test_a_pseudonym_is_changed(ada, ada_client):
    assert ada_client.post(PROFILE, {"pseudonym": "countess of L."}).status_code == 302
    ada.refresh_from_db()
    assert ada.pseudonym == "countess of L."


@pytest.mark.parametrize("name", ["ab", "builder", "<b>x</b>", "\u202eevil", "x" * 41])
def test_a_pseudonym_that_is_taken_or_odd_is_refused(ada, ada_client, bob, name):
    assert ada_client.post(PROFILE, {"pseudonym": name}).status_code == 422
    ada.refresh_from_db()
    assert ada.pseudonym == "enchantress"


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
    assert "your own work; course content: owner; learner data: viewer" in grace_client.get(PROFILE).content.decode()


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
