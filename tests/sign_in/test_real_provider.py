"""Signs in with a provider that others wrote: npm's `oidc-provider`, in a folder of its own."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from allauth.socialaccount.models import SocialAccount

from gradus.classes.models import Member
from gradus.operations.doctor.sign_in import providers
from tests import factories
from tests.sign_in.conftest import Browser, configure

pytestmark = [pytest.mark.slow, pytest.mark.django_db]
PACKAGE = "oidc-provider@9.13.3"
SECRET = "a-secret-of-the-real-provider-and-of-this-site"
CALLBACK = "http://testserver/accounts/oidc/real/login/callback/"
FORM = re.compile(r'action="([^"]+/interaction/[^"]+)"')


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("Node.js and npm are not installed")
    made = tmp_path_factory.mktemp("oidc-provider")
    (made / "package.json").write_text('{"private": true}')
    installed = subprocess.run([npm, "install", "--no-audit", "--no-fund", PACKAGE], cwd=made, capture_output=True)
    if installed.returncode:
        pytest.skip(f"npm cannot install {PACKAGE}")
    shutil.copy(Path(__file__).with_name("real_provider.mjs"), made)
    return made


@pytest.fixture(scope="module")
def issuer(folder: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    command = ["node", "real_provider.mjs", address, str(port), SECRET, CALLBACK]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as program:
        assert program.stdout is not None
        for line in program.stdout:
            if "listening" in line:
                break
        yield address
        program.kill()


def back_from(there: str, login: str) -> str:
    """Fills in the two forms of the provider, as a person would: who it is, and that this site may know."""
    with httpx.Client(follow_redirects=False) as person:
        answer = person.get(there)
        for form in ({"prompt": "login", "login": login, "password": "any"}, {"prompt": "consent"}):
            while answer.is_redirect:
                if answer.headers["Location"].startswith(CALLBACK):
                    return answer.headers["Location"].removeprefix("http://testserver")
                answer = person.get(answer.next_request.url if answer.next_request else "")
            found = FORM.search(answer.text)
            assert found, answer.text
            answer = person.post(found[1], data=form)
        while not answer.headers["Location"].startswith(CALLBACK):
            answer = person.get(answer.next_request.url if answer.next_request else "")
        return answer.headers["Location"].removeprefix("http://testserver")


def test_a_person_signs_in_twice_and_has_the_places_of_the_claims(issuer: str, settings, course) -> None:
    of_class = factories.a_class(course)
    entry = {"id": "real", "name": "Real", "issuer": issuer, "client_id": "gradus", "client_secret": SECRET}
    configure(settings, {**entry, "rules": [{"claim": "groups", "value": "students", "class": of_class.pk}]})
    ((level, text, _hint),) = [(one.level, one.text, one.hint) for one in providers()]
    assert level == "ok" and text.startswith("answers, ")
    for _ in range(2):
        browser = Browser()
        answer = browser.client.get(back_from(browser.begin("real", next="/profile/"), "ada"))
        assert (answer.status_code, answer.headers["Location"]) == (302, "/profile/"), answer.content.decode()
    account = SocialAccount.objects.get()
    assert (account.uid, account.user.email, account.user.first_name) == ("ada", "ada@uni.edu", "Ada")
    assert Member.objects.get(of_class=of_class).user == account.user
    other = Browser()
    other.client.get(back_from(other.begin("real"), "bob"))
    assert SocialAccount.objects.count() == 2


def test_a_code_is_taken_once_and_a_wrong_secret_is_told(issuer: str, settings, db) -> None:
    entry = {"id": "real", "name": "Real", "issuer": issuer, "client_id": "gradus", "client_secret": SECRET}
    configure(settings, {**entry, "client_secret": "wrong"})
    browser = Browser()
    answer = browser.client.get(back_from(browser.begin("real"), "ada"))
    assert (answer.status_code, browser.account) == (403, None)
    warned = [one.text for one in providers() if one.level == "warn"]
    assert len(warned) == 1 and "invalid_client" in warned[0]
    configure(settings, entry)
    silent = Browser()
    answer = silent.client.get(
        httpx.get(silent.begin("real", prompt="none")).headers["Location"][len("http://testserver") :]
    )
    assert answer.status_code == 403 and "You are not signed in at Real yet" in answer.content.decode()
