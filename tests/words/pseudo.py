"""Sets the languages of the site under test, as `GRADUS_LANGUAGES` does."""

from django.apps import apps
from pytest_django.fixtures import Settings

from gradus import pseudo_locale


def use_pseudo_locale(settings: Settings, *before: str) -> None:
    """Makes the pseudo-locale the only language of the site, or the last one after those in `before`."""
    settings.LANGUAGES = [(code, code) for code in (*before, pseudo_locale.CODE)]
    settings.LANGUAGE_CODE = settings.LANGUAGES[0][0]
    # Django forgets all languages when these settings change.
    apps.get_app_config("operations").ready()
