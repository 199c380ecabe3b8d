import pytest

from gradus.operations import checks, deploy_check

STORE = "django.core.files.storage.FileSystemStorage"


def stores(settings, **places):
    changed = {name: {"BACKEND": STORE, "OPTIONS": {"location": place}} for name, place in places.items()}
    settings.STORAGES = {**settings.STORAGES, **changed}


def test_the_site_as_it_is_passes():
    assert checks.closed_stores(None) == []
    assert checks.broker(None) == []


@pytest.mark.parametrize("served", ["MEDIA_ROOT", "STATIC_ROOT"])
def test_hidden_sets_inside_what_is_served_are_an_error(settings, tmp_path, served):
    setattr(settings, served, str(tmp_path / "served"))
    stores(settings, private=tmp_path / "served" / "private")
    found = checks.closed_stores(None)
    assert [message.id for message in found] == ["gradus.E001"]
    assert "“private”" in found[0].msg
    stores(settings, default=tmp_path, artifacts=tmp_path)
    assert "“artifacts”" in " ".join(message.msg for message in checks.closed_stores(None))


def test_a_sibling_with_a_longer_name_is_none_of_it(settings, tmp_path):
    settings.MEDIA_ROOT = str(tmp_path / "media")
    stores(settings, private=tmp_path / "media-private")
    assert checks.closed_stores(None) == []


@pytest.mark.parametrize(
    ("url", "found"),
    [
        *((url, []) for url in ("redis://h:1/0", "rediss://h:1/0", "redis+socket:///tmp/x", "")),
        *((url, ["gradus.E002"]) for url in ("127.0.0.1:6379", "http://h/", "unix:///tmp/x")),
    ],
)
def test_addresses_that_celery_does_not_take_are_an_error(settings, url, found):
    settings.REDIS_URL = url
    assert [message.id for message in checks.broker(None)] == found


def test_a_deployment_hears_of_missing_models(data_dir):
    assert "gradus.I003" in [message.id for message in checks.deployment(None)]


@pytest.mark.slow  # The gate itself runs that check.
def test_the_deployment_check_passes_and_does_not_use_this_site(monkeypatch, tmp_path, capfd):
    monkeypatch.setenv("GRADUS_DEBUG", "1")
    assert deploy_check.environment(str(tmp_path))["GRADUS_DEBUG"] == "0"
    assert deploy_check.main() == 0
    assert "WARNINGS" not in capfd.readouterr().err
