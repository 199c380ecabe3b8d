"""nginx takes the example, and what goes through it arrives as the site needs it."""

from __future__ import annotations

import gzip
import http.server
import json
import subprocess
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest
from django.conf import settings

from gradus.submissions import stream
from tests.deploy.files import UNITS, of_units
from tests.deploy.nginx import NAME, TEXT, Front, closed


class Echo(http.server.BaseHTTPRequestHandler):
    """In the site's place: answers with what has reached it."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = json.dumps({"path": self.path, **{key.lower(): value for key, value in self.headers.items()}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    folder = tmp_path_factory.mktemp("nginx")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo) as echo:
        threading.Thread(target=echo.serve_forever, daemon=True).start()
        found = Front(folder, echo.server_port)
        with found.running():
            yield found
        echo.shutdown()


@pytest.mark.nginx
def test_nginx_accepts_the_example(tmp_path: Path) -> None:
    front = Front(tmp_path, 8000)
    done = subprocess.run(front.argv("-t"), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "warn" not in done.stderr and "warn" not in (tmp_path / "errors").read_text()


@pytest.mark.nginx
def test_the_site_hears_the_name_the_scheme_and_the_true_address(front: Front) -> None:
    """A visitor's own X-Forwarded-For goes nowhere: limits by address read it."""
    heard = json.loads(front.get("/lessons/first/?a=1", **{"X-Forwarded-For": "8.8.8.8"}).body)
    assert (heard["path"], heard["host"]) == ("/lessons/first/?a=1", NAME)
    assert (heard["x-forwarded-proto"], heard["x-forwarded-for"]) == ("https", "127.0.0.1")


@pytest.mark.nginx
def test_without_tls_everybody_is_sent_on(front: Front) -> None:
    link = HTTPConnection("127.0.0.1", front.plain, timeout=20)
    link.request("GET", "/path/", headers={"Host": NAME})
    answer = closed(link)
    assert (answer.status, answer.headers["Location"]) == (301, f"https://{NAME}/path/")


@pytest.mark.nginx
def test_collected_files_are_served_and_nothing_beside_them(front: Front) -> None:
    (front.static / "gradus.0123456789ab.css").write_text("body {}")
    (front.folder / "private").mkdir()
    (front.folder / "private" / "bundle.json").write_text("hidden rows")
    answer = front.get("/static/gradus.0123456789ab.css")
    assert answer.body == b"body {}" and "Content-Encoding" not in answer.headers
    assert answer.headers.get_all("Cache-Control") == ["max-age=31536000", "public, immutable"]
    for path in (
        "/static/../private/bundle.json",
        "/static../private/bundle.json",
        "/static/%2e%2e/private/bundle.json",
    ):
        assert b"hidden rows" not in front.get(path).body


@pytest.mark.nginx
def test_what_was_compressed_at_collecting_is_sent_to_those_who_take_it(front: Front) -> None:
    """A name without a digest is asked for again."""
    (front.static / "plain.css").write_text("body {}")
    (front.static / "plain.css.gz").write_bytes(gzip.compress(b"body {} "))
    answer = front.get("/static/plain.css", **{"Accept-Encoding": "gzip, br"})
    assert (answer.headers["Content-Encoding"], answer.headers["Vary"]) == ("gzip", "Accept-Encoding")
    assert answer.headers["Content-Type"] == "text/css" and gzip.decompress(answer.body) == b"body {} "
    assert answer.headers.get_all("Cache-Control") == ["max-age=0", "public"]
    assert front.get("/static/plain.css").body == b"body {}"


@pytest.mark.nginx
def test_pages_arrive_as_the_site_has_sent_them(front: Front) -> None:
    answer = front.get("/page/", **{"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in answer.headers
    assert json.loads(answer.body)["accept-encoding"] == "gzip"


@pytest.mark.nginx
def test_the_largest_payload_gets_through_and_no_larger_one(front: Front) -> None:
    most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    assert front.get("/x", "POST", b"x" * most).status == 200
    assert front.get("/x", "POST", b"x" * (2 * most)).status == 413


def test_streams_end_before_the_proxy_gives_up() -> None:
    (seconds,) = [line.split()[1].rstrip("s;") for line in TEXT.splitlines() if "proxy_read_timeout" in line]
    assert int(seconds) > stream.LONGEST_SECONDS
    assert "proxy_buffering off;" in TEXT


def test_it_asks_where_the_unit_listens() -> None:
    (web,) = [command.words for command in of_units() if "gradus.operations.web_server" in command.words]
    host, port = (web[web.index(option) + 1] for option in ("--host", "--port"))
    assert f"server {host}:{port};" in TEXT
    assert (UNITS / "gradus-web.service").is_file()
