"""Names that could be taken for another person's are refused; names that an account has already stay."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from gradus.accounts.models import User
from gradus.accounts.pseudonyms import check_name

LOOK_ALIKES = {
    "one Cyrillic letter": "\u0430dmin",
    "one Greek letter": "M\u03b1ria",
    "a Cyrillic letter that looks like none": "ad\u043cin",
    "all Cyrillic": "\u0455\u0441\u043e\u0440\u0435",
    "full width": "\uff41\uff44\uff4d\uff49\uff4e",
    "mathematical": "\U0001d41a\U0001d41d\U0001d426\U0001d422\U0001d427",
    "a ligature": "\ufb01ne",
    "small capitals": "\u1d00\u1d05\u1d0d\u026a\u0274",
    "a Latin alpha": "\u0251dmin",
    "a dotless i": "adm\u0131n",
    "a filler of Hangul": "ad\u3164min",
    "another filler": "ad\u1160min",
}
NAMES = (
    *("amber-fox-123", "Zo\u00eb", "\u00d8yvind", "\u00c6sa", "Stra\u00dfe", "\u0110\u1eb7ng"),
    *("\u0418\u0432\u0430\u043d", "\u041e\u043a\u0441\u0430\u043d\u0430", "\u0395\u03bb\u03ad\u03bd\u03b7"),
    *("\u5c71\u7530", "\u3084\u307e\u3060\u5c71", "Ada\u5c71", "\uae40\ucca0\uc218", "\u0645\u062d\u0645\u062f"),
)


@pytest.mark.parametrize("name", LOOK_ALIKES.values(), ids=LOOK_ALIKES)
def test_a_look_alike_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        check_name(name)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_of_one_alphabet_is_taken(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize("name", ["\u0430dmin", "\uff41dmin", "ad\u200bmin", "ad\u3164min"])
def test_the_profile_refuses_it_beside_the_field(ada: User, ada_client: Client, name: str) -> None:
    page = ada_client.post("/profile/", {"pseudonym": name})
    assert 'aria-invalid="true"' in page.content.decode()
    ada.refresh_from_db()
    assert ada.pseudonym == "enchantress"


@pytest.mark.parametrize("name", ["\u0430dmin", "ad\u200bmin", "ad\u3164min"])
def test_the_admin_refuses_it_as_a_username(grace_client: Client, name: str) -> None:
    given = {
        "username": name,
        "usable_password": "true",
        "password1": "a-long-password",
        "password2": "a-long-password",
    }
    form = grace_client.post("/admin/accounts/user/add/", given).context["adminform"].form
    assert list(form.errors) == ["username"] and not User.objects.filter(username=name).exists()


def test_an_account_keeps_the_name_that_it_has(ada: User) -> None:
    User.objects.filter(pk=ada.pk).update(username="\u0430da", pseudonym="\u0430dmin")
    ada.refresh_from_db()
    ada.first_name = "Ada"
    ada.full_clean(exclude=["password"])
    ada.pseudonym = "\u0430dmin2"
    with pytest.raises(ValidationError) as refused:
        ada.full_clean(exclude=["password"])
    assert list(refused.value.message_dict) == ["pseudonym"]


@pytest.mark.parametrize("name", ["Deleted account", "deleted ACCOUNT"])
def test_nobody_takes_the_name_of_deleted_accounts(name: str) -> None:
    with pytest.raises(ValidationError, match="deleted"):
        check_name(name)
