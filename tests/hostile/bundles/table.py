"""All broken bundles: what is wrong in a folder, by the part of the format, and what is wrong with an archive."""

from __future__ import annotations

from tests.hostile.bundles import in_archives, in_challenges, in_characters, in_files, in_lessons, in_rows, in_yaml
from tests.hostile.bundles.breaking import Broken

FOLDERS: dict[str, tuple[Broken, ...]] = {
    "YAML": in_yaml.SYNTAX,
    "Keys": in_yaml.KEYS,
    "Encodings and characters": in_characters.CASES,
    "Files": in_files.CASES,
    "Rows: the format of the file": in_rows.FORMAT,
    "Rows: keys": in_rows.KEYS,
    "Rows: content": in_rows.CONTENT,
    "Courses": in_lessons.COURSES,
    "Lessons": in_lessons.LESSONS,
    "Drawings": in_lessons.DRAWINGS,
    "Findings": in_lessons.EXPERIMENTS,
    "Challenges": in_challenges.CASES,
}
CASES = tuple(case for cases in FOLDERS.values() for case in cases)
ARCHIVES = in_archives.CASES


def named(name: str) -> Broken:
    """The broken folder of that name."""
    return next(case for case in CASES if case.name == name)
