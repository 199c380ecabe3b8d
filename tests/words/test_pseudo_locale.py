"""The pseudo-locale changes every marked text, and leaves whole what code or a browser reads in it."""

import pytest
from django.template import Context, Template
from django.utils.translation import get_language, gettext, gettext_lazy, ngettext, npgettext, override, pgettext

from gradus.pseudo_locale import accented

SENTENCE = "No grade changes until you have seen all changes and approved them."


def test_a_text_is_accented_and_in_brackets() -> None:
    assert accented("Run on the demo") == "⟦Ŕüüñ ööñ ŧĥéé ðééɱöö⟧"


def test_a_sentence_becomes_about_a_third_longer() -> None:
    assert 1.25 < len(accented(SENTENCE)) / len(SENTENCE) < 1.5


WHOLE = [
    "%(name)s",
    "%s",
    "%d",
    "%%",
    "%(share).1f",
    "{name}",
    "{}",
    '<a href="/path/">',
    "</strong>",
    "&nbsp;",
    "<kbd>Esc</kbd>",
]


@pytest.mark.parametrize("whole", WHOLE)
def test_placeholders_tags_code_and_character_references_stay_whole(whole: str) -> None:
    assert accented(f"See {whole} again") == f"⟦Šéééé {whole} ååĝååîîñ⟧"


def test_a_share_is_no_placeholder() -> None:
    assert accented("90 % of it") == "⟦90 % ööƒ îîŧ⟧"


def test_all_ways_of_marking_are_changed(pseudo: str) -> None:
    assert get_language() == pseudo
    assert gettext("Met") == str(gettext_lazy("Met")) == pgettext("a mark", "Met") == "⟦Ṁééŧ⟧"
    assert [ngettext("%d row", "%d rows", n) % n for n in (1, 2)] == ["⟦1 ŕööŵ⟧", "⟦2 ŕööŵš⟧"]
    assert npgettext("a table", "row", "rows", 2) == "⟦ŕööŵš⟧"


def test_templates_are_changed_and_keep_their_values(pseudo: str) -> None:
    text = "{% load i18n %}{% blocktranslate %}<b>{{ name }}</b> has 90 % of it{% endblocktranslate %}"
    assert Template(text).render(Context({"name": "Ada"})) == "⟦<b>Ada</b> ĥååš 90 % ööƒ îîŧ⟧"


def test_other_languages_are_not_touched(pseudo: str) -> None:
    with override("en"):
        assert gettext(SENTENCE) == SENTENCE
