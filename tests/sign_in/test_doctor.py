"""`manage.py doctor` says for each provider whether it works, and whom to ask for what if not."""

from __future__ import annotations

import httpx
import pytest
from werkzeug import Response

from gradus.operations.doctor.sign_in import providers
from gradus.outgoing import Answer
from tests.sign_in.conftest import Browser, configure
from tests.sign_in.school import School, as_json, public


def found() -> list[tuple[str, str, str]]:
    return [(one.level, one.text, one.hint) for one in providers()]


def test_without_providers_there_is_nothing_to_say(db) -> None:
    assert found() == []


def test_a_provider_that_works(school: School) -> None:
    ((level, text, _hint),) = found()
    assert level == "ok" and text.startswith("answers, 1 key, clocks ") and text.endswith("no sign-in yet")
    Browser().sign_in()
    assert "1 account, last sign-in 2" in found()[0][1]


def test_one_that_does_not_answer_and_one_without_keys(school: School) -> None:
    school.instead["openid-configuration"] = Response(status=502)
    ((level, text, hint),) = found()
    assert (level, text) == ("fail", "localhost answers with status 502")
    assert "Ask the people who run the provider whether it works" in hint


def test_one_without_a_key(school: School) -> None:
    school.instead["keys"] = as_json({"keys": [{**public("first"), "use": "enc"}]})
    assert found()[0][:2] == ("fail", "its jwks_uri lists no key that can check a signature")


def test_a_clock_that_goes_wrong_a_rule_for_no_class_and_a_refusal(school: School, settings, monkeypatch) -> None:
    configure(settings, school.setting(rules=[{"claim": "x", "class": 4711}]))
    monkeypatch.setattr(Answer, "skew", -90.0)
    school.claims = {"aud": "another"}
    Browser().sign_in()
    levels = [level for level, _text, _hint in found()]
    assert levels == ["warn", "warn", "warn", "ok"]
    texts = " ".join(text for _level, text, _hint in found())
    assert "90 seconds apart" in texts and "do not exist: 4711" in texts and "its ID token is not valid" in texts
    assert "Compare client_id with the provider's" in found()[2][2]


def test_codes_by_mail_need_a_mail_server(db, settings) -> None:
    settings.ACCOUNT_LOGIN_BY_CODE_ENABLED = True
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    assert found() == [("warn", "GRADUS_MAIL_CODES is on, but the site has no mail server", "Set EMAIL_URL.")]


def test_a_page_says_the_same_without_asking(school: School, settings, grace_client) -> None:
    page = grace_client.get("/teach/platforms/").content.decode()
    assert "Providers of sign-in" in page and "0 accounts sign in with it" in page and not school.asked
    configure(settings, school.setting(rules=[{"claim": "x", "class": 4711}]))
    Browser().sign_in()
    school.claims = {"nonce": "another"}
    Browser().sign_in()
    page = grace_client.get("/teach/platforms/").content.decode()
    assert "1 account signs in with it" in page and "classes that do not exist: 4711" in page
    assert "its ID token belongs to another log-in" in page and "Compare client_id" in page
    settings.SIGN_IN_PROVIDERS = ()
    assert "Providers of sign-in" not in grace_client.get("/teach/platforms/").content.decode()


@pytest.mark.parametrize("said", [None, "yesterday", "Mon, 30 Nov 2020 12:00:00 GMT"])
def test_a_clock_is_read_from_the_answer_where_it_says_the_time(said: str | None) -> None:
    skew = Answer(200, httpx.Headers({} if said is None else {"Date": said}), b"").skew
    assert (skew is not None and skew < -1e6) == (said is not None and said != "yesterday")
