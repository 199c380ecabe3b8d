import pytest

from challenges.registry import RegistryError, load, registered

OWN = {"plain": "tests.packages:install"}


def test_without_other_packages_the_own_names_are_all():
    assert registered("gradus.tests", OWN) == OWN


def test_an_installed_package_adds_its_names(install):
    install("other", {"other.py": "answer = 42\n"}, {"gradus.tests": {"extra": "other:answer"}})
    assert registered("gradus.tests", OWN) == {**OWN, "extra": "other:answer"}
    assert load(registered("gradus.tests", OWN)["extra"]) == 42
    assert load("other").answer == 42


def test_an_own_name_wins_over_a_package(install):
    install("other", {"other.py": "answer = 42\n"}, {"gradus.tests": {"plain": "other:answer"}})
    assert registered("gradus.tests", OWN) == OWN


def test_two_packages_with_one_name_are_refused(install):
    install("one", {}, {"gradus.tests": {"extra": "one:answer"}})
    install("two", {}, {"gradus.tests": {"extra": "two:answer"}})
    with pytest.raises(RegistryError, match=r"Two installed packages offer `extra`.*Uninstall one"):
        registered("gradus.tests", OWN)


def test_what_a_package_declares_and_does_not_hold_is_an_import_error():
    with pytest.raises(ImportError):
        load("challenges.nowhere:thing")
    with pytest.raises(AttributeError):
        load("challenges.registry:nothing")
