"""Acts like a person with a browser, over plain HTTP: pages, forms with their CSRF token, cookies, event streams."""

from __future__ import annotations

import html
import json
import re
import time
from collections.abc import Iterator
from typing import Any

import httpx

from tests.smoke.report import MismatchError, expect

Event = tuple[str, dict[str, Any]]


class Visitor:
    def __init__(self, base: str) -> None:
        self.http = httpx.Client(base_url=base, follow_redirects=True, timeout=60, trust_env=False)

    def close(self) -> None:
        self.http.close()

    def read(self, path: str) -> str:
        """Returns a page. Raises `MismatchError` if its status is not 200."""
        answer = self.http.get(path)
        expect(answer.status_code == 200, f"GET {path} answers {answer.status_code}")
        return answer.text

    def submit(self, page: str, action: str, fields: dict[str, Any], files: Any = None) -> httpx.Response:
        """Opens a page, posts its form with the hidden fields to `action`, and follows redirects."""
        text = self.read(page)
        hidden = {name: value for name in ("csrfmiddlewaretoken", "key") if (value := field_value(text, name))}
        expect("csrfmiddlewaretoken" in hidden, f"{page} has no form with a CSRF token")
        referer = {"Referer": str(self.http.base_url.join(page))}
        answer = self.http.post(action, data=hidden | fields, files=files, headers=referer)
        if answer.status_code != 200:
            raise MismatchError(f"POST {action} answers {answer.status_code}: {problems(answer.text)}")
        return answer

    def api(self, path: str, token: str = "") -> Any:
        """Calls the API with the session's cookies or a bearer token. Returns the parsed JSON."""
        if token:
            headers = {"Authorization": f"Bearer {token}"}
            answer = httpx.get(self.http.base_url.join(f"/api/v1{path}"), headers=headers, timeout=60, trust_env=False)
        else:
            answer = self.http.get(f"/api/v1{path}")
        expect(answer.status_code == 200, f"GET /api/v1{path} answers {answer.status_code}")
        return answer.json()

    def follow(self, path: str, seconds: float) -> list[Event]:
        """Reads an event stream until it ends. Returns its events."""
        end, events = time.monotonic() + seconds, []
        with self.http.stream("GET", path, timeout=httpx.Timeout(60, read=60)) as stream:
            expect(stream.status_code == 200, f"GET {path} answers {stream.status_code}")
            for event in parse_events(stream.iter_lines()):
                events.append(event)
                expect(time.monotonic() < end, f"not finished after {seconds:g} s; last event: {event}")
        expect(bool(events) and "finished" in [kind for kind, _ in events], f"{path} ended without `finished`")
        return events


def parse_events(lines: Iterator[str]) -> Iterator[Event]:
    """Yields server-sent events as (type, data)."""
    kind, data = "message", ""
    for line in lines:
        name, _, value = line.partition(":")
        if name == "event":
            kind = value.strip()
        elif name == "data":
            data += value.strip()
        elif not line and data:
            yield kind, json.loads(data)
            kind, data = "message", ""


def field_value(text: str, name: str) -> str | None:
    """Returns the value of the page's first input with this name, or None."""
    for tag in re.findall(r"<input\b[^>]*>", text):
        if f'name="{name}"' in tag and (found := re.search(r'value="([^"]*)"', tag)):
            return html.unescape(found.group(1))
    return None


def names(text: str, prefix: str) -> set[str]:
    """Returns the names of the page's inputs that begin with `prefix`."""
    return {html.unescape(name) for name in re.findall(rf'name="({re.escape(prefix)}[^"]*)"', text)}


def problems(text: str) -> str:
    """Returns the texts of a page's alerts, cut to 300 characters."""
    blocks = re.findall(r'role="alert"[^>]*>(.*?)</(?:div|ul)>', text, re.DOTALL)
    plain = " ".join(html.unescape(re.sub(r"<[^>]+>", " ", block)) for block in blocks)
    return " ".join(plain.split())[:300] or "no reason on the page"
