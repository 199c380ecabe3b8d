"""Says in an author's words what is wrong with JSON Lines: another format as a whole, or one line that is not JSON.

Nothing of a row is repeated, because it may be a hidden one.
"""

from __future__ import annotations

import json
import re

from challenges.files.encodings import other_encoding
from challenges.translation import gettext, gettext_noop, translated

ONE_A_LINE = gettext_noop("write one complete JSON object on each line")
ROW = '{"id": "a1", "input": "...", "target": "..."}'
# The first line of a table: names with commas, semicolons or tabs between them, in quotes or not.
HEADER = re.compile(r'\s*"?[\w .-]{1,60}"?\s*([,;\t])\s*"?[\w .-]{0,60}"?\s*(\1.*)?$')
CURLY = re.compile("[\u201c\u201d\u201e\u201f]")
COMMA_BEFORE_END = re.compile(r",\s*[}\]]")
SINGLE_QUOTES = re.compile(r"\s*[{,]\s*'")


def of_file(data: bytes) -> tuple[str, str] | None:
    """Returns the problem and its cure if a file is not JSON Lines but, say, CSV or a JSON list; otherwise None."""
    if (wrong := other_encoding(data)) is not None:
        return wrong
    start = data.lstrip(b"\xef\xbb\xbf \t\r\n")[:4000]
    first = start.split(b"\n", 1)[0].decode("utf-8", errors="replace").rstrip()
    if re.match(rb"\[\s*(\{|$)", start):
        fix = gettext("write one object on each line, without the brackets and without commas between the objects")
        return gettext("the file is one JSON array"), fix
    if re.match(rb'\{\s*\n\s*"', start):
        return gettext("an object goes over several lines"), gettext("write each object on one line")
    if b"\r" in start.rstrip() and b"\n" not in data:
        what = gettext("the lines end with a carriage return alone, as on an old Mac, so that all are one line")
        return what, gettext("save the file with the line ends LF or CRLF")
    if not start.startswith(b"{") and HEADER.match(first):
        fix = gettext("make JSON Lines of it, such as %(row)s on each line; `gradus challenge rows FILE` does that")
        return gettext("the file is a table (CSV)"), fix % {"row": ROW}
    return None


def of_line(text: str, error: json.JSONDecodeError) -> tuple[str, str]:
    """Returns the problem of a line that is not JSON, and its cure."""
    rest = text[error.pos :].lstrip()
    if error.msg == "Extra data" and rest.rstrip() == ",":
        return gettext("a comma stands behind the row"), gettext("remove it: a row ends with its line")
    if error.msg == "Extra data" and rest.startswith("{"):
        return gettext("a second object stands on the line"), gettext("write each object on a line of its own")
    if CURLY.search(text[error.pos : error.pos + 1]) or SINGLE_QUOTES.match(text):
        what = gettext("the keys or texts stand in other quotation marks than JSON has")
        return what, gettext('write straight double quotes: {"id": "a1"}')
    if COMMA_BEFORE_END.match(text[max(0, error.pos - 2) :].lstrip(" \"0123456789'")) or COMMA_BEFORE_END.match(rest):
        return gettext("a comma stands behind the last key"), gettext("remove it")
    if error.msg.startswith("Invalid control character"):
        what = gettext("a text holds a control character, a line break or a tab at column %(column)s")
        return what % {"column": error.colno}, gettext(r"remove it, or write a line break as `\n` and a tab as `\t`")
    if error.msg.startswith("Unterminated string") or not rest:
        what = gettext("the row breaks off: a quotation mark or a brace is not closed")
        return what, gettext("close it, and write the whole row on one line")
    if not text.lstrip().startswith("{"):
        fix = gettext("write each row as %(row)s, and nothing else on the line")
        return gettext("the line is not a JSON object"), fix % {"row": ROW}
    what = gettext("the row is not valid JSON at column %(column)s (%(reason)s)")
    return what % {"column": error.colno, "reason": error.msg}, translated(ONE_A_LINE)
