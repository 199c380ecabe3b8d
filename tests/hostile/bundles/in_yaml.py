"""Mistakes in YAML: its syntax, and keys with the wrong name or type."""

from __future__ import annotations

from tests.hostile.bundles.breaking import Broken, append, put, swap
from tests.hostile.bundles.course import CHALLENGE

SPEC = f"{CHALLENGE}/challenge.yaml"
COURSE = "course.yaml"
LESSON = "first/lesson.yaml"

SYNTAX = (
    Broken("a tab as indentation", swap(SPEC, "  type: label", "\ttype: label"), SPEC, 9),
    Broken("a tab in an indented block", swap(SPEC, "  labels:", "  \tlabels:"), SPEC, 10),
    Broken("one space too many", swap(SPEC, "  labels:", "   labels:"), SPEC, 10),
    Broken("one space too few", swap(COURSE, "  - second", " - second"), COURSE, 9),
    Broken("a key twice", append(SPEC, "pass: 0.70\n"), SPEC, 28),
    Broken("an anchor", swap(SPEC, "labels: [sea", "labels: &all [sea"), SPEC, 10),
    Broken("an alias", swap(SPEC, "labels: [sea, sky]", "labels: *all"), SPEC, 10),
    Broken("a tag", swap(SPEC, "title: Sea", "title: !!python/name:os Sea"), SPEC, 6),
    Broken("a colon in a text", swap(SPEC, "title: Sea or", "title: Sea: or"), SPEC, 6),
    Broken("a quotation mark left open", swap(COURSE, "title: By", 'title: "By'), COURSE, 4),
    Broken("a bracket left open", swap(SPEC, "[sea, sky]", "[sea, sky"), SPEC, 10),
    Broken("a text that begins with @", swap(COURSE, "title: By", "title: @By"), COURSE, 4),
    Broken("a text that begins with a backtick", swap(COURSE, "title: By", "title: `By"), COURSE, 4),
    Broken("a backslash in double quotes", swap(COURSE, "title: By", r'title: "C:\By" #'), COURSE, 4),
    Broken("a line without a colon", swap(COURSE, "title: By the coast", "title\nsummary"), COURSE, 4),
    Broken("two documents in one file", append(COURSE, "---\nid: other\n"), COURSE, 10),
    Broken("a list on top", put(COURSE, "- first\n- second\n"), COURSE, 1),
    Broken("100,000 levels", append(COURSE, "x: " + "[" * 100_000), COURSE, 10),
    Broken("3 MB of YAML", append(COURSE, "#" + "x" * 3_000_000), COURSE, None),
    Broken("a number of 5,000 digits", swap(SPEC, "0.60", "9" * 5000), SPEC, 15),
)
KEYS = (
    Broken("a key with a typing mistake", swap(SPEC, "labels:", "lables:"), SPEC, 10, most=2),
    Broken("a key that does not exist", append(SPEC, "colour: red\n"), SPEC, 28),
    Broken("a key of a lesson in a course", append(COURSE, "minutes: 5\n"), COURSE, 10),
    Broken("a key that is missing", swap(SPEC, "pass: 0.60\n", ""), SPEC, 1),
    Broken("no schema", swap(COURSE, "schema: 1\n", ""), COURSE, 1),
    Broken("a schema of the future", swap(COURSE, "schema: 1", "schema: 2"), COURSE, 1),
    Broken("a key without a value", swap(COURSE, "title: By the coast", "title:"), COURSE, 4),
    Broken("a list where a text is needed", swap(SPEC, "title: Sea or sky", "title: [Sea, sky]"), SPEC, 6),
    Broken(
        "a text where a list is needed",
        swap(LESSON, "challenges:\n  - sea-or-sky\n  - explain\n", "challenges: sea-or-sky\n"),
        LESSON,
        4,
        most=4,
    ),
    Broken("truth values as labels", swap(SPEC, "[sea, sky]", "[true, false]"), SPEC, 10, most=2),
    Broken("a word where true or false is meant", swap(SPEC, "\nprompt:\n", "\nprompt:\n  locked: maybe\n"), SPEC, 13),
    Broken("a number as an id", swap(SPEC, "id: sea-or-sky", "id: 7"), SPEC, 2),
    Broken("numbers as ids in a list", swap(COURSE, "- first", "- 1"), COURSE, 8),
    Broken("an id with capitals and spaces", swap(COURSE, "id: coast", "id: The Coast"), COURSE, 2),
    Broken("a version of two numbers", swap(SPEC, "version: 1.0.0", "version: 1.0"), SPEC, 3),
    Broken("a version in quotes", swap(SPEC, "version: 1.0.0", 'version: "1.0"'), SPEC, 3),
    Broken("a date as the version", swap(SPEC, "version: 1.0.0", "version: 2026-11-29"), SPEC, 3),
    Broken("a comma in a number", swap(SPEC, "pass: 0.60", "pass: 0,60"), SPEC, 15),
    Broken("a percentage", swap(SPEC, "pass: 0.60", "pass: 60%"), SPEC, 15),
    Broken("72 for 72 per cent", swap(SPEC, "pass: 0.60", "pass: 72"), SPEC, 15),
    Broken("an answer without a type", swap(SPEC, "  type: label\n", ""), SPEC, 8),
    Broken("an unknown type of answer", swap(SPEC, "type: label", "type: choice"), SPEC, 9),
    Broken("two hints", swap(SPEC, "  - Name both labels.\n", ""), SPEC, 20),
)
CASES = (*SYNTAX, *KEYS)
