"""`manage.py language`: brings the catalogues of one language up to date with the texts in the source."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser
from django.http import HttpRequest, HttpResponse
from django.utils.translation import override, to_locale
from django.views.i18n import JavaScriptCatalog

# Folders without texts of the site's pages: packages, vendored scripts, tests, and what comes out of this command.
IGNORED = [".venv", ".data", "build", "static/vendor", "static/languages", "tests", "benchmarks", "docs"]


class Command(BaseCommand):
    help = (
        "Collects all texts that are marked for translation into locale/, compiles what is translated there, and "
        "writes the texts of scripts to static/languages/. Run it in the project's folder, and again after each change "
        "to the texts or to the translation. It needs the GNU gettext tools."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("code", help="the language's code, such as de or pt-br")

    def handle(self, *args: Any, code: str, **options: Any) -> None:
        locale = to_locale(code)
        quietly = {"locale": [locale], "ignore_patterns": IGNORED, "verbosity": 0}
        for domain in ("django", "djangojs"):
            call_command("makemessages", domain=domain, no_wrap=True, add_location="file", **quietly)
        call_command("compilemessages", **quietly)
        catalogue = Path(settings.STATICFILES_DIRS[0]) / "languages" / f"{code}.js"
        catalogue.write_bytes(texts_of_scripts(code))
        texts = Path(settings.LOCALE_PATHS[0]) / locale / "LC_MESSAGES"
        self.stdout.write(f"Translate {texts}/*.po, then run this again.")
        self.stdout.write(f"GRADUS_LANGUAGES=en,{code} adds the language to the site.")


def texts_of_scripts(code: str) -> bytes:
    """Returns Django's catalogue for scripts: our texts alone, without those of the admin, which loads its own."""
    request = HttpRequest()
    request.method = "GET"
    with override(code):
        answer = JavaScriptCatalog.as_view(packages=["gradus.operations"])(request)
    assert isinstance(answer, HttpResponse)
    return answer.content
