"""Sign-ups and visitors are counted by address, but not those of a network that staff has listed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from gradus.accounts.models import ExemptNetwork, StaffAction, User
from tests import factories

CLASSROOM, ELSEWHERE = "203.0.113.7", "198.51.100.1"
ADD = "/admin/accounts/exemptnetwork/add/"
RUN = "/challenges/sea-or-sky/run"


@pytest.fixture(autouse=True)
def quick_hashes(settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def sign_up(number: int, address: str, **headers: str) -> Any:
    given = {"email": f"pupil{number}@example.org", "password1": factories.PASSWORD}
    return Client(REMOTE_ADDR=address, headers=headers).post("/accounts/signup/", given)


def visit(address: str) -> Any:
    return Client(REMOTE_ADDR=address).post(RUN, {"kind": "prompt", "instructions": "x"})


def listed(network: str, **until: int) -> dict[str, str]:
    """What staff writes into the form."""
    end = timezone.now() + timedelta(**(until or {"days": 1}))
    return {"network": network, "until_0": f"{end:%Y-%m-%d}", "until_1": f"{end:%H:%M:%S}", "note": "Room 12"}


def test_looking_at_the_sign_up_page_is_not_counted(db: None, client: Client) -> None:
    with time_machine.travel("2026-11-27 10:00", tick=False):
        assert {client.get("/accounts/signup/").status_code for _ in range(25)} == {200}
        assert sign_up(1, "127.0.0.1").status_code == 302


def test_sign_ups_of_an_address_are_limited_by_the_hour(db: None) -> None:
    with time_machine.travel("2026-11-27 10:00", tick=False) as clock:
        taken = 0
        for minute in range(4):
            taken += sum(sign_up(minute * 20 + number, CLASSROOM).status_code == 302 for number in range(12))
            clock.shift(60)
        assert taken == User.objects.count() == 30
        refused = sign_up(99, CLASSROOM)
        # The first of the thirty was four minutes ago.
        assert (refused.status_code, refused["Retry-After"]) == (429, str(56 * 60))
        assert "Wait 56 minutes" in refused.content.decode()
        assert sign_up(100, ELSEWHERE).status_code == 302
        clock.shift(56 * 60)
        assert sign_up(101, CLASSROOM).status_code == 302


def test_a_class_behind_one_address_signs_up_once_staff_has_listed_it(grace: User, grace_client: Client) -> None:
    assert grace_client.post(ADD, listed("203.0.113.9/24")).status_code == 302
    assert [sign_up(number, CLASSROOM).status_code for number in range(45)] == [302] * 45
    assert [sign_up(number, ELSEWHERE).status_code for number in range(50, 71)] == [302] * 20 + [429]
    row, entry = ExemptNetwork.objects.get(), StaffAction.objects.get(what="network_exempted")
    assert (row.network, row.note, row.added_by) == ("203.0.113.0/24", "Room 12", grace)
    assert (entry.user_id, entry.about, entry.via) == (grace.pk, "203.0.113.0/24", "page")
    assert entry.details == {"until": row.until.isoformat(), "note": "Room 12"}


def test_visitors_follow_the_same_list(course, grace_client: Client) -> None:
    grace_client.post(ADD, listed(CLASSROOM))
    assert [visit(CLASSROOM).status_code for _ in range(35)] == [302] * 35
    assert [visit(ELSEWHERE).status_code for _ in range(31)] == [302] * 30 + [429]


def test_an_exemption_ends(course, grace_client: Client) -> None:
    with time_machine.travel("2026-11-27 10:00", tick=False) as clock:
        grace_client.post(ADD, listed(CLASSROOM, minutes=10))
        assert [visit(CLASSROOM).status_code for _ in range(31)] == [302] * 31
        clock.shift(601)
        assert [visit(CLASSROOM).status_code for _ in range(31)] == [302] * 30 + [429]


def test_staff_end_it_at_once(course, grace_client: Client) -> None:
    grace_client.post(ADD, listed(CLASSROOM))
    row = ExemptNetwork.objects.get()
    assert grace_client.post(f"/admin/accounts/exemptnetwork/{row.pk}/delete/", {"post": "yes"}).status_code == 302
    assert [visit(CLASSROOM).status_code for _ in range(31)] == [302] * 30 + [429]
    assert StaffAction.objects.get(what="removed").about == "exempt network: 203.0.113.7/32"


def test_the_address_is_the_one_that_the_proxy_names(grace_client: Client, settings) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    grace_client.post(ADD, listed("2001:db8:1::/48"), headers={"X-Forwarded-For": ELSEWHERE})
    inside, pretended = "2001:db8:1::77", f"2001:db8:1::77, {ELSEWHERE}"
    found = [sign_up(number, "127.0.0.1", **{"X-Forwarded-For": inside}).status_code for number in range(25)]
    assert found == [302] * 25
    found = [sign_up(number, "127.0.0.1", **{"X-Forwarded-For": pretended}).status_code for number in range(30, 55)]
    assert found == [302] * 20 + [429] * 5


@pytest.mark.parametrize(
    ("network", "said"),
    [
        ("0.0.0.0/0", "too large"),
        ("10.0.0.0/15", "too large"),
        ("2001::/31", "too large"),
        ("room 12", "Write an address such as"),
        ("203.0.113.0/33", "Write an address such as"),
        ("203.0.113.7\0", "Null characters are not allowed"),
        ("1" * 44, "at most 43 characters"),
    ],
)
def test_a_network_that_cannot_be_meant_is_refused_beside_its_field(
    grace_client: Client, network: str, said: str
) -> None:
    answer = grace_client.post(ADD, listed(network))
    assert answer.status_code == 200 and said in str(answer.context["adminform"].form.errors["network"])
    assert not ExemptNetwork.objects.exists()


def test_a_time_that_has_passed_and_a_network_that_is_listed_are_refused(grace_client: Client) -> None:
    answer = grace_client.post(ADD, listed(CLASSROOM, days=-1))
    assert "This time has passed" in str(answer.context["adminform"].form.errors["until"])
    for _ in range(2):
        answer = grace_client.post(ADD, listed("203.0.113.7"))
    assert "already exists" in str(answer.context["adminform"].form.errors["network"])
    assert ExemptNetwork.objects.count() == 1
