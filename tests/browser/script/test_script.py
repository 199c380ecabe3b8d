"""No text becomes script in a browser: it is shown as text, and the content security policy would stop scripts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Response, Route, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

from gradus.accounts.models import User
from tests.browser.conftest import PATIENCE_MS, session_of
from tests.browser.script import hostile_site
from tests.browser.script.xss_payloads import PAYLOADS, Payload

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

HERE = Path(__file__).parent
WATCH, LIVE = ((HERE / name).read_text() for name in ("watch.js", "live.js"))
# Attributes whose value is text for people, or data that no library executes.
PLAIN = ["value", "title", "alt", "content", "placeholder", "aria-label", "data-expected", "data-got"]
PLAIN += ["data-example-input", "data-example-output"]
SEEN = """() => {
  const fields = [...document.querySelectorAll("input, textarea")].map((field) => field.value);
  return [document.body.textContent, ...fields].join("\\n");
}"""
# Formulas are rendered, and every image has loaded or failed, so all payloads that run by themselves have run.
SETTLED = """() => document.readyState === "complete"
  && [...document.querySelectorAll(".math")].every((one) => one.children.length || !one.textContent.trim())
  && [...document.images].every((one) => one.complete)"""
POLICY = {"default-src": "'self'", "object-src": "'none'", "base-uri": "'self'", "frame-ancestors": "'none'"}
# No request reaches this host, because the test answers it.
NOWHERE = "http://nowhere.test/page"
Look = Callable[..., Page]


@pytest.fixture
def look(browser: Browser, address: str, transactional_db: None) -> Iterator[Look]:
    """`look(user)` opens a page in a user's own browser context, with the detection of scripts installed."""
    pages: dict[int | None, Page] = {}
    dialogs: list[str] = []

    def look(user: User | None = None) -> Page:
        key = user.pk if user else None
        if key not in pages:
            context = watched(browser, base_url=address)
            if user is not None:
                context.add_cookies([{"name": "sessionid", "value": session_of(user), "url": address}])
            pages[key] = context.new_page()
            pages[key].on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
        return pages[key]

    yield look
    for page in pages.values():
        page.context.close()
    assert not dialogs


def watched(browser: Browser, **options: str) -> BrowserContext:
    context = browser.new_context(**options)
    context.set_default_timeout(PATIENCE_MS)
    context.add_init_script(WATCH)
    return context


def wrong_with(page: Page, response: Response | None = None) -> list[str]:
    """The scripts that ran, that the policy stopped, or that a click would run."""
    # Formulas further down wait until somebody scrolls or prints.
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    page.wait_for_function(SETTLED)
    found = [f"ran: {one}" for one in page.evaluate("window.ran")]
    found += [f"the policy had to stop: {one}" for one in page.evaluate("window.stopped")]
    found += [f"live: {one}" for one in page.evaluate(LIVE, PLAIN)]
    return found + (loose(response.headers) if response else [])


def loose(headers: dict[str, str]) -> list[str]:
    """What is wrong with the content security policy of a document."""
    parts = [part.split() for part in headers.get("content-security-policy", "").split(";") if part.strip()]
    policy = {part[0]: part[1:] for part in parts}
    scripts = policy.get("script-src", ["missing"])
    more = [one for one in scripts if not (one == "'self'" or one.startswith("'nonce-"))]
    return [f"script-src {one}" for one in more] + [name for name, one in POLICY.items() if policy.get(name) != [one]]


def missing(page: Page, texts: tuple[str, ...]) -> list[str]:
    seen = " ".join(page.evaluate(SEEN).split())
    return [f"not shown: {text}" for text in texts if " ".join(text.split()) not in seen]


def test_no_text_becomes_script_on_any_page(tmp_path, ada, grace, look):
    stops = hostile_site.make(tmp_path / "course", ada, grace)
    wrong = {}
    for stop in stops:
        page = look(stop.who)
        response = page.goto(stop.path)
        assert response is not None
        found = [*wrong_with(page, response), *missing(page, stop.texts)]
        if found or not response.ok:
            wrong[stop.path] = [str(response.status), *found[:8]]
    assert not wrong, f"{len(wrong)} of {len(stops)}: {wrong}"
    assert len(stops) > 60


