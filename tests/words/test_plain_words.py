"""No text of a page uses a word or a form that a newcomer has to read twice."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MARKED = re.compile(r"{%\s*translate \"([^\"]*)\"|{%\s*blocktranslate[^%]*%}(.*?){%\s*endblocktranslate", re.DOTALL)
MARKS = {"_", "gettext", "ngettext", "gettext_lazy", "ngettext_lazy", "gettext_noop"}
# What is written in place of each.
HARD = {
    r"\breckon(s|ed|ing)?\b": "calculate",
    r"\bmend(s|ed)?\b": "correct",
    r"\bbeats?\b": "replaces",
    r"\bsuffices?\b": "is enough",
    r"\bdesk of\b": "the name of what is done there",
    r"\bnot much in common\b": "not similar",
    r"(?<!\bthere )\b(is|are) no (?!longer|more|reason|secret)": "is not a",
    r"^Who (is|has|comes|leaves|signs|edits) [^?:;]*\.$": "a person who",
}


def marked() -> Iterator[tuple[str, str]]:
    """Yields each text that is marked for translation in a template or in Python, with its file."""
    for path in sorted((ROOT / "templates").rglob("*.html")):
        for found in MARKED.finditer(path.read_text()):
            yield str(path.relative_to(ROOT)), found[1] or found[2]
    for folder in ("platform", "challenges", "graders"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield from ((str(path.relative_to(ROOT)), text) for text in marked_in(path.read_text()))


def marked_in(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in MARKS:
            yield from (arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str))


def hard(text: str) -> list[str]:
    plain = " ".join(re.sub(r"<[^>]*>", "", text).split())
    return [found[0] for pattern in HARD if (found := re.search(pattern, plain, re.IGNORECASE))]


def test_every_marked_text_is_plain() -> None:
    texts = list(marked())
    assert len(texts) > 3000
    assert [(file, words) for file, text in texts if (words := hard(text))] == []


@pytest.mark.parametrize(
    "text",
    [
        "17 problems have to be mended before a draft can be made.",
        "Reckon with these prices",
        "The desk of leaderboards",
        "These attempts have not much in common with those of others.",
        "A learner's dates <em>beat</em> those of a label.",
        "This is no email address.",
        "Who signs up with the same address later is a new person.",
    ],
)
def test_what_people_stumbled_over_is_found(text: str) -> None:
    assert hard(text)


def test_a_plain_text_is_not_found() -> None:
    texts = ["There is no such file.", "It is no longer open.", "Who has an account, and since when; close one"]
    assert [text for text in texts if hard(text)] == []
