"""What the parser makes of broken and of odd rosters. What only the class can tell is in `test_calls.py`."""

from __future__ import annotations

import re

import pytest

from gradus.classes.roster.faults import Fault, UnreadableRoster
from gradus.classes.roster.people import parse
from tests.hostile.rosters import odd, table
from tests.pace import within


def assert_said(fault: Fault, case: table.Broken) -> None:
    assert (fault.code, fault.row, fault.column) == (case.code, case.row, case.column)
    assert re.search(case.cause, fault.cause) and re.search(case.cure, fault.cure), fault
    assert str(fault).isprintable() and len(str(fault)) < 420


@pytest.mark.parametrize("case", table.FILES, ids=str)
def test_a_broken_file_is_refused(case: table.Broken) -> None:
    with within(15), pytest.raises(UnreadableRoster) as refused:
        parse(case.data)
    (fault,) = refused.value.faults
    assert_said(fault, case)


@pytest.mark.parametrize("case", [one for one in table.ROWS if one.code not in table.OF_THE_CLASS], ids=str)
def test_a_broken_row_is_left_out(case: table.Broken) -> None:
    found = parse(case.data)
    assert [person.row for person in found.people] == [2] and len(found.faults) == case.faults
    assert_said(found.faults[0], case)


@pytest.mark.parametrize("case", odd.CASES, ids=str)
def test_an_odd_roster_is_read(case: odd.Odd) -> None:
    found = parse(case.data)
    assert (found.faults, found.people) == ((), case.people)
    assert (found.form, found.skipped) == (case.form, case.skipped)


def test_forty_rosters_are_broken() -> None:
    assert len({case.name for case in table.CASES}) == len(table.CASES) >= 40


def test_a_german_column_of_groups_is_read() -> None:
    (person,) = parse(b"E-Mail-Adresse;Vorname;Gruppe\nann@example.org;Ann;Gruppe 1\n").people
    assert person.labels == ("Gruppe 1",)
