"""nginx takes the example, and what goes through it arrives as the site needs it."""

from __future__ import annotations

import gzip
import http.server
import json
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import Message
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings

from gradus.submissions import stream
from tests.browser.site import free_port, wait_for
from tests.deploy.files import DEPLOY, UNITS, of_units

NGINX = shutil.which("nginx") or (shutil.which("nginx", path="/usr/sbin") or "")
HERE = pytest.mark.skipif(not NGINX, reason="nginx is not installed: `apt-get install nginx-light`")
TEXT = (DEPLOY / "nginx" / "gradus.conf").read_text()
NAME = "gradus.example.org"
CERTIFICATES = f"/etc/letsencrypt/live/{NAME}/"
MAIN = """
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/errors info; {user}
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  include {folder}/gradus.conf;
}}
"""


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


class Front:
    """nginx with the example, on ports of its own."""

    def __init__(self, folder: Path, upstream: int) -> None:
        self.folder, self.plain, self.secure = folder, free_port(), free_port()
        self.static = folder / "static"
        self.static.mkdir()
        certify(folder)
        text = TEXT.replace("server 127.0.0.1:8000;", f"server 127.0.0.1:{upstream};")
        text = text.replace("listen 80;", f"listen 127.0.0.1:{self.plain};").replace("listen [::]:80;", "")
        text = text.replace("listen 443 ssl;", f"listen 127.0.0.1:{self.secure} ssl;").replace(
            "listen [::]:443 ssl;", ""
        )
        text = text.replace(CERTIFICATES, f"{folder}/").replace("/srv/gradus/data/static/", f"{self.static}/")
        (folder / "gradus.conf").write_text(text)
        user = "user root;" if folder.owner() == "root" else ""
        (folder / "nginx.conf").write_text(MAIN.format(folder=folder, user=user))

    def argv(self, *more: str) -> list[str]:
        return [
            NGINX,
            "-p",
            str(self.folder),
            "-e",
            str(self.folder / "errors"),
            "-c",
            str(self.folder / "nginx.conf"),
            *more,
        ]

    def get(self, path: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Answer:
        context = ssl.create_default_context(cafile=str(self.folder / "fullchain.pem"))
        context.check_hostname = False
        link = HTTPSConnection("127.0.0.1", self.secure, timeout=20, context=context)
        link.request(method, path, body, {"Host": NAME, **headers})
        return closed(link)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Message
    body: bytes


def closed(link: HTTPConnection) -> Answer:
    """What the connection was answered; it is not kept."""
    response = link.getresponse()
    answer = Answer(response.status, response.headers, response.read())
    link.close()
    return answer


def certify(folder: Path) -> None:
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    signed = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(
        key, hashes.SHA256()
    )
    (folder / "fullchain.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    (folder / "privkey.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    folder = tmp_path_factory.mktemp("nginx")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo) as echo:
        threading.Thread(target=echo.serve_forever, daemon=True).start()
        found = Front(folder, echo.server_port)
        with subprocess.Popen(found.argv()) as process:
            wait_for(found.secure)
            yield found
            process.terminate()
            process.wait(20)
        echo.shutdown()


@HERE
def test_nginx_accepts_the_example(tmp_path: Path) -> None:
    front = Front(tmp_path, 8000)
    done = subprocess.run(front.argv("-t"), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "warn" not in done.stderr and "warn" not in (tmp_path / "errors").read_text()


@HERE
def test_nginx_would_refuse_a_slip(tmp_path: Path) -> None:
    front = Front(tmp_path, 8000)
    path = tmp_path / "gradus.conf"
    path.write_text(path.read_text().replace("proxy_buffering off;", "proxy_bufering off;"))
    assert subprocess.run(front.argv("-t"), capture_output=True, check=False).returncode != 0


@HERE
def test_the_site_hears_the_name_the_scheme_and_the_true_address(front: Front) -> None:
    """A visitor's own X-Forwarded-For goes nowhere: limits by address read it."""
    heard = json.loads(front.get("/lessons/first/?a=1", **{"X-Forwarded-For": "8.8.8.8"}).body)
    assert (heard["path"], heard["host"]) == ("/lessons/first/?a=1", NAME)
    assert (heard["x-forwarded-proto"], heard["x-forwarded-for"]) == ("https", "127.0.0.1")


@HERE
def test_without_tls_everybody_is_sent_on(front: Front) -> None:
    link = HTTPConnection("127.0.0.1", front.plain, timeout=20)
    link.request("GET", "/path/", headers={"Host": NAME})
    answer = closed(link)
    assert (answer.status, answer.headers["Location"]) == (301, f"https://{NAME}/path/")


@HERE
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


@HERE
def test_what_was_compressed_at_collecting_is_sent_to_those_who_take_it(front: Front) -> None:
    (front.static / "large.0123456789ab.css").write_text("body {}")
    (front.static / "large.0123456789ab.css.gz").write_bytes(gzip.compress(b"body {} "))
    answer = front.get("/static/large.0123456789ab.css", **{"Accept-Encoding": "gzip, br"})
    assert (answer.headers["Content-Encoding"], answer.headers["Vary"]) == ("gzip", "Accept-Encoding")
    assert answer.headers["Content-Type"].startswith("text/") and gzip.decompress(answer.body) == b"body {} "
    assert front.get("/static/large.0123456789ab.css").body == b"body {}"


@HERE
def test_a_name_without_a_digest_is_asked_for_again(front: Front) -> None:
    (front.static / "plain.css").write_text("body {}")
    assert front.get("/static/plain.css").headers.get_all("Cache-Control") == ["max-age=0", "public"]


@HERE
def test_pages_arrive_as_the_site_has_sent_them(front: Front) -> None:
    answer = front.get("/page/", **{"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in answer.headers
    assert json.loads(answer.body)["accept-encoding"] == "gzip"


@HERE
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
