"""The fixture `pseudo`, with which a test sees the site in the pseudo-locale."""

import pytest
from pytest_django.fixtures import Settings

from gradus import pseudo_locale
from tests.words.pseudo import use_pseudo_locale


@pytest.fixture
def pseudo(settings: Settings) -> str:
    """Makes the pseudo-locale the site's only language, in all threads, and returns its code."""
    use_pseudo_locale(settings)
    return pseudo_locale.CODE
