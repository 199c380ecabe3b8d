"""Compares version numbers as numbers and not as texts: 1.10.0 comes after 1.9.0."""

from __future__ import annotations

Number = tuple[int, int, int]


def number(version: str) -> Number:
    """`1.2.3`, or `1.2.3+4`, as three numbers. What stands after the plus sign does not count (semver.org, 10)."""
    major, minor, patch = version.partition("+")[0].split(".")
    return int(major), int(minor), int(patch)


def after(version: str) -> str:
    """The lowest version number above this one."""
    major, minor, patch = number(version)
    return f"{major}.{minor}.{patch + 1}"
