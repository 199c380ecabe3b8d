"""Texts of the packages are English until a program sets translations, and stored texts are found by their template."""

from collections.abc import Iterator
from gettext import NullTranslations

import pytest

from challenges import metrics, output_faults, translation
from challenges.files.rows import read_train
from challenges.shown_score import PARTLY, RIGHT, counted
from gradus.pseudo_locale import PseudoTranslation, accented


@pytest.fixture
def accents() -> Iterator[None]:
    """Makes the pseudo-locale the translations of the packages."""
    before = translation._source
    translation.use(PseudoTranslation())
    yield
    translation.use(before)


@pytest.fixture
def plain() -> Iterator[None]:
    """The packages as a program uses them that sets no translations."""
    before = translation._source
    translation.use(NullTranslations())
    yield
    translation.use(before)


def test_without_translations_texts_are_english(plain: None) -> None:
    assert translation.gettext("a row") == translation.translated("a row") == "a row"
    assert [translation.ngettext("a row", "rows", n) for n in (1, 2)] == ["a row", "rows"]
    assert counted([RIGHT, PARTLY]) == "1 right, 1 partly right, 0 wrong"


def test_with_translations_texts_are_translated_when_they_are_made(accents: None) -> None:
    assert metrics.title("accuracy") == accented("Accuracy")
    (problem,) = read_train(b"[]")[1]
    assert problem.what == accented("the row is not a JSON object")
    assert problem.fix == accented("write it as %(example)s") % {"example": '{"...": "..."}'}


@pytest.mark.parametrize(
    ("stored", "template", "names"),
    [
        (output_faults.NO_LABEL, output_faults.NO_LABEL, {}),
        (output_faults.of_fields(["a", "b"], []), output_faults.MISSING, {"names": "a, b"}),
        (output_faults.of_fields([], ["a."]), output_faults.NOT_ALLOWED, {"names": "a."}),
        (output_faults.of_fields(["a"], ["b"]), output_faults.BOTH, {"missing": "a", "names": "b"}),
    ],
)
def test_a_stored_text_is_translated_by_its_template(
    accents: None, stored: str, template: str, names: dict[str, str]
) -> None:
    assert output_faults.shown(stored) == accented(template) % names


def test_what_is_right_stays_empty(accents: None) -> None:
    assert output_faults.of_fields([], []) == output_faults.shown("") == ""
