"""People are listed as people sort names, on every database, and by whichever door a name came in."""

from __future__ import annotations

import random
from importlib import import_module

import pytest
from django.apps import apps

from gradus.accounts.models import User
from gradus.classes import members
from gradus.classes.models import Class, Member
from gradus.classes.name_order import name_key
from gradus.classes.roster import services
from gradus.classes.roster.people import parse
from gradus.own_data import erasing
from tests import factories

# First name, last name, address; in the order of a printed list.
ORDER = [
    ("Zoë", "Ábel", ""), ("Anna", "Adam", ""), ("Émile", "Eames", ""), ("Emil", "Ebner", ""), ("Li", "Li", ""),
    ("Wei", "Li", ""), ("An", "Li Wei", ""), ("Łukasz", "Łukasik", ""), ("anna", "maier", ""), ("Bert", "Maier", ""),
    ("Jan", "Müller", ""), ("Jan", "Mundt", ""), ("Sinéad", "O\u2019Brien", ""), ("Tom", "O'Brien", ""),
    ("Ole", "Østby", ""), ("Otto", "Otten", ""), ("Plato", "", ""), ("Pia", "Straße", ""), ("Ada", "Strasser", ""),
    ("", "", "aaron@example.org"), ("", "", "zora@example.org"),
]  # fmt: skip


@pytest.fixture
def evening(course: object) -> Class:
    return factories.a_class(course)


def listed(of_class: Class) -> list[tuple[str, str, str]]:
    return [(one.first_name, one.last_name, one.email if not one.name_key.startswith("30") else "")
            for one in of_class.members.by_name()]  # fmt: skip


def test_names_sort_as_people_sort(evening: Class) -> None:
    shuffled = random.Random(3).sample(ORDER, len(ORDER))
    for number, (first, last, email) in enumerate(shuffled):
        names = {"first_name": first, "last_name": last}
        factories.member(evening, email=email or f"{number}@example.org", **names)
    assert listed(evening) == ORDER


def test_a_key_is_digits_and_letters_that_all_collations_sort_alike() -> None:
    assert set(name_key("Ludwig \U0001f600", "Ωmega-Ж", "a@example.org")) <= set("0123456789abcdef")
    assert len(name_key("\U0001f600" * 120, "\U00020000" * 120, "x" * 254)) <= 1024


def test_every_door_by_which_a_name_comes_in_keeps_the_order(evening: Class, teacher: User) -> None:
    def in_order() -> bool:
        return all(one.name_key == one.key_of_name() for one in Member.objects.all())

    roster = parse(b"email,firstname,lastname\nz@example.org,Zoe,Zander\na@example.org,Anna,Abel\n")
    services.apply(evening, roster, by=teacher)
    assert in_order() and [one.last_name for one in evening.members.by_name()] == ["Abel", "Zander"]
    again = parse(b"email,firstname,lastname\na@example.org,Anna,Zyla\n")
    services.apply(evening, again, by=teacher)
    assert in_order() and [one.last_name for one in evening.members.by_name()] == ["Zander", "Zyla"]
    zoe = evening.members.get(last_name="Zander")
    members.change_member(zoe, by=teacher, last_name="Zzz")
    assert in_order() and [one.last_name for one in evening.members.by_name()] == ["Zyla", "Zzz"]
    zoe.refresh_from_db()
    zoe.last_name = "Aal"
    zoe.save(update_fields=["last_name"])
    assert in_order()


def test_a_deleted_account_leaves_no_name_in_the_key(evening: Class, ada: User) -> None:
    factories.member(evening, ada, first_name="Ada", last_name="Lovelace")
    erasing._leave_classes(ada, frozenset())
    assert Member.objects.get(user=ada).name_key == name_key("", "", "")


def test_members_of_before_get_their_key(evening: Class) -> None:
    member = factories.member(evening, email="ann@example.org", first_name="Ann", last_name="Lee")
    Member.objects.update(name_key="")
    import_module("gradus.classes.migrations.0010_fill_name_keys").fill(apps, None)
    member.refresh_from_db()
    assert member.name_key == name_key("Ann", "Lee", "ann@example.org")
