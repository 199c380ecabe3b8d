"""Says in an author's words what the YAML parser found, which speaks of tokens, scalars and flow sequences."""

from __future__ import annotations

import yaml

from challenges.files.nesting import DEPTH_MAX
from challenges.problems import Problem

LINE_UP = "line it up with the other keys or items of its list, or put the text above it in quotes"
TOO_DEEP = (f"nested deeper than {DEPTH_MAX} levels", "flatten it")
# What the parser says, as the cause and the cure. The line is where the parser noticed it.
NOTICED = {
    "did not find expected key": ("the indentation of this line does not fit the lines above", LINE_UP),
    "did not find expected '-' indicator": ("the indentation of this line does not fit the lines above", LINE_UP),
    "did not find expected <document start>": ("this line does not fit the lines above", LINE_UP),
    "block sequence entries are not allowed in this context": (
        "a list begins on the line of its key",
        "write each item on a line of its own, below the key, or the list in brackets: `[a, b]`",
    ),
    "found unknown escape character": (
        "a backslash in double quotes begins an escape that YAML does not know",
        r"write it twice (`\\`), or put the text in single quotes",
    ),
    "found invalid Unicode character escape code": (
        "an escape in double quotes stands for half of a character, or for none",
        "write the character itself",
    ),
    "did not find expected hexdecimal number": (
        r"an escape in double quotes (`\x`, `\u`) lacks its digits",
        "write the character itself, or put the text in single quotes",
    ),
    "but found another document": ("`---` begins a second document", "remove it: a file holds one document"),
    "found unexpected document indicator": ("`---` or `...` stands within a text in quotes", "indent that line"),
    "found incompatible YAML document": ("the line `%YAML` asks for another version of YAML", "remove the line"),
    "found a tab character where an indentation space is expected": (
        "a tab stands where YAML asks for spaces",
        "replace it by spaces",
    ),
    "found a tab character that violates indentation": (
        "a tab stands where YAML asks for spaces",
        "replace it by spaces",
    ),
    "did not find expected comment or line break": (
        "a text begins with `>` or `|`, which begins a text of several lines",
        "put the text in quotes, or begin it on the next line",
    ),
    "exceeded maximum nesting depth": TOO_DEEP,
}
NO_VALUE = "did not find expected node content"
BAD_BEGINNINGS = (
    "found character that cannot start any token",
    "mapping keys are not allowed in this context",
    NO_VALUE,
)
# The same, where the mistake is on the line on which something began that never ends.
BEGUN = {
    "found unexpected end of stream": ("the quotation mark that opens here is never closed", "close it"),
    "did not find expected ',' or ']'": (
        "the bracket `[` that opens here is not closed, or a comma is missing in it",
        "close it with `]`, and write a comma between two items; put a text with a comma or a colon in quotes",
    ),
    "did not find expected ',' or '}'": (
        "the brace `{` that opens here is not closed, or a comma is missing in it",
        "close it with `}`, and write a comma between two keys; put a text with a comma or a colon in quotes",
    ),
    "could not find expected ':'": ("the line has no colon behind its key", "write it as `key: value`"),
}


def in_words(error: yaml.YAMLError, text: str) -> Problem:
    """The mistake in `text` at which the parser stopped, as a problem without a file."""
    said = str(getattr(error, "problem", None) or "")
    mark, begun = getattr(error, "problem_mark", None), getattr(error, "context_mark", None)
    if mark is None:
        return Problem("", None, "a character that YAML does not allow stands in the file", "remove it")
    if said in BEGUN:
        return Problem("", (begun or mark).line + 1, *BEGUN[said])
    lines = text.splitlines()
    if said == NO_VALUE and not "".join(lines[mark.line :]).strip():
        opened = max(number for number, line in enumerate(lines, 1) if "[" in line or "{" in line)
        return Problem("", opened, "the bracket or brace that opens here is not closed", "close it")
    line = lines[mark.line] if mark.line < len(lines) else ""
    return Problem("", mark.line + 1, *_noticed(said, line, mark.column))


def _noticed(said: str, line: str, column: int) -> tuple[str, str]:
    if said in BAD_BEGINNINGS:
        return _first_character(line[column : column + 1])
    if said == "did not find expected alphabetic or numeric character":
        return "a text begins with `*` or `&`, which have a meaning in YAML", "put the text in quotes"
    if said == "did not find expected key" and line[:column].rstrip().endswith(("'", '"')):
        what = "something follows the quotation mark that closes the text"
        return what, "put the whole text in quotes, and a text with an apostrophe in double quotes"
    if said == "mapping values are not allowed in this context":
        if ":" in line[:column]:
            return "a second colon stands in the line", "put the text that holds it in quotes"
        return NOTICED["did not find expected key"]
    return NOTICED.get(said, (f"this is not YAML ({said})", "correct this line, or the one above it"))


def _first_character(character: str) -> tuple[str, str]:
    if character == "\t":
        return "a tab stands where YAML asks for spaces", "replace it by spaces"
    if character == "`":
        return "a text begins with a backtick, which has a meaning in YAML", "put the text in quotes"
    return f"a text begins with `{character}`, which has a meaning in YAML", "put the text in quotes"
