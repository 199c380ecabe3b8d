"""5,000 launches in a minute, by people who all come for the first time: each is served, or told so clearly."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterator
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from tests.lti import crowd_site
from tests.lti.crowd_site import LaunchSite
from tests.lti.platform import Moodle, web_key

pytestmark = pytest.mark.slow
MANY, SECONDS = 5000, 60.0
# How long somebody waits for a whole launch.
PATIENCE_SECONDS = 180.0
ENTERED, BUSY, SILENCE = "entered", "503", "no answer"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def site(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[LaunchSite]:
    monkeypatch.setenv("LAUNCHES_KEY", json.dumps(web_key("first")))
    postgres = request.getfixturevalue("postgres_url") if request.param == "postgres" else None
    with crowd_site.opened(postgres) as found:
        yield found


class Busy(Exception):
    """The site answered with another status than the next step of a launch needs."""


class Crowd:
    """Browsers that each make one launch. `ended` holds how each of them ended, and after how many seconds.

    They speak HTTP by themselves, because a client library needs more computing time than the site.
    """

    def __init__(self, ports: tuple[int, ...]) -> None:
        self.ports, self.moodle = ports, Moodle()
        self.ended: dict[str, tuple[str, float]] = {}

    async def come(self, count: int, seconds: float) -> None:
        """Begins the launches evenly within these seconds, whatever becomes of those before."""
        loop = asyncio.get_running_loop()
        begin, gates = loop.time() + 1, [asyncio.Event() for _ in range(count)]
        for number, gate in enumerate(gates):
            loop.call_at(begin + number * seconds / count, gate.set)
        await asyncio.gather(*(self.one(number, gate) for number, gate in enumerate(gates)))

    async def one(self, number: int, gate: asyncio.Event) -> None:
        await gate.wait()
        began, sub = time.monotonic(), f"person-{number}"
        try:
            port = self.ports[number % len(self.ports)]
            await asyncio.wait_for(self.launch(port, sub), PATIENCE_SECONDS)
            ended = ENTERED
        except Busy as busy:
            ended = str(busy)
        except (OSError, EOFError, TimeoutError):
            ended = SILENCE
        self.ended[sub] = ended, time.monotonic() - began

    async def launch(self, port: int, sub: str) -> None:
        read, write = await asyncio.open_connection("127.0.0.1", port)
        try:
            site = f"http://127.0.0.1:{port}"
            given = {"iss": self.moodle.issuer, "client_id": self.moodle.client_id, "login_hint": sub}
            begun = await ask(read, write, "GET", f"/lti/login?{urlencode({**given, 'target_link_uri': site})}", 302)
            cookie = begun["set-cookie"].partition(";")[0]
            asked = parse_qs(urlsplit(begun["location"]).query)
            token = self.moodle.token(asked["nonce"][0], sub=sub, target_link_uri=f"{site}/challenges/sea-or-sky/")
            form = urlencode({"state": asked["state"][0], "id_token": token})
            # Another site's form sends no cookie along.
            sent = await ask(read, write, "POST", "/lti/launch", 303, form=form)
            came = await ask(read, write, "GET", sent["location"], 302, cookie=cookie)
            assert "sessionid=" in came["set-cookie"] and came["location"] == "/challenges/sea-or-sky/"
        finally:
            write.close()


async def ask(
    read: asyncio.StreamReader,
    write: asyncio.StreamWriter,
    method: str,
    path: str,
    wanted: int,
    *,
    form: str = "",
    cookie: str = "",
) -> dict[str, str]:
    """Sends a request and returns the headers of the answer; those of one name are put together."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1:{}".format(write.get_extra_info("peername")[1])]
    lines += [f"Cookie: {cookie}"] if cookie else []
    lines += ["Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(form)}"] if form else []
    write.write("\r\n".join([*lines, "", form]).encode())
    head = (await read.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers: dict[str, str] = {}
    for line in head[1:]:
        name, _, value = line.partition(": ")
        headers[name.lower()] = f"{headers[name.lower()]}; {value}" if name.lower() in headers else value
    await read.readexactly(int(headers.get("content-length", "0")))
    status = head[0].split()[1]
    if status != str(wanted):
        raise Busy(status)
    return headers


def test_each_of_5000_launches_in_a_minute_is_served_or_told_so(site: LaunchSite) -> None:
    crowd = Crowd(site.ports)
    began = time.monotonic()
    asyncio.run(crowd.come(MANY, SECONDS))
    took = time.monotonic() - began
    how = Counter(end for end, _seconds in crowd.ended.values())
    rows = site.ask("rows")
    waits = sorted(seconds for end, seconds in crowd.ended.values() if end == ENTERED)
    shown = {name: round(waits[int(len(waits) * share) - 1], 1) for name, share in (("p50", 0.5), ("p95", 0.95))}
    counts = {name: rows[name] for name in ("members", "accounts", "entered", "left")}
    print(json.dumps({"ended": how, "seconds": round(took), "of one launch": shown, "rows": counts}))
    assert how.total() == MANY and set(how) <= {ENTERED, BUSY} and how[ENTERED]
    # Nobody is half in: an entered launch has its account, its link and its place in the class.
    linked = set(rows["linked"])
    assert len(linked) == rows["members"] == rows["accounts"] == rows["entered"]
    told = {end: {sub for sub, (how, _seconds) in crowd.ended.items() if how == end} for end in how}
    assert linked == told[ENTERED]
