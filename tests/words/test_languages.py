"""With one language nothing depends on the visitor's; with several, pages follow the browser and offer a choice."""

import re

import pytest
from django.conf import settings as site_settings
from django.test import Client
from django.utils import timezone
from django.utils.formats import date_format
from pytest_django.fixtures import Settings

from gradus import pseudo_locale
from gradus.accounts.models import User
from gradus.pseudo_locale import accented
from tests.markup import Markup
from tests.words.pseudo import use_pseudo_locale

CHOICE = 'action="/language/"'
LOCALE_MIDDLEWARE = "django.middleware.locale.LocaleMiddleware"
TITLE = re.compile(r"<title>(.*)</title>")


@pytest.fixture
def two_languages(settings: Settings) -> None:
    """English, and the pseudo-locale as a second language, as settings.py makes them from GRADUS_LANGUAGES."""
    use_pseudo_locale(settings, "en")
    after = 1 + site_settings.MIDDLEWARE.index("django.contrib.sessions.middleware.SessionMiddleware")
    settings.MIDDLEWARE = [*site_settings.MIDDLEWARE[:after], LOCALE_MIDDLEWARE, *site_settings.MIDDLEWARE[after:]]


def test_with_one_language_a_page_does_not_depend_on_the_visitors(db: None, client: Client) -> None:
    answer = client.get("/path/", headers={"Accept-Language": "de, en-XA"})
    page = Markup(answer.content.decode())
    assert answer.status_code == 200
    assert '<html lang="en"' in page and CHOICE not in page and "languages/" not in page
    assert "Accept-Language" not in answer.headers.get("Vary", "") and "Content-Language" not in answer.headers
    assert LOCALE_MIDDLEWARE not in site_settings.MIDDLEWARE


def test_a_page_follows_the_browsers_languages(db: None, two_languages: None, client: Client) -> None:
    plain = client.get("/path/", headers={"Accept-Language": "fr, en;q=0.5"})
    other = client.get("/path/", headers={"Accept-Language": "en-XA, en;q=0.5"})
    assert '<html lang="en"' in Markup(plain.content.decode())
    assert "static/languages/" not in Markup(plain.content.decode())
    assert '<html lang="en-xa"' in Markup(other.content.decode())
    assert '<script src="/static/languages/en-xa.js" defer>' in Markup(other.content.decode())
    assert "Accept-Language" in other.headers["Vary"] and other.headers["Content-Language"] == "en-xa"


def test_a_visitor_chooses_a_language_and_keeps_it(db: None, two_languages: None, client: Client) -> None:
    page = Markup(client.get("/path/").content.decode())
    assert ">English</button>" in page and f">{accented('Pseudo-locale')}</button>" in page
    assert CHOICE in page and '<input type="hidden" name="next" value="/path/">' in page
    answer = client.post("/language/", {"language": pseudo_locale.CODE, "next": "/path/"})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/path/")
    assert '<html lang="en-xa"' in Markup(client.get("/leaderboards/").content.decode())
    client.post("/language/", {"language": "en", "next": "/path/"})
    assert '<html lang="en"' in Markup(client.get("/leaderboards/").content.decode())


@pytest.mark.parametrize("language", ["", "x" * 600, "../../etc", "e\0n", "de"])
def test_a_language_that_the_site_does_not_have_changes_nothing(
    db: None, two_languages: None, client: Client, language: str
) -> None:
    answer = client.post("/language/", {"language": language, "next": "https://elsewhere.example/"})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    assert '<html lang="en"' in Markup(client.get("/path/").content.decode())


def test_dates_are_written_in_one_way() -> None:
    moment = timezone.datetime(2026, 11, 28, 14, 5, tzinfo=timezone.get_current_timezone())
    assert date_format(moment, "DATETIME_FORMAT") == "28 Nov 2026, 14:05"
    assert date_format(moment, "DATE_FORMAT") == "28 Nov 2026"


def test_mails_are_marked(ada: User, pseudo: str, client: Client, mailoutbox: list) -> None:
    assert client.post("/accounts/password/reset/", {"email": ada.email}).status_code == 302
    assert pseudo_locale.OPEN in mailoutbox[0].subject and pseudo_locale.OPEN in mailoutbox[0].body
