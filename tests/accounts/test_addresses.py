"""One rule says what an email address is, for invitations, members and rosters alike."""

from __future__ import annotations

import pytest

from gradus.accounts.addresses import EMAIL_CHARS, address, is_address
from gradus.refusal import Refused

LONGEST = "a" * 58 + "@" + ".".join(["b" * 63] * 3) + "." + "c" * (EMAIL_CHARS - 59 - 3 * 64)


def test_an_address_is_kept_in_lower_case() -> None:
    assert address(" Lena@Example.ORG ") == "lena@example.org"
    assert len(LONGEST) == EMAIL_CHARS and address(LONGEST) == LONGEST


@pytest.mark.parametrize(
    "text",
    ["", "lena", "lena@", "@example.org", "a b@example.org", "lena@\N{KELVIN SIGN}elvin.org", "d" + LONGEST],
)
def test_what_is_no_address_is_refused_beside_the_field(text: str) -> None:
    assert not is_address(text)
    with pytest.raises(Refused) as refused:
        address(text)
    assert (refused.value.code, refused.value.problems[0]["field"]) == ("bad_email", "email")


def test_a_character_that_cannot_be_stored_is_named() -> None:
    with pytest.raises(Refused) as refused:
        address("le\0na@example.org")
    assert refused.value.code == "control_character"
