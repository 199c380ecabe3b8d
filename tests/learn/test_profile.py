import pytest
from django.urls import reverse

from gradus.accounts.models import ApiToken

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
