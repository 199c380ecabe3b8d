"""What is marked can be collected: `makemessages` reads the source and does not run it, so it needs plain texts."""

import ast
import re

from django.conf import settings

MARKS = {
    "gettext",
    "gettext_lazy",
    "gettext_noop",
    "ngettext",
    "ngettext_lazy",
    "pgettext",
    "pgettext_lazy",
    "npgettext",
    "_",
}
# A value in place of a text: `{% translate name %}`, and in scripts `gettext(name)` or a text with a value in it.
TEMPLATE = re.compile(r"""{%\s*trans(?:late)?\s+(?!["'])[^%]*%}""")
SCRIPT = re.compile(r"""\bn?gettext\((?!["'])[^)]*\)""")
PACKAGES = ("platform", "challenges", "graders", "workers")
PLURALIZE = re.compile(r"\|pluralize")


def unreadable(source: str) -> list[str]:
    """Returns the calls that mark something else than plain texts."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MARKS:
            texts = node.args[: 2 if node.func.id.startswith(("n", "p")) else 1]
            if not all(isinstance(text, ast.Constant) for text in texts):
                found.append(ast.unparse(node))
    return found


def test_a_mark_that_cannot_be_collected_is_noticed() -> None:
    assert unreadable('_(f"{n} rows"); gettext(text); ngettext("row", rows, 2); _("a" % n)') == [
        "_(f'{n} rows')",
        "gettext(text)",
        "ngettext('row', rows, 2)",
        "_('a' % n)",
    ]
    assert unreadable('_("a row"); gettext("a" " row"); ngettext("%(n)d row", "%(n)d rows", n) % {"n": n}') == []
    assert TEMPLATE.search("{% translate name %}") and not TEMPLATE.search('{% translate "A name" %}')
    assert SCRIPT.search("gettext(`${n} rows`)") and not SCRIPT.search('ngettext("row", "rows", 2)')


def test_every_mark_in_python_holds_plain_texts() -> None:
    files = [path for name in PACKAGES for path in (settings.BASE_DIR / name).rglob("*.py")]
    found = {str(path): unreadable(path.read_text()) for path in files if path.name != "translation.py"}
    assert len(found) > 100
    assert {name: calls for name, calls in found.items() if calls} == {}


def test_every_mark_in_templates_and_scripts_holds_plain_texts() -> None:
    found = {}
    for pattern, files in ((TEMPLATE, "templates/**/*.html"), (SCRIPT, "static/js/*.js")):
        for path in settings.BASE_DIR.glob(files):
            found[str(path)] = pattern.findall(path.read_text())
    assert len(found) > 80
    assert {name: marks for name, marks in found.items() if marks} == {}


def test_no_plural_of_a_marked_page_is_made_of_pieces() -> None:
    """An ending glued to a word exists in English only: `blocktranslate count` asks for both sentences."""
    pages = [path for path in settings.BASE_DIR.glob("templates/**/*.html") if "{% load" in path.read_text()]
    found = [path.name for path in pages if "i18n" in path.read_text() and PLURALIZE.search(path.read_text())]
    assert len(pages) > 30
    assert found == []
