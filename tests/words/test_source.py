"""Every text of every template, and every sentence of the pages' code, is marked: no state has to be shown for that.

What is put together while a page is made is asked of whole pages, in `test_pages.py`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.template.base import Lexer, Token, TokenType

from tests.words.test_marks import MARKS
from tests.words.unmarked import unmarked

# Between these tags stands no text of a page: marked texts, notes, and the names of classes.
WITHOUT_TEXTS = ("blocktranslate", "comment", "verbatim", "block main_class", "block description_lang")
# The name of the tag is chosen by the template, as in `<{% if href %}a{% else %}button{% endif %} class="btn">`.
CHOSEN_TAG = re.compile(r"< [^>]*>")
SENTENCE = re.compile(r"[A-Z“].*\s.*\s.*[.!?:]", re.DOTALL)
# The API, the command line and what an operator or an author of a folder reads are in English.
ENGLISH_FOLDERS = {"api", "cli", "management", "migrations", "operations", "preview"}
ENGLISH = {
    *("accounts/tokens.py", "courses/services.py", "courses/verification.py", "courses/versions.py"),
    *("submissions/failpoints.py", "submissions/models/evaluations.py"),
    *("submissions/purposes.py", "submissions/services/proofs.py", "django_internals.py"),
}


def texts(template: str) -> list[str]:
    """The texts of a template that people would read and that no tag translates."""
    kept = "".join(_kept(Lexer(template).tokenize()))
    return unmarked(f"<main>{CHOSEN_TAG.sub(' ', kept)}</main>")


def _kept(tokens: list[Token]) -> Iterator[str]:
    end = ""
    for token in tokens:
        name = token.contents.partition(" ")[0]
        if end:
            end = "" if name == end else end
        elif token.token_type == TokenType.BLOCK and token.contents.startswith(WITHOUT_TEXTS):
            end = f"end{name}"
        yield token.contents if token.token_type == TokenType.TEXT and not end else " "


def sentences(source: str) -> list[str]:
    """The sentences of a module that are no docstring, and that no mark holds."""
    return [text for text in _strings(ast.parse(source)) if SENTENCE.fullmatch(text)]


def _strings(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.JoinedStr):
        yield "".join(part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif not _is_apart(node):
        for child in ast.iter_child_nodes(node):
            yield from _strings(child)


def _is_apart(node: ast.AST) -> bool:
    """True for a docstring, and for a call that marks its text."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MARKS


def is_english(path: Path) -> bool:
    return bool(ENGLISH_FOLDERS & set(path.parts)) or path.as_posix() in ENGLISH


def test_every_text_of_every_template_is_marked() -> None:
    pages = sorted((settings.BASE_DIR / "templates").rglob("*.html"))
    plain = {str(page): texts(page.read_text(encoding="utf-8")) for page in pages}
    assert len(pages) > 200
    assert {name: found for name, found in plain.items() if found} == {}


def test_every_sentence_of_a_page_is_marked() -> None:
    plain = {}
    for folder in (settings.BASE_DIR / "platform" / "gradus", settings.BASE_DIR / "challenges" / "kinds"):
        for path in sorted(folder.rglob("*.py")):
            if not is_english(path.relative_to(folder)):
                plain[str(path)] = sentences(path.read_text(encoding="utf-8"))
    assert len(plain) > 300
    assert {name: found for name, found in plain.items() if found} == {}


def test_what_is_not_marked_is_found() -> None:
    page = '<p{% if b %} class="x"{% endif %}>Two words {{ n }}</p><a title="Go on">{% translate "x" %}</a>'
    assert texts(page) == ["Two words", "Go on"]
    assert texts("{% blocktranslate %}Two words{% endblocktranslate %}{% block main_class %}wide{% endblock %}") == []
    code = '"""A docstring of it."""\nraise Refused(f"Only {n} of it.", _("What is marked here."), code="a_b")'
    assert sentences(code) == ["Only … of it."]
