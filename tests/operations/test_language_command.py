"""`manage.py language` makes the catalogues of a language: Django's, and one for scripts."""

import gettext
import re
import shutil
from pathlib import Path

import pytest
from django.core.management import call_command
from pytest_django.fixtures import Settings

pytestmark = pytest.mark.skipif(shutil.which("xgettext") is None, reason="the GNU gettext tools are not installed")

TEMPLATE = "{% load i18n %}{% translate 'A step' %}{% translate 'Not translated yet' %}"
SCRIPT = (
    'import { gettext, ngettext } from "./translate.js";\ngettext("Copied");\nngettext("%(n)s row", "%(n)s rows", 2);'
)


@pytest.fixture
def project(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small project with two marked texts in a template, and two in a script."""
    for name, text in {"templates/a.html": TEMPLATE, "static/js/a.js": SCRIPT, "static/languages/README": ""}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    settings.LOCALE_PATHS, settings.STATICFILES_DIRS = [tmp_path / "locale"], [tmp_path / "static"]
    monkeypatch.chdir(tmp_path)
    return tmp_path


def translate(catalogue: Path, **words: str) -> None:
    """Writes translations into a catalogue, as a translator does."""
    text = catalogue.read_text()
    for plain, other in words.items():
        name = plain.replace("_", " ")
        text, done = re.subn(rf'(msgid "{name}"\nmsgstr )""', rf'\1"{other}"', text)
        assert done == 1, text
    catalogue.write_text(text)


def test_marked_texts_are_collected_and_their_translations_compiled(project: Path, monkeypatch, capsys) -> None:
    call_command("language", "de")
    assert "GRADUS_LANGUAGES=en,de" in capsys.readouterr().out
    folder = project / "locale" / "de" / "LC_MESSAGES"
    translate(folder / "django.po", A_step="Eine Stufe")
    translate(folder / "djangojs.po", Copied="Kopiert")
    # Python keeps the catalogues that it has read for as long as the process lives.
    monkeypatch.setattr(gettext, "_translations", {})
    call_command("language", "de")

    with (folder / "django.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    texts = ("A step", "Not translated yet")
    assert [compiled.gettext(text) for text in texts] == ["Eine Stufe", "Not translated yet"]
    script = (project / "static" / "languages" / "de.js").read_text()
    assert '"Copied": "Kopiert"' in script and "django.pluralidx" in script
    assert "Select all" not in script