def addresses(payload: str) -> Iterator[str]:
    """The addresses of pages that show a part of their address."""
    text = quote(payload, safe="")
    yield f"/{text}/"
    yield f"/lessons/first/advisor/?changes={text}&{text}=x"
    yield f"/challenges/sea-or-sky/?track={text}&rows={text}&from={text}"
    yield f"/challenges/sea-or-sky/compare/?a={text}&b={text}"
    yield f"/leaderboards/sea-or-sky/?track={text}&page={text}"
    yield f"/accounts/login/?next={text}"
    yield f"/accounts/signup/?next={text}&email={text}"
    yield f"/reviews/?page={text}"
    yield f"/admin/accounts/user/?q={text}"
    yield f"/admin/accounts/user/?is_staff__exact={text}"
    yield f"/api/v1/docs?{text}"


ELSEWHERE = ["javascript:xss(0)", "//example.org/x", "https://example.org/x"]
REFLECTED = [one.text for one in PAYLOADS if one.category in ("attributes", "scripts") and "\x00" not in one.text]


@pytest.mark.parametrize("payloads", [[*REFLECTED[:6], *REFLECTED[-4:], *ELSEWHERE]])
def test_no_address_becomes_script(course, grace, look, address, payloads):
    wrong = {}
    for path in (path for payload in payloads for path in addresses(payload)):
        page = look(None if "/accounts/" in path else grace)
        response = page.goto(path)
        assert response is not None and response.status < 500, path
        found = wrong_with(page, response)
        if found or not page.url.startswith(address):
            wrong[path] = [page.url, *found[:8]]
    assert not wrong


def test_signing_in_leads_to_no_other_site(course, ada, look, address):
    for elsewhere in ELSEWHERE:
        page = look()
        page.context.clear_cookies()
        page.goto(f"/accounts/login/?next={quote(elsewhere, safe='')}")
        page.get_by_label("Email").fill(ada.email)
        page.get_by_label("Password").fill("a-long-password-for-tests")
        page.get_by_role("main").get_by_role("button", name="Sign in").click()
        expect(page.locator("[data-menu] summary")).to_be_visible()
        assert page.url.startswith(address) and wrong_with(page) == []


def test_what_a_form_refuses_comes_back_as_text(course, ada, look):
    page = look(ada)
    page.goto("/challenges/sea-or-sky/")
    for payload in [one.text for one in PAYLOADS if one.fires and "\n" not in one.text][:8]:
        rows = page.locator("li.example-row")
        if not rows.count():
            page.get_by_role("button", name="Add an example").click()
        rows.first.get_by_label("Input").fill(payload)
        # The list has labels only; a draft from before there was a list may hold anything.
        rows.first.get_by_label("Output").evaluate(
            "(list, text) => { list.add(new Option(text)); list.value = text }", payload
        )
        page.get_by_role("button", name="Submit").click()
        expect(page.locator("#problems")).to_contain_text("is not one of the labels")
        assert missing(page, (payload,)) == []
        assert wrong_with(page) == []


def test_the_payloads_are_live(browser):
    """The payloads do run on a page that inserts them as HTML without a policy, so the tests above can fail."""
    context = watched(browser)
    page = context.new_page()
    page.route("**/*", lambda route: route.fulfill(status=404))
    silent = [(payload.number, payload.text) for payload in PAYLOADS if payload.fires and not fired(page, payload)]
    context.close()
    assert not silent
    assert sum(payload.fires for payload in PAYLOADS) > 20


def fired(page: Page, payload: Payload) -> bool:
    quotes = payload.text[0] if payload.category == "attributes" else ""
    around = f"<input value={quotes}{payload.text}{quotes}>" if quotes else payload.text
    page.route(NOWHERE, lambda route: route.fulfill(body=f"<!doctype html><body>{around}", content_type="text/html"))
    page.goto(NOWHERE, wait_until="commit")
    try:
        page.wait_for_function("(number) => window.ran.includes(number)", arg=payload.number, timeout=5000)
    except PlaywrightTimeoutError:
        return False
    return True


def test_the_policy_stops_what_gets_through(course, look):
    """A payload that the server would write into one of our pages does not run, and is detected."""
    page = look()
    for payload in [one for one in PAYLOADS if one.fires and one.category == "handlers"]:
        page.route("**/lessons/first/", partial(inserted, payload.text))
        page.goto("/lessons/first/")
        page.wait_for_function("() => window.stopped.length > 0")
        assert page.evaluate("window.ran") == []
        assert any(one.startswith("live") for one in wrong_with(page))
        page.unroute_all()


def inserted(text: str, route: Route) -> None:
    """Answers with the real page and its headers, with `text` as HTML at the start of its main part."""
    response = route.fetch()
    route.fulfill(
        response=response, body=re.sub(r"(<main[^>]*>)", lambda found: found[0] + text, response.text(), count=1)
    )
